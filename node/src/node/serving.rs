//! What a node does for the pool once it is a member: daemons, miners, payouts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use prometheus::Registry;
use raftpool_chain::{
    Daemon, DaemonClient, DaemonSet, Template, TemplateFeed, Wallet, WalletClient,
};
use raftpool_payout::{PayoutConfig, PayoutParts, PayoutService, StepHook};
use raftpool_proto::node::MinerEndpoint;
use raftpool_raft::RaftNode;
use raftpool_stratum::{
    ServerCertificate, StratumConfig, StratumParts, StratumServer, Verification,
};
use tokio::sync::watch;

use super::daemons::ClusterDaemons;
use super::{endpoints, founding, switches};
use crate::config::{Config, VerificationMode};
use crate::system::{SystemClock, now_ms};

/// What the parts are made of.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) raft: Arc<RaftNode>,
    pub(super) registry: Registry,
    pub(super) step_hook: Option<StepHook>,
}

/// The running parts.
pub(super) struct Serving {
    /// This node's own.
    pub(super) daemons: Arc<DaemonSet>,
    pub(super) templates: watch::Receiver<Option<Arc<Template>>>,
    /// When the newest template came, in milliseconds since the Unix epoch.
    pub(super) template_at_ms: Arc<AtomicU64>,
    pub(super) stratum: StratumServer,
    pub(super) payouts: PayoutService,
    /// Where miners connect, as they are told.
    pub(super) endpoints: Vec<MinerEndpoint>,
}

impl Serving {
    /// Starts every part; miners are let in last but for the payouts.
    pub(super) async fn start(parts: Parts<'_>) -> anyhow::Result<Self> {
        let Parts {
            config,
            raft,
            registry,
            step_hook,
        } = parts;
        let clock = Arc::new(SystemClock);
        let cluster = switches::wrap(raft.clone())?;
        let network = config.raw.pool.network;
        let clients = daemon_clients(config)?;
        founding::refuse_wrong_network(&clients, network).await?;
        let local = DaemonSet::start(clients, network);
        let daemons = ClusterDaemons::start(local.clone(), raft.clone(), network);
        let templates = follow_templates(config, daemons.clone());
        let template_at_ms = Arc::new(AtomicU64::new(0));
        tokio::spawn(note_templates(templates.clone(), template_at_ms.clone()));
        let parts = StratumParts {
            cluster: cluster.clone(),
            clock: clock.clone(),
            daemons: daemons.clone(),
            templates: templates.clone(),
            registry: registry.clone(),
            identity: founding::identity(&*cluster, config, now_ms())?,
            extra_nonce_key: rand::random(),
            pool_address: config.pool_address.clone(),
            network,
        };
        let stratum = StratumServer::start(stratum_config(config)?, parts)
            .await
            .context("start the miners' side")?;
        let parts = PayoutParts {
            cluster,
            clock,
            daemons: daemons.clone(),
            wallet: wallet(config)?,
            pool_address: config.pool_address.clone(),
            network,
            registry,
            step_hook,
        };
        let payouts =
            PayoutService::start(payout_config(config), parts).context("start payouts")?;
        Ok(Self {
            daemons: local,
            templates,
            template_at_ms,
            endpoints: endpoints::of(config, stratum.local_addresses())?,
            stratum,
            payouts,
        })
    }

    /// Lets miners go, then stops paying.
    pub(super) async fn shutdown(self) {
        self.stratum.shutdown().await;
        self.payouts.shutdown().await;
    }
}

/// The parts, as soon as there are any. Whoever looks at them does so from memory.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Serving>>);

impl Slot {
    pub(super) fn put(&self, serving: Serving) {
        *self.0.lock() = Some(serving);
    }

    pub(super) fn take(&self) -> Option<Serving> {
        self.0.lock().take()
    }

