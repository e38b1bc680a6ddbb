//! What a block's facts mean: a pure function, so that every case has a test.

use raftpool_chain::{ChainBlock, ChainInfo, OrderedBlock};
use raftpool_ledger::view::Block;

/// Up to where the chain is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stable {
    pub(super) height: u64,
    pub(super) topoheight: u64,
}

impl Stable {
    pub(super) fn of_both(one: &ChainInfo, other: &ChainInfo) -> Self {
        Self {
            height: one.stable_height.min(other.stable_height),
            topoheight: one.stable_topoheight.min(other.stable_topoheight),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too early, or not clear.
    Wait,
    /// The chain paid this for good.
    Settle { amount_atomic: u64, topoheight: u64 },
    /// Missing far past stability, as far as this one look goes.
    Orphan { reason: String },
    /// The block exists, but pays somebody else.
    ForeignMiner { miner: String },
}

/// Judges a recorded block by what a synced daemon says of it; `seen` is `None` when the daemon
/// does not know it, as is also the case for a block it refused when it was submitted.
pub(super) fn judge(
    block: &Block,
    seen: Option<&ChainBlock>,
    stable: Stable,
    pool_address: &str,
    margin_heights: u64,
) -> Verdict {
    if let Some(seen) = seen
        && seen.miner != pool_address
    {
        return Verdict::ForeignMiner {
            miner: seen.miner.clone(),
        };
    }
    let height = seen.map_or(block.height, |seen| seen.height.max(block.height));
    match seen.and_then(|seen| seen.ordered) {
        Some(ordered) if height <= stable.height && ordered.topoheight <= stable.topoheight => {
            settle(ordered)
        }
        Some(_) => Verdict::Wait,
        None if height.saturating_add(margin_heights) <= stable.height => {
            let what = if seen.is_some() {
                "not ordered"
            } else {
                "unknown to the daemon"
            };
            let past = stable.height - height;
            Verdict::Orphan {
                reason: format!("{what} {past} heights past stability"),
            }
        }
        None => Verdict::Wait,
    }
}

fn settle(ordered: OrderedBlock) -> Verdict {
    match ordered
        .miner_reward_atomic
        .checked_add(ordered.total_fees_atomic)
    {
        Some(amount_atomic) => Verdict::Settle {
            amount_atomic,
            topoheight: ordered.topoheight,
        },
        // No chain pays that much; whatever answered is not to be believed.
        None => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use raftpool_chain::Hash;
    use raftpool_ledger::command::Scheme;
    use raftpool_ledger::view::BlockStatus;

    use super::*;
    use crate::tests::fixtures::one;

    const STABLE: Stable = Stable {
        height: 100,
        topoheight: 150,
    };

    fn block(height: u64) -> Block {
        Block {
            hash: [7; 32],
            number: 1,
            height,
            miner: "finder".into(),
            worker: "rig".into(),
            scheme: Scheme::Pplns,
            network_difficulty: 1000,
            found_at_ms: 0,
            heights_late: 0,
            effort_score: 0,
            status: BlockStatus::Maturing,
        }
    }

    fn seen(height: u64, topoheight: Option<u64>) -> ChainBlock {
        let ordered = topoheight.map(|topoheight| OrderedBlock {
            topoheight,
            miner_reward_atomic: 40,
            total_fees_atomic: 2,
        });
        ChainBlock {
            hash: Hash([7; 32]),
            height,
            miner: "pool".into(),
            difficulty: one(),
            timestamp_ms: 0,
            ordered,
        }
    }

    fn verdict(height: u64, seen: Option<ChainBlock>) -> Verdict {
        judge(&block(height), seen.as_ref(), STABLE, "pool", 24)
    }

    #[test]
    fn a_block_stable_in_height_and_order_is_settled_with_reward_and_fees() {
        let settle = Verdict::Settle {
            amount_atomic: 42,
            topoheight: 150,
        };
        assert_eq!(verdict(100, Some(seen(100, Some(150)))), settle);
    }

    #[test]
    fn a_block_stable_in_only_one_of_height_and_order_waits() {
        assert_eq!(verdict(101, Some(seen(101, Some(150)))), Verdict::Wait);
        assert_eq!(verdict(100, Some(seen(100, Some(151)))), Verdict::Wait);
    }

    #[test]
    fn a_missing_block_is_given_up_only_past_the_margin() {
        assert_eq!(verdict(77, None), Verdict::Wait);
        assert_eq!(verdict(77, Some(seen(77, None))), Verdict::Wait);
        assert!(matches!(verdict(76, None), Verdict::Orphan { .. }));
        assert!(matches!(
            verdict(76, Some(seen(76, None))),
            Verdict::Orphan { .. }
        ));
    }

    #[test]
    fn a_block_ordered_above_stability_is_never_given_up() {
        assert_eq!(verdict(10, Some(seen(10, Some(200)))), Verdict::Wait);
    }

    #[test]
    fn a_block_of_another_miner_is_neither_settled_nor_given_up() {
        let foreign = ChainBlock {
            miner: "thief".into(),
            ..seen(10, Some(10))
        };
        let expected = Verdict::ForeignMiner {
            miner: "thief".into(),
        };
        assert_eq!(verdict(10, Some(foreign)), expected);
    }

    #[test]
    fn an_impossible_amount_is_not_believed() {
        let mut block = seen(10, Some(10));
        block.ordered = block.ordered.map(|o| OrderedBlock {
            miner_reward_atomic: u64::MAX,
            ..o
        });
        assert_eq!(verdict(10, Some(block)), Verdict::Wait);
    }
}
