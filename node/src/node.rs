//! A node: everything the configuration names, started in order and stopped in reverse.
//!
//! This is the only place where the parts meet. Each part gets the cluster as a handle, the
//! daemons and the wallet as traits, and clock and randomness as values. A node first makes itself
//! known (the log, the admin socket, the API); it serves miners, and pays, as soon as it is a
//! member of a cluster whose settings it knows.

mod backups;
mod bans;
mod crash;
mod daemons;
mod desk;
mod drain;
mod endpoints;
mod epoch;
mod facts;
mod founding;
mod issuer;
mod metrics;
mod naming;
mod payouts;
mod report;
mod serving;
mod site;
mod switches;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use raftpool_api::{AdminParts, AdminServer, ApiParts, ApiServer, HealthParts, HealthServer};
use raftpool_ledger::Cluster;
use raftpool_payout::StepHook;
use raftpool_raft::{PeerSettings, RaftNode, RaftNodeConfig};
use raftpool_store::OnFatal;
use tokio::sync::{Mutex, mpsc};

use crate::config::{ClusterSection, Config};
use crate::process::NodeAddresses;
use crate::system::{SystemClock, now_ms};
use backups::{BackupClock, Backups};
use bans::NodeBans;
use desk::ClusterDesk;
use drain::{DrainMark, DrainTimes, Drainer};
use facts::Facts;
use naming::Naming;
use payouts::NodePayouts;
use report::Reporter;
use serving::{Serving, Slot};

pub use crash::{CRASH_FILE_VARIABLE, CRASH_VARIABLE, crash_hook};
pub use founding::FoundingError;

/// Reasons of a fatal stop that are kept: the first is what matters.
const ERRORS_KEPT: usize = 8;

/// A running node.
pub struct Node {
    config: Config,
    step_hook: Option<StepHook>,
    raft: Arc<RaftNode>,
    registry: prometheus::Registry,
    serving: Arc<Slot>,
    desk: Arc<ClusterDesk>,
    drainer: Drainer,
    api: ApiServer,
    admin: AdminServer,
    health: Option<HealthServer>,
    naming: Option<Naming>,
    backup_clock: Option<BackupClock>,
    fatal: Mutex<mpsc::Receiver<String>>,
}

impl Node {
    /// Starts what makes the node known to other nodes, operators and visitors.
    ///
    /// # Errors
    /// When a part cannot start; the error names it and says why.
    pub async fn start(config: Config, step_hook: Option<StepHook>) -> anyhow::Result<Self> {
        let (fatal_sender, fatal) = mpsc::channel(ERRORS_KEPT);
        let raft = start_raft(&config, fatal_sender).await?;
        let started = Self::start_around(raft.clone(), config, step_hook, fatal).await;
        if started.is_err() {
            // The database's threads must have ended before the process does.
            raft.shutdown().await;
        }
        started
    }

    async fn start_around(
        raft: Arc<RaftNode>,
        config: Config,
        step_hook: Option<StepHook>,
        fatal: mpsc::Receiver<String>,
    ) -> anyhow::Result<Self> {
        let registry = prometheus::Registry::new();
        let clock = Arc::new(SystemClock);
        let mark = DrainMark::default();
        let registered = metrics::register(&registry, raft.clone(), mark.clone());
        registered.context("register the metrics")?;
        let cluster: Arc<dyn Cluster> = raft.clone();
        let serving = Arc::new(Slot::default());
        let live = Facts::start(raft.clone(), serving.clone(), mark.clone());
        let public = &config.raw.public;
        let reporter = Reporter::start(raft.clone(), serving.clone(), mark.clone(), public);
        let desk = ClusterDesk::start(raft.clone(), reporter);
        let issuer = Arc::new(issuer::Issuer::new(config.raw.pool.network));
        let times = drain_times(&config);
        let drainer = Drainer::new(raft.clone(), serving.clone(), desk.clone(), mark, times);
        let (backups, backup_clock) = Backups::start(&raft, &config, &registry)?;
        let parts = AdminParts {
            backups,
            cluster: cluster.clone(),
            clock: clock.clone(),
            control: desk.clone(),
            drain: Arc::new(drainer.clone()),
            issuer: issuer.clone(),
            bans: Arc::new(NodeBans(serving.clone())),
            payouts: Arc::new(NodePayouts(serving.clone())),
        };
        let admin = AdminServer::start(&config.admin_socket(), parts)
            .await
            .context("start the admin socket")?;
        let health = HealthParts {
            cluster: cluster.clone(),
            live: live.clone(),
            registry: registry.clone(),
        };
        let health = start_health(&config, health).await?;
        let parts = ApiParts {
            cluster,
            clock,
            registry: registry.clone(),
            live,
            control: desk.clone(),
            issuer,
            about: facts::about(&config),
            site: site::files(),
            miners: serving.getwork_router(),
        };
        let api = ApiServer::start(config.raw.api.to_config(), parts)
            .await
            .context("start the API")?;
        desk.set_api_address(api.local_addr());
        let naming = match &config.raw.dns {
            Some(section) => Some(Naming::start(section, desk.clone(), &registry).await?),
            None => None,
        };
        Ok(Self {
            config,
            step_hook,
            raft,
            registry,
            serving,
            desk,
            drainer,
            api,
            admin,
            health,
            naming,
            backup_clock,
            fatal: Mutex::new(fatal),
        })
    }

