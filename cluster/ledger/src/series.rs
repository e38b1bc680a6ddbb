//! Work over time: what was accepted and what was refused, of the pool, of each miner and of each
//! worker, in spans of ten minutes, hours and days.
//!
//! The running ten minutes are in the owner's own record, which a share changes anyway, so that a
//! share costs no further write. With the owner's next work after they are over they are written
//! once, added to their hour and their day, and what is too old is forgotten. Days stay for ever,
//! so that an owner's days and running minutes add up to all it ever did.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::StateError;
use crate::apply::Stop;
use crate::arithmetic::{add, add_wide};
use crate::books::Books;
use crate::key;
use crate::record::{wide, wide_bytes};
use crate::state::Direction;

/// How long a span of a series is. Spans begin at multiples of their length since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Ten minutes; a day of them is kept.
    TenMinutes,
    /// An hour; 31 days of them are kept.
    Hour,
    /// A day of UTC; kept for ever.
    Day,
}

impl Step {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::TenMinutes, Self::Hour, Self::Day];

    /// The length of a span in milliseconds.
    pub const fn length_ms(self) -> u64 {
        match self {
            Self::TenMinutes => 600_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// How many spans before the running one are kept; all when none.
    const fn kept(self) -> Option<u64> {
        match self {
            Self::TenMinutes => Some(144),
            Self::Hour => Some(31 * 24),
            Self::Day => None,
        }
    }

    /// The number of the span a moment is in.
    pub(crate) const fn number_at(self, time_ms: u64) -> u64 {
        time_ms / self.length_ms()
    }

    /// The number of the oldest span that is kept at a moment.
    pub(crate) fn oldest_at(self, time_ms: u64) -> u64 {
        let kept = self.kept().unwrap_or(u64::MAX);
        self.number_at(time_ms).saturating_sub(kept)
    }
}

/// The length of the spans that are kept in the owner's record while they run.
pub(crate) const FINEST: Step = Step::TenMinutes;

/// Whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    Pool,
    /// By number.
    Miner(u64),
    /// By the miner's number and the worker's name.
    Worker(u64, &'a str),
}

/// Accepted shares that are booked together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) shares: u64,
    pub(crate) work: u128,
}

impl Work {
    pub(crate) fn add(&mut self, difficulty: u64) {
        // A batch holds at most 2^16 shares of at most 2^64 each.
        self.shares += 1;
        self.work += u128::from(difficulty);
    }
}

/// How often shares were refused, by reason.
pub(crate) type Rejects = BTreeMap<i32, u64>;

/// Books what was accepted and refused now; closes the running span first if it is over.
pub(crate) fn book(
    books: &mut Books<'_>,
    owner: Owner<'_>,
    running: &mut Option<row::RunningSpan>,
    work: Work,
    rejects: &Rejects,
) -> Result<(), Stop> {
    let running = running.get_or_insert_default();
    let number = FINEST.number_at(books.time_ms);
    if running.number != number {
        close(books, owner, running)?;
        *running = row::RunningSpan { number, span: None };
    }
    let span = running.span.get_or_insert_default();
    span.shares = add(span.shares, work.shares, "shares of a span")?;
    span.work = wide_bytes(add_wide(wide(&span.work)?, work.work, "work of a span")?);
    count(&mut span.rejects, rejects);
    Ok(())
}

fn close(books: &mut Books<'_>, owner: Owner<'_>, running: &row::RunningSpan) -> Result<(), Stop> {
    let Some(span) = &running.span else {
        return Ok(());
    };
    let start_ms = start_of(running);
    for step in Step::ALL {
        let key = key::span(owner, step, step.number_at(start_ms));
        books.change(key, |kept: &mut row::Span| {
            merge(kept, span).map_err(Stop::from)
        })?;
        forget(books, owner, step)?;
    }
    Ok(())
}

/// Deletes the spans of an owner that are too old to be kept.
fn forget(books: &mut Books<'_>, owner: Owner<'_>, step: Step) -> Result<(), Stop> {
    let oldest = step.oldest_at(books.time_ms);
    if oldest == 0 {
        return Ok(());
    }
    let (start, end) = key::spans_before(owner, step, oldest);
    let mut old = Vec::new();
    books
        .state()
        .scan(&start, &end, Direction::Ascending, &mut |key, _| {
            old.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
    for key in old {
        books.delete(key);
    }
    Ok(())
}

/// When a running span began.
pub(crate) fn start_of(running: &row::RunningSpan) -> u64 {
    running.number.saturating_mul(FINEST.length_ms())
}

/// Adds one span to another.
pub(crate) fn merge(into: &mut row::Span, span: &row::Span) -> Result<(), StateError> {
    // What was booked once cannot overflow here: the owner's totals were checked.
    into.shares = into.shares.saturating_add(span.shares);
    into.work = wide_bytes(wide(&into.work)?.saturating_add(wide(&span.work)?));
    count(&mut into.rejects, &span.rejects);
    Ok(())
}

/// Adds counts by reason.
pub(crate) fn count(into: &mut Rejects, counts: &Rejects) {
    // Counts come from nodes and pay nothing: they may stay at their largest value.
    for (reason, count) in counts {
        let total = into.entry(*reason).or_default();
        *total = total.saturating_add(*count);
    }
}
