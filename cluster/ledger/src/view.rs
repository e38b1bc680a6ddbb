//! The read model: what the API, the miners' side and the payouts ask of the ledger.

use std::collections::BTreeMap;

use crate::command::{Payee, RejectReason, Scheme, Settings};
use crate::{StateError, StateRead};

/// One miner's money and counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Miner {
    /// Canonical address text.
    pub address: String,
    /// Spendable: settled and not yet reserved for a payout.
    pub balance_atomic: u64,
    /// Part of a reserved or sent payout that is not final.
    pub in_flight_atomic: u64,
    /// Transferred to the address, ever.
    pub paid_atomic: u64,
    /// Network fees borne on payouts, ever.
    pub network_fees_atomic: u64,
    /// Credited from settled blocks, ever.
    pub earned_atomic: u64,
    /// Score inside the PPLNS window, in 2^-64 of the expected work of a block.
    pub window_score: u128,
    /// Accepted shares, ever.
    pub shares: u64,
    /// Accepted work, ever, in expected hashes.
    pub work: u128,
    /// Ledger time of the newest accepted share.
    pub last_share_ms: u64,
}

/// One worker's standing, the same on every node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Worker {
    /// Name within the miner.
    pub name: String,
    /// Difficulty to start its next session with; 0 when none was reported yet.
    pub difficulty: u64,
    /// Accepted shares, ever.
    pub shares: u64,
    /// Accepted work, ever, in expected hashes.
    pub work: u128,
    /// Refused shares by reason, ever.
    pub rejects: BTreeMap<i32, u64>,
    /// Ledger time of the newest accepted share.
    pub last_share_ms: u64,
    /// Estimated hashes per second over about the last ten minutes.
    pub hashrate: u64,
}

/// Where a found block stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockStatus {
    /// Recorded; the chain has not settled it yet.
    Maturing,
    /// The chain paid it for good.
    Settled {
        /// What it paid.
        amount_atomic: u64,
        /// The pool's part.
        fee_atomic: u64,
        /// Where the chain ordered it.
        topoheight: u64,
        /// Ledger time of the settlement.
        settled_at_ms: u64,
    },
    /// Not part of the stable chain.
    Orphaned {
        /// Why it was given up.
        reason: String,
    },
}

/// A found block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its hash.
    pub hash: [u8; 32],
    /// Order of recording, from 1.
    pub number: u64,
    /// Its height.
    pub height: u64,
    /// Who found it.
    pub miner: String,
    /// With which worker.
    pub worker: String,
    /// How its reward is shared.
    pub scheme: Scheme,
    /// Network difficulty it met.
    pub network_difficulty: u128,
    /// Ledger time it was recorded at.
    pub found_at_ms: u64,
    /// How many heights late the share was.
    pub heights_late: u32,
    /// Work of the pool since the previous found block, in 2^-64 of a block's expected work.
    pub effort_score: u128,
    /// Where it stands.
    pub status: BlockStatus,
}

/// A signed transaction of a payout; all variants of a payout carry the same nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its hash.
    pub tx_hash: [u8; 32],
    /// Its bytes, as they are sent.
    pub tx: Vec<u8>,
    /// The network fee it pays.
    pub fee_atomic: u64,
    /// Topoheight of the balance it is proven against.
    pub reference_topoheight: u64,
}

/// Where a payout stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayoutStatus {
    /// Balances are in flight; nothing is signed, so nothing can have been sent.
    Reserved,
    /// At least one variant is stored and may have been sent.
    Signed,
    /// One variant is final.
    Confirmed {
        /// Which one.
        tx_hash: [u8; 32],
        /// The block that executed it.
        block_hash: [u8; 32],
        /// Its topoheight.
        topoheight: u64,
        /// Ledger time of the confirmation.
        confirmed_at_ms: u64,
    },
    /// Undone before anything was signed.
    Released {
        /// Why.
        reason: String,
    },
}

/// A payout: one chain nonce, one list of payees, one or more variants of the transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Payout {
    /// Order of reservation, from 1.
    pub id: u64,
    /// The chain's account nonce it is bound to.
    pub nonce: u64,
    /// Who gets what.
    pub payees: Vec<Payee>,
    /// The signed transactions.
    pub variants: Vec<Variant>,
    /// Ledger time of the reservation.
    pub reserved_at_ms: u64,
    /// Where it stands.
    pub status: PayoutStatus,
}

/// The pool's accounts. Each atomic unit is in exactly one of them (promise P4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// All that settled blocks brought.
    pub income_atomic: u128,
    /// Sum of the miners' balances.
    pub balances_atomic: u128,
    /// Sum of what is in flight.
    pub in_flight_atomic: u128,
    /// Sum of what was transferred.
    pub paid_atomic: u128,
    /// The pool's fees.
    pub pool_fees_atomic: u128,
    /// Remainders of divisions.
    pub rounding_atomic: u128,
    /// Fees paid to the network for payouts.
    pub network_fees_atomic: u128,
}

