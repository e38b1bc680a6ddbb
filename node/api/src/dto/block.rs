//! Found blocks.

use raftpool_ledger::view::{self, BlockStatus, scheme_name};
use serde::Serialize;

use super::{Decimal, Hash, Page};
use crate::number::blocks_of_work;

/// A found block.
#[derive(Debug, Serialize)]
pub struct Block {
    /// Its hash.
    pub hash: Hash,
    /// Order of recording, from 1; the cursor of the list.
    pub number: u64,
    /// Its height.
    pub height: u64,
    /// "maturing", "settled" or "orphaned".
    pub status: &'static str,
    /// Address of the finder.
    pub miner: String,
    /// Worker of the finder.
    pub worker: String,
    /// How its reward is shared.
    pub scheme: &'static str,
    /// Network difficulty it met.
    pub network_difficulty: Decimal,
    /// Work of the pool since the block before, where "1.000000" is the mean of a block.
    pub effort: String,
    /// When it was found.
    pub found_at_ms: u64,
    /// How many heights the template was behind.
    pub heights_late: u32,
    /// What the chain paid; null unless settled.
    pub amount_atomic: Option<Decimal>,
    /// The pool's part of it; null unless settled.
    pub fee_atomic: Option<Decimal>,
    /// Where the chain ordered it; null unless settled.
    pub topoheight: Option<u64>,
    /// When it was settled; null unless settled.
    pub settled_at_ms: Option<u64>,
    /// Why it was given up; null unless orphaned.
    pub orphan_reason: Option<String>,
}

/// How a block's amount is, or would be, shared.
#[derive(Debug, Serialize)]
pub struct BlockShares {
    /// The amount that is shared.
    pub amount_atomic: Decimal,
    /// The miners' parts, as frozen when the block was found.
    #[serde(flatten)]
    pub shares: Page<MinerShare>,
}

/// One miner's part of a block.
#[derive(Debug, Serialize)]
pub struct MinerShare {
    /// Address of the miner.
    pub miner: String,
    /// The part.
    pub share_atomic: Decimal,
}

impl From<view::Block> for Block {
    fn from(block: view::Block) -> Self {
        let found = Self {
            hash: Hash(block.hash),
            number: block.number,
            height: block.height,
            status: "maturing",
            miner: block.miner,
            worker: block.worker,
            scheme: scheme_name(block.scheme),
            network_difficulty: block.network_difficulty.into(),
            effort: blocks_of_work(block.effort_score),
            found_at_ms: block.found_at_ms,
            heights_late: block.heights_late,
            amount_atomic: None,
            fee_atomic: None,
            topoheight: None,
            settled_at_ms: None,
            orphan_reason: None,
        };
        match block.status {
            BlockStatus::Maturing => found,
            BlockStatus::Settled {
                amount_atomic,
                fee_atomic,
                topoheight,
                settled_at_ms,
            } => Self {
                status: "settled",
                amount_atomic: Some(amount_atomic.into()),
                fee_atomic: Some(fee_atomic.into()),
                topoheight: Some(topoheight),
                settled_at_ms: Some(settled_at_ms),
                ..found
            },
            BlockStatus::Orphaned { reason } => Self {
                status: "orphaned",
                orphan_reason: Some(reason),
                ..found
            },
        }
    }
}
