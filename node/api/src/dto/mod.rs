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
pub mod effort;
pub mod export;
pub mod journal;
pub mod lateness;
pub mod miner;
pub mod network;
pub mod node;
pub mod payout;
pub mod pool;
pub mod refusal;
pub mod rules;
pub mod series;
pub mod stray;
pub mod token;

pub use crate::number::{Decimal, Hash};

use std::collections::BTreeMap;

use raftpool_ledger::command::RejectReason;
use raftpool_ledger::view::reject_reason_name;
use serde::Serialize;

/// One page of a list: `items`, and the cursor of the next page.
///
/// The cursor is `next_after` (text, for `?after=`) in lists by name and `next_before` (a
/// number, for `?before=`) in lists that go back in time; it is null on the last page.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    items: Vec<T>,
    #[serde(flatten)]
    next: Next,
}

#[derive(Debug, Serialize)]
enum Next {
    #[serde(rename = "next_after")]
    After(Option<String>),
    #[serde(rename = "next_before")]
    Before(Option<u64>),
}

impl<T> Page<T> {
    /// A page of at most `limit` rows by name, from one row more than that if there is one.
    pub(crate) fn forward<R>(
        mut rows: Vec<R>,
        limit: usize,
        cursor: impl Fn(&R) -> &String,
        row: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = Next::After(rows.last().filter(|_| has_more).map(cursor).cloned());
        Self {
            items: rows.into_iter().map(row).collect(),
            next,
        }
    }

    /// A page of at most `limit` rows back in time, from one row more than that if there is one.
    pub(crate) fn backward<R>(
        mut rows: Vec<R>,
        limit: usize,
        cursor: impl Fn(&R) -> u64,
        row: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = Next::Before(rows.last().filter(|_| has_more).map(cursor));
        Self {
            items: rows.into_iter().map(row).collect(),
            next,
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
