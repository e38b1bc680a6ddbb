//! How miners and pages reach the nodes.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::dto::connect::Connect;
use crate::parameters::Parameters;
use crate::problem::Problem;

/// How to reach every node, as miner or as page, and links to elsewhere.
///
/// Of the moment and not of the ledger, so it carries no log index.
#[utoipa::path(
    get,
    path = "/api/v1/connect",
    tag = "pool",
    responses((status = 200, description = "As of this moment", body = Connect))
)]
pub(crate) async fn connect(State(app): State<App>, uri: Uri) -> Result<Json<Connect>, Problem> {
    Parameters::of(&uri, &[])?;
    Ok(Json(Connect::new(&app.about, app.control.status().await)))
}
