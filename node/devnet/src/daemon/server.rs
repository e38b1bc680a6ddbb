//! The daemon's HTTP routes.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};

use super::{Daemon, getwork, subscriptions};
use crate::{net::Connection, rpc::answer_http};

/// Largest body of a request, in bytes.
const BODY_LIMIT_BYTES: usize = 256 * 1_024;

/// Everything one daemon serves.
pub(crate) fn router(daemon: Arc<Daemon>) -> Router {
    Router::new()
        .route("/json_rpc", get(follow).post(answer))
        .route("/getwork/{address}/{worker}", get(getwork::connect))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(daemon)
}

async fn answer(
    State(daemon): State<Arc<Daemon>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    body: Bytes,
) -> Response {
    answer_http(&*daemon, &connection, &body).await
}

async fn follow(State(daemon): State<Arc<Daemon>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| subscriptions::run(daemon, socket))
}
