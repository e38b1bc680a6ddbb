//! Which batches of a node were applied: a repeated proposal changes nothing (promise P2).
//!
//! A node may have several proposals under way, so that they arrive in any order. The ledger
//! keeps one bit for each of the last [`WINDOW`] sequences behind the highest one. What lies
//! further behind cannot be told from a repetition and is refused.

use raftpool_proto::ledger as row;

use crate::Rejection;
use crate::apply::Stop;
use crate::books::Books;
use crate::command::BatchId;
use crate::key;
use crate::settings::invalid;

/// How many sequences behind the highest one are told apart.
pub const WINDOW: u64 = 4096;

const BITMAP_BYTES: usize = (WINDOW / 8) as usize;

/// Marks a batch as applied; false when it was applied before.
pub(crate) fn admit(books: &mut Books<'_>, batch: &BatchId) -> Result<bool, Stop> {
    for (field, number) in [
        ("node_id", batch.node_id),
        ("epoch", batch.epoch),
        ("sequence", batch.sequence),
    ] {
        if number == 0 {
            return Err(invalid(field, "must count from 1").into());
        }
    }
    let key = key::node(batch.node_id);
    let mut node: row::Node = books.get_or_default(&key)?;
    if batch.epoch < node.epoch {
        return Err(Rejection::OldEpoch {
            node_id: batch.node_id,
            epoch: batch.epoch,
            newest: node.epoch,
        }
        .into());
    }
    if batch.epoch > node.epoch {
        node = row::Node {
            epoch: batch.epoch,
            ..Default::default()
        };
    }
    if batch.sequence.saturating_add(WINDOW) <= node.highest {
        let BatchId {
            node_id, sequence, ..
        } = *batch;
        return Err(Rejection::OldSequence { node_id, sequence }.into());
    }
    if !mark(&mut node, batch.sequence) {
        return Ok(false);
    }
    books.put(key, &node);
    Ok(true)
}

/// Sets the bit of a sequence inside the window; false when it was set.
fn mark(node: &mut row::Node, sequence: u64) -> bool {
    node.applied.resize(BITMAP_BYTES, 0);
    if sequence > node.highest {
        // The bits between belong to sequences that fall out of the window with this step.
        if sequence - node.highest >= WINDOW {
            node.applied.fill(0);
        } else {
            for skipped in node.highest + 1..=sequence {
                let (byte, bit) = place(skipped);
                node.applied[byte] &= !bit;
            }
        }
        node.highest = sequence;
    }
    let (byte, bit) = place(sequence);
    let is_new = node.applied[byte] & bit == 0;
    node.applied[byte] |= bit;
    is_new
}

fn place(sequence: u64) -> (usize, u8) {
    let position = sequence % WINDOW;
    ((position / 8) as usize, 1 << (position % 8))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set that forgets nothing.
        #[test]
        fn bitmap_remembers_every_sequence_of_the_window(
            steps in prop::collection::vec((any::<bool>(), 0..2 * WINDOW), 1..200)
        ) {
            let mut node = row::Node { epoch: 1, ..Default::default() };
            let mut seen = BTreeSet::new();
            for (ahead, distance) in steps {
                let sequence = if ahead {
                    node.highest + 1 + distance
                } else {
                    node.highest.saturating_sub(distance % WINDOW).max(1)
                };
                prop_assert_eq!(mark(&mut node, sequence), seen.insert(sequence));
            }
        }
    }
}
