//! Work over time, of the pool, a miner, or one of its workers.

use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::series::Step;
use raftpool_ledger::view::SeriesQuery;

use crate::app::App;
use crate::dto::series::{Series, step_name};
use crate::parameters::{Parameters, shorten};
use crate::problem::Problem;
use crate::routes::{Answer, PathText, address_of, unknown_miner};

/// `GET /api/v1/pool/series?step=&since_ms=&before_ms=`
pub(crate) async fn pool(State(app): State<App>, uri: Uri) -> Answer<Series> {
    let parameters = Parameters::of(&uri, &["step", "since_ms", "before_ms"])?;
    let query = query(&parameters)?;
    app.reader
        .read(parameters.min_index()?, move |view| {
            Ok(Series::new(query.step, view.pool_series(query)?))
        })
        .await
}

/// `GET /api/v1/miners/{address}/series?worker=&step=&since_ms=&before_ms=`
pub(crate) async fn miner(State(app): State<App>, uri: Uri, path: PathText) -> Answer<Series> {
    let address = address_of(path)?;
    let known = ["worker", "step", "since_ms", "before_ms"];
    let parameters = Parameters::of(&uri, &known)?;
    let (worker, query) = (parameters.text("worker")?, query(&parameters)?);
    let (wanted, name) = (address.clone(), worker.clone());
    let found = app.reader.read(parameters.min_index()?, move |view| {
        let spans = match &name {
            None => view.miner_series(&wanted, query)?,
            Some(name) => view.worker_series(&wanted, name, query)?,
        };
        Ok(spans.map(|spans| Series::new(query.step, spans)))
    });
    found.await?.or_not_found(|| match &worker {
        None => unknown_miner(&address),
        Some(worker) => format!(
            "{} has no worker \"{}\" with accepted work",
            shorten(&address),
            shorten(worker)
        ),
    })
}

fn query(parameters: &Parameters) -> Result<SeriesQuery, Problem> {
    let step = match parameters.text("step")? {
        None => Step::Hour,
        Some(name) => step_of(&name)?,
    };
    Ok(SeriesQuery {
        step,
        since_ms: parameters.number("since_ms")?.unwrap_or(0),
        before_ms: parameters.number("before_ms")?.unwrap_or(u64::MAX),
    })
}

fn step_of(name: &str) -> Result<Step, Problem> {
    let step = Step::ALL.into_iter().find(|step| step_name(*step) == name);
    step.ok_or_else(|| {
        let known = Step::ALL.map(step_name).join(", ");
        let problem = format!("must be one of {known}, is \"{}\"", shorten(name));
        Problem::parameter("step", problem)
    })
}
