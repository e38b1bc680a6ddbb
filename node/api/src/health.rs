//! Is the process well (`/livez`), and should anybody be sent to it (`/readyz`)?
//!
//! The same answers come from two listeners: that of the API, and one of its own for probes
//! (`server`), which serves nothing else and so answers also when the API is full.

mod checks;
mod server;
mod verbose;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::dto::node::{ConditionState, Readiness};
use crate::facts::Condition;
use crate::parameters::Parameters;
use crate::problem::Problem;

pub(crate) use checks::Checks;
pub use server::{HealthError, HealthParts, HealthServer};

use checks::Purpose;

/// `GET /livez` on the API's listener.
pub(crate) async fn livez(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    answer_livez(&app.checks, &uri)
}

/// `GET /readyz` on the API's listener.
pub(crate) async fn readyz(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    answer_readyz(&app.checks, &uri).await
}

/// Answers from memory alone.
fn answer_livez(checks: &Arc<Checks>, uri: &Uri) -> Result<Response, Problem> {
    let parameters = Parameters::of(uri, &["verbose"])?;
    let liveness = checks.liveness();
    if parameters.has("verbose") {
        return Ok(in_lines("livez", &[liveness]));
    }
    let status = status_of(liveness.met);
    Ok((status, Json(ConditionState::from(liveness))).into_response())
}

/// Asks the ledger, the cluster and what the process knows of its daemons.
async fn answer_readyz(checks: &Arc<Checks>, uri: &Uri) -> Result<Response, Problem> {
    let parameters = Parameters::of(uri, &["for", "verbose"])?;
    let purpose = match parameters.word("for", &Purpose::NAMES)? {
        Some(name) => Purpose::of_name(name),
        None => Purpose::Everything,
    };
    let conditions = checks.readiness(purpose).await;
    if parameters.has("verbose") {
        return Ok(in_lines("readyz", &conditions));
    }
    let readiness = Readiness::from(conditions);
    Ok((status_of(readiness.ready), Json(readiness)).into_response())
}

fn in_lines(name: &str, conditions: &[Condition]) -> Response {
    let is_met = conditions.iter().all(|condition| condition.met);
    (status_of(is_met), verbose::lines(name, conditions)).into_response()
}

fn status_of(is_met: bool) -> StatusCode {
    if is_met {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
