//! What the API says, field by field. These types are the API; the ledger's types never are.
//!
//! Units: names ending in `_atomic` are decimal text in atomic units (1e-8 XEL); work and
//! difficulties are decimal text in expected hashes; names ending in `_ms` are numbers, in
//! milliseconds (points in time since the Unix epoch); `_bps` are hundredths of a percent;
//! hashes are 64 digits of lower-case hex; ratios are decimal text with six digits, rounded
//! down. A time that has not come and a value that is not known are `null`.

pub mod block;
pub mod miner;
pub mod node;
pub mod payout;
pub mod pool;

pub use crate::number::{Decimal, Hash};

use std::collections::BTreeMap;

use raftpool_ledger::command::RejectReason;
use raftpool_ledger::view::reject_reason_name;
use serde::Serialize;

/// One page of a list that goes forward in order of names.
#[derive(Debug, Serialize)]
pub struct Forward<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Ask with `?after=` this for the next page; null on the last one.
    pub next_after: Option<String>,
}

/// One page of a list that goes back in time.
#[derive(Debug, Serialize)]
pub struct Backward<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Ask with `?before=` this for the next page; null on the last one.
    pub next_before: Option<u64>,
}

impl<T> Forward<T> {
    /// Makes a page of at most `limit` rows from one row more than that, if there is one.
    pub(crate) fn cut<R>(
        mut rows: Vec<R>,
        limit: usize,
        name: impl Fn(&R) -> String,
        item: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_after = rows.last().filter(|_| has_more).map(name);
        Self {
            items: rows.into_iter().map(item).collect(),
            next_after,
        }
    }
}

impl<T> Backward<T> {
    /// Makes a page of at most `limit` rows from one row more than that, if there is one.
    pub(crate) fn cut<R>(
        mut rows: Vec<R>,
        limit: usize,
        number: impl Fn(&R) -> u64,
        item: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_before = rows.last().filter(|_| has_more).map(number);
        Self {
            items: rows.into_iter().map(item).collect(),
            next_before,
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
