//! How much work found blocks took.

use super::{LedgerView, Result};

/// The newest blocks' effort together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecentEffort {
    /// How many blocks it rests on.
    pub blocks: u64,
    /// Sum of their efforts, in 2^-64 of a block's expected work.
    pub effort_score: u128,
}

impl LedgerView<'_> {
    /// The effort of the newest `blocks_max` found blocks, whatever became of them: work is spent
    /// on a block that is given up as well.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn recent_effort(&self, blocks_max: usize) -> Result<RecentEffort> {
        let mut sum = RecentEffort::default();
        for block in self.blocks(None, blocks_max)? {
            sum.blocks += 1;
            // Shown, never paid by: it may stay at its largest value.
            sum.effort_score = sum.effort_score.saturating_add(block.effort_score);
        }
        Ok(sum)
    }
}
