//! Starting and stopping a node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::RaftMetrics;
use openraft::errors::{Fatal, InitializeError, RaftError};
use openraft::metrics::WaitError;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use parking_lot::Mutex;
use raftpool_ledger::cluster::Leadership;
use raftpool_store::{
    FailStop, LogStatus, PoolNode, StateReader, StateStore, Store, StoreOptions, TypeConfig,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admission::Admission;
use crate::certificates::CertificateStore;
use crate::config::{PeerSettings, RaftNodeConfig};
use crate::error::RaftNodeError;
use crate::monitor::{self, leadership_of};
use crate::network::{Channels, Listener, Network, Service, bind};
use crate::status::PeerStatus;

/// openraft as this pool uses it.
pub(crate) type Raft = openraft::Raft<TypeConfig, StateStore>;

/// A running node. It implements [`raftpool_ledger::Cluster`].
pub struct RaftNode {
    pub(crate) config: RaftNodeConfig,
    pub(crate) raft: Raft,
    pub(crate) reader: StateReader,
    /// For snapshots that come from peers.
    pub(crate) state: StateStore,
    /// Held while a snapshot is received.
    pub(crate) receiving: tokio::sync::Mutex<()>,
    /// Held while the membership is changed.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// The way to peers; `None` in a node that runs alone.
    pub(crate) channels: Option<Arc<Channels>>,
    certificates: Option<Arc<CertificateStore>>,
    /// Host and port by which peers reach this node; empty in a node that runs alone.
    address: String,
    /// Whether it may take part in consensus: an empty node that waits to be added may not.
    admitted: AtomicBool,
    pub(crate) fail_stop: Arc<FailStop>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    /// Where proposals run on, even when whoever proposed stops waiting.
    pub(crate) runtime: tokio::runtime::Handle,
    /// `None` once the node was shut down.
    store: Mutex<Option<Store>>,
    monitors: Mutex<Vec<JoinHandle<()>>>,
    listener: Mutex<Option<Listener>>,
}

/// What a node needs to have peers, before it has them.
struct PeerSide {
    certificates: Arc<CertificateStore>,
    channels: Arc<Channels>,
    listener: (TcpListener, SocketAddr),
    address: String,
}

impl RaftNode {
    /// Opens the data directory, founds a cluster of one if it is new, recovers otherwise, and
    /// returns as soon as there is a leader and this node's state is up to date with it. A node
    /// that has, or waits for, other voters returns as soon as it can be reached: who leads then
    /// is told by [`status`](Self::status). Must be called within a tokio runtime, on which the
    /// node then runs.
    ///
    /// # Errors
    /// When the directory or the certificates cannot be used, the listener's address is taken,
    /// what was recovered does not fit together, or nobody leads in time. The directory is free
    /// again then.
    pub async fn start(config: RaftNodeConfig) -> Result<Arc<Self>, RaftNodeError> {
        let openraft = config.openraft()?;
        let side = match &config.peers {
            Some(peers) => Some(PeerSide::prepare(&config, peers).await?),
            None => None,
        };
        let store = open_store(&config).await?;
        let node_id = config.identity.node_id;
        let network = Network {
            channels: side.as_ref().map(|side| side.channels.clone()),
            snapshot_bytes_per_second: config.snapshot_bytes_per_second,
        };
        let (log, state) = (store.log(), store.state());
        let raft = match Raft::new(node_id, openraft, network, log, state).await {
            Ok(raft) => raft,
            Err(fatal) => {
                close(store).await;
                return Err(RaftNodeError::Consensus {
                    reason: fatal.to_string(),
                });
            }
        };
        let (node, listener) = Self::assemble(config, raft, store, side);
        if let Err(error) = node.join_in(listener).await {
            node.shutdown().await;
            return Err(error);
        }
        Ok(node)
    }

    fn assemble(
        config: RaftNodeConfig,
        raft: Raft,
        store: Store,
        side: Option<PeerSide>,
    ) -> (Arc<Self>, Option<(TcpListener, SocketAddr)>) {
        let leadership = watch::channel(leadership_of(&raft.metrics().borrow_watched()));
        let (mut certificates, mut channels, mut listener) = (None, None, None);
        let mut address = String::new();
        let mut monitors = monitor::spawn(&config, &raft, &store, leadership.0);
        if let Some(side) = side {
            monitors.push(tokio::spawn(side.certificates.clone().follow()));
            (certificates, channels) = (Some(side.certificates), Some(side.channels));
            (listener, address) = (Some(side.listener), side.address);
        }
        let node = Arc::new(Self {
            reader: store.reader(),
            state: store.state(),
            receiving: tokio::sync::Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            channels,
            certificates,
            address,
            admitted: AtomicBool::new(false),
            fail_stop: store.fail_stop().clone(),
            admission: Arc::new(Admission::new(&config)),
            leadership: leadership.1,
            runtime: tokio::runtime::Handle::current(),
            monitors: Mutex::new(monitors),
            listener: Mutex::new(None),
            store: Mutex::new(Some(store)),
            raft,
            config,
        });
        (node, listener)
    }

    /// Stops consensus, writes what is queued and lets go of the data directory: it can be
    /// opened again when this returns. Later calls of anything fail; calling this again does
    /// nothing.
    pub async fn shutdown(&self) {
        let Some(store) = self.store.lock().take() else {
            return;
        };
        let listener = self.listener.lock().take();
        if let Some(listener) = listener {
            listener.close().await;
        }
        let monitors: Vec<_> = self.monitors.lock().drain(..).collect();
        for monitor in monitors {
            monitor.abort();
            // Ended either way; only now its handles are gone.
            let _ = monitor.await;
        }
        if let Err(error) = self.raft.shutdown().await {
            tracing::error!(%error, "consensus ended with a panic");
        }
        close(store).await;
    }

    /// Figures of the log; `None` once the node was shut down.
    pub(crate) fn log_status(&self) -> Option<LogStatus> {
        self.store.lock().as_ref().map(|store| store.log().status())
    }

    /// The reason, when this node does nothing any more.
    pub(crate) fn stopped(&self) -> Option<String> {
        if let Some(reason) = self.fail_stop.reason() {
            return Some(reason.to_owned());
        }
        match self.raft.metrics().borrow_watched().running_state.clone() {
            Ok(()) => self
                .store
                .lock()
                .is_none()
                .then(|| "the node was shut down".to_owned()),
            Err(Fatal::Stopped) => Some("the node was shut down".to_owned()),
            Err(fatal) => Some(fatal.to_string()),
        }
    }

    /// Where peers connect; `None` in a node that runs alone, or was shut down.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.listener
            .lock()
            .as_ref()
            .map(|listener| listener.address)
    }

    /// Waits until somebody leads and everything that was committed before this node started is
    /// applied here; returns whether that is so.
    pub async fn wait_until_current(&self, timeout: Duration) -> bool {
        self.recovered(timeout).await.is_ok() && self.stopped().is_none()
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Acquire)
    }

    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Release);
    }

    pub(crate) fn peer_status(&self) -> Option<PeerStatus> {
        let certificates = self.certificates.as_ref()?;
        Some(PeerStatus {
            listening: self.peer_address(),
            address: self.address.clone(),
            certificate_expires_at_ms: certificates.node_expires_at_ms(),
            authority_expires_at_ms: certificates.authority_expires_at_ms(),
            certificate_generation: certificates.generation(),
        })
    }

    fn failed(&self, reason: String) -> RaftNodeError {
        RaftNodeError::Consensus {
            reason: self.fail_stop.reason().map_or(reason, str::to_owned),
        }
    }

    /// Takes the place in the cluster that the data directory and the settings say.
    async fn join_in(
        self: &Arc<Self>,
        listener: Option<(TcpListener, SocketAddr)>,
    ) -> Result<(), RaftNodeError> {
        let is_founded = self.raft.is_initialized().await;
        let is_founded = is_founded.map_err(|fatal| self.failed(fatal.to_string()))?;
        let is_joining = self.config.peers.as_ref().is_some_and(|peers| peers.join);
        if is_founded || !is_joining {
            self.admit();
        }
        if let (Some(listener), Some(certificates)) = (listener, &self.certificates) {
            let (identity, service) = (self.config.identity, Service::new(self));
            let listener = Listener::serve(listener, identity, certificates.clone(), service);
            *self.listener.lock() = Some(listener);
        }
        if !is_founded && is_joining {
            return Ok(());
        }
        let is_alone = !is_founded || self.raft.voter_ids().eq([self.config.identity.node_id]);
        if !is_alone {
            return Ok(());
        }
        match is_founded {
            // Nobody else could lead a node that is alone: no reason to wait for the timer.
            true => self.raft.trigger().elect(false).await,
            false => self.found().await,
        }
        .map_err(|fatal| self.failed(fatal.to_string()))?;
        self.wait_recovered().await?;
        self.tell_address().await
    }

    async fn found(&self) -> Result<(), Fatal<TypeConfig>> {
        let node = PoolNode {
            peer_address: self.address.clone(),
            ids_up_to: 0,
        };
        let members = BTreeMap::from([(self.config.identity.node_id, node)]);
        match self.raft.initialize(members).await {
            // Somebody was faster, which is as good.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(RaftError::Fatal(fatal)) => Err(fatal),
            // It is its own only member.
            Err(RaftError::APIError(InitializeError::NotInMembers(_))) => Err(Fatal::Stopped),
        }
    }

    async fn wait_recovered(&self) -> Result<(), RaftNodeError> {
        let timeout = self.config.start_timeout;
        let recovered = self.recovered(timeout).await;
        if let Some(reason) = self.stopped() {
            return Err(self.failed(reason));
        }
        recovered.map_err(|error| RaftNodeError::NoLeader {
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            state: error.to_string(),
        })
    }

    /// Writes this node's address into the membership, when it is the only member: it may have
    /// been alone until now, or have moved. Others learn addresses by being added.
    async fn tell_address(&self) -> Result<(), RaftNodeError> {
        let stored = self.stored_membership();
        let node_id = self.config.identity.node_id;
        let mut nodes = stored.membership().nodes();
        let own = match (nodes.next(), nodes.next()) {
            (Some((only, own)), None) if *only == node_id => own.clone(),
            _ => return Ok(()),
        };
        if self.address.is_empty() || own.peer_address == self.address {
            return Ok(());
        }
        let node = PoolNode {
            peer_address: self.address.clone(),
            ..own
        };
        let change = openraft::ChangeMembers::SetNodes(BTreeMap::from([(node_id, node)]));
        let written = self.write_membership(&stored, change, true).await;
        written.map_err(|error| self.failed(error.to_string()))
    }

    /// Waits until somebody leads and everything committed before is applied here.
    async fn recovered(&self, timeout: Duration) -> Result<(), WaitError> {
        let wait = self.raft.wait(Some(timeout));
        let is_led = |metrics: &RaftMetrics<TypeConfig>| {
            metrics.current_leader.is_some() || metrics.running_state.is_err()
        };
        wait.metrics(is_led, "somebody leads").await?;
        self.raft.wait_for_recovery(Some(timeout)).await.map(drop)
    }
}

