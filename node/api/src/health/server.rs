//! The listener for probes and for Prometheus: plain HTTP, by default for this machine alone.
//!
//! It shares nothing with the API's that visitors could use up: it has connections, reads of the
//! ledger and patience of its own, and no limit of requests, since those who may reach it are the
//! operator's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use axum::routing::get;
use prometheus::Registry;
use raftpool_ledger::Cluster;
use tokio::sync::watch;
use tower_http::set_header::SetResponseHeaderLayer;

use super::{Checks, answer_livez, answer_readyz};
use crate::facts::LiveFacts;
use crate::metrics;
use crate::problem::Problem;
use crate::reading::Reader;
use crate::routes;
use crate::server::accept::{Bounds, Listening};
use crate::server::serving::Patience;

/// Probes and scrapers are few, but a balancer may open a connection for each probe.
const BOUNDS: Bounds = Bounds {
    connections_max: 128,
    connections_per_ip_max: 64,
    patience: Patience {
        header_timeout: Duration::from_secs(5),
        connection_age_max: Duration::from_secs(60),
    },
    shutdown_timeout: Duration::from_secs(1),
};
/// Reads of the ledger at the same time.
const READS_MAX: usize = 4;

/// What health is told from.
pub struct HealthParts {
    /// The cluster; only read.
    pub cluster: Arc<dyn Cluster>,
    /// What only the running process knows.
    pub live: Arc<dyn LiveFacts>,
    /// The process's metrics.
    pub registry: Registry,
}

/// Why there is no listener for probes.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address} for probes")]
pub struct HealthError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// A running listener for probes. Dropping it ends it at once.
pub struct HealthServer(Listening);

#[derive(Clone)]
struct Health {
    checks: Arc<Checks>,
    reader: Reader,
    registry: Registry,
}

impl HealthServer {
    /// Starts to listen and answer.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(address: SocketAddr, parts: HealthParts) -> Result<Self, HealthError> {
        let (stop, _) = watch::channel(false);
        let listening = Listening::start(address, router(parts), BOUNDS, stop).await;
        let listening = listening.map_err(|source| HealthError { address, source })?;
        tracing::info!(local_addr = %listening.local_addr(), "serving health and metrics");
        Ok(Self(listening))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Stops listening and ends; after that nothing here holds on to the facts.
    pub async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

fn router(parts: HealthParts) -> Router {
    let HealthParts {
        cluster,
        live,
        registry,
    } = parts;
    // Probes never ask for an index.
    let reader = Reader::new(cluster.clone(), READS_MAX, Duration::ZERO);
    let health = Health {
        checks: Checks::new(cluster, live, reader.clone()),
        reader,
        registry,
    };
    let no_store = HeaderValue::from_static("no-store");
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(show_metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            no_store,
        ))
        .with_state(health)
}

async fn livez(State(health): State<Health>, uri: Uri) -> Result<Response, Problem> {
    answer_livez(&health.checks, &uri)
}

async fn readyz(State(health): State<Health>, uri: Uri) -> Result<Response, Problem> {
    answer_readyz(&health.checks, &uri).await
}

async fn show_metrics(State(health): State<Health>) -> Result<Response, Problem> {
    metrics::text_of(&health.reader, health.registry).await
}

async fn unknown_path() -> Problem {
    let detail = "this listener serves /livez, /readyz and /metrics; the API has one of its own";
    Problem::new(crate::problem::UNKNOWN_PATH, detail)
}
