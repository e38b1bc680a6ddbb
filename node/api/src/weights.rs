//! Frozen weights of the newest blocks, kept in memory: a page of rewards needs those of each block,
//! and everybody's page those of the same blocks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftpool_ledger::StateError;
use raftpool_ledger::view::{FrozenWeights, LedgerView};

/// Of how many of the newest blocks weights are kept. The ledger keeps those of ten times as many, and
/// what it has they are, so that an answer never rests on weights the ledger has forgotten.
const BLOCKS_MAX: u64 = 1_000;

/// Most records that are kept; each has at most 1,024 miners, in 24 bytes each.
const RECORDS_MAX: usize = 512;

/// A block and the first miner of a record.
type Place = (u64, u64);

/// Records that were read before.
#[derive(Default)]
pub(crate) struct WeightsKept {
    records: Mutex<BTreeMap<Place, Kept>>,
}

#[derive(Clone)]
struct Kept {
    /// No miner from the first one to this one is in another record.
    covers_to: u64,
    weights: Arc<FrozenWeights>,
}

impl WeightsKept {
    /// The weight a miner has in a block; 0 when it has none, or the ledger has forgotten.
    ///
    /// `blocks` is how many blocks there are as of the view.
    pub(crate) fn of(
        &self,
        view: &LedgerView<'_>,
        block: u64,
        miner: u64,
        blocks: u64,
    ) -> Result<u128, StateError> {
        let is_new = block.saturating_add(BLOCKS_MAX) > blocks;
        if is_new && let Some(weights) = self.known(block, miner) {
            return Ok(weights.of(miner));
        }
        let Some(weights) = view.weights_around(block, miner)? else {
            return Ok(0);
        };
        let weight = weights.of(miner);
        if is_new {
            self.keep(block, miner, weights);
        }
        Ok(weight)
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<Place, Kept>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, block: u64, miner: u64) -> Option<Arc<FrozenWeights>> {
        let records = self.records();
        let (_, kept) = records.range((block, 0)..=(block, miner)).next_back()?;
        (miner <= kept.covers_to).then(|| Arc::clone(&kept.weights))
    }

    /// When there is no room, what is of the oldest block goes.
    fn keep(&self, block: u64, miner: u64, weights: FrozenWeights) {
        let place = (block, weights.first_miner());
        let covers_to = weights.last_miner().max(miner);
        let mut records = self.records();
        if let Some(kept) = records.get_mut(&place) {
            kept.covers_to = kept.covers_to.max(covers_to);
            return;
        }
        let weights = Arc::new(weights);
        records.insert(place, Kept { covers_to, weights });
        if records.len() > RECORDS_MAX {
            records.pop_first();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
