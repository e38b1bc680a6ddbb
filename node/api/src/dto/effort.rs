//! How much work blocks took, and how lucky that is. Nothing is rescaled: a block that took twice
//! the expected work has an effort of 2 and a luck of a half, and blocks that were given up count
//! like others.

use raftpool_ledger::StateError;
use raftpool_ledger::view::{self, LedgerView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::number::{blocks_of_work, ratio};

/// Over how many of the newest blocks means are shown.
const STRETCHES: [usize; 2] = [10, 100];

/// Expected work of a block over the work it took.
pub(super) fn luck(effort_score: u128) -> Option<String> {
    ratio(1 << 64, effort_score)
}

/// The answer of `/api/v1/pool/effort`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Effort {
    /// Work since the last found block, where "1.000000" is what a block is expected to take.
    pub round_effort: String,
    /// Means over the newest 10 and 100 blocks.
    pub items: Vec<RecentEffort>,
}

/// The mean over the newest blocks.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecentEffort {
    /// Over how many blocks, at most.
    pub blocks_max: usize,
    /// How many there are, on which the mean rests.
    pub blocks: u64,
    /// Mean work of a block, where "1.000000" is what is expected; null without any.
    pub effort: Option<String>,
    /// Its inverse; null without any.
    pub luck: Option<String>,
}

impl Effort {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let items = STRETCHES.into_iter().map(|blocks_max| {
            let sum = view.recent_effort(blocks_max)?;
            Ok(RecentEffort::new(blocks_max, sum))
        });
        Ok(Self {
            round_effort: blocks_of_work(view.totals()?.round_score),
            items: items.collect::<Result<_, StateError>>()?,
        })
    }
}

impl RecentEffort {
    fn new(blocks_max: usize, sum: view::RecentEffort) -> Self {
        let mean = sum.effort_score.checked_div(sum.blocks.into());
        Self {
            blocks_max,
            blocks: sum.blocks,
            effort: mean.map(blocks_of_work),
            luck: mean.and_then(luck),
        }
    }
}
