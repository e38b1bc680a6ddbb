//! Digests of the ledger at certain indexes, by which nodes are compared.
//!
//! They are kept in memory only: after a restart the next ones serve as well, because the digest
//! runs over everything that was ever applied.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// A checkpoint is taken at every index that is a multiple of this; all nodes take the same ones.
const INTERVAL: u64 = 64;
/// Newest checkpoints kept; a node further behind than they reach is compared at later ones.
const KEPT_MAX: usize = 256;

/// The ledger's digest right after the entry at an index. Nodes that applied the same log have the
/// same digest at the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Index of the entry, a multiple of 64.
    pub index: u64,
    /// The running digest over every change up to there.
    pub digest: [u8; 32],
}

/// The newest checkpoints of a node, oldest first.
#[derive(Debug, Default)]
pub(super) struct Checkpoints(Mutex<VecDeque<Checkpoint>>);

impl Checkpoints {
    /// Whether a checkpoint is taken at `index`.
    pub(super) fn is_due(index: u64) -> bool {
        index.is_multiple_of(INTERVAL)
    }

    /// Adds checkpoints, in rising order of index.
    pub(super) fn extend(&self, taken: Vec<Checkpoint>) {
        let mut kept = self.0.lock();
        kept.extend(taken);
        let surplus = kept.len().saturating_sub(KEPT_MAX);
        kept.drain(..surplus);
    }

    /// Forgets what lies above `index`: the state goes on from there.
    pub(super) fn keep_up_to(&self, index: Option<u64>) {
        self.0
            .lock()
            .retain(|checkpoint| Some(checkpoint.index) <= index);
    }

    pub(super) fn all(&self) -> Vec<Checkpoint> {
        self.0.lock().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u64) -> Checkpoint {
        let digest = [0; 32];
        Checkpoint { index, digest }
    }

    #[test]
    fn newest_checkpoints_are_kept_and_those_above_a_snapshot_forgotten() {
        let checkpoints = Checkpoints::default();
        checkpoints.extend((0..300).map(|number| at(number * 64)).collect());
        let kept = checkpoints.all();
        assert_eq!((kept.len(), kept[0].index), (256, 44 * 64));
        checkpoints.keep_up_to(Some(100 * 64));
        assert_eq!(checkpoints.all().last(), Some(&at(100 * 64)));
        assert_eq!(checkpoints.all().len(), 57);
        checkpoints.keep_up_to(None);
        assert_eq!(checkpoints.all(), []);
    }
}
