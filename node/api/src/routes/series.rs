//! Work over time, of the pool, a miner, or one of its workers.

use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::series::Step;
use raftpool_ledger::view::SeriesQuery;

use super::{Answer, PathText, address_of, unknown_miner, unknown_worker};
use crate::app::App;
use crate::dto::series::{Series, step_name};
use crate::parameters::Parameters;
use crate::parameters::known::{MinersStretch, OfMiner, Stretch};
use crate::problem::Problem;
use crate::reading::At;

/// The pool's work over time.
#[utoipa::path(
    get,
    path = "/api/v1/pool/series",
    tag = "pool",
    params(Stretch),
    responses((status = 200, description = "As of the index it names", body = At<Series>))
)]
pub(crate) async fn pool_series(State(app): State<App>, uri: Uri) -> Answer<Series> {
    let parameters = Parameters::of(&uri, Stretch::NAMES)?;
    let query = query(&parameters)?;
    app.reader
        .read(parameters.min_index()?, move |view| {
            Ok(Series::new(query.step, view.pool_series(query)?))
        })
        .await
}

/// A miner's work over time, or that of one of its workers.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/series",
    tag = "miners",
    params(OfMiner, MinersStretch),
    responses((status = 200, description = "As of the index it names", body = At<Series>))
)]
pub(crate) async fn miner_series(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<Series> {
    let address = address_of(path)?;
    let parameters = Parameters::of(&uri, MinersStretch::NAMES)?;
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
        Some(worker) => unknown_worker(&address, worker),
    })
}

fn query(parameters: &Parameters) -> Result<SeriesQuery, Problem> {
    let name = parameters.word("step", &Step::ALL.map(step_name))?;
    let step = name.and_then(|name| Step::ALL.into_iter().find(|step| step_name(*step) == name));
    Ok(SeriesQuery {
        step: step.unwrap_or(Step::Hour),
        since_ms: parameters.number("since_ms")?.unwrap_or(0),
        before_ms: parameters.number("before_ms")?.unwrap_or(u64::MAX),
    })
}