    /// Waits until the node is a member of a cluster that is set up, then serves miners and takes
    /// part in the leader's duties.
    ///
    /// # Errors
    /// When a part cannot start, or the configuration contradicts the cluster's settings.
    pub async fn serve(&self) -> anyhow::Result<()> {
        founding::wait_for_settings(&self.raft, &self.config, now_ms).await?;
        let parts = serving::Parts {
            config: &self.config,
            raft: self.raft.clone(),
            registry: self.registry.clone(),
            step_hook: self.step_hook.clone(),
        };
        let serving = Serving::start(parts).await?;
        let network = self.config.raw.pool.network;
        self.desk.lend_daemons(serving.daemons.clone(), network);
        self.serving.put(serving);
        Ok(())
    }

    /// Where the node listens; miners' addresses only once it serves them.
    pub fn addresses(&self) -> NodeAddresses {
        NodeAddresses {
            stratum: self.serving.stratum_addresses(),
            api: self.api.local_addr(),
            peer: self.raft.peer_address(),
            health: self.health.as_ref().map(HealthServer::local_addr),
            dns: self
                .naming
                .as_ref()
                .map(|naming| naming.server.local_addr()),
        }
    }

    /// Waits until storage or consensus has stopped for good, and says why.
    pub async fn failed(&self) -> String {
        match self.fatal.lock().await.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Lets miners go to other nodes in good order, and hands over the lead, before the node is shut
    /// down; ends soon when there is no other node to go to. Nothing is lost when it is not waited for
    /// to the end.
    pub async fn leave(&self) {
        self.drainer.leave().await;
    }

    /// Stops every part: the log last, so that what miners were promised is still written. A
    /// leader hands over first, so that the others need not wait for its silence.
    pub async fn shutdown(self) {
        self.drainer.give_up();
        drop(self.naming);
        drop(self.backup_clock);
        if self.raft.peer_address().is_some() && !self.raft.hand_over().await {
            tracing::info!("no other voter can take over at once");
        }
        self.api.shutdown().await;
        if let Some(serving) = self.serving.take() {
            serving.shutdown().await;
        }
        self.admin.shutdown().await;
        if let Some(health) = self.health {
            health.shutdown().await;
        }
        self.raft.shutdown().await;
    }
}

async fn start_health(config: &Config, parts: HealthParts) -> anyhow::Result<Option<HealthServer>> {
    let Some(address) = config.raw.health.listen else {
        return Ok(None);
    };
    let started = HealthServer::start(address, parts).await;
    Ok(Some(started.context("start the listener for probes")?))
}

fn drain_times(config: &Config) -> DrainTimes {
    let node = &config.raw.node;
    DrainTimes {
        wait: Duration::from_millis(node.drain_wait_ms),
        over: Duration::from_millis(node.drain_over_ms),
        stop_wait: Duration::from_millis(node.stop_wait_ms),
        stop_over: Duration::from_millis(node.stop_over_ms),
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
    let identity = founding::data_identity(config)?;
    let storage = &config.raw.storage;
    let mut raft = RaftNodeConfig::new(directory, identity, on_fatal);
    raft.clock = Some(Arc::new(SystemClock));
    raft.fault = switches::fault()?;
    raft.log_policy = storage.log_policy();
    raft.snapshot_bytes_per_second = storage.snapshot_bytes_per_second;
    raft.sync_stall_limit = storage.sync_stall_limit();
    raft.finalize_after = match &config.raw.cluster {
        Some(cluster) => cluster.finalize_after(),
        None => Some(ClusterSection::FINALIZE_AFTER),
    };
    if let Some(cluster) = &config.raw.cluster {
        raft.timing = cluster.timing();
        raft.peers = Some(PeerSettings {
            listen: cluster.listen,
            address: cluster.address.clone(),
            certificates: cluster.certificates.clone(),
            seeds: cluster.peers.clone(),
            connect_from: cluster.connect_from,
        });
    }
    RaftNode::start(raft)
        .await
        .with_context(|| format!("open the ledger in {}", directory.display()))
}
