//! What the network's blocks pay in fees, as samples that anybody can check against the chain.
//!
//! Schemes that pay for expected fees need a figure that everybody can recompute. The leader walks
//! the stable blocks of the whole network in their order and publishes the sums of each stretch.
//! The newest samples are kept, and their average is
//!
//! 1. the samples sorted by their mean fees per block, the earlier one first where those are equal;
//! 2. a tenth of them, rounded down, left out at either end, so that a few absurd blocks move it
//!    by no more than the next ordinary ones would;
//! 3. the sum of the fees of the others over the sum of their blocks, rounded down.
//!
//! `testdata/network_fees.txt` works an example out, and is a test. The average is kept in a record
//! of its own that changes only with a sample: crediting a share reads nothing else.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::Books;
use crate::command::PublishNetworkSample;
use crate::invariant::MAX_SUPPLY_ATOMIC;
use crate::record::{each, load};
use crate::settings::invalid;
use crate::state::Direction;
use crate::{Outcome, Rejection, StateError, StateRead, key};

/// Most blocks that the samples together cover: a day at 5 seconds a block.
pub const NETWORK_BLOCKS_KEPT: u64 = 17_280;
/// Most samples that are kept, should they be shorter than usual.
pub const NETWORK_SAMPLES_KEPT: u64 = 1_440;
/// Most blocks of one sample.
pub const SAMPLE_BLOCKS_MAX: u64 = 1_440;

/// Part of the samples that is left out at either end: one in so many.
const TRIMMED: usize = 10;

/// The published average of the fees of a block, in atomic units; 0 while there is no sample.
pub(crate) fn average_fees_atomic(state: &dyn StateRead) -> Result<u64, StateError> {
    let fees: Option<row::NetworkFees> = load(state, &key::network_fees())?;
    Ok(fees.unwrap_or_default().average_fees_atomic)
}

pub(crate) fn publish(
    books: &mut Books<'_>,
    command: &PublishNetworkSample,
) -> Result<Outcome, Stop> {
    check(command)?;
    let sample = row::NetworkSample {
        first_topoheight: command.first_topoheight,
        last_topoheight: command.last_topoheight,
        fees_atomic: command.fees_atomic,
        rewards_atomic: command.rewards_atomic,
        fees_max_atomic: command.fees_max_atomic,
        unreadable_blocks: command.unreadable_blocks,
        published_at_ms: books.time_ms,
    };
    let present: Option<row::NetworkFees> = books.get(&key::network_fees())?;
    match present {
        None if command.unreadable_blocks != 0 => {
            return Err(invalid("unreadable_blocks", "must be 0 in the first sample").into());
        }
        None => {}
        Some(fees) if !follows(books, &fees, &sample)? => {
            return Ok(Outcome::NetworkSamplePublished);
        }
        Some(_) => {}
    }
    books.put(key::network_sample(sample.first_topoheight), &sample);
    keep_newest(books)?;
    Ok(Outcome::NetworkSamplePublished)
}

fn check(sample: &PublishNetworkSample) -> Result<(), Rejection> {
    if !(1..=SAMPLE_BLOCKS_MAX).contains(&sample.blocks) {
        return Err(invalid("blocks", "must be 1 to 1440"));
    }
    let last = sample.first_topoheight.checked_add(sample.blocks - 1);
    if last != Some(sample.last_topoheight) || last == Some(u64::MAX) {
        return Err(invalid(
            "last_topoheight",
            "must be first_topoheight + blocks - 1",
        ));
    }
    for (field, amount) in [
        ("fees_atomic", sample.fees_atomic),
        ("rewards_atomic", sample.rewards_atomic),
    ] {
        if amount > MAX_SUPPLY_ATOMIC {
            return Err(invalid(field, "must be at most the whole supply"));
        }
    }
    let mean_at_most = u128::from(sample.fees_max_atomic) * u128::from(sample.blocks);
    if sample.fees_max_atomic > sample.fees_atomic || u128::from(sample.fees_atomic) > mean_at_most
    {
        return Err(invalid(
            "fees_max_atomic",
            "must be the largest part of fees_atomic",
        ));
    }
    Ok(())
}

