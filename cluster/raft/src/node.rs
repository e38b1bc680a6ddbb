//! Starting and stopping a node.

use std::collections::BTreeMap;
use std::sync::Arc;
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
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::RaftNodeConfig;
use crate::error::RaftNodeError;
use crate::monitor::{self, leadership_of};
use crate::network::NoPeers;
use crate::propose::Admission;

/// openraft as this pool uses it.
pub(crate) type Raft = openraft::Raft<TypeConfig, StateStore>;

/// A running node. It implements [`raftpool_ledger::Cluster`].
pub struct RaftNode {
    pub(crate) config: RaftNodeConfig,
    pub(crate) raft: Raft,
    pub(crate) reader: StateReader,
    pub(crate) fail_stop: Arc<FailStop>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    /// Where proposals run on, even when whoever proposed stops waiting.
    pub(crate) runtime: tokio::runtime::Handle,
    /// `None` once the node was shut down.
    store: Mutex<Option<Store>>,
    monitors: Mutex<Vec<JoinHandle<()>>>,
}

impl RaftNode {
    /// Opens the data directory, founds a cluster of one if it is new, recovers otherwise, and
    /// returns as soon as there is a leader and this node's state is up to date with it. Must be
    /// called within a tokio runtime, on which the node then runs.
    ///
    /// # Errors
    /// When the directory cannot be used, what it holds does not fit together, or nobody leads
    /// in time. The directory is free again then.
    pub async fn start(config: RaftNodeConfig) -> Result<Arc<Self>, RaftNodeError> {
        let openraft = config.openraft()?;
        let store = open_store(&config).await?;
        let node_id = config.identity.node_id;
        let (log, state) = (store.log(), store.state());
        let raft = match Raft::new(node_id, openraft, NoPeers, log, state).await {
            Ok(raft) => raft,
            Err(fatal) => {
                close(store).await;
                return Err(RaftNodeError::Consensus {
                    reason: fatal.to_string(),
                });
            }
        };
        let leadership = watch::channel(leadership_of(&raft.metrics().borrow_watched()));
        let node = Arc::new(Self {
            reader: store.reader(),
            fail_stop: store.fail_stop().clone(),
            admission: Arc::new(Admission::new(&config)),
            leadership: leadership.1,
            runtime: tokio::runtime::Handle::current(),
            monitors: Mutex::new(monitor::spawn(&config, &raft, &store, leadership.0)),
            store: Mutex::new(Some(store)),
            raft,
            config,
        });
        if let Err(error) = node.found_and_wait().await {
            node.shutdown().await;
            return Err(error);
        }
        Ok(node)
    }

    /// Stops consensus, writes what is queued and lets go of the data directory: it can be
    /// opened again when this returns. Later calls of anything fail; calling this again does
    /// nothing.
    pub async fn shutdown(&self) {
        let Some(store) = self.store.lock().take() else {
            return;
        };
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

    async fn found_and_wait(&self) -> Result<(), RaftNodeError> {
        let failed = |reason: String| RaftNodeError::Consensus {
            reason: self.fail_stop.reason().map_or(reason, str::to_owned),
        };
        let node_id = self.config.identity.node_id;
        let is_founded = self.raft.is_initialized().await;
        if is_founded.map_err(|fatal| failed(fatal.to_string()))? {
            // Nobody else could lead a node that is alone: no reason to wait for the timer.
            if self.raft.voter_ids().eq([node_id]) {
                let elected = self.raft.trigger().elect(false).await;
                elected.map_err(|fatal| failed(fatal.to_string()))?;
            }
        } else {
            let node = PoolNode {
                peer_address: self.config.peer_address.clone(),
            };
            match self
                .raft
                .initialize(BTreeMap::from([(node_id, node)]))
                .await
            {
                // Somebody was faster, which is as good.
                Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        let timeout = self.config.start_timeout;
        let recovered = self.recovered(timeout).await;
        if let Some(reason) = self.stopped() {
            return Err(failed(reason));
        }
        recovered
            .map(drop)
            .map_err(|error| RaftNodeError::NoLeader {
                timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                state: error.to_string(),
            })
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
