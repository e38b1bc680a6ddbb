//! The journal, what a miner's part of it is, and the proof of a block.

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::command::{Account, Scheme};
use raftpool_ledger::reserve::ReserveLevel;
use raftpool_ledger::schemes::is_paid_at_once;
use raftpool_ledger::view::{self, LedgerView, entry_kind_name, scheme_name};
use serde::Serialize;
use utoipa::ToSchema;

use super::export::named;
use super::names::{EntryKindName, ReserveLevelName, SchemeName};
use super::{Decimal, Page};
use crate::number::ratio;

/// A balanced change of accounts. Who asked for it, and why, only operators see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub struct Entry {
    /// Log index of its command; of the first one, where an hour's paid work is gathered.
    pub index: u64,
    /// What it is about.
    #[schema(value_type = EntryKindName)]
    pub kind: &'static str,
    /// Ledger time.
    pub time_ms: u64,
    /// Ledger time of the last of several commands.
    pub last_time_ms: u64,
    /// The block it is about; null when it is about none.
    pub block_number: Option<u64>,
    /// The payout it is about; null when it is about none.
    pub payout_id: Option<u64>,
    /// Changes by account, in atomic units with a sign; their sum is zero.
    pub amounts: BTreeMap<String, String>,
}

/// A miner's part of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLine {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// Changes of the miner's own accounts, in atomic units with a sign.
    pub own_amounts: BTreeMap<String, String>,
    /// Shares that were paid at once.
    pub shares: u64,
    /// Their score, in 2^-64 of the expected work of a block.
    pub score: Decimal,
    /// What the expected work of a whole block was paid with on average, `floor(mature * 2^64 /
    /// score)`: the rewards of that hour's blocks less the fee, for FPPS with the published average
    /// of fees. Null where no work was paid at once.
    pub paid_per_block_atomic: Option<Decimal>,
}

/// How a block's amount is shared, with all that is needed to compute it again.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockProof {
    /// How its reward is shared.
    #[schema(value_type = SchemeName)]
    pub scheme: &'static str,
    /// The amount that is shared: what the chain paid, or what is reckoned with.
    pub amount_atomic: Decimal,
    /// The pool's fee when it was found; 0 for a block of PPS or FPPS.
    pub fee_bps: u32,
    /// `floor(amount * fee_bps / 10000)`.
    pub fee_atomic: Decimal,
    /// What goes to the reserve: all that a block of PPS or FPPS pays, because its work is paid.
    pub reserve_atomic: Decimal,
    /// The rest, which miners share.
    pub shared_atomic: Decimal,
    /// The window that was in force, in the expected work of a block; null where no work is weighed.
    pub window_max: Option<String>,
    /// Sum of all weights, in 2^-64 of the expected work of a block: the work that was inside.
    pub weights_total: Decimal,
    /// The miners' weights and parts: `floor(shared * weight / weights_total)`.
    #[serde(flatten)]
    pub parts: Page<ProofPart>,
}

/// What the weights of a block are part of.
pub(crate) struct Weights {
    /// Window in force, in thousandths of the expected work of a block.
    pub(crate) window_milli: u32,
    /// Their sum, in 2^-64 of it.
    pub(crate) total: u128,
}

/// One miner's weight and part.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProofPart {
    /// Number of the miner, after which the next page begins.
    pub miner_number: u64,
    /// The miner's address.
    pub miner: String,
    /// The miner's score in the window, in 2^-64 of the expected work of a block.
    pub weight: Decimal,
    /// The part.
    pub amount_atomic: Decimal,
}

/// What PPS and FPPS are paid from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reserve {
    /// "exhausted": new work is booked under PPLNS; "stopped": it is refused, because PPLNS is not
    /// offered.
    #[schema(value_type = ReserveLevelName)]
    pub level: &'static str,
    /// What it holds.
    pub held_atomic: Decimal,
    /// What it should hold, its floor included; null when no reserve is enough, because blocks leave
    /// nothing of a scheme's fee.
    pub required_atomic: Option<Decimal>,
    /// The probability that what is above its floor is ever used up, in millionths.
    pub ruin_per_million: u32,
    /// What a block was expected to pay by the newest share.
    pub expected_income_atomic: Decimal,
    /// Final blocks that the required reserve rests on; with less than 20 it rests on the
    /// expected income.
    pub blocks: u64,
    /// Since when it is exhausted, or not any more; null when it never was.
    pub changed_at_ms: Option<u64>,
}

