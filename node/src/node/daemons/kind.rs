//! What holds for each kind of call of another node's daemons: its name and its deadline.

use std::time::Duration;

use raftpool_chain::{ChainError, Daemon};
use raftpool_proto::node::daemon_request::Call;

/// Miners wait for it, and another node may have one.
const TEMPLATE: Duration = Duration::from_secs(2);

/// Giving up on a block is the most expensive mistake.
const SUBMIT_BLOCK: Duration = Duration::from_secs(10);

/// Payouts can wait, but not for a node that hangs.
const OTHERS: Duration = Duration::from_secs(5);

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The method of the trait, for errors.
    pub(super) method: &'static str,
    /// How long it may take, over there and on the way.
    pub(super) timeout: Duration,
    /// Whether an answer shows a daemon that can be trusted: submissions also go to others.
    pub(super) is_read: bool,
}

impl Kind {
    pub(super) const INFO: Self = Self::read("info");
    pub(super) const SYNC_STATUS: Self = Self::read("sync_status");
    pub(super) const TEMPLATE: Self = Self {
        timeout: TEMPLATE,
        ..Self::read("template")
    };
    pub(super) const SUBMIT_BLOCK: Self = Self {
        timeout: SUBMIT_BLOCK,
        ..Self::submission("submit_block")
    };
    pub(super) const BLOCK: Self = Self::read("block");
    pub(super) const NONCE: Self = Self::read("nonce");
    pub(super) const STABLE_NONCE: Self = Self::read("stable_nonce");
    pub(super) const SUBMIT_TRANSACTION: Self = Self::submission("submit_transaction");
    pub(super) const EXECUTION: Self = Self::read("execution");
    pub(super) const ORDERED_BLOCKS: Self = Self::read("ordered_blocks");
    pub(super) const IS_PENDING: Self = Self::read("is_pending");

    /// The error of a call of this kind that `daemon` did not answer in time.
    pub(super) fn timed_out(self, daemon: &dyn Daemon) -> ChainError {
        ChainError::TimedOut {
            endpoint: format!("daemon {}", daemon.name()),
            method: self.method,
            timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }

    const fn read(method: &'static str) -> Self {
        Self {
            method,
            timeout: OTHERS,
            is_read: true,
        }
    }

    const fn submission(method: &'static str) -> Self {
        Self {
            is_read: false,
            ..Self::read(method)
        }
    }
}

impl From<&Call> for Kind {
    fn from(call: &Call) -> Self {
        match call {
            Call::Info(_) => Self::INFO,
            Call::SyncStatus(_) => Self::SYNC_STATUS,
            Call::Template(_) => Self::TEMPLATE,
            Call::SubmitBlock(_) => Self::SUBMIT_BLOCK,
            Call::Block(_) => Self::BLOCK,
            Call::Nonce(_) => Self::NONCE,
            Call::StableNonce(_) => Self::STABLE_NONCE,
            Call::SubmitTransaction(_) => Self::SUBMIT_TRANSACTION,
            Call::Execution(_) => Self::EXECUTION,
            Call::IsPending(_) => Self::IS_PENDING,
            Call::OrderedBlocks(_) => Self::ORDERED_BLOCKS,
        }
    }
}