/// Whether the sample is the next one; false when it is known already, and then nothing changes.
fn follows(
    books: &Books<'_>,
    fees: &row::NetworkFees,
    sample: &row::NetworkSample,
) -> Result<bool, Stop> {
    let (given, expected) = (
        sample.first_topoheight,
        fees.last_topoheight.saturating_add(1),
    );
    match given.checked_sub(expected) {
        Some(gap) if gap == sample.unreadable_blocks => Ok(true),
        Some(_) => Err(Rejection::NetworkSampleGap { given, expected }.into()),
        None => {
            let known: Option<row::NetworkSample> = books.get(&key::network_sample(given))?;
            let is_same = known.is_some_and(|known| {
                let published_at_ms = sample.published_at_ms;
                *sample
                    == row::NetworkSample {
                        published_at_ms,
                        ..known
                    }
            });
            match is_same {
                true => Ok(false),
                false => Err(Rejection::NetworkSampleOverlap { given, expected }.into()),
            }
        }
    }
}

/// Drops the oldest samples above the bounds, and sums up those that stay.
fn keep_newest(books: &mut Books<'_>) -> Result<(), Stop> {
    let mut kept = all(books.state())?;
    let mut blocks: u64 = kept.iter().map(blocks_of).sum();
    let mut dropped = 0;
    while blocks > NETWORK_BLOCKS_KEPT || (kept.len() - dropped) as u64 > NETWORK_SAMPLES_KEPT {
        let oldest = &kept[dropped];
        books.delete(key::network_sample(oldest.first_topoheight));
        blocks -= blocks_of(oldest);
        dropped += 1;
    }
    kept.drain(..dropped);
    books.put(key::network_fees(), &summary(&kept));
    Ok(())
}

/// Every sample, oldest first.
pub(crate) fn all(state: &dyn StateRead) -> Result<Vec<row::NetworkSample>, StateError> {
    let mut samples = Vec::new();
    let range = key::network_samples_below(None);
    each(state, range, Direction::Ascending, |_, sample| {
        samples.push(sample);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(samples)
}

/// What the samples, oldest first, say together.
pub(crate) fn summary(samples: &[row::NetworkSample]) -> row::NetworkFees {
    let counted = counted(samples);
    let blocks: u64 = counted.iter().copied().map(blocks_of).sum();
    // At most 17,280 blocks, each of at most the supply: a little below 2^65.
    let fees: u128 = counted
        .iter()
        .map(|sample| u128::from(sample.fees_atomic))
        .sum();
    row::NetworkFees {
        average_fees_atomic: average(fees, blocks),
        samples: samples.len() as u64,
        blocks: samples.iter().map(blocks_of).sum(),
        first_topoheight: samples.first().map_or(0, |sample| sample.first_topoheight),
        last_topoheight: samples.last().map_or(0, |sample| sample.last_topoheight),
    }
}

/// The samples that are not left out, by their mean fees.
pub(crate) fn counted(samples: &[row::NetworkSample]) -> Vec<&row::NetworkSample> {
    let mut sorted: Vec<&row::NetworkSample> = samples.iter().collect();
    sorted.sort_by(|one, other| {
        // The means compared without a division.
        let left = u128::from(one.fees_atomic) * u128::from(blocks_of(other));
        let right = u128::from(other.fees_atomic) * u128::from(blocks_of(one));
        left.cmp(&right)
            .then(one.first_topoheight.cmp(&other.first_topoheight))
    });
    let left_out = sorted.len() / TRIMMED;
    sorted[left_out..sorted.len() - left_out].to_vec()
}

fn average(fees: u128, blocks: u64) -> u64 {
    let average = fees.checked_div(u128::from(blocks)).unwrap_or(0);
    // No mean is above the largest fees, which fit.
    u64::try_from(average).unwrap_or(u64::MAX)
}

pub(crate) fn blocks_of(sample: &row::NetworkSample) -> u64 {
    sample.last_topoheight - sample.first_topoheight + 1
}
