//! What became of found blocks, by how many heights late they were.
//!
//! Added up from the blocks' own records whenever somebody asks, and over the newest ones only, so
//! that the read has a bound. A tally kept beside the records would be quicker to read, but nodes
//! of an older version would not keep it, and would differ from the others for ever.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
use row::block::End;

use super::{LedgerView, Result};
use crate::key;
use crate::record::each;
use crate::state::Direction;

/// Most blocks that are added up.
pub const LATENESS_BLOCKS_MAX: usize = 10_000;

/// Names of the classes of lateness, in heights. What is later than any grace may be is in the
/// last one.
pub const LATENESS_CLASSES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9+"];

/// Place of a lateness among [`LATENESS_CLASSES`].
pub fn lateness_class(heights_late: u64) -> usize {
    let last = LATENESS_CLASSES.len() - 1;
    usize::try_from(heights_late).map_or(last, |class| class.min(last))
}

/// The newest blocks by how late they were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lateness {
    /// How many blocks were added up.
    pub blocks: u64,
    /// Ledger time the oldest of them was recorded at; none without any.
    pub oldest_found_at_ms: Option<u64>,
    /// What became of them, in the order of [`LATENESS_CLASSES`].
    pub fates: [Fate; LATENESS_CLASSES.len()],
}

/// What became of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fate {
    /// Blocks the chain has not settled yet.
    pub maturing: u64,
    /// Blocks the chain paid.
    pub settled: u64,
    /// Blocks that were given up.
    pub orphaned: u64,
    /// What the settled ones paid.
    pub amount_atomic: u128,
}

impl Fate {
    fn add(&mut self, block: &row::Block) {
        match &block.end {
            None => self.maturing += 1,
            Some(End::Orphaned(_)) => self.orphaned += 1,
            Some(End::Settled(settled)) => {
                self.settled += 1;
                self.amount_atomic += u128::from(settled.amount_atomic);
            }
        }
    }
}

/// Lateness. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// What became of the newest blocks, [`LATENESS_BLOCKS_MAX`] at most.
    pub fn lateness(&self) -> Result<Lateness> {
        self.lateness_of(LATENESS_BLOCKS_MAX)
    }

    fn lateness_of(&self, blocks_max: usize) -> Result<Lateness> {
        let mut lateness = Lateness::default();
        let mut left = blocks_max;
        let range = key::blocks_below(None);
        each(
            self.state,
            range,
            Direction::Descending,
            |_, block: row::Block| {
                if left == 0 {
                    return Ok(ControlFlow::Break(()));
                }
                left -= 1;
                lateness.blocks += 1;
                lateness.oldest_found_at_ms = Some(block.found_at_ms);
                lateness.fates[lateness_class(block.heights_late.into())].add(&block);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(lateness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::command::Body;
    use crate::command::{OrphanBlock, RecordBlock};
    use crate::compose;
    use crate::testing::{
        MemoryCluster, change_settings, sample_settings, sample_share, settle_block,
    };

    /// Blocks found so many heights late, one a second; the even ones pay ten times their
    /// number, every third is given up.
    fn cluster(late: &[u32]) -> MemoryCluster {
        let cluster = MemoryCluster::new();
        let propose = |time_ms, body| {
            let command = compose("test", time_ms, body);
            cluster.propose_now(command).unwrap();
        };
        propose(1, change_settings(sample_settings()));
        for (number, heights_late) in (1_u8..).zip(late) {
            let record = Body::RecordBlock(RecordBlock {
                hash: vec![number; 32],
                share: Some(sample_share("a", 1, 100)),
                heights_late: *heights_late,
                ..RecordBlock::default()
            });
            propose(u64::from(number) * 1_000, record);
            if number % 2 == 0 {
                propose(1, settle_block([number; 32], 10 * u64::from(number), 1));
            } else if number % 3 == 0 {
                let hash = vec![number; 32];
                let reason = "test".into();
                let orphan = OrphanBlock {
                    hash,
                    reason,
                    keeps_weights: true,
                };
                propose(1, Body::OrphanBlock(orphan));
            }
        }
        cluster
    }

    #[test]
    fn blocks_are_added_up_by_their_lateness() {
        let state = cluster(&[0, 0, 3, 0, 9, 4_000, 8, 3]).state();
        let lateness = LedgerView::new(&state).lateness().unwrap();
        let fate = |maturing, settled, orphaned, amount_atomic| Fate {
            maturing,
            settled,
            orphaned,
            amount_atomic,
        };
        let mut fates = [Fate::default(); 10];
        fates[0] = fate(1, 2, 0, 60);
        fates[3] = fate(0, 1, 1, 80);
        fates[8] = fate(1, 0, 0, 0);
        fates[9] = fate(1, 1, 0, 60);
        assert_eq!((lateness.blocks, lateness.fates), (8, fates));
        assert_eq!(lateness.oldest_found_at_ms, Some(1_000));
    }

    #[test]
    fn only_the_newest_blocks_are_looked_at() {
        let state = cluster(&[1, 2, 3, 4, 5]).state();
        let lateness = LedgerView::new(&state).lateness_of(2).unwrap();
        assert_eq!(
            (lateness.blocks, lateness.oldest_found_at_ms),
            (2, Some(4_000))
        );
        let counted = |class: usize| lateness.fates[class] != Fate::default();
        assert_eq!((0..10).filter(|class| counted(*class)).count(), 2);
        assert!(counted(4) && counted(5));
        let empty = LedgerView::new(&state).lateness_of(0).unwrap();
        assert_eq!(empty, Lateness::default());
    }

    #[test]
    fn classes_end_where_no_grace_reaches() {
        assert_eq!(LATENESS_CLASSES[lateness_class(0)], "0");
        assert_eq!(LATENESS_CLASSES[lateness_class(8)], "8");
        assert_eq!(LATENESS_CLASSES[lateness_class(9)], "9+");
        assert_eq!(LATENESS_CLASSES[lateness_class(u64::MAX)], "9+");
    }
}