/// Counts over the pool's life.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Accepted shares.
    pub shares: u64,
    /// Accepted work, in expected hashes.
    pub work: u128,
    /// Refused shares by reason.
    pub rejects: BTreeMap<i32, u64>,
    /// Blocks recorded.
    pub blocks: u64,
    /// Blocks settled.
    pub blocks_settled: u64,
    /// Blocks orphaned.
    pub blocks_orphaned: u64,
    /// Payouts confirmed.
    pub payouts: u64,
    /// Miners ever seen.
    pub miners: u64,
    /// Score inside the PPLNS window, in 2^-64 of a block's expected work.
    pub window_score: u128,
    /// Estimated hashes per second of the pool over about the last ten minutes.
    pub hashrate: u64,
    /// Score since the last found block, in 2^-64 of a block's expected work.
    pub round_score: u128,
}

/// Reads the ledger out of a state.
pub struct LedgerView<'a> {
    state: &'a dyn StateRead,
}

/// Result of a query.
pub type Result<T> = std::result::Result<T, StateError>;

#[allow(unused_variables, missing_docs, clippy::missing_errors_doc)]
impl<'a> LedgerView<'a> {
    pub fn new(state: &'a dyn StateRead) -> Self {
        Self { state }
    }
    /// Index of the newest applied command (entries without a command do not count).
    pub fn index(&self) -> Result<u64> {
        unimplemented!()
    }
    /// Ledger time: the largest proposed time so far.
    pub fn time_ms(&self) -> Result<u64> {
        unimplemented!()
    }
    /// Running digest over every change so far; equal on nodes of equal index.
    pub fn digest(&self) -> Result<[u8; 32]> {
        unimplemented!()
    }
    pub fn settings(&self) -> Result<Option<Settings>> {
        unimplemented!()
    }
    /// The reason, while payouts are paused.
    pub fn payouts_paused(&self) -> Result<Option<String>> {
        unimplemented!()
    }
    pub fn accounts(&self) -> Result<Accounts> {
        unimplemented!()
    }
    pub fn totals(&self) -> Result<Totals> {
        unimplemented!()
    }
    pub fn miner(&self, address: &str) -> Result<Option<Miner>> {
        unimplemented!()
    }
    /// Miners in order of address, after `after`.
    pub fn miners(&self, after: Option<&str>, limit: usize) -> Result<Vec<Miner>> {
        unimplemented!()
    }
    pub fn worker(&self, address: &str, worker: &str) -> Result<Option<Worker>> {
        unimplemented!()
    }
    pub fn workers(&self, address: &str, after: Option<&str>, limit: usize) -> Result<Vec<Worker>> {
        unimplemented!()
    }
    pub fn block(&self, hash: &[u8; 32]) -> Result<Option<Block>> {
        unimplemented!()
    }
    /// Newest first, below the block number `before`.
    pub fn blocks(&self, before: Option<u64>, limit: usize) -> Result<Vec<Block>> {
        unimplemented!()
    }
    /// Every block that is neither settled nor orphaned, oldest first.
    pub fn blocks_maturing(&self) -> Result<Vec<Block>> {
        unimplemented!()
    }
    /// What a maturing block would pay each miner if it paid `amount_atomic`, as frozen when it was found.
    pub fn block_shares(&self, hash: &[u8; 32], amount_atomic: u64) -> Result<Vec<(String, u64)>> {
        unimplemented!()
    }
    /// The payout that is reserved or signed.
    pub fn open_payout(&self) -> Result<Option<Payout>> {
        unimplemented!()
    }
    pub fn payout(&self, id: u64) -> Result<Option<Payout>> {
        unimplemented!()
    }
    /// Newest first, below the id `before`.
    pub fn payouts(&self, before: Option<u64>, limit: usize) -> Result<Vec<Payout>> {
        unimplemented!()
    }
    /// Payouts to one miner, newest first, below the id `before`.
    pub fn miner_payouts(&self, address: &str, before: Option<u64>, limit: usize) -> Result<Vec<Payout>> {
        unimplemented!()
    }
    pub fn next_payout_id(&self) -> Result<u64> {
        unimplemented!()
    }
    /// Ledger time of the newest reservation; 0 when there was none.
    pub fn last_payout_ms(&self) -> Result<u64> {
        unimplemented!()
    }
    /// Miners whose balance is at least `threshold_atomic`, largest balance first.
    pub fn payable(&self, threshold_atomic: u64, limit: usize) -> Result<Vec<(String, u64)>> {
        unimplemented!()
    }
    /// Newest epoch seen of a node, and its highest applied sequence.
    pub fn batches_of_node(&self, node_id: u64) -> Result<Option<(u64, u64)>> {
        unimplemented!()
    }
}

/// Name of a reason as it appears in the API, the metrics and the logs.
pub fn reject_reason_name(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::RejectUnspecified => "other",
        RejectReason::JobNotFound => "job_not_found",
        RejectReason::Stale => "stale",
        RejectReason::Duplicate => "duplicate",
        RejectReason::LowDifficulty => "low_difficulty",
        RejectReason::Unauthorized => "unauthorized",
        RejectReason::Malformed => "malformed",
        RejectReason::Overloaded => "overloaded",
        RejectReason::NoQuorum => "no_quorum",
    }
}

/// Name of a scheme as it appears in the API, in settings and in passwords.
pub fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Unspecified => "unspecified",
        Scheme::Pplns => "pplns",
        Scheme::Solo => "solo",
    }
}
