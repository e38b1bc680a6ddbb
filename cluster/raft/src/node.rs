//! Starting and stopping a node.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::RaftMetrics;
use openraft::errors::Fatal;
use openraft::metrics::WaitError;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use parking_lot::Mutex;
use raftpool_ledger::cluster::Leadership;
use raftpool_store::{
    FailStop, LogStatus, StateReader, StateStore, Store, StoreOptions, TypeConfig,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admission::Admission;
use crate::ask::PeerService;
use crate::certificates::CertificateStore;
use crate::config::{PeerSettings, RaftNodeConfig};
use crate::divergence::{self, Compared};
use crate::error::RaftNodeError;
use crate::monitor::{self, leadership_of};
use crate::network::{Channels, Dialer, Listener, Network, bind};
use crate::status::PeerStatus;
use crate::version::finalize_in_time;

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
    pub(crate) certificates: Option<Arc<CertificateStore>>,
    /// Host and port by which peers reach this node; empty in a node that runs alone.
    pub(crate) address: String,
    /// Whether it may take part in consensus: an empty node that waits to be added may not.
    admitted: AtomicBool,
    pub(crate) fail_stop: Arc<FailStop>,
    /// What comparing its ledger with others has shown.
    pub(crate) compared: Arc<Mutex<Compared>>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    /// Where proposals run on, even when whoever proposed stops waiting.
    pub(crate) runtime: tokio::runtime::Handle,
    /// `None` once the node was shut down.
    store: Mutex<Option<Store>>,
    monitors: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) listener: Mutex<Option<Listener>>,
    /// What answers other nodes' questions that are not about consensus.
    pub(crate) service: OnceLock<Arc<dyn PeerService>>,
}

/// What a node needs to have peers, before it has them.
struct PeerSide {
    certificates: Arc<CertificateStore>,
    channels: Arc<Channels>,
    listener: (TcpListener, SocketAddr),
    address: String,
}

impl RaftNode {
    /// Opens the data directory and recovers what is in it. A node without peers founds a cluster
    /// of one in a new directory, and returns as soon as it leads and its state is up to date. A
    /// node with peers returns as soon as it can be reached: who leads then is told by
    /// [`status`](Self::status), and in a new directory it waits for
    /// [`found_cluster`](Self::found_cluster) or for being added. Must be called within a tokio
    /// runtime, on which the node then runs.
    ///
    /// # Errors
    /// When the directory or the certificates cannot be used, the listener's address is taken,
    /// what was recovered does not fit together, nobody leads in time, or the directory is empty
    /// although the cluster knows the node's id. The directory is free again then.
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
        let joined = match node.check_own_version() {
            Ok(()) => node.join_in(listener).await,
            Err(error) => Err(error),
        };
        if let Err(error) = joined {
            node.shutdown().await;
            return Err(error);
        }
        if let Some(after) = node.config.finalize_after {
            let timer = finalize_in_time(Arc::downgrade(&node), after);
            node.monitors.lock().push(tokio::spawn(timer));
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
        let (mut address, compared) = (String::new(), Arc::default());
        let mut monitors = monitor::spawn(&config, &raft, &store, leadership.0);
        if let Some(side) = side {
            monitors.push(tokio::spawn(side.certificates.clone().follow()));
            let watcher = divergence::Watcher {
                node_id: config.identity.node_id,
                interval: config.digest_interval,
                data_directory: config.data_directory.clone(),
                channels: side.channels.clone(),
                raft: raft.clone(),
                reader: store.reader(),
                fail_stop: store.fail_stop().clone(),
                compared: Arc::clone(&compared),
            };
            monitors.push(tokio::spawn(watcher.run()));
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
            compared,
            admission: Arc::new(Admission::new(&config)),
            leadership: leadership.1,
            runtime: tokio::runtime::Handle::current(),
            monitors: Mutex::new(monitors),
            listener: Mutex::new(None),
            service: OnceLock::new(),
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
        // A statement of its own, so that the metrics are given back at its end.
        let running_state = self.raft.metrics().borrow_watched().running_state.clone();
        match running_state {
            Ok(()) => self
                .store
                .lock()
                .is_none()
                .then(|| "the node was shut down".to_owned()),
            Err(Fatal::Stopped) => Some("the node was shut down".to_owned()),
            Err(fatal) => Some(fatal.to_string()),
        }
    }

    /// The cluster and the node.
    pub fn identity(&self) -> raftpool_store::Identity {
        self.config.identity
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

    pub(crate) fn failed(&self, reason: String) -> RaftNodeError {
        RaftNodeError::Consensus {
            reason: self.fail_stop.reason().map_or(reason, str::to_owned),
        }
    }

    /// Waits until somebody leads and everything committed before is applied here.
    pub(crate) async fn recovered(&self, timeout: Duration) -> Result<(), WaitError> {
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
        let dialer = Dialer::new(peers.connect_from);
        let dialer = dialer.map_err(|error| RaftNodeError::Resolver {
            reason: error.to_string(),
        })?;
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
            channels: Arc::new(Channels::new(config.identity, certificates.clone(), dialer)),
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
