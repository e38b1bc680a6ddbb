//! Reading a stretch of the chain's order, a few blocks a call.

use raftpool_chain::{ChainBlock, ChainError, ChainInfo, Daemon, ORDERED_BLOCKS_MAX};

use crate::obstacle::Obstacle;

/// Blocks that follow each other in the chain's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Blocks before it that no daemon can show; the first stretch of all has nothing before it.
    pub(super) unreadable: u64,
    is_first: bool,
}

impl Stretch {
    pub(super) fn new(first: u64, blocks: u64, is_first: bool) -> Self {
        Self {
            first,
            last: first.saturating_add(blocks.saturating_sub(1)),
            unreadable: 0,
            is_first,
        }
    }

    /// The stretch that begins at `first` in place of this one, which cannot be read.
    pub(super) fn from(self, first: u64, blocks: u64) -> Self {
        let skipped = first.saturating_sub(self.first);
        Self {
            unreadable: if self.is_first { 0 } else { skipped },
            ..Self::new(first, blocks, self.is_first)
        }
    }

    pub(super) fn blocks(self) -> u64 {
        self.last - self.first + 1
    }
}

/// Why a stretch was not read.
pub(super) enum Unreadable {
    /// The daemon has nothing below this topoheight, and nobody else answered.
    Pruned(u64),
    /// Something went wrong that may be over soon.
    Failed(Obstacle),
}

/// Every block of a stretch; `info` is what the daemon said of itself before.
pub(super) async fn read(
    daemon: &dyn Daemon,
    stretch: Stretch,
    info: &ChainInfo,
) -> Result<Vec<ChainBlock>, Unreadable> {
    let pruned = info.pruned_topoheight;
    match read_all(daemon, stretch).await {
        Ok(blocks) => Ok(blocks),
        // A daemon that has pruned blocks refuses to show them, and what comes first is its word.
        Err(error @ (ChainError::Rpc { .. } | ChainError::OtherNode { .. })) => {
            Err(match pruned.filter(|pruned| *pruned > stretch.first) {
                Some(pruned) => Unreadable::Pruned(pruned),
                None => failed(error),
            })
        }
        Err(error) => Err(failed(error)),
    }
}

/// What another daemon says of a stretch; none when it does not answer.
pub(super) async fn opinion(daemon: &dyn Daemon, stretch: Stretch) -> Option<Vec<ChainBlock>> {
    match read_all(daemon, stretch).await {
        Ok(blocks) => Some(blocks),
        Err(error) => {
            let daemon = daemon.name();
            tracing::debug!(daemon, %error, "a daemon has no opinion about a stretch of blocks");
            None
        }
    }
}

/// The first difference between what two daemons say of a stretch, in words.
pub(super) fn difference(ours: &[ChainBlock], others: &[ChainBlock]) -> Option<String> {
    let facts = |block: &ChainBlock| (block.hash, block.height, block.miner.clone(), block.ordered);
    let mut pairs = ours.iter().zip(others);
    let (one, other) = pairs.find(|(one, other)| facts(one) != facts(other))?;
    Some(match (one.ordered, other.ordered) {
        (Some(ordered), _) if one.hash != other.hash => format!(
            "at topoheight {} lies {} and not {}",
            ordered.topoheight, other.hash, one.hash
        ),
        (Some(ordered), Some(others)) => format!(
            "block {} pays {} and {} in fees, and not {} and {}",
            one.hash,
            others.miner_reward_atomic,
            others.total_fees_atomic,
            ordered.miner_reward_atomic,
            ordered.total_fees_atomic,
        ),
        _ => format!("block {} is another one", one.hash),
    })
}

async fn read_all(daemon: &dyn Daemon, stretch: Stretch) -> Result<Vec<ChainBlock>, ChainError> {
    let mut blocks = Vec::new();
    let mut first = stretch.first;
    while first <= stretch.last {
        let last = stretch
            .last
            .min(first.saturating_add(ORDERED_BLOCKS_MAX - 1));
        blocks.extend(daemon.ordered_blocks(first, last).await?);
        first = last.saturating_add(1);
    }
    Ok(blocks)
}

fn failed(error: ChainError) -> Unreadable {
    Unreadable::Failed(Obstacle::daemon("ordered blocks")(error))
}
