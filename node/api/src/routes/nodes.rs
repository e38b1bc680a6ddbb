//! The nodes of the cluster, for everybody.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::dto::cluster::Nodes;
use crate::parameters::Parameters;
use crate::problem::Problem;

/// The nodes of the cluster.
///
/// Of the moment and not of the ledger, so it carries no log index.
#[utoipa::path(
    get,
    path = "/api/v1/nodes",
    tag = "nodes",
    responses((status = 200, description = "As of this moment", body = Nodes))
)]
pub(crate) async fn nodes(State(app): State<App>, uri: Uri) -> Result<Json<Nodes>, Problem> {
    Parameters::of(&uri, &[])?;
    Ok(Json(app.control.status().await.into()))
}
