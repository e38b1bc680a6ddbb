//! Who shares a block's reward: the PPLNS window, frozen when the block was found.
//!
//! Weights are kept by number of the miner, many in a record, because a window may hold a hundred
//! thousand miners and is frozen in one command.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::Books;
use crate::invariant::broken;
use crate::key;
use crate::record::{damaged, each, page, wide};
use crate::state::Direction;
use crate::{StateError, StateRead};

/// Blocks whose weights are kept after they are final, counted in newer blocks, so that miners
/// can check what they got. What they got stays in the journal for ever.
pub const BLOCKS_KEPT: u64 = 10_000;

/// Miners in one record of weights, and so in one step of handing a block out.
pub const MINERS_PER_STEP: usize = 1_024;

/// Bytes of one score.
const SCORE_BYTES: usize = 16;

/// A miner's number and weight.
pub(crate) type Weight = (u64, u128);

/// Copies the window's sums to weights of the block; returns their total.
///
/// When the window is empty, because all work so far was too small to count, the finder is the
/// only one to weigh anything.
pub(crate) fn freeze(books: &mut Books<'_>, number: u64, finder: &str) -> Result<u128, Stop> {
    let mut sums: Vec<Weight> = Vec::new();
    let mut total: u128 = 0;
    each(
        books.state(),
        key::window_sums(),
        Direction::Ascending,
        |key, sum: row::Score| {
            let score = wide(&sum.score)?;
            total = total.saturating_add(score);
            let miner = key::number_after_kind(key).ok_or_else(|| damaged("sum of a window"))?;
            sums.push((miner, score));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    let window: row::Window = books.get_or_default(&key::window())?;
    let window_total = wide(&window.total_score)?;
    if total != window_total {
        let detail = format!("miners hold {total}, the window {window_total}");
        return Err(broken("L8", detail).into());
    }
    if total == 0 {
        total = 1;
        let finder: row::Miner = books.get_or_default(&key::miner(finder))?;
        sums.push((finder.number, 1));
    }
    for part in sums.chunks(MINERS_PER_STEP) {
        let first = part.first().map_or(0, |(miner, _)| *miner);
        books.put(key::block_weights(number, first), &encode(part));
    }
    Ok(total)
}

fn encode(part: &[Weight]) -> row::Weights {
    let mut weights = row::Weights::default();
    for (miner, score) in part {
        weights.miners.push(*miner);
        weights.scores.extend_from_slice(&score.to_be_bytes());
    }
    weights
}

fn decode(weights: &row::Weights) -> Result<Vec<Weight>, StateError> {
    let (scores, rest) = weights.scores.as_chunks::<SCORE_BYTES>();
    if scores.len() != weights.miners.len() || !rest.is_empty() {
        return Err(damaged("weights"));
    }
    let scores = scores.iter().map(|score| u128::from_be_bytes(*score));
    Ok(weights.miners.iter().copied().zip(scores).collect())
}

/// Weights of a block in order of the miners' numbers: up to `records` records of them, which
/// begin at the number `first` or later.
pub(crate) fn read(
    state: &dyn StateRead,
    number: u64,
    first: u64,
    records: usize,
) -> Result<Vec<Vec<Weight>>, StateError> {
    let range = key::block_weights_from(number, first);
    page(state, range, Direction::Ascending, records, |_, weights| {
        decode(&weights)
    })
}

/// Visits every weight of a block.
pub(crate) fn each_weight(
    state: &dyn StateRead,
    number: u64,
    mut visit: impl FnMut(Weight) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let range = key::block_weights_from(number, 0);
    each(
        state,
        range,
        Direction::Ascending,
        |_, weights: row::Weights| {
            decode(&weights)?.into_iter().try_for_each(&mut visit)?;
            Ok(ControlFlow::Continue(()))
        },
    )
}

/// A record of a block's frozen weights: those of up to [`MINERS_PER_STEP`] miners.
///
/// It never changes, and is forgotten when [`BLOCKS_KEPT`] newer blocks are found, or when its block is
/// given up for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenWeights {
    /// In order.
    miners: Vec<u64>,
    /// As many scores, in the same order.
    scores: Vec<u8>,
}

impl FrozenWeights {
    fn read(row: row::Weights) -> Result<Self, StateError> {
        match row.scores.len() == row.miners.len() * SCORE_BYTES && row.miners.is_sorted() {
            true => Ok(Self {
                miners: row.miners,
                scores: row.scores,
            }),
            false => Err(damaged("weights")),
        }
    }

    /// The smallest number of its miners.
    pub fn first_miner(&self) -> u64 {
        self.miners.first().copied().unwrap_or_default()
    }

    /// The largest number of its miners.
    pub fn last_miner(&self) -> u64 {
        self.miners.last().copied().unwrap_or_default()
    }

    /// The weight of the miner of this number; 0 when it has none.
    pub fn of(&self, miner_number: u64) -> u128 {
        let (scores, _) = self.scores.as_chunks::<SCORE_BYTES>();
        let place = self.miners.binary_search(&miner_number).ok();
        let score = place.and_then(|place| scores.get(place));
        score.map_or(0, |score| u128::from_be_bytes(*score))
    }
}

/// The only record that can have the weight of one miner: the last one that begins at or below it.
pub(crate) fn around(
    state: &dyn StateRead,
    number: u64,
    miner: u64,
) -> Result<Option<FrozenWeights>, StateError> {
    let range = key::block_weights_up_to(number, miner);
    let found = page(state, range, Direction::Descending, 1, |_, weights| {
        FrozenWeights::read(weights)
    })?;
    Ok(found.into_iter().next())
}

/// The weight of one miner; 0 without one.
pub(crate) fn of_miner(state: &dyn StateRead, number: u64, miner: u64) -> Result<u128, StateError> {
    let found = around(state, number, miner)?;
    Ok(found.map_or(0, |weights| weights.of(miner)))
}

/// Forgets the weights of a block.
pub(crate) fn forget(books: &mut Books<'_>, number: u64) -> Result<(), Stop> {
    let mut keys = Vec::new();
    let (start, end) = key::block_weights_from(number, 0);
    books
        .state()
        .scan(&start, &end, Direction::Ascending, &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
    for key in keys {
        books.delete(key);
    }
    Ok(())
}

/// The sum of a frozen window, as the block's record has it.
pub(crate) fn total(block: &row::Block) -> Result<u128, StateError> {
    wide(&block.weights_total)
}
