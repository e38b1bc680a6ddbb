//! What a block's facts mean: a pure function, so that every case has a test.

use raftpool_chain::{ChainBlock, ChainInfo, OrderedBlock};
use raftpool_ledger::view::Block;

/// Up to where the chain is final, and from where on it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stable {
    pub(super) height: u64,
    pub(super) topoheight: u64,
    /// Blocks below this position may be gone.
    pub(super) pruned_topoheight: u64,
}

impl Stable {
    pub(super) fn of(info: &ChainInfo) -> Self {
        Self {
            height: info.stable_height,
            topoheight: info.stable_topoheight,
            pruned_topoheight: info.pruned_topoheight.unwrap_or(0),
        }
    }

    pub(super) fn of_both(one: &ChainInfo, other: &ChainInfo) -> Self {
        let (one, other) = (Self::of(one), Self::of(other));
        Self {
            height: one.height.min(other.height),
            topoheight: one.topoheight.min(other.topoheight),
            pruned_topoheight: one.pruned_topoheight.max(other.pruned_topoheight),
        }
    }
}

/// What a block is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// How far the daemon's word is final.
    pub(super) tip: Stable,
    /// Whom a block of the pool pays.
    pub(super) pool_address: &'a str,
    /// Heights past stability before a missing block may be given up.
    pub(super) margin_heights: u64,
    /// Most that a block creates for its miner.
    pub(super) reward_max_atomic: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too early, or not clear.
    Wait,
    /// The chain paid this for good; the fees are part of the amount.
    Settle {
        amount_atomic: u64,
        fees_atomic: u64,
        topoheight: u64,
    },
    /// Missing far past stability, as far as this one look goes.
    Orphan { reason: String },
    /// The block exists, but pays somebody else.
    ForeignMiner { miner: String },
    /// Another daemon that can be trusted says something else.
    Disagreement { daemon: String, detail: String },
    /// More than any block creates; whatever answered is not to be believed.
    Implausible { reward_atomic: u64, max_atomic: u64 },
    /// More fees than one daemon's word is enough for.
    ImplausibleFees { fees_atomic: u64 },
    /// A daemon of the configuration cannot be asked whether it misses the block as well.
    Unasked { daemon: String, problem: String },
    /// Missing, but the daemon does not know blocks that old any more.
    Pruned { pruned_topoheight: u64 },
}

/// Most fees that are believed when one daemon says so and no other one agrees: 5 XEL. A full
/// transaction (255 payees, 84 KiB) costs its miner 0.02 XEL, and 0.28 XEL if all its payees are
/// new; a mebibyte holds a dozen of these, so that only large tips come to more. Without a bound
/// one wrong daemon could make the pool owe more than it has.
pub(super) const FEES_OF_ONE_DAEMON_MAX_ATOMIC: u64 = 500_000_000;

impl Verdict {
    /// The verdict when no second daemon shares it.
    pub(super) fn of_one_daemon(self) -> Self {
        match self {
            Self::Settle { fees_atomic, .. } if fees_atomic > FEES_OF_ONE_DAEMON_MAX_ATOMIC => {
                Self::ImplausibleFees { fees_atomic }
            }
            verdict => verdict,
        }
    }
}

/// Judges a recorded block by what a synced daemon says of it; `seen` is `None` when the daemon
/// does not know it, as is also the case for a block it refused when it was submitted.
pub(super) fn judge(block: &Block, seen: Option<&ChainBlock>, rules: &Rules<'_>) -> Verdict {
    let stable = rules.tip;
    if let Some(seen) = seen
        && seen.miner != rules.pool_address
    {
        return Verdict::ForeignMiner {
            miner: seen.miner.clone(),
        };
    }
    // A block lies at a topoheight of at least its height, so one that is as high as what is
    // pruned cannot be among it.
    let may_be_pruned = seen.is_none() && block.height < stable.pruned_topoheight;
    let height = seen.map_or(block.height, |seen| seen.height.max(block.height));
    match seen.and_then(|seen| seen.ordered) {
        Some(ordered) if height <= stable.height && ordered.topoheight <= stable.topoheight => {
            settle(ordered, rules.reward_max_atomic)
        }
        Some(_) => Verdict::Wait,
        None if may_be_pruned => Verdict::Pruned {
            pruned_topoheight: stable.pruned_topoheight,
        },
        None if height.saturating_add(rules.margin_heights) <= stable.height => {
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

fn settle(ordered: OrderedBlock, max_atomic: u64) -> Verdict {
    let reward_atomic = ordered.miner_reward_atomic;
    match reward_atomic.checked_add(ordered.total_fees_atomic) {
        Some(amount_atomic) if reward_atomic <= max_atomic => Verdict::Settle {
            amount_atomic,
            fees_atomic: ordered.total_fees_atomic,
            topoheight: ordered.topoheight,
        },
        _ => Verdict::Implausible {
            reward_atomic,
            max_atomic,
        },
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
        pruned_topoheight: 20,
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
            expected_atomic: 0,
            fee_bps: 0,
            weights_total: 0,
            is_reopened: false,
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
        let rules = Rules {
            tip: STABLE,
            pool_address: "pool",
            margin_heights: 24,
            reward_max_atomic: 40,
        };
        judge(&block(height), seen.as_ref(), &rules)
    }

    #[test]
    fn a_block_stable_in_height_and_order_is_settled_with_reward_and_fees() {
        let settle = Verdict::Settle {
            amount_atomic: 42,
            fees_atomic: 2,
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
    fn more_than_the_chain_creates_is_not_believed() {
        for (reward_atomic, fees_atomic) in [(41, 0), (u64::MAX, 0), (40, u64::MAX)] {
            let mut block = seen(10, Some(10));
            block.ordered = block.ordered.map(|o| OrderedBlock {
                miner_reward_atomic: reward_atomic,
                total_fees_atomic: fees_atomic,
                ..o
            });
            let expected = Verdict::Implausible {
                reward_atomic,
                max_atomic: 40,
            };
            assert_eq!(verdict(10, Some(block)), expected);
        }
    }

    #[test]
    fn a_block_that_may_be_pruned_is_never_given_up() {
        let pruned = Verdict::Pruned {
            pruned_topoheight: 20,
        };
        assert_eq!(verdict(19, None), pruned);
        assert!(matches!(verdict(20, None), Verdict::Orphan { .. }));
        assert!(matches!(
            verdict(19, Some(seen(19, None))),
            Verdict::Orphan { .. }
        ));
    }
}
