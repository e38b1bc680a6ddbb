//! Found blocks.

use raftpool_ledger::StateError;
use raftpool_ledger::view::{self, BlockStatus, LedgerView, scheme_name};
use serde::Serialize;
use utoipa::ToSchema;

use super::effort::luck;
use super::names::{BlockState, SchemeName};
use super::{Decimal, Hash, Page};
use crate::number::blocks_of_work;

/// A found block.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Block {
    /// Its hash.
    pub hash: Hash,
    /// Order of recording, from 1; the cursor of the list.
    pub number: u64,
    /// Its height.
    pub height: u64,
    /// Where it stands.
    pub status: BlockState,
    /// Whether it was orphaned once, and the chain ordered it after all.
    pub is_reopened: bool,
    /// Address of the finder; null when it is hidden.
    pub miner: Option<String>,
    /// Worker of the finder; null when the finder is hidden.
    pub worker: Option<String>,
    /// Whether the finder wants to be left out of lists.
    pub is_finder_hidden: bool,
    /// How its reward is shared.
    #[schema(value_type = SchemeName)]
    pub scheme: &'static str,
    /// Network difficulty it met.
    pub network_difficulty: Decimal,
    /// Work of the pool since the block before, where "1.000000" is the mean of a block.
    pub effort: String,
    /// Expected work of a block over that work, never rescaled; null without any work.
    pub luck: Option<String>,
    /// When it was found.
    pub found_at_ms: u64,
    /// How many heights the template was behind.
    pub heights_late: u32,
    /// What it was expected to pay when it was found, without fees; null when that is unknown.
    pub expected_atomic: Option<Decimal>,
    /// The pool's fee when it was found.
    pub fee_bps: u32,
    /// Work in the PPLNS window when it was found, where "1.000000" is the mean of a block; zero
    /// for other schemes.
    pub window: String,
    /// What the chain paid; null unless settled.
    pub amount_atomic: Option<Decimal>,
    /// The pool's part of it, the donation included; null unless settled.
    pub fee_atomic: Option<Decimal>,
    /// The part of the fee that is given away; null unless settled.
    pub donation_atomic: Option<Decimal>,
    /// What went to the reserve of PPS and FPPS; null unless settled.
    pub reserve_atomic: Option<Decimal>,
    /// What no division could give to anyone; null unless settled.
    pub rounding_atomic: Option<Decimal>,
    /// What miners got so far; null unless settled.
    pub miners_atomic: Option<Decimal>,
    /// Whether every miner has theirs, which takes a block of thousands of miners a few seconds;
    /// null unless settled.
    pub is_handed_out: Option<bool>,
    /// Where the chain ordered it; null unless settled.
    pub topoheight: Option<u64>,
    /// When it was settled; null unless settled.
    pub settled_at_ms: Option<u64>,
    /// Why it was given up; null unless orphaned.
    pub orphan_reason: Option<String>,
}

/// How a block's amount is, or would be, shared.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockShares {
    /// The amount that is shared.
    pub amount_atomic: Decimal,
    /// The miners' parts, as frozen when the block was found.
    #[serde(flatten)]
    pub shares: Page<MinerShare>,
}

/// One miner's part of a block.
#[derive(Debug, Serialize, ToSchema)]
pub struct MinerShare {
    /// Address of the miner.
    pub miner: String,
    /// The part.
    pub share_atomic: Decimal,
}

/// What a block paid, or is expected to pay.
pub(crate) fn amount_of(block: &view::Block) -> u64 {
    match block.status {
        BlockStatus::Settled { amount_atomic, .. } => amount_atomic,
        BlockStatus::Maturing => block.expected_atomic,
        BlockStatus::Orphaned { .. } => 0,
    }
}

impl Block {
    /// A block as everybody may see it.
    pub(crate) fn read(view: &LedgerView<'_>, block: view::Block) -> Result<Self, StateError> {
        let is_finder_hidden = view.is_hidden(&block.miner)?;
        let shown = Self::from(block);
        Ok(match is_finder_hidden {
            false => shown,
            true => Self {
                miner: None,
                worker: None,
                is_finder_hidden,
                ..shown
            },
        })
    }
}

impl From<view::Block> for Block {
    fn from(block: view::Block) -> Self {
        let found = Self {
            hash: Hash(block.hash),
            number: block.number,
            height: block.height,
            status: BlockState::from(&block.status),
            is_reopened: block.is_reopened,
            miner: Some(block.miner),
            worker: Some(block.worker),
            is_finder_hidden: false,
            scheme: scheme_name(block.scheme),
            network_difficulty: block.network_difficulty.into(),
            effort: blocks_of_work(block.effort_score),
            luck: luck(block.effort_score),
            found_at_ms: block.found_at_ms,
            heights_late: block.heights_late,
            expected_atomic: (block.expected_atomic > 0).then(|| block.expected_atomic.into()),
            fee_bps: block.fee_bps,
            window: blocks_of_work(block.weights_total),
            amount_atomic: None,
            fee_atomic: None,
            donation_atomic: None,
            reserve_atomic: None,
            rounding_atomic: None,
            miners_atomic: None,
            is_handed_out: None,
            topoheight: None,
            settled_at_ms: None,
            orphan_reason: None,
        };
        match block.status {
            BlockStatus::Maturing => found,
            BlockStatus::Settled {
                amount_atomic,
                fee_atomic,
                donation_atomic,
                reserve_atomic,
                rounding_atomic,
                distributed_atomic,
                is_distributed,
                topoheight,
                settled_at_ms,
            } => Self {
                donation_atomic: Some(donation_atomic.into()),
                reserve_atomic: Some(reserve_atomic.into()),
                rounding_atomic: Some(rounding_atomic.into()),
                miners_atomic: Some(distributed_atomic.into()),
                is_handed_out: Some(is_distributed),
                amount_atomic: Some(amount_atomic.into()),
                fee_atomic: Some(fee_atomic.into()),
                topoheight: Some(topoheight),
                settled_at_ms: Some(settled_at_ms),
                ..found
            },
            BlockStatus::Orphaned { reason } => Self {
                orphan_reason: Some(reason),
                ..found
            },
        }
    }
}
