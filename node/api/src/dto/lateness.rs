//! What became of found blocks, by how many heights late their shares were.

use raftpool_ledger::view::{self, Fate, LATENESS_BLOCKS_MAX, LATENESS_CLASSES};
use serde::Serialize;
use utoipa::ToSchema;

use super::Decimal;
use crate::number::ratio;

/// The answer of `/api/v1/pool/lateness`: the newest found blocks by how late they were.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lateness {
    /// Blocks that were added up.
    pub blocks: u64,
    /// The most that are added up; older ones are left out.
    pub blocks_max: usize,
    /// When the oldest of them was found; null without any.
    pub oldest_found_at_ms: Option<u64>,
    /// One for each lateness, on time first.
    pub items: Vec<LateBlocks>,
}

/// The blocks of one lateness.
#[derive(Debug, Serialize, ToSchema)]
pub struct LateBlocks {
    /// How many heights the template was behind: "0" to "8", and "9+".
    pub heights_late: &'static str,
    /// Blocks found.
    pub found: u64,
    /// Of these, blocks the chain has not settled yet.
    pub maturing: u64,
    /// Of these, blocks the chain paid.
    pub settled: u64,
    /// Of these, blocks that were given up.
    pub orphaned: u64,
    /// What the settled ones paid.
    pub amount_atomic: Decimal,
    /// Part of the final blocks that were paid; null before the first.
    pub settled_ratio: Option<String>,
    /// What a final block of this lateness paid on average, over what one that was on time did:
    /// "1.000000" is work that earns as much. Null while either has no final block, or those on
    /// time paid nothing.
    pub worth: Option<String>,
}

impl From<view::Lateness> for Lateness {
    fn from(lateness: view::Lateness) -> Self {
        let [on_time, ..] = lateness.fates;
        let classes = LATENESS_CLASSES.into_iter().zip(lateness.fates);
        Self {
            blocks: lateness.blocks,
            blocks_max: LATENESS_BLOCKS_MAX,
            oldest_found_at_ms: lateness.oldest_found_at_ms,
            items: classes
                .map(|(name, fate)| LateBlocks::new(name, fate, on_time))
                .collect(),
        }
    }
}

impl LateBlocks {
    fn new(heights_late: &'static str, fate: Fate, on_time: Fate) -> Self {
        Self {
            heights_late,
            found: fate.maturing + fate.settled + fate.orphaned,
            maturing: fate.maturing,
            settled: fate.settled,
            orphaned: fate.orphaned,
            amount_atomic: fate.amount_atomic.into(),
            settled_ratio: ratio(fate.settled.into(), final_blocks(fate)),
            worth: worth(fate, on_time),
        }
    }
}

fn final_blocks(fate: Fate) -> u128 {
    u128::from(fate.settled) + u128::from(fate.orphaned)
}

/// Mean amount of a final block over the mean of one that was on time. Amounts are at most the
/// supply, and blocks at most what is added up, so the products stay far inside their type.
fn worth(fate: Fate, on_time: Fate) -> Option<String> {
    let (blocks, blocks_on_time) = (final_blocks(fate), final_blocks(on_time));
    if blocks == 0 {
        return None;
    }
    ratio(
        fate.amount_atomic * blocks_on_time,
        on_time.amount_atomic * blocks,
    )
}
