//! What the read model answers with.

use std::collections::BTreeMap;

use crate::command::{MoveFunds, Payee, Scheme, Settings};

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

/// What was accepted and refused in a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// When it begins; how long it is follows from the series.
    pub start_ms: u64,
    /// Accepted shares.
    pub shares: u64,
    /// Accepted work in expected hashes.
    pub work: u128,
    /// Refused shares by reason.
    pub rejects: BTreeMap<i32, u64>,
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
        /// The pool's part, the donation included.
        fee_atomic: u64,
        /// The part of it that is given away.
        donation_atomic: u64,
        /// What went to the reserve of PPS and FPPS.
        reserve_atomic: u64,
        /// What no division could give to anyone.
        rounding_atomic: u64,
        /// What miners got so far.
        distributed_atomic: u64,
        /// Whether every miner has theirs; a block of very many is handed out in steps.
        is_distributed: bool,
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
    /// What it was expected to pay when it was found, without fees; 0 when that was unknown.
    pub expected_atomic: u64,
    /// The pool's fee in force when it was found.
    pub fee_bps: u32,
    /// Sum of the frozen weights, in 2^-64 of the expected work of a block; 0 unless it is PPLNS.
    pub weights_total: u128,
    /// Whether it was given up once, and is followed or was settled because the chain ordered it
    /// after all.
    pub is_reopened: bool,
    /// Where it stands.
    pub status: BlockStatus,
}

/// What one miner gets of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockPart {
    /// Number of the miner, in which order parts are listed.
    pub miner_number: u64,
    /// The miner's address.
    pub miner: String,
    /// The miner's score when the block was found; 0 when the scheme has no weights.
    pub weight: u128,
    /// What it gets.
    pub amount_atomic: u64,
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
    /// Given up although signed: another transaction used its nonce, or an operator answers for it.
    Abandoned {
        /// Why.
        reason: String,
        /// Who gave it up.
        author: String,
        /// Ledger time of it.
        abandoned_at_ms: u64,
        /// Whether the nonce may be free, so that the next payout may carry it again.
        keeps_nonce: bool,
        /// Its transaction that was executed after all and that payouts were stopped for.
        executed_tx_hash: Option<[u8; 32]>,
    },
}

/// Who let a payout be signed that waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The operator.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Ledger time of it.
    pub approved_at_ms: u64,
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
    /// Whether it may only be signed when an operator has approved it.
    pub needs_approval: bool,
    /// Who has.
    pub approval: Option<Approval>,
    /// What it took from the pool's fees for the network fee; 0 when the payees bear that.
    pub pool_fee_budget_atomic: u64,
}

impl Payout {
    /// Whether it waits for an operator's approval.
    pub fn awaits_approval(&self) -> bool {
        self.status == PayoutStatus::Reserved && self.needs_approval && self.approval.is_none()
    }
}

/// What one miner is paid by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Its own threshold; 0: the pool's.
    pub own_threshold_atomic: u64,
    /// Its own scheme; unspecified: the pool's default.
    pub own_scheme: Scheme,
    /// The smallest balance that is paid to it: the higher one of its own and the pool's.
    pub threshold_atomic: u64,
    /// The scheme of its shares that name none: its own while that is offered.
    pub scheme: Scheme,
    /// Who set its preferences, and when, by the ledger's time.
    pub preferred_by: Option<(String, u64)>,
    /// Why it is not paid, while it is held.
    pub hold: Option<Hold>,
}

/// An address that is not paid for the time being.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub miner: String,
    /// Why.
    pub reason: String,
    /// Ledger time it began at.
    pub since_ms: u64,
    /// Who asked for it.
    pub author: String,
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

/// A change that somebody made by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Index of its log entry.
    pub index: u64,
    /// Ledger time.
    pub time_ms: u64,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What.
    pub change: Change,
}

/// What was changed by hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The settings, as they were from then on.
    Settings(Box<Settings>),
    /// Payouts were paused.
    Paused,
    /// Payouts were resumed.
    Resumed,
    /// A token was made.
    TokenMade {
        /// For which address.
        miner: String,
        /// What it is for.
        label: String,
    },
    /// A token was revoked.
    TokenRevoked {
        /// Of which address.
        miner: String,
        /// What it was for.
        label: String,
    },
    /// It was set whether an address requires a token.
    TokenRequired {
        /// Which address.
        miner: String,
        /// Whether it does.
        is_required: bool,
    },
    /// Money was moved between accounts.
    FundsMoved(Box<MoveFunds>),
    /// A payout may be signed.
    PayoutApproved {
        /// Which.
        payout_id: u64,
    },
    /// A payout was undone and payouts were paused.
    PayoutRejected {
        /// Which.
        payout_id: u64,
    },
    /// A reconciliation with the chain was booked, or a part of it.
    PayoutsReconciled {
        /// Whether payouts may be resumed since then.
        is_complete: bool,
    },
    /// A signed payout was given up.
    PayoutAbandoned {
        /// Which.
        payout_id: u64,
    },
    /// It was set whether an address is paid.
    AddressHeld {
        /// Which address.
        miner: String,
        /// Whether it is held.
        is_held: bool,
    },
    /// A miner's preferences were set.
    PreferencesSet {
        /// Whose.
        miner: String,
        /// The smallest balance that is paid out; 0: the pool's.
        threshold_atomic: u64,
        /// Scheme of shares that name none; unspecified: the pool's default.
        scheme: Scheme,
    },
    /// A worker's ban was lifted.
    BanLifted {
        /// The miner's address.
        miner: String,
        /// The worker's name.
        worker: String,
    },
    /// A block that the books do not have was looked at.
    StrayAcknowledged {
        /// Its hash.
        hash: [u8; 32],
        /// What the chain paid for it.
        amount_atomic: u64,
    },
}

/// A worker no node takes shares of for the time being.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The miner's address.
    pub miner: String,
    /// The worker's name.
    pub worker: String,
    /// Why.
    pub reason: String,
    /// Ledger time it began at.
    pub since_ms: u64,
    /// When it is over.
    pub until_ms: u64,
    /// Who asked for it.
    pub author: String,
}

/// One entry of the PPLNS window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowEntry {
    /// Its number; the oldest entry has the smallest one.
    pub number: u64,
    /// Whose work it is.
    pub miner: String,
    /// How much, in 2^-64 of the expected work of a block.
    pub score: u128,
    /// Index of the log entry that booked it.
    pub index: u64,
    /// Ledger time it was booked at.
    pub time_ms: u64,
}
