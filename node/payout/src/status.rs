//! What the reconcilers did last, for the API, the log and the operator.

use std::fmt;

use crate::Alarm;

/// What one look at the found blocks led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockStep {
    /// Another node is in charge.
    NotLeading,
    /// Every found block is final.
    NothingMaturing,
    /// Blocks wait for stability.
    Maturing {
        /// How many are not final.
        blocks: usize,
    },
    /// Something is in the way.
    Waiting(String),
    /// A block was settled.
    Settled {
        /// Its hash.
        hash: String,
        /// What the chain paid.
        amount_atomic: u64,
    },
    /// A block was given up.
    Orphaned {
        /// Its hash.
        hash: String,
        /// Why.
        reason: String,
    },
}

impl BlockStep {
    /// Whether anything was changed, so that another look is worth while at once.
    pub fn acted(&self) -> bool {
        matches!(self, Self::Settled { .. } | Self::Orphaned { .. })
    }
}

impl fmt::Display for BlockStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeading => write!(f, "another node is in charge"),
            Self::NothingMaturing => write!(f, "every found block is final"),
            Self::Maturing { blocks } => write!(f, "{blocks} blocks wait for stability"),
            Self::Waiting(reason) => write!(f, "waiting: {reason}"),
            Self::Settled {
                hash,
                amount_atomic,
            } => write!(f, "settled {hash}: {amount_atomic}"),
            Self::Orphaned { hash, reason } => write!(f, "gave up {hash}: {reason}"),
        }
    }
}

/// What one look at the payouts led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayoutStep {
    /// Another node is in charge.
    NotLeading,
    /// There is nothing to do, or something is in the way.
    Waiting(String),
    /// Balances were set aside.
    Reserved {
        /// The payout.
        payout_id: u64,
    },
    /// Signed bytes were stored.
    Signed {
        /// The payout.
        payout_id: u64,
        /// The transaction.
        tx_hash: String,
    },
    /// Stored bytes were sent.
    Sent {
        /// The payout.
        payout_id: u64,
        /// The transaction.
        tx_hash: String,
        /// What the daemons said of it.
        answer: String,
    },
    /// A payout is final.
    Confirmed {
        /// The payout.
        payout_id: u64,
        /// The transaction that was executed.
        tx_hash: String,
    },
    /// An unsigned payout was undone, to be planned anew.
    Released {
        /// The payout.
        payout_id: u64,
        /// Why.
        reason: String,
    },
    /// All payouts were stopped; an operator has to look.
    Stopped {
        /// Why.
        reason: String,
    },
}

impl PayoutStep {
    /// Whether anything was changed, so that another look is worth while at once.
    pub fn acted(&self) -> bool {
        !matches!(self, Self::NotLeading | Self::Waiting(_))
    }
}

impl fmt::Display for PayoutStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeading => write!(f, "another node is in charge"),
            Self::Waiting(reason) => write!(f, "waiting: {reason}"),
            Self::Reserved { payout_id } => write!(f, "reserved payout {payout_id}"),
            Self::Signed { payout_id, tx_hash } => {
                write!(f, "stored {tx_hash} for payout {payout_id}")
            }
            Self::Sent {
                payout_id,
                tx_hash,
                answer,
            } => {
                write!(f, "sent {tx_hash} of payout {payout_id}: {answer}")
            }
            Self::Confirmed { payout_id, tx_hash } => {
                write!(f, "payout {payout_id} is final with {tx_hash}")
            }
            Self::Released { payout_id, reason } => {
                write!(f, "released payout {payout_id}: {reason}")
            }
            Self::Stopped { reason } => write!(f, "stopped payouts: {reason}"),
        }
    }
}

/// A step and when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last<T> {
    /// What was done.
    pub step: T,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A snapshot of both reconcilers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Whether both reconcilers run; false after a shutdown or a fault in the program.
    pub running: bool,
    /// What the follower of blocks did last; none before its first look.
    pub blocks: Option<Last<BlockStep>>,
    /// The newest action on a block since the start.
    pub blocks_acted: Option<Last<BlockStep>>,
    /// What the driver of payouts did last; none before its first look.
    pub payouts: Option<Last<PayoutStep>>,
    /// The newest action on a payout since the start.
    pub payouts_acted: Option<Last<PayoutStep>>,
    /// Everything an operator must look at.
    pub alarms: Vec<Alarm>,
}
