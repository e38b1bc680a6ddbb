//! What the reconcilers did last, for the API, the log and the operator.

use std::fmt;

use crate::Alarm;
use crate::reconciler::Step;

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
    /// Some more miners got their part of a settled block.
    HandedOut {
        /// Its hash.
        hash: String,
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
        matches!(
            self,
            Self::Settled { .. } | Self::HandedOut { .. } | Self::Orphaned { .. }
        )
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
            Self::HandedOut { hash } => write!(f, "handed out a part of {hash}"),
            Self::Orphaned { hash, reason } => write!(f, "gave up {hash}: {reason}"),
        }
    }
}

impl Step for BlockStep {
    fn has_acted(&self) -> bool {
        self.acted()
    }

    fn is_leading(&self) -> bool {
        *self != Self::NotLeading
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

impl Step for PayoutStep {
    fn has_acted(&self) -> bool {
        self.acted()
    }

    fn is_leading(&self) -> bool {
        *self != Self::NotLeading
    }
}

/// What one look at the network's stable blocks led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanStep {
    /// Another node is in charge.
    NotLeading,
    /// The next sample is not complete yet.
    UpToDate {
        /// The newest block that was looked at; none before the first.
        topoheight: Option<u64>,
    },
    /// Something is in the way.
    Waiting(String),
    /// A block was reported that pays the pool and is not in its books.
    Reported {
        /// Its hash.
        hash: String,
        /// What the chain paid for it.
        amount_atomic: u64,
    },
    /// A block that was given up is followed again, because the chain pays it.
    Reopened {
        /// Its hash.
        hash: String,
    },
    /// A sample was published.
    Published {
        /// Its first block.
        first_topoheight: u64,
        /// Its last block.
        last_topoheight: u64,
        /// The fees of its blocks.
        fees_atomic: u64,
    },
}

impl ScanStep {
    /// Whether anything was changed, so that another look is worth while at once.
    pub fn acted(&self) -> bool {
        matches!(
            self,
            Self::Reported { .. } | Self::Reopened { .. } | Self::Published { .. }
        )
    }
}

impl Step for ScanStep {
    fn has_acted(&self) -> bool {
        self.acted()
    }

    fn is_leading(&self) -> bool {
        *self != Self::NotLeading
    }
}

impl fmt::Display for ScanStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeading => write!(f, "another node is in charge"),
            Self::UpToDate { topoheight: None } => write!(f, "no block was looked at yet"),
            Self::UpToDate {
                topoheight: Some(topoheight),
            } => write!(f, "every block up to topoheight {topoheight} was looked at"),
            Self::Waiting(reason) => write!(f, "waiting: {reason}"),
            Self::Reported {
                hash,
                amount_atomic,
            } => write!(f, "reported {hash}, not in the books: {amount_atomic}"),
            Self::Reopened { hash } => write!(f, "took up {hash} again, which was given up"),
            Self::Published {
                first_topoheight,
                last_topoheight,
                fees_atomic,
            } => write!(
                f,
                "published {fees_atomic} in fees of {first_topoheight} to {last_topoheight}"
            ),
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

/// A snapshot of the reconcilers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Whether all reconcilers run; false after a shutdown or a fault in the program.
    pub running: bool,
    /// What the follower of blocks did last; none before its first look.
    pub blocks: Option<Last<BlockStep>>,
    /// The newest action on a block since the start.
    pub blocks_acted: Option<Last<BlockStep>>,
    /// What the driver of payouts did last; none before its first look.
    pub payouts: Option<Last<PayoutStep>>,
    /// The newest action on a payout since the start.
    pub payouts_acted: Option<Last<PayoutStep>>,
    /// What the scanner of the network's blocks did last; none before its first look.
    pub scans: Option<Last<ScanStep>>,
    /// The newest sample or report since the start.
    pub scans_acted: Option<Last<ScanStep>>,
    /// Everything an operator must look at.
    pub alarms: Vec<Alarm>,
}