impl From<view::JournalEntry> for Entry {
    fn from(entry: view::JournalEntry) -> Self {
        Self {
            index: entry.index,
            kind: entry_kind_name(entry.kind),
            time_ms: entry.time_ms,
            last_time_ms: entry.last_time_ms,
            block_number: entry.block_number,
            payout_id: entry.payout_id,
            amounts: named(&entry.amounts),
        }
    }
}

impl From<(view::JournalEntry, view::JournalLine)> for StatementLine {
    fn from((entry, line): (view::JournalEntry, view::JournalLine)) -> Self {
        Self {
            entry: entry.into(),
            own_amounts: named(&line.amounts),
            paid_per_block_atomic: paid_per_block_atomic(&line),
            shares: line.shares,
            score: line.score.into(),
        }
    }
}

fn paid_per_block_atomic(line: &view::JournalLine) -> Option<Decimal> {
    let paid = line.amounts.get(&Account::Mature).copied()?;
    // No miner's work of an hour is paid with as much as 2^64 units.
    let paid = u128::from(u64::try_from(paid).ok()?) << 64;
    paid.checked_div(line.score).map(Decimal::from)
}

impl From<view::BlockPart> for ProofPart {
    fn from(part: view::BlockPart) -> Self {
        Self {
            miner_number: part.miner_number,
            miner: part.miner,
            weight: part.weight.into(),
            amount_atomic: part.amount_atomic.into(),
        }
    }
}

impl Reserve {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Option<Self>, StateError> {
        let reserve = view.reserve_in_use()?;
        Ok(reserve.map(|reserve| Self {
            level: level_name(reserve.level),
            held_atomic: reserve.held_atomic.into(),
            required_atomic: reserve.required_atomic.map(Decimal::from),
            ruin_per_million: reserve.ruin_per_million,
            expected_income_atomic: reserve.expected_income_atomic.into(),
            blocks: reserve.blocks,
            changed_at_ms: (reserve.changed_at_ms > 0).then_some(reserve.changed_at_ms),
        }))
    }
}

/// Name of a level as it appears in the API and the metrics.
pub(crate) fn level_name(level: ReserveLevel) -> &'static str {
    match level {
        ReserveLevel::Safe => "safe",
        ReserveLevel::Low => "low",
        ReserveLevel::Exhausted => "exhausted",
        ReserveLevel::Stopped => "stopped",
    }
}

impl BlockProof {
    /// The proof of a recorded block, or of one that would be found now.
    pub(crate) fn new(
        block: Option<&view::Block>,
        fee_bps: u32,
        amount_atomic: u64,
        weights: Weights,
        parts: Page<ProofPart>,
    ) -> Self {
        let scheme = block.map_or(Scheme::Pplns, |block| block.scheme);
        let is_paid = is_paid_at_once(scheme);
        let fee_bps = if is_paid { 0 } else { fee_bps };
        let reserve = if is_paid { amount_atomic } else { 0 };
        let fee = u128::from(amount_atomic) * u128::from(fee_bps) / 10_000;
        let shared = u128::from(amount_atomic - reserve).saturating_sub(fee);
        Self {
            scheme: scheme_name(scheme),
            amount_atomic: amount_atomic.into(),
            fee_bps,
            fee_atomic: fee.into(),
            reserve_atomic: reserve.into(),
            shared_atomic: shared.into(),
            window_max: match scheme {
                Scheme::Pplns | Scheme::Unspecified => ratio(weights.window_milli.into(), 1_000),
                _ => None,
            },
            weights_total: weights.total.into(),
            parts,
        }
    }
}