    /// Looks at the parts; nothing while there are none.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Serving) -> T) -> Option<T> {
        self.0.lock().as_ref().map(look)
    }

    /// Leads miners that come over HTTP to the miners' side, once it runs.
    pub(super) fn getwork_router(self: &Arc<Self>) -> axum::Router {
        let slot = self.clone();
        raftpool_stratum::getwork_router(move || {
            slot.look(|serving| serving.stratum.getwork_door())
        })
    }

    pub(super) fn stratum_addresses(&self) -> Vec<SocketAddr> {
        self.look(|serving| serving.stratum.local_addresses().to_vec())
            .unwrap_or_default()
    }
}

fn daemon_clients(config: &Config) -> anyhow::Result<Vec<Arc<dyn Daemon>>> {
    let timeout = Duration::from_millis(config.raw.daemon.timeout_ms);
    let mut daemons: Vec<Arc<dyn Daemon>> = Vec::new();
    for url in &config.raw.daemon.urls {
        let client =
            DaemonClient::new(url, config.raw.pool.network, timeout).context("daemon.urls")?;
        daemons.push(Arc::new(client));
    }
    Ok(daemons)
}

fn follow_templates(
    config: &Config,
    daemons: Arc<dyn Daemon>,
) -> watch::Receiver<Option<Arc<Template>>> {
    TemplateFeed::start(
        daemons,
        config.raw.daemon.urls.clone(),
        config.pool_address.clone(),
        Duration::from_millis(config.raw.daemon.template_poll_ms),
    )
}

fn wallet(config: &Config) -> anyhow::Result<Option<Arc<dyn Wallet>>> {
    let (Some(wallet), Some(password)) = (&config.raw.wallet, &config.wallet_password) else {
        return Ok(None);
    };
    let timeout = Duration::from_millis(wallet.timeout_ms);
    let network = config.raw.pool.network;
    let client = WalletClient::new(&wallet.url, &wallet.username, password, network, timeout)
        .context("wallet.url")?;
    Ok(Some(Arc::new(client)))
}

fn stratum_config(config: &Config) -> anyhow::Result<StratumConfig> {
    let section = &config.raw.stratum;
    let tls = section.tls.as_ref();
    let certificate = tls.map(|tls| ServerCertificate::open(&tls.certificate, &tls.key));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(StratumConfig {
        listeners: section.listeners()?,
        certificate: certificate.transpose().context("stratum.tls")?,
        starting_difficulty: section.starting_difficulty,
        minimum_difficulty: section.minimum_difficulty,
        maximum_difficulty: section.maximum_difficulty,
        target_share_interval_ms: section.target_share_interval_ms,
        verifier_threads: match section.verifier_threads {
            0 => cores,
            threads => threads,
        },
        grace_heights: section.grace_heights,
        connections_max: section.connections_max,
        connections_per_ip_max: section.connections_per_ip_max,
        connections_per_network_max: section.connections_per_network_max,
        connects_per_minute_per_ip_max: section.connects_per_minute_per_ip_max,
        reserve_for_known_percent: section.reserve_for_known_percent,
        unverified_shares_per_ip_max: section.unverified_shares_per_ip_max,
        bans: section.bans.to_rules(),
        verification: match section.verification {
            VerificationMode::Full => Verification::Full,
            VerificationMode::WithoutHashing => Verification::WithoutHashing,
        },
        ..StratumConfig::new(Vec::new())
    })
}

fn payout_config(config: &Config) -> PayoutConfig {
    let section = &config.raw.payout;
    let milliseconds = Duration::from_millis;
    PayoutConfig {
        step_interval: milliseconds(section.step_interval_ms),
        sighting_gap: milliseconds(section.sighting_gap_ms),
        resend_interval: milliseconds(section.resend_interval_ms),
        retry_interval: milliseconds(section.retry_interval_ms),
        orphan_margin_heights: section.orphan_margin_heights,
        ..PayoutConfig::default()
    }
}

/// Remembers when each template came; ends with the feed.
async fn note_templates(
    mut templates: watch::Receiver<Option<Arc<Template>>>,
    template_at_ms: Arc<AtomicU64>,
) {
    while templates.changed().await.is_ok() {
        template_at_ms.store(now_ms(), Ordering::Relaxed);
    }
}
