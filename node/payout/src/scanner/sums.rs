//! What the blocks of a stretch pay together.

use raftpool_chain::ChainBlock;

use crate::obstacle::Obstacle;

/// Sums over the blocks of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) fees_atomic: u64,
    pub(super) rewards_atomic: u64,
    pub(super) fees_max_atomic: u64,
}

impl Sums {
    /// Adds up ordered blocks; refuses one that pays more than a block can create, and sums that
    /// no chain can pay.
    pub(super) fn of(blocks: &[ChainBlock], reward_max_atomic: u64) -> Result<Self, Obstacle> {
        let mut sums = Self::default();
        for block in blocks {
            let (hash, ordered) = (block.hash, block.ordered);
            let ordered = ordered
                .ok_or_else(|| Obstacle::Inconsistent(format!("block {hash} is not ordered")))?;
            if ordered.miner_reward_atomic > reward_max_atomic {
                return Err(Obstacle::ImplausibleReward {
                    block: hash,
                    reward_atomic: ordered.miner_reward_atomic,
                    max_atomic: reward_max_atomic,
                });
            }
            let (fees, rewards) = (
                sums.fees_atomic.checked_add(ordered.total_fees_atomic),
                sums.rewards_atomic.checked_add(ordered.miner_reward_atomic),
            );
            let (Some(fees_atomic), Some(rewards_atomic)) = (fees, rewards) else {
                let detail = format!("no chain pays what is said up to block {hash}");
                return Err(Obstacle::Inconsistent(detail));
            };
            sums = Self {
                fees_atomic,
                rewards_atomic,
                fees_max_atomic: sums.fees_max_atomic.max(ordered.total_fees_atomic),
            };
        }
        Ok(sums)
    }
}