impl PeerSide {
    async fn prepare(config: &RaftNodeConfig, peers: &PeerSettings) -> Result<Self, RaftNodeError> {
        let certificates = CertificateStore::open(&peers.certificates, config.identity);
        let certificates = Arc::new(certificates.map_err(RaftNodeError::Certificates)?);
        let listener = bind(peers.listen).await;
        let listener = listener.map_err(|source| RaftNodeError::Listen {
            address: peers.listen,
            source,
        })?;
        let address = match peers.address.strip_suffix(":0") {
            Some(host) => format!("{host}:{}", listener.1.port()),
            None => peers.address.clone(),
        };
        Ok(Self {
            channels: Arc::new(Channels::new(config.identity, certificates.clone())),
            certificates,
            listener,
            address,
        })
    }
}

impl Drop for RaftNode {
    /// A node that was not shut down stops with the process; until then nobody watches it.
    fn drop(&mut self) {
        self.monitors
            .get_mut()
            .drain(..)
            .for_each(|monitor| monitor.abort());
    }
}

async fn open_store(config: &RaftNodeConfig) -> Result<Store, RaftNodeError> {
    let directory = config.data_directory.clone();
    let mut options = StoreOptions::new(directory, config.identity, config.on_fatal.clone());
    options.fault = config.fault.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&options)).await;
    opened
        .map_err(|_| RaftNodeError::OpenPanicked)?
        .map_err(RaftNodeError::Store)
}

async fn close(store: Store) {
    if let Err(error) = store.close().await {
        tracing::error!(%error, "the data directory stays locked until the process ends");
    }
}
