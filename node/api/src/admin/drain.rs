//! Taking this node out of service, and back.

use std::time::Duration;

use axum::extract::State;
use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use crate::dto::drain::{DrainRequest, DrainStatus, UndrainRequest};
use crate::parameters::Parameters;
use crate::problem::{self, Problem};

/// Longest time over which miners may go: a day.
const OVER_MS_MAX: u64 = 86_400_000;

/// The paths about this node.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/admin/v1/node", get(status))
        .route("/admin/v1/node/drain", post(drain))
        .route("/admin/v1/node/undrain", post(undrain))
}

/// `GET /admin/v1/node`
async fn status(State(admin): State<Admin>, uri: Uri) -> Answer<Json<DrainStatus>> {
    Parameters::of(&uri, &[])?;
    Ok(Json(admin.drain.status()))
}

/// `POST /admin/v1/node/drain`
async fn drain(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<DrainRequest>,
) -> Answer<Json<DrainStatus>> {
    let DrainRequest {
        author,
        over_ms,
        is_forced,
    } = of_body(body)?;
    let Author { name, uid } = Author::without_reason(author, peer)?;
    if over_ms.is_some_and(|over_ms| over_ms > OVER_MS_MAX) {
        let detail = format!("over_ms may be {OVER_MS_MAX} at most, which is a day");
        return Err(Problem::new(problem::BAD_BODY, detail));
    }
    tracing::info!(
        author = name,
        uid,
        over_ms,
        is_forced,
        "a drain is asked for"
    );
    let over = over_ms.map(Duration::from_millis);
    let drained = admin.drain.drain(over, is_forced).await;
    drained.map(Json).map_err(|reason| {
        tracing::info!(author = name, uid, reason, "a drain is refused");
        Problem::new(problem::MEMBERS_REFUSED, reason)
    })
}

/// `POST /admin/v1/node/undrain`
async fn undrain(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<UndrainRequest>,
) -> Answer<Json<DrainStatus>> {
    let UndrainRequest { author } = of_body(body)?;
    let Author { name, uid } = Author::without_reason(author, peer)?;
    tracing::info!(author = name, uid, "the end of a drain is asked for");
    Ok(Json(admin.drain.undrain()))
}
