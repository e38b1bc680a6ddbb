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
    /// What the final ones paid more than as many that were on time, or less if it is negative; null
    /// while no block on time is final.
    pub difference_atomic: Option<String>,
    /// The same added up from one height late to this lateness: what a grace of so many heights
    /// has brought or cost.
    pub grace_difference_atomic: Option<String>,
}

impl From<view::Lateness> for Lateness {
    fn from(lateness: view::Lateness) -> Self {
        let [on_time, ..] = lateness.fates;
        let classes = LATENESS_CLASSES.into_iter().zip(lateness.fates);
        let mut sum = Some(0);
        let mut item = |(name, fate): (&'static str, Fate)| {
            let difference = difference(fate, on_time);
            sum = sum.zip(difference).map(|(sum, more)| sum + more);
            LateBlocks::new(name, fate, on_time, sum)
        };
        Self {
            blocks: lateness.blocks,
            blocks_max: LATENESS_BLOCKS_MAX,
            oldest_found_at_ms: lateness.oldest_found_at_ms,
            items: classes.map(&mut item).collect(),
        }
    }
}

impl LateBlocks {
    fn new(heights_late: &'static str, fate: Fate, on_time: Fate, sum: Option<i128>) -> Self {
        Self {
            heights_late,
            found: fate.maturing + fate.settled + fate.orphaned,
            maturing: fate.maturing,
            settled: fate.settled,
            orphaned: fate.orphaned,
            amount_atomic: fate.amount_atomic.into(),
            settled_ratio: ratio(fate.settled.into(), final_blocks(fate)),
            worth: worth(fate, on_time),
            difference_atomic: difference(fate, on_time).map(|value| value.to_string()),
            grace_difference_atomic: sum.map(|value| value.to_string()),
        }
    }
}

fn final_blocks(fate: Fate) -> u128 {
    u128::from(fate.settled) + u128::from(fate.orphaned)
}

/// What final blocks paid beyond as many on time, rounded to the late ones' favour; those on time
/// differ by nothing from themselves.
pub(crate) fn difference(fate: Fate, on_time: Fate) -> Option<i128> {
    let (blocks, blocks_on_time) = (final_blocks(fate), final_blocks(on_time));
    let usual = (on_time.amount_atomic * blocks).checked_div(blocks_on_time)?;
    // Amounts are at most the supply.
    let signed = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
    Some(signed(fate.amount_atomic) - signed(usual))
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
