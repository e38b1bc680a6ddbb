//! The resources under `/api/v1/network`: what the chain says beside the pool's own blocks.

use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::dto::network::{Network, NetworkFees};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::At;

/// The chain as the answering node sees it: height, difficulty, estimated hashrate, next reward.
///
/// All but the name and the average of the fees is of this moment and this node.
#[utoipa::path(
    get,
    path = "/api/v1/network",
    tag = "network",
    responses((status = 200, description = "As of the index it names", body = At<Network>))
)]
pub(crate) async fn network(State(app): State<App>, uri: Uri) -> Result<At<Network>, Problem> {
    let parameters = Parameters::of(&uri, &[])?;
    let read = app.reader.read(parameters.min_index()?, |view| {
        let name = view.settings()?.map(|settings| settings.network);
        let fees = view.network_fees()?;
        Ok((name, fees.map_or(0, |fees| fees.average_fees_atomic)))
    });
    let node_id = app.cluster.leadership().node_id;
    Ok(read.await?.map(|known| {
        let (facts, now_ms) = (app.live.node(), app.clock.now_ms());
        Network::new(known, &app.about, node_id, facts, now_ms)
    }))
}

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
