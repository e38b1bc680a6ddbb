//! What the stream of events says.

use serde::Serialize;
use utoipa::ToSchema;

use super::block::Block;
use super::miner::{Miner, Worker};
use super::names::EntryKindName;
use super::payout::PayoutSummary;

/// `event: hello`, the first of every stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hello {
    /// The node that answers.
    pub node_id: u64,
    /// Log index of what follows at once.
    pub index: u64,
    /// The running program and the pages it serves; a page that was made for another one reloads.
    pub build: String,
}

/// `event: reset`: something may have been missed, ask for everything anew.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reset {
    /// Log index from which on the stream goes on.
    pub index: u64,
    /// "too_old", "too_new" (this node has not come that far) or "too_slow" (the client has not read
    /// for a minute).
    pub reason: &'static str,
}

/// `event: ping`, when nothing else was said for a while.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ping {
    /// Up to here nothing is missing.
    pub index: u64,
}

/// `event: blocks`
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockChanges {
    /// In the order of the log.
    pub items: Vec<BlockChange>,
}

/// Something happened to a block.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlockChange {
    /// Log index of the command: with `change` it names this event on every node.
    pub index: u64,
    /// What happened.
    #[schema(value_type = EntryKindName)]
    pub change: &'static str,
    /// The block as it is now, which may be later than the event.
    pub block: Block,
}

/// `event: payouts`
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutChanges {
    /// In the order of the log.
    pub items: Vec<PayoutChange>,
}

/// Something happened to a payout.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PayoutChange {
    /// Log index of the command: with `change` it names this event on every node.
    pub index: u64,
    /// What happened.
    #[schema(value_type = EntryKindName)]
    pub change: &'static str,
    /// The payout as it is now, which may be later than the event.
    pub payout: PayoutSummary,
}

/// `event: miner`: how a miner is now. Sums, not differences: the newest one counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct MinerNews {
    /// Log index it was read at.
    pub index: u64,
    /// Ledger time of that moment.
    pub ledger_time_ms: u64,
    /// Whose it is.
    pub address: String,
    /// Money and counts; null until the first share is accepted.
    pub miner: Option<Miner>,
    /// Workers with a share since the news before, or of the last ten minutes in the first news;
    /// those whose share is newest, 100 at most.
    pub workers: Vec<Worker>,
}
