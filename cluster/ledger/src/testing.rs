//! A cluster in memory, for the tests of whoever knows the cluster only as [`Cluster`], and
//! sample commands.
//!
//! It applies real commands with the real ledger, at once and on one thread. Faults are switched
//! on by the test. Running a proposal inside a query would wait for itself forever.

mod samples;
mod spoil;
mod watch;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::apply::{EntryContext, apply};
use crate::cluster::{
    BoxFuture, BoxStream, Cluster, ClusterEvent, Committed, Leadership, ProposeError, Query,
    ReadError,
};
use crate::command::Command;
use crate::state::{MemoryState, Overlay};

pub use samples::*;
pub use spoil::spoil;
use watch::Watchers;

/// What shall happen to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`ProposeError::NotAccepted`]; nothing is applied.
    NotAccepted,
    /// [`ProposeError::Unknown`], though the command was applied: the answer was lost.
    UnknownApplied,
    /// [`ProposeError::Unknown`], and the command was lost.
    UnknownLost,
}

/// A [`Cluster`] of one node in memory.
pub struct MemoryCluster {
    inner: Mutex<Inner>,
    watchers: Arc<Watchers>,
}

struct Inner {
    state: MemoryState,
    index: u64,
    leadership: Leadership,
    faults: VecDeque<Fault>,
    linearize_fault: Option<String>,
    read_fault: Option<String>,
    proposals: Vec<Command>,
    stopped: Option<String>,
}

impl Default for MemoryCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryCluster {
    /// An empty cluster whose only node, number 1, leads in term 1.
    pub fn new() -> Self {
        Self::with_state(MemoryState::default())
    }

    /// A cluster that goes on with a state, as after a restart.
    pub fn with_state(state: MemoryState) -> Self {
        let index = crate::view::LedgerView::new(&state)
            .index()
            .unwrap_or_default();
        let leadership = Leadership {
            node_id: 1,
            term: 1,
            leader_id: Some(1),
        };
        let inner = Inner {
            state,
            index,
            leadership,
            faults: VecDeque::new(),
            linearize_fault: None,
            read_fault: None,
            proposals: Vec::new(),
            stopped: None,
        };
        Self {
            inner: Mutex::new(inner),
            watchers: Arc::new(Watchers::new(index, leadership)),
        }
    }

    /// Makes the next `count` proposals fail.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        self.lock().faults.extend(std::iter::repeat_n(fault, count));
    }

    /// Lets every proposal succeed again.
    pub fn heal(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        inner.linearize_fault = None;
        inner.read_fault = None;
    }

    /// Makes [`Cluster::linearize`] fail until [`MemoryCluster::heal`].
    pub fn fail_linearize(&self, reason: impl Into<String>) {
        self.lock().linearize_fault = Some(reason.into());
    }

    /// Makes every read break off after its last answer until [`MemoryCluster::heal`].
    pub fn fail_reads(&self, reason: impl Into<String>) {
        self.lock().read_fault = Some(reason.into());
    }

    /// Changes who leads, and in which term entries are written from now on.
    pub fn set_leadership(&self, leadership: Leadership) {
        self.lock().leadership = leadership;
        self.watchers.leadership(leadership);
    }

    /// Every command that was proposed so far, also those that failed.
    pub fn proposals(&self) -> Vec<Command> {
        self.lock().proposals.clone()
    }

    /// How many commands were proposed so far.
    pub fn proposal_count(&self) -> usize {
        self.lock().proposals.len()
    }

    /// A copy of the state.
    pub fn state(&self) -> MemoryState {
        self.lock().state.clone()
    }

    /// Proposes without a runtime.
    ///
    /// # Errors
    /// Like [`Cluster::propose`].
    pub fn propose_now(&self, command: Command) -> Result<Committed, ProposeError> {
        let mut inner = self.lock();
        inner.proposals.push(command.clone());
        if let Some(reason) = &inner.stopped {
            return Err(ProposeError::Stopped(reason.clone()));
        }
        let fault = inner.faults.pop_front();
        match fault {
            Some(Fault::NotAccepted) => {
                return Err(ProposeError::NotAccepted("switched off by the test".into()));
            }
            Some(Fault::UnknownLost) => {
                return Err(ProposeError::Unknown("lost by the test".into()));
            }
            Some(Fault::UnknownApplied) | None => {}
        }
        let committed = inner.commit(&command)?;
        drop(inner);
        self.watchers.applied(committed.index);
        match fault {
            None => Ok(committed),
            Some(_) => Err(ProposeError::Unknown("answer lost by the test".into())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that failed inside a query must not hide its message behind a poisoned lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn commit(&mut self, command: &Command) -> Result<Committed, ProposeError> {
        let entry = EntryContext {
            index: self.index + 1,
            term: self.leadership.term,
        };
        let mut overlay = Overlay::new(&self.state);
        let outcome = apply(&mut overlay, entry, command).map_err(|error| {
            let reason = error.to_string();
            self.stopped = Some(reason.clone());
            ProposeError::Stopped(reason)
        })?;
        let changes = overlay.into_changes();
        self.state.commit(changes);
        self.index = entry.index;
        Ok(Committed {
            index: entry.index,
            term: entry.term,
            outcome,
        })
    }
}

impl Cluster for MemoryCluster {
    fn propose(&self, command: Command) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        Box::pin(async move { self.propose_now(command) })
    }

    fn read(&self, query: Query<'_>) -> Result<u64, ReadError> {
        let inner = self.lock();
        query(&inner.state)?;
        match &inner.read_fault {
            None => Ok(inner.index),
            Some(reason) => Err(ReadError::NotCurrent(reason.clone())),
        }
    }

    fn linearize(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async move {
            let inner = self.lock();
            match &inner.linearize_fault {
                None => Ok(inner.index),
                Some(reason) => Err(ReadError::NotCurrent(reason.clone())),
            }
        })
    }

    fn leadership(&self) -> Leadership {
        self.lock().leadership
    }

    fn watch(&self) -> BoxStream<ClusterEvent> {
        Box::pin(self.watchers.subscribe())
    }
}
