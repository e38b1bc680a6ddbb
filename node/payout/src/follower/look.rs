//! What one look at all maturing blocks has shown that an operator must know.

use std::collections::BTreeMap;

use raftpool_ledger::view::Block;

use super::verdict::Verdict;
use crate::alarm::{AlarmKind, Alarms};
use crate::obstacle::Obstacle;

/// Alarms that a verdict about a block can be the reason for.
const KINDS: [AlarmKind; 5] = [
    AlarmKind::ForeignMiner,
    AlarmKind::DaemonsDisagree,
    AlarmKind::ImplausibleReward,
    AlarmKind::HistoryPruned,
    AlarmKind::DaemonMissing,
];

/// The alarms and the obstacle of one look.
#[derive(Default)]
pub(super) struct Look {
    alarms: BTreeMap<AlarmKind, String>,
    /// What kept a block from being judged at all.
    pub(super) problem: Option<Obstacle>,
}

impl Look {
    /// Notes a verdict that leaves the block as it is.
    pub(super) fn note(&mut self, block: &Block, verdict: &Verdict) {
        let block = hex::encode(block.hash);
        let (kind, detail) = match verdict {
            Verdict::Wait | Verdict::Settle { .. } | Verdict::Orphan { .. } => return,
            Verdict::ForeignMiner { miner } => (
                AlarmKind::ForeignMiner,
                format!("block {block} pays {miner}"),
            ),
            Verdict::Disagreement { daemon, detail } => (
                AlarmKind::DaemonsDisagree,
                format!(
                    "block {block} waits: {daemon} says that {detail}; find out which daemon is \
                     wrong and take it out of the configuration"
                ),
            ),
            Verdict::Implausible {
                reward_atomic,
                max_atomic,
            } => (
                AlarmKind::ImplausibleReward,
                format!(
                    "block {block} waits: the daemon says that it pays {reward_atomic}, and no \
                     block creates more than {max_atomic}"
                ),
            ),
            Verdict::ImplausibleFees { fees_atomic } => (
                AlarmKind::ImplausibleReward,
                format!(
                    "block {block} waits: one daemon says that its fees are {fees_atomic}; \
                     configure a second one that agrees, or look at the block's transactions"
                ),
            ),
            Verdict::Unasked { daemon, problem } => (
                AlarmKind::DaemonMissing,
                format!(
                    "block {block} is missing and waits for {daemon} to say so too ({problem}): \
                     mend it, or take it out of the configuration"
                ),
            ),
            Verdict::Pruned { pruned_topoheight } => (
                AlarmKind::HistoryPruned,
                format!(
                    "block {block} waits: the daemon does not know it, and has pruned everything \
                     below topoheight {pruned_topoheight}; configure one that has not"
                ),
            ),
        };
        self.alarms.insert(kind, detail);
    }

    pub(super) fn fail(&mut self, obstacle: Obstacle) {
        self.problem = Some(obstacle);
    }

    /// Raises what was seen. What was not seen is over only when every block was judged.
    pub(super) fn show(&self, alarms: &Alarms, now_ms: u64) {
        for kind in KINDS {
            match self.alarms.get(&kind) {
                Some(detail) => alarms.raise(kind, detail.clone(), now_ms),
                None if self.problem.is_none() => alarms.clear(kind),
                None => {}
            }
        }
    }
}
