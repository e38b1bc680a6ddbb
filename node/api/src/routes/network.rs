//! The resources under `/api/v1/network`: what the chain says beside the pool's own blocks.

use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::dto::network::NetworkFees;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::At;

/// What the network's blocks pay in fees, with all the average follows from.
///
/// The ledger bounds the samples, so this read is bounded as well.
#[utoipa::path(
    get,
    path = "/api/v1/network/fees",
    tag = "network",
    responses((status = 200, description = "As of the index it names", body = At<NetworkFees>))
)]
pub(crate) async fn network_fees(
    State(app): State<App>,
    uri: Uri,
) -> Result<At<NetworkFees>, Problem> {
    let parameters = Parameters::of(&uri, &[])?;
    app.reader
        .read(parameters.min_index()?, NetworkFees::read)
        .await
}
