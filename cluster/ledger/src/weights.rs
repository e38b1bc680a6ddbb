//! Who shares a block's reward: the PPLNS window, frozen when the block was found.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::arithmetic::{basis_points, share_of};
use crate::books::Books;
use crate::command::Scheme;
use crate::invariant::broken;
use crate::record::{each, text, wide, wide_bytes};
use crate::state::Direction;
use crate::{StateError, StateRead, key};

/// Blocks whose weights are kept after they are final, counted in newer blocks, so that miners
/// can check what they got.
pub const BLOCKS_KEPT: u64 = 1_000;

/// A block's amount, split to the last unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// The pool's part.
    pub(crate) fee_atomic: u64,
    /// What each miner gets, in order of address; miners who get nothing are left out.
    pub(crate) parts: Vec<(String, u64)>,
    /// Sum of the weights that were read; nothing for a solo block.
    pub(crate) weights_total: u128,
}

/// Copies the window's sums to weights of the block; returns their total.
///
/// When the window is empty, because all work so far was too small to count, the finder is the
/// only one to weigh anything.
pub(crate) fn freeze(books: &mut Books<'_>, number: u64, finder: &str) -> Result<u128, Stop> {
    let mut sums = Vec::new();
    let mut total: u128 = 0;
    each(
        books.state(),
        key::window_sums(),
        Direction::Ascending,
        |key, sum: row::Score| {
            total = total.saturating_add(wide(&sum.score)?);
            sums.push((text(key::text_after_kind(key))?, sum));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    let window: row::Window = books.get_or_default(&key::window())?;
    let window_total = wide(&window.total_score)?;
    if total != window_total {
        return Err(broken(
            "L8",
            format!("miners hold {total}, the window {window_total}"),
        )
        .into());
    }
    if total == 0 {
        total = 1;
        sums.push((
            finder.to_owned(),
            row::Score {
                score: wide_bytes(1),
            },
        ));
    }
    for (miner, sum) in sums {
        books.put(key::block_weight(number, &miner), &sum);
    }
    Ok(total)
}

/// Forgets the weights of a block.
pub(crate) fn forget(books: &mut Books<'_>, number: u64) -> Result<(), Stop> {
    let mut keys = Vec::new();
    let (start, end) = key::block_weights(number);
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

/// Splits `amount_atomic` as the block's scheme, fee and weights say. All divisions round down;
/// what no part holds is left for the rounding account.
pub(crate) fn split(
    state: &dyn StateRead,
    block: &row::Block,
    amount_atomic: u64,
) -> Result<Split, StateError> {
    let fee_atomic = basis_points(amount_atomic, block.fee_bps);
    let shared = amount_atomic.saturating_sub(fee_atomic);
    if block.scheme() == Scheme::Solo {
        let parts = if shared > 0 {
            vec![(block.miner.clone(), shared)]
        } else {
            Vec::new()
        };
        return Ok(Split {
            fee_atomic,
            parts,
            weights_total: 0,
        });
    }
    let total = wide(&block.weights_total)?;
    let mut parts = Vec::new();
    let mut weights_total: u128 = 0;
    let range = key::block_weights(block.number);
    each(
        state,
        range,
        Direction::Ascending,
        |key, weight: row::Score| {
            let weight = wide(&weight.score)?;
            weights_total = weights_total.saturating_add(weight);
            let part = share_of(shared, weight, total);
            if part > 0 {
                parts.push((text(key::text_after_number(key))?, part));
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(Split {
        fee_atomic,
        parts,
        weights_total,
    })
}
