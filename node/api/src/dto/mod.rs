//! What the API says, field by field. These types are the API; the ledger's types never are.
//!
//! Units: names ending in `_atomic` are decimal text in atomic units (1e-8 XEL); work and
//! difficulties are decimal text in expected hashes; names ending in `_ms` are numbers, in
//! milliseconds (points in time since the Unix epoch); `_bps` are hundredths of a percent;
//! hashes are 64 digits of lower-case hex; ratios are decimal text with six digits, rounded
//! down. A time that has not come and a value that is not known are `null`.

pub mod admin;
pub mod ban;
pub mod block;
pub mod books;
pub mod change;
pub mod cluster;
pub mod connect;
pub mod drain;
pub mod effort;
pub mod event;
pub mod export;
pub mod incident;
pub mod journal;
pub mod lateness;
pub mod miner;
pub mod names;
pub mod network;
pub mod node;
pub mod owner;
pub mod payout;
pub mod pool;
pub mod reconcile;
pub mod refusal;
pub mod reward;
pub mod rules;
pub mod selection;
pub mod series;
pub mod stray;
pub mod token;
pub mod worker;

pub use crate::number::{Decimal, Hash};
use crate::parameters::LIMIT_MAX;

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::command::RejectReason;
use raftpool_ledger::view::{self, reject_reason_name};
use serde::Serialize;

use utoipa::ToSchema;

/// One page of a list by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    items: Vec<T>,
    /// What to give as `after` to get the next page; null on the last one.
    next_after: Option<String>,
}

/// One page of a list that goes back in time.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBack<T> {
    /// The rows, newest first.
    items: Vec<T>,
    /// What to give as `before` to get the next page; null on the last one.
    next_before: Option<u64>,
}

impl<T> Page<T> {
    /// A page of these items, which the page behind `next_after` goes on.
    pub(crate) fn up_to(items: Vec<T>, next_after: Option<String>) -> Self {
        Self { items, next_after }
    }

    /// A page of at most `limit` rows, from one row more than that if there is one.
    pub(crate) fn new<R>(
        mut rows: Vec<R>,
        limit: usize,
        cursor: impl Fn(&R) -> String,
        row: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_after = rows.last().filter(|_| has_more).map(cursor);
        Self {
            items: rows.into_iter().map(row).collect(),
            next_after,
        }
    }
}

impl<T> Page<T> {
    /// A page of those of at most `limit` rows that `row` makes something of.
    pub(crate) fn some<R>(
        rows: Vec<R>,
        limit: usize,
        cursor: impl Fn(&R) -> String,
        row: impl FnMut(R) -> Result<Option<T>, StateError>,
    ) -> Result<Self, StateError> {
        let Page { items, next_after } = Page::new(rows, limit, cursor, row);
        let items = items.into_iter().filter_map(Result::transpose);
        Ok(Self {
            items: items.collect::<Result<_, _>>()?,
            next_after,
        })
    }
}

impl<T> PageBack<T> {
    /// The rows alone.
    pub(crate) fn into_items(self) -> Vec<T> {
        self.items
    }

    /// A page of at most `limit` rows, from one row more than that if there is one.
    pub(crate) fn new<R>(
        mut rows: Vec<R>,
        limit: usize,
        cursor: impl Fn(&R) -> u64,
        row: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_before = rows.last().filter(|_| has_more).map(cursor);
        Self {
            items: rows.into_iter().map(row).collect(),
            next_before,
        }
    }
}

/// What has a number that lists go back by.
pub(crate) trait Numbered {
    /// The number.
    fn number(&self) -> u64;
}

impl Numbered for view::Block {
    fn number(&self) -> u64 {
        self.number
    }
}

impl Numbered for view::Payout {
    fn number(&self) -> u64 {
        self.id
    }
}

impl<T> PageBack<T> {
    /// A page of at most `limit` rows that `row` makes, out of at most `looked_at_max` that `read`
    /// finds below a number; where it ends is where to go on.
    pub(crate) fn some<R: Numbered>(
        before: Option<u64>,
        limit: usize,
        looked_at_max: usize,
        read: impl Fn(Option<u64>, usize) -> Result<Vec<R>, StateError>,
        mut row: impl FnMut(R) -> Result<Option<T>, StateError>,
    ) -> Result<Self, StateError> {
        let (mut items, mut before, mut looked_at) = (Vec::new(), before, 0);
        // Most pages are full after as many, and one more that tells whether there is another page.
        let mut wanted = LIMIT_MAX.min(limit.saturating_add(1));
        loop {
            let chunk = wanted.min(looked_at_max - looked_at);
            let found = read(before, chunk)?;
            let is_last = found.len() < chunk;
            for one in found {
                if items.len() == limit {
                    return Ok(Self {
                        items,
                        next_before: before,
                    });
                }
                before = Some(one.number());
                looked_at += 1;
                items.extend(row(one)?);
            }
            // Rows that are not wanted are rare or the rule: twice as many tell soon which.
            wanted = LIMIT_MAX.min(looked_at.max(limit - items.len() + 1));
            // A full chunk that was cut by the bound is not the end.
            let is_cut = looked_at == looked_at_max;
            if is_last || is_cut {
                let next_before = before.filter(|number| is_cut && *number > 1);
                return Ok(Self { items, next_before });
            }
        }
    }
}

/// Counts of refused shares under the names of their reasons.
pub(crate) fn rejects(counts: &BTreeMap<i32, u64>) -> BTreeMap<&'static str, u64> {
    let mut named = BTreeMap::new();
    for (reason, count) in counts {
        // A reason this release does not know is still a refusal: it is counted as "other".
        let reason = RejectReason::try_from(*reason).unwrap_or(RejectReason::RejectUnspecified);
        let sum: &mut u64 = named.entry(reject_reason_name(reason)).or_default();
        *sum = sum.saturating_add(*count);
    }
    named
}
