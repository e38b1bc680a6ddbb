//! A node: everything the configuration names, started in order and stopped in reverse.
//!
//! This is the only place where the parts meet. Each part gets the cluster as a handle, the
//! daemons and the wallet as traits, and clock and randomness as values.

mod crash;
mod facts;
mod founding;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use raftpool_api::{AdminParts, AdminServer, ApiConfig, ApiParts, ApiServer};
use raftpool_chain::{
    Daemon, DaemonClient, DaemonSet, Template, TemplateFeed, Wallet, WalletClient,
};
use raftpool_ledger::{Clock, Cluster};
use raftpool_payout::{PayoutConfig, PayoutParts, PayoutService, StepHook};
use raftpool_raft::{RaftNode, RaftNodeConfig};
use raftpool_store::OnFatal;
use raftpool_stratum::{StratumConfig, StratumParts, StratumServer, Verification};
use tokio::sync::{mpsc, watch};

use crate::config::{Config, VerificationMode};
use crate::process::NodeAddresses;
use crate::system::{SystemClock, now_ms};
use facts::Facts;

pub use crash::{CRASH_VARIABLE, crash_hook};
pub use founding::FoundingError;

/// Reasons of a fatal stop that are kept: the first is what matters.
const ERRORS_KEPT: usize = 8;

/// A running node.
pub struct Node {
    raft: Arc<RaftNode>,
    stratum: Arc<StratumServer>,
    payouts: Arc<PayoutService>,
    api: ApiServer,
    admin: AdminServer,
    fatal: mpsc::Receiver<String>,
}

impl Node {
    /// Starts every part. Miners are let in last but for the API, when the rest works.
    ///
    /// # Errors
    /// When a part cannot start; the error names it and says why.
    pub async fn start(config: &Config, step_hook: Option<StepHook>) -> anyhow::Result<Self> {
        let registry = prometheus::Registry::new();
        let clock = Arc::new(SystemClock);
        let (fatal_sender, fatal) = mpsc::channel(ERRORS_KEPT);
        let raft = start_raft(config, fatal_sender).await?;
        metrics::register(&registry, raft.clone()).context("register the metrics")?;
        let cluster: Arc<dyn Cluster> = raft.clone();
        founding::settle_settings(&*cluster, config, now_ms()).await?;
        let admin = start_admin(config, cluster.clone(), clock.clone()).await?;

        let network = config.raw.pool.network;
        let clients = daemon_clients(config)?;
        founding::refuse_wrong_network(&clients, network).await?;
        let daemons = DaemonSet::start(clients, network);
        let templates = follow_templates(config, daemons.clone());
        let parts = StratumParts {
            cluster: cluster.clone(),
            clock: clock.clone(),
            daemons: daemons.clone(),
            templates: templates.clone(),
            registry: registry.clone(),
            identity: founding::identity(&*cluster, config.raw.node.id, now_ms())?,
            extra_nonce_key: rand::random(),
            pool_address: config.pool_address.clone(),
            network,
        };
        let stratum = StratumServer::start(stratum_config(config), parts)
            .await
            .context("start the miners' side")?;
        let stratum = Arc::new(stratum);
        let parts = PayoutParts {
            cluster: cluster.clone(),
            clock: clock.clone(),
            daemons: daemons.clone(),
            wallet: wallet(config)?,
            pool_address: config.pool_address.clone(),
            network,
            registry: registry.clone(),
            step_hook,
        };
        let payouts =
            PayoutService::start(payout_config(config), parts).context("start payouts")?;
        let payouts = Arc::new(payouts);
        let live = Facts::start(
            raft.clone(),
            daemons,
            templates,
            stratum.clone(),
            payouts.clone(),
        );
        let parts = ApiParts {
            cluster,
            clock,
            registry,
            live,
        };
        let api = ApiServer::start(ApiConfig::new(config.raw.api.listen), parts)
            .await
            .context("start the API")?;
        Ok(Self {
            raft,
            stratum,
            payouts,
            api,
            admin,
            fatal,
        })
    }

    /// Where the node listens.
    pub fn addresses(&self) -> NodeAddresses {
        NodeAddresses {
            stratum: self.stratum.local_addresses().to_vec(),
            api: self.api.local_addr(),
        }
    }

    /// Waits until storage or consensus has stopped for good, and says why.
    pub async fn failed(&mut self) -> String {
        match self.fatal.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Stops every part: the log last, so that what miners were promised is still written.
    pub async fn shutdown(self) {
        // The API's facts hold on to the other parts.
        self.api.shutdown().await;
        match Arc::into_inner(self.stratum) {
            Some(stratum) => stratum.shutdown().await,
            None => tracing::error!("the miners' side is still in use; it ends with the process"),
        }
        match Arc::into_inner(self.payouts) {
            Some(payouts) => payouts.shutdown().await,
            None => tracing::error!("payouts are still in use; they end with the process"),
        }
        self.admin.shutdown().await;
        self.raft.shutdown().await;
    }
}

async fn start_raft(config: &Config, fatal: mpsc::Sender<String>) -> anyhow::Result<Arc<RaftNode>> {
    let directory = &config.raw.node.data_directory;
    let on_fatal: OnFatal = Arc::new(move |reason: &str| {
        tracing::error!(
            reason,
            "storage or consensus has stopped; the process must end"
        );
        // A full channel holds a reason already.
        let _ = fatal.try_send(reason.to_owned());
    });
    let identity = founding::data_identity(directory, config.raw.node.id)?;
    RaftNode::start(RaftNodeConfig::new(directory, identity, on_fatal))
        .await
        .with_context(|| format!("open the ledger in {}", directory.display()))
}

async fn start_admin(
    config: &Config,
    cluster: Arc<dyn Cluster>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<AdminServer> {
    let parts = AdminParts { cluster, clock };
    AdminServer::start(&config.admin_socket(), parts)
        .await
        .context("start the admin socket")
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
    daemons: Arc<DaemonSet>,
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

fn stratum_config(config: &Config) -> StratumConfig {
    let section = &config.raw.stratum;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    StratumConfig {
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
        verification: match section.verification {
            VerificationMode::Full => Verification::Full,
            VerificationMode::WithoutHashing => Verification::WithoutHashing,
        },
        ..StratumConfig::new(section.listen.clone())
    }
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
