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
use crate::{document, guard, health, metrics, page, routes};

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
    let (resources, _) = routes::resources().split_for_parts();
    Router::new()
        .route("/", get(page::show))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::show))
        .route(document::PATH, get(document::show))
        .merge(resources)
        .merge(miners.with_state(()))
        .fallback(routes::unknown_path)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
