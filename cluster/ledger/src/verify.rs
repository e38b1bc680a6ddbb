//! Recomputing every total from single records: for tests, and for an operator who wants to know.
//!
//! Reads the whole state once; the memory it takes grows with the number of miners.

mod bans;
mod blocks;
mod journal;
mod miners;
mod network;
mod payouts;
mod series;
mod terms;
mod tokens;
mod version;
mod window;

use std::fmt::Debug;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::invariant::{INVARIANTS, unbalanced};
use crate::key::{self, KeyRange};
use crate::record::{Record, each, load};
use crate::state::Direction;
use crate::{StateError, StateRead};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its id in [`INVARIANTS`].
    pub id: &'static str,
    /// What was found.
    pub detail: String,
}

/// Checks every invariant over the whole state; an empty list means that all hold.
///
/// # Errors
/// When the state cannot be read.
pub fn verify(state: &dyn StateRead) -> Result<Vec<Violation>, StateError> {
    let mut scan = Scan {
        state,
        violations: Vec::new(),
    };
    let accounts: row::Accounts = scan.load(key::accounts())?;
    let totals: row::Totals = scan.load(key::totals())?;
    if let Some((id, detail)) = unbalanced(&accounts) {
        scan.report(id, detail);
    }
    miners::check(&mut scan, &accounts, &totals)?;
    series::check(&mut scan, &totals)?;
    window::check(&mut scan)?;
    blocks::check(&mut scan, &accounts, &totals)?;
    payouts::check(&mut scan, &accounts, &totals)?;
    terms::check(&mut scan)?;
    tokens::check(&mut scan)?;
    bans::check(&mut scan)?;
    journal::check(&mut scan, &accounts)?;
    network::check(&mut scan)?;
    version::check(&mut scan)?;
    Ok(scan.violations)
}

struct Scan<'a> {
    state: &'a dyn StateRead,
    violations: Vec<Violation>,
}

impl Scan<'_> {
    fn load<R: Record>(&self, key: key::Key) -> Result<R, StateError> {
        Ok(load(self.state, &key)?.unwrap_or_default())
    }

    /// Visits every record of a range.
    fn each<R: Record>(
        &self,
        range: KeyRange,
        mut visit: impl FnMut(&[u8], R) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        each(self.state, range, Direction::Ascending, |key, record| {
            visit(key, record)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The keys of a range.
    fn keys(&self, (start, end): KeyRange) -> Result<Vec<key::Key>, StateError> {
        let mut keys = Vec::new();
        self.state
            .scan(&start, &end, Direction::Ascending, &mut |key, _| {
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            })?;
        Ok(keys)
    }

    fn report(&mut self, id: &'static str, detail: String) {
        debug_assert!(
            INVARIANTS.iter().any(|each| each.id == id),
            "{id} is not registered"
        );
        self.violations.push(Violation { id, detail });
    }

    fn check_equal<T: PartialEq + Debug>(
        &mut self,
        id: &'static str,
        what: impl FnOnce() -> String,
        kept: T,
        found: T,
    ) {
        if kept != found {
            let what = what();
            self.report(
                id,
                format!("{what}: the books say {kept:?}, the records {found:?}"),
            );
        }
    }
}
