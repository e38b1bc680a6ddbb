//! What every handler shares, and which path leads to which handler.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use prometheus::Registry;
use raftpool_ledger::{Clock, Cluster};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::census::Census;
use crate::control::ClusterControl;
use crate::events::Hub;
use crate::facts::{About, LiveFacts};
use crate::guard::Origins;
use crate::health::Checks;
use crate::issuer::TokenIssuer;
use crate::metrics::HttpMetrics;
use crate::rates::Rates;
use crate::reading::Reader;
use crate::site::Site;
use crate::summary::PoolKept;
use crate::weights::WeightsKept;
use crate::{document, guard, health, metrics, routes, site};

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) live: Arc<dyn LiveFacts>,
    pub(crate) control: Arc<dyn ClusterControl>,
    pub(crate) issuer: Arc<dyn TokenIssuer>,
    pub(crate) reader: Reader,
    pub(crate) registry: Registry,
    pub(crate) http_metrics: HttpMetrics,
    pub(crate) checks: Arc<Checks>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) site: Arc<Site>,
    pub(crate) census: Arc<Census>,
    pub(crate) weights: Arc<WeightsKept>,
    pub(crate) pool: Arc<PoolKept>,
    /// None when requests are not limited.
    pub(crate) rates: Option<Arc<Rates>>,
    pub(crate) origins: Origins,
    pub(crate) about: Arc<About>,
    pub(crate) request_timeout: Duration,
}

/// All paths, those for miners included, behind the guard.
pub(crate) fn router(app: App, miners: Router) -> Router {
    let (resources, _) = routes::resources().split_for_parts();
    Router::new()
        .route("/", get(site::show))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::show))
        .route(document::PATH, get(document::show))
        .merge(resources)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .merge(miners.with_state(()))
        .fallback(site::show)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
