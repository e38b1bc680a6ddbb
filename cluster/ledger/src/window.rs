//! The PPLNS window: a queue of scores that holds the newest work up to a bound.
//!
//! Each command appends one entry per miner. When the total exceeds the bound, the oldest
//! entries are removed and the last of them is shortened, so that the total is exactly the
//! bound. While there is less work than that, the window holds all there is, and a block's
//! reward is shared over what it holds. Sums per miner are kept along the way.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::apply::{ApplyError, Stop};
use crate::arithmetic::add_wide;
use crate::books::Books;
use crate::command::Settings;
use crate::invariant::broken;
use crate::record::{each, wide, wide_bytes};
use crate::score::SCORE_OF_A_BLOCK;
use crate::state::Direction;
use crate::{StateError, key};

/// Entries one command removes beyond as many as it appended. A window that was made much
/// smaller by new settings shrinks over the next commands instead of all at once, so that the
/// work of one command is bounded.
pub const ENTRIES_CUT_MAX: usize = 10_000;

/// The bound of the window, in scores.
pub fn window_score(settings: &Settings) -> u128 {
    u128::from(settings.pplns_window_milli) * SCORE_OF_A_BLOCK / 1_000
}

/// Appends `scores` by miner's number, one per miner, in their order, and cuts what exceeds the bound.
pub(crate) fn append(
    books: &mut Books<'_>,
    settings: &Settings,
    scores: &[(u64, u128)],
) -> Result<(), Stop> {
    let mut window: row::Window = books.get_or_default(&key::window())?;
    let mut total = wide(&window.total_score)?;
    let mut changes: BTreeMap<u64, Change> = BTreeMap::new();
    for &(miner, gained) in scores.iter().filter(|(_, score)| *score > 0) {
        let entry = row::WindowEntry {
            miner,
            score: wide_bytes(gained),
            index: books.entry.index,
            time_ms: books.time_ms,
        };
        books.put(key::window_entry(window.next_entry), &entry);
        window.next_entry += 1;
        total = add_wide(total, gained, "total of the window")?;
        changes.insert(entry.miner, Change { gained, lost: 0 });
    }
    let excess = total.saturating_sub(window_score(settings));
    let entries_max = ENTRIES_CUT_MAX + scores.len();
    total -= cut(books, &mut window, excess, entries_max, &mut changes)?;
    change_sums(books, changes)?;
    window.total_score = wide_bytes(total);
    books.put(key::window(), &window);
    Ok(())
}

/// What happens to one miner's sum.
#[derive(Default)]
struct Change {
    gained: u128,
    lost: u128,
}

/// Removes `excess` of the oldest work, looking at no more than `entries_max` entries; returns
/// how much it removed.
fn cut(
    books: &mut Books<'_>,
    window: &mut row::Window,
    excess: u128,
    entries_max: usize,
    changes: &mut BTreeMap<u64, Change>,
) -> Result<u128, Stop> {
    if excess == 0 {
        return Ok(0);
    }
    let mut left = excess;
    for (number, mut entry) in oldest(books, window.first_entry, excess, entries_max)? {
        let score = wide(&entry.score)?;
        let removed = score.min(left);
        left -= removed;
        if removed == score {
            books.delete(key::window_entry(number));
            window.first_entry = number + 1;
        } else {
            entry.score = wide_bytes(score - removed);
            books.put(key::window_entry(number), &entry);
        }
        // Entries hold no more than the total, which fits.
        changes.entry(entry.miner).or_default().lost += removed;
    }
    Ok(excess - left)
}

/// Brings the sums per miner up to date, each in one step.
fn change_sums(books: &mut Books<'_>, changes: BTreeMap<u64, Change>) -> Result<(), Stop> {
    for (miner, Change { gained, lost }) in changes {
        let key = key::window_sum(miner);
        let sum: row::Score = books.get_or_default(&key)?;
        let sum = add_wide(wide(&sum.score)?, gained, "score of a miner in the window")?;
        match sum.checked_sub(lost) {
            Some(0) => books.delete(key),
            Some(score) => books.put(
                key,
                &row::Score {
                    score: wide_bytes(score),
                },
            ),
            None => return Err(below_zero(miner, lost).into()),
        }
    }
    Ok(())
}

/// The oldest entries that together hold `wanted`, or the first `entries_max` of them.
fn oldest(
    books: &Books<'_>,
    first: u64,
    wanted: u128,
    entries_max: usize,
) -> Result<Vec<(u64, row::WindowEntry)>, StateError> {
    let mut found = 0_u128;
    let mut entries = Vec::new();
    let range = key::window_entries_from(first);
    each(
        books.state(),
        range,
        Direction::Ascending,
        |key, entry: row::WindowEntry| {
            found = found.saturating_add(wide(&entry.score)?);
            let number =
                key::number_after_kind(key).ok_or(crate::record::damaged("window entry"))?;
            entries.push((number, entry));
            let is_done = found >= wanted || entries.len() >= entries_max;
            Ok(if is_done {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        },
    )?;
    Ok(entries)
}

fn below_zero(miner: u64, lost: u128) -> ApplyError {
    broken(
        "L8",
        format!("miner {miner} would lose {lost}, more than its sum in the window"),
    )
}
