//! The listener: accepts connections within limits, serves them, and ends them in time.

pub(crate) mod accept;
pub(crate) mod connections;
pub(crate) mod serving;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus::Registry;
use raftpool_ledger::{Clock, Cluster};
use tokio::sync::watch;

use crate::app::{self, App};
use crate::control::ClusterControl;
use crate::events::Hub;
use crate::facts::{About, LiveFacts};
use crate::guard::Origins;
use crate::health::Checks;
use crate::issuer::TokenIssuer;
use crate::metrics::{HttpMetrics, PoolCollector};
use crate::rates::Rates;
use crate::reading::Reader;
use crate::site::{Site, SiteFile};
use crate::summary::PoolKept;
use accept::{Bounds, Listening};
use connections::Connections;
use serving::Patience;

/// Limits of the API; none of them changes what is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Most open connections; more are closed at once.
    pub connections_max: usize,
    /// Most open connections of one address; a proxy in front needs as many as it opens.
    pub connections_per_ip_max: usize,
    /// Most reads of the ledger at the same time.
    pub reads_max: usize,
    /// Longest time for one request.
    pub request_timeout_ms: u64,
    /// Longest time a client may take to send the head of a request.
    pub header_timeout_ms: u64,
    /// Longest life of a connection; it is closed after the request it is in.
    pub connection_age_ms_max: u64,
    /// Longest time `min_index` waits.
    pub min_index_timeout_ms: u64,
    /// Sites whose pages may read the API: origins, or "*" for all.
    pub cors_origins: Vec<String>,
    /// Most requests under `/api` of one address in a minute, half of which may come at once; 0: no
    /// limit.
    pub requests_per_minute_per_ip_max: u32,
    /// Most open streams of events; each is a connection as well.
    pub event_streams_max: usize,
    /// Most open streams of events of one address.
    pub event_streams_per_ip_max: usize,
    /// Longest life of a stream of events.
    pub event_stream_age_ms_max: u64,
    /// Longest time a shutdown waits for requests that are under way.
    pub shutdown_timeout_ms: u64,
}

impl ApiConfig {
    /// The limits for a public listener on a small machine.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            connections_max: 1024,
            connections_per_ip_max: 256,
            reads_max: 16,
            request_timeout_ms: 5_000,
            header_timeout_ms: 10_000,
            connection_age_ms_max: 300_000,
            min_index_timeout_ms: 300,
            cors_origins: vec!["*".into()],
            requests_per_minute_per_ip_max: 600,
            event_streams_max: 6_000,
            event_streams_per_ip_max: 32,
            event_stream_age_ms_max: 3_600_000,
            shutdown_timeout_ms: 3_000,
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            connections_max: self.connections_max,
            connections_per_ip_max: self.connections_per_ip_max,
            patience: Patience {
                header_timeout: Duration::from_millis(self.header_timeout_ms),
                connection_age_max: Duration::from_millis(self.connection_age_ms_max),
            },
            shutdown_timeout: Duration::from_millis(self.shutdown_timeout_ms),
        }
    }
}

/// What the API serves from.
pub struct ApiParts {
    /// The cluster; read, and asked to book what owners of addresses change.
    pub cluster: Arc<dyn Cluster>,
    /// Wall-clock time, for ages.
    pub clock: Arc<dyn Clock>,
    /// The process's metrics; the API adds its own and serves all of them.
    pub registry: Registry,
    /// What only the running process knows.
    pub live: Arc<dyn LiveFacts>,
    /// What is known of the other nodes.
    pub control: Arc<dyn ClusterControl>,
    /// Randomness, addresses and signatures.
    pub issuer: Arc<dyn TokenIssuer>,
    /// What the operator says of the pool.
    pub about: About,
    /// The files of the dashboard, with their paths; none when it was not built.
    pub site: Vec<SiteFile>,
    /// Paths for miners, which are served beside the API's own. A handler finds the remote
    /// address as `ConnectInfo<SocketAddr>`; a connection it upgrades is its own from then on:
    /// neither the limits of the API nor its shutdown concern it.
    pub miners: Router,
}

/// Why the API did not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address cannot be listened on.
    #[error("listen on {address} for the API")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The registry has metrics of these names already.
    #[error("register the metrics of the API")]
    RegisterMetrics(#[source] prometheus::Error),
}

/// A running API. Dropping it ends it at once; [`ApiServer::shutdown`] ends it gently.
pub struct ApiServer(Listening);

impl ApiServer {
    /// Starts to listen and serve.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the registry has these metrics already.
    pub async fn start(config: ApiConfig, parts: ApiParts) -> Result<Self, ApiError> {
        let (stop, stopped) = watch::channel(false);
        let router = make_router(&config, parts, stopped);
        let router = router.map_err(ApiError::RegisterMetrics)?;
        let listening = Listening::start(config.listen, router, config.bounds(), stop).await;
        let listening = listening.map_err(|source| ApiError::Listen {
            address: config.listen,
            source,
        })?;
        tracing::info!(local_addr = %listening.local_addr(), "serving the API");
        Ok(Self(listening))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Stops listening, lets the requests that are under way finish within the configured time,
    /// and ends. After that nothing here holds on to the facts.
    pub async fn shutdown(self) {
        self.0.shutdown().await;
    }
}

fn make_router(
    config: &ApiConfig,
    parts: ApiParts,
    stopped: watch::Receiver<bool>,
) -> Result<Router, prometheus::Error> {
    let ApiParts {
        cluster,
        clock,
        registry,
        live,
        control,
        issuer,
        about,
        site,
        miners,
    } = parts;
    let reader = Reader::new(
        Arc::clone(&cluster),
        config.reads_max,
        Duration::from_millis(config.min_index_timeout_ms),
    );
    let site = Arc::new(Site::new(site));
    let streams = Connections::new(config.event_streams_max, config.event_streams_per_ip_max);
    let pool = Arc::new(PoolKept::default());
    let hub = Hub::start(
        reader.clone(),
        Arc::clone(&pool),
        Arc::clone(&control),
        streams,
        format!("{}-{}", live.node().build.version, site.version()),
        Duration::from_millis(config.event_stream_age_ms_max),
        stopped,
    );
    let collector = PoolCollector::new(&cluster, Arc::clone(&clock), &live)?;
    registry.register(Box::new(collector))?;
    let checks = Checks::new(Arc::clone(&cluster), Arc::clone(&live), reader.clone());
    let app = App {
        reader,
        hub,
        site,
        census: Arc::default(),
        weights: Arc::default(),
        pool,
        rates: Rates::new(config.requests_per_minute_per_ip_max).map(Arc::new),
        origins: Origins::new(config.cors_origins.clone()),
        about: Arc::new(about),
        http_metrics: HttpMetrics::register(&registry)?,
        checks,
        request_timeout: Duration::from_millis(config.request_timeout_ms),
        cluster,
        clock,
        live,
        control,
        issuer,
        registry,
    };
    Ok(app::router(app, miners))
}
