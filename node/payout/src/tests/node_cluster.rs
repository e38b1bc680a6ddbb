//! The cluster as one of several nodes sees it.

use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_ledger::Cluster;
use raftpool_ledger::cluster::{
    BoxFuture, BoxStream, ClusterEvent, Committed, Leadership, ProposeError, Query, ReadError,
};
use raftpool_ledger::command::Command;
use raftpool_ledger::testing::MemoryCluster;

/// One node's view: it may believe to lead after it was deposed.
pub(crate) struct NodeCluster {
    ledger: Arc<MemoryCluster>,
    node_id: u64,
    believed: Mutex<Leadership>,
    /// Whether reads confirm the leadership, as real ones do. Without it a deposed leader goes on
    /// as if nothing had happened, and only the terms in its commands stop it.
    is_confirmed: bool,
}

impl NodeCluster {
    /// A node that knows who leads now.
    pub(crate) fn new(ledger: Arc<MemoryCluster>, node_id: u64, is_confirmed: bool) -> Arc<Self> {
        let cluster = Self {
            ledger,
            node_id,
            believed: Mutex::default(),
            is_confirmed,
        };
        cluster.learn();
        Arc::new(cluster)
    }

    /// It hears who leads.
    pub(crate) fn learn(&self) {
        let truth = self.ledger.leadership();
        *self.believed.lock() = Leadership {
            node_id: self.node_id,
            ..truth
        };
    }
}

impl Cluster for NodeCluster {
    fn propose(&self, command: Command) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        self.ledger.propose(command)
    }

    fn read(&self, query: Query<'_>) -> Result<u64, ReadError> {
        self.ledger.read(query)
    }

    fn linearize(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        let truth = self.ledger.leadership();
        Box::pin(async move {
            if self.is_confirmed && self.believed.lock().term != truth.term {
                return Err(ReadError::NotCurrent("deposed".into()));
            }
            self.ledger.linearize().await
        })
    }

    fn leadership(&self) -> Leadership {
        *self.believed.lock()
    }

    fn watch(&self) -> BoxStream<ClusterEvent> {
        self.ledger.watch()
    }
}
