//! The handle through which every other crate knows the cluster.

use std::future::Future;
use std::pin::Pin;

use futures_core::Stream;

use crate::command::Command;
use crate::{Outcome, StateError, StateRead};

/// A boxed future, so that the handle can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed stream, so that the handle can be a trait object.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// Wall-clock time; only the binary and tests make one.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// Where a command stands in the log, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Index of the log entry.
    pub index: u64,
    /// Term of the log entry.
    pub term: u64,
    /// Result of applying it.
    pub outcome: Outcome,
}

/// A proposal's fate is not known to be success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Not in the log and never will be: it may be proposed again freely.
    #[error("not accepted by the cluster: {0}")]
    NotAccepted(String),
    /// It may or may not be applied: propose the same command with the same ids again.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// This node's storage or consensus has stopped for good; the process must end.
    #[error("the node has stopped: {0}")]
    Stopped(String),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Leadership could not be confirmed, or the wanted index was not reached in time.
    #[error("no up-to-date state: {0}")]
    NotCurrent(String),
}

/// Who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leadership {
    /// This node.
    pub node_id: u64,
    /// The current term.
    pub term: u64,
    /// The leader, when known.
    pub leader_id: Option<u64>,
}

impl Leadership {
    /// Whether this node leads, as far as it knows.
    pub fn is_leader(&self) -> bool {
        self.leader_id == Some(self.node_id)
    }
}

/// What a watcher of the cluster is told. Events are hints: a slow watcher may miss some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterEvent {
    /// Everything up to this index is applied.
    Applied {
        /// The newest applied index.
        index: u64,
    },
    /// The leader or term changed.
    Leadership(Leadership),
}

/// A query over a consistent view of the state.
pub type Query<'q> = &'q mut (dyn FnMut(&dyn StateRead) -> Result<(), StateError> + Send);

/// The cluster, as the miner side, the payout side and the API know it.
pub trait Cluster: Send + Sync + 'static {
    /// Proposes a command and waits until it is committed and applied on this node's side.
    ///
    /// # Errors
    /// See [`ProposeError`]; a business refusal is not an error but an [`Outcome::Rejected`].
    fn propose(&self, command: Command) -> BoxFuture<'_, Result<Committed, ProposeError>>;

    /// Runs `query` over this node's applied state, as of one moment, and returns its index.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn read(&self, query: Query<'_>) -> Result<u64, ReadError>;

    /// Waits until this node's state contains everything committed before the call.
    ///
    /// # Errors
    /// When no leader confirms it in time.
    fn linearize(&self) -> BoxFuture<'_, Result<u64, ReadError>>;

    /// Who leads, as far as this node knows.
    fn leadership(&self) -> Leadership;

    /// Applied indexes and changes of leadership, beginning with the present state of both.
    fn watch(&self) -> BoxStream<ClusterEvent>;
}

/// Runs a query that returns a value.
///
/// # Errors
/// When the state cannot be read.
pub fn read<T: Send>(
    cluster: &dyn Cluster,
    query: impl FnOnce(&dyn StateRead) -> Result<T, StateError> + Send,
) -> Result<T, ReadError> {
    let mut query = Some(query);
    let mut answer = None;
    cluster.read(&mut |state| {
        if let Some(query) = query.take() {
            answer = Some(query(state)?);
        }
        Ok(())
    })?;
    answer.ok_or_else(|| ReadError::NotCurrent("the query was not run".into()))
}
