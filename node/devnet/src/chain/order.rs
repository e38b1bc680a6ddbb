//! The order of the blocks: which tip is best, what it merges, and from where on nothing changes.
//!
//! The order is the best tip's past, each block after its tips and the tips best first. It is
//! rebuilt above the stable block after every change; what differs is undone and executed anew.

use std::collections::HashSet;

use raftpool_chain::Hash;
use serde_json::json;

use super::Chain;

/// How many places back a block looks for one of its own or a greater height to be a side block.
const SIDE_BLOCK_LOOKBACK: u64 = 24;

/// Fate of transactions that a reorder takes out of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unexecuted {
    /// They wait for the next block.
    ReturnToMempool,
    /// They are forgotten; only whoever has the bytes can send them again.
    Forget,
}

impl Unexecuted {
    pub(super) fn of(returns_to_mempool: bool) -> Self {
        if returns_to_mempool {
            Self::ReturnToMempool
        } else {
            Self::Forget
        }
    }
}

impl Chain {
    /// "Sync", "Side", "Normal" or "Orphaned".
    #[must_use]
    pub fn block_type(&self, hash: &Hash) -> &'static str {
        let Some(topoheight) = self.topoheight_of(hash) else {
            return "Orphaned";
        };
        if self.is_sync(topoheight, self.height()) {
            return "Sync";
        }
        let height = self.height_of(hash);
        let first = topoheight.saturating_sub(SIDE_BLOCK_LOOKBACK).max(1);
        let is_side = (first..topoheight)
            .filter_map(|before| self.placed(before))
            .any(|placed| self.height_of(&placed.hash) >= height);
        if is_side { "Side" } else { "Normal" }
    }

    /// Brings order, execution, stability, tips and mempool in line with the graph.
    pub(super) fn reorganize(&mut self, unexecuted: Unexecuted) {
        let Some(best) = self.best_tip() else { return };
        let wanted = self.order_above_stable(best);
        let first = self.stable_topoheight as usize + 1;
        let kept = wanted
            .iter()
            .zip(self.order.get(first..).unwrap_or_default())
            .take_while(|(hash, placed)| **hash == placed.hash)
            .count();
        let removed = self.unplace_from(first + kept);
        for hash in &wanted[kept..] {
            self.place(*hash);
            let topoheight = self.topoheights.get(hash);
            let fields = json!({
                "block_hash": hash.to_string(),
                "block_type": self.block_type(hash),
                "topoheight": topoheight,
            });
            self.tell("block_ordered", fields);
        }
        self.tell_orphans(&removed);
        self.settle_unexecuted(&removed, unexecuted);
        self.update_stable();
        self.prune_tips();
    }

    /// Finds the stable block anew.
    pub(super) fn update_stable(&mut self) {
        let height = self.height();
        self.stable_topoheight = (0..=self.topoheight())
            .rev()
            .find(|topoheight| self.is_sync(*topoheight, height))
            .unwrap_or(0);
    }

    /// Everything the tips of a new block add to the past of the best of them.
    pub(super) fn past_beyond_best(&self, best: &Hash, others: &[Hash]) -> Vec<Hash> {
        let floor = self.stable_height();
        let mut known = HashSet::new();
        self.collect_past(*best, floor, &mut known);
        let before: HashSet<Hash> = known.clone();
        for other in others {
            self.collect_past(*other, floor, &mut known);
        }
        known.difference(&before).copied().collect()
    }

    /// The tips a block may stand on, best first.
    pub(super) fn usable_tips(&self) -> Vec<Hash> {
        let is_usable =
            |tip: &Hash| !self.abandoned.contains(tip) && !self.stands_below_stable(&[*tip]);
        let mut tips: Vec<Hash> = self
            .tips
            .iter()
            .filter(|tip| is_usable(tip))
            .copied()
            .collect();
        self.sort_best_first(&mut tips);
        tips
    }

    fn best_tip(&self) -> Option<Hash> {
        self.usable_tips().first().copied()
    }

    fn is_sync(&self, topoheight: u64, top_height: u64) -> bool {
        let Some(placed) = self.placed(topoheight) else {
            return false;
        };
        let height = self.height_of(&placed.hash);
        if height == 0 {
            return true;
        }
        height + self.rules.stable_depth <= top_height
            && self
                .blocks_at_height(height)
                .iter()
                .all(|other| *other == placed.hash || !self.topoheights.contains_key(other))
    }

    fn collect_past(&self, from: Hash, floor: u64, past: &mut HashSet<Hash>) {
        let mut open = vec![from];
        while let Some(hash) = open.pop() {
            if !past.insert(hash) {
                continue;
            }
            if let Some(block) = self.blocks.get(&hash)
                && block.header.height > floor
            {
                open.extend_from_slice(&block.header.tips);
            }
        }
    }

    /// The best tip's past above the stable block: each block after its tips, tips best first.
    fn order_above_stable(&self, best: Hash) -> Vec<Hash> {
        let floor = self.stable_height();
        let mut ordered = Vec::new();
        let mut done = HashSet::new();
        let mut open = vec![(best, false)];
        while let Some((hash, tips_are_done)) = open.pop() {
            if tips_are_done {
                ordered.push(hash);
                continue;
            }
            let Some(block) = self.blocks.get(&hash) else {
                continue;
            };
            // A block merged late may be ordered above the stable block without being higher.
            let is_open = match self.topoheight_of(&hash) {
                Some(topoheight) => topoheight > self.stable_topoheight,
                None => block.header.height > floor,
            };
            if !is_open || !done.insert(hash) {
                continue;
            }
            open.push((hash, true));
            open.extend(block.header.tips.iter().rev().map(|tip| (*tip, false)));
        }
        ordered
    }

    fn tell_orphans(&mut self, removed: &[(u64, super::Placed)]) {
        for (old_topoheight, placed) in removed {
            if !self.topoheights.contains_key(&placed.hash) {
                let fields = json!({
                    "block_hash": placed.hash.to_string(),
                    "old_topoheight": old_topoheight,
                });
                self.tell("block_orphaned", fields);
            }
        }
    }

    /// Forgets tips that no template will merge any more.
    fn prune_tips(&mut self) {
        let height = self.height();
        let reach = self.rules.merge_depth;
        let best = self.top_hash();
        let mut tips = std::mem::take(&mut self.tips);
        tips.retain(|tip| *tip == best || self.height_of(tip) + reach > height);
        self.tips = tips;
    }
}
