//! What every handler shares, and which path leads to which handler.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use prometheus::Registry;
use raftpool_ledger::{Clock, Cluster};

use crate::control::ClusterControl;
use crate::facts::LiveFacts;
use crate::health::Probe;
use crate::metrics::HttpMetrics;
use crate::page::Page;
use crate::reading::Reader;
use crate::{books, guard, health, metrics, network, page, routes, series};

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) live: Arc<dyn LiveFacts>,
    pub(crate) control: Arc<dyn ClusterControl>,
    pub(crate) reader: Reader,
    pub(crate) registry: Registry,
    pub(crate) http_metrics: HttpMetrics,
    pub(crate) probe: Arc<Probe>,
    pub(crate) page: Arc<Page>,
    pub(crate) request_timeout: Duration,
}

/// All paths, those for miners included, behind the guard.
pub(crate) fn router(app: App, miners: Router) -> Router {
    Router::new()
        .route("/", get(page::show))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::show))
        .route("/api/v1/pool", get(routes::pool))
        .route("/api/v1/pool/effort", get(routes::effort))
        .route("/api/v1/pool/lateness", get(routes::lateness))
        .route("/api/v1/pool/series", get(series::pool))
        .route("/api/v1/network/fees", get(network::fees))
        .route("/api/v1/reserve", get(books::reserve))
        .route("/api/v1/journal", get(books::journal))
        .route("/api/v1/window/shares", get(books::window_shares))
        .route("/api/v1/blocks/{hash}/proof", get(books::proof))
        .route("/api/v1/miners/{address}/statement", get(books::statement))
        .route("/api/v1/miners/{address}/series", get(series::miner))
        .route("/api/v1/nodes", get(routes::nodes))
        .route("/api/v1/miners", get(routes::miners))
        .route("/api/v1/miners/{address}", get(routes::miner))
        .route("/api/v1/miners/{address}/workers", get(routes::workers))
        .route("/api/v1/miners/{address}/refusals", get(routes::refusals))
        .route(
            "/api/v1/miners/{address}/payouts",
            get(routes::miner_payouts),
        )
        .route("/api/v1/blocks", get(routes::blocks))
        .route("/api/v1/blocks/{hash}", get(routes::block))
        .route("/api/v1/blocks/{hash}/shares", get(routes::block_shares))
        .route("/api/v1/payouts", get(routes::payouts))
        .route("/api/v1/payouts/{id}", get(routes::payout))
        .merge(miners.with_state(()))
        .fallback(routes::unknown_path)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
