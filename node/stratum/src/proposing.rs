//! Proposing a command until its fate is known, or until there is no more time.
//!
//! The command is built once: every attempt carries the same ids, so an attempt that was stored
//! although its answer was lost is not booked again (promise P2, tried by
//! `a_batch_whose_answer_was_lost_is_credited_once`).

use std::sync::Arc;
use std::time::Duration;

use raftpool_ledger::cluster::{Clock, Cluster, ProposeError};
use raftpool_ledger::command::Command;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::{Outcome, compose};
use tokio::time::Instant;

const BACKOFF_FIRST: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// Certainly not stored, and never will be.
    NotStored,
    /// It may be stored, now or later.
    Unknown,
    /// This node has stopped for good; whether it is stored is not known.
    Stopped,
}

/// The way into the replicated log.
#[derive(Clone)]
pub(crate) struct Proposer {
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) node_id: u64,
}

impl Proposer {
    pub(crate) fn command(&self, body: Body) -> Command {
        compose(format!("node {}", self.node_id), self.clock.now_ms(), body)
    }

    /// Proposes again and again until there is an outcome or `deadline` has passed; without one
    /// it only gives up when the node has stopped.
    pub(crate) async fn propose(
        &self,
        command: &Command,
        deadline: Option<Instant>,
    ) -> Result<Outcome, Undecided> {
        let mut undecided = Undecided::NotStored;
        let mut backoff = BACKOFF_FIRST;
        loop {
            let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_late {
                return Err(undecided);
            }
            match within(deadline, self.cluster.propose(command.clone())).await {
                Some(Ok(committed)) => return Ok(committed.outcome),
                Some(Err(ProposeError::NotAccepted(reason))) => {
                    tracing::debug!(
                        reason,
                        "the cluster did not accept a proposal, trying again"
                    );
                }
                Some(Err(ProposeError::Unknown(reason))) => {
                    undecided = Undecided::Unknown;
                    tracing::debug!(reason, "fate of a proposal is unknown, trying again");
                }
                Some(Err(ProposeError::Stopped(reason))) => {
                    tracing::error!(reason, "the node's storage or consensus has stopped");
                    return Err(Undecided::Stopped);
                }
                None => return Err(Undecided::Unknown),
            }
            within(deadline, tokio::time::sleep(backoff)).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }
}

async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
