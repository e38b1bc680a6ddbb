//! The window's total against its entries and its sums per miner.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::record::{damaged, wide};
use crate::{StateError, key};

pub(super) fn check(scan: &mut Scan<'_>) -> Result<(), StateError> {
    let window: row::Window = scan.load(key::window())?;
    let mut entries: BTreeMap<u64, u128> = BTreeMap::new();
    let mut numbers = Vec::new();
    // From 0, so that an entry that was cut but not removed is found.
    scan.each(
        key::window_entries_from(0),
        |key, entry: row::WindowEntry| {
            *entries.entry(entry.miner).or_default() += wide(&entry.score)?;
            numbers.extend(key::number_after_kind(key));
            Ok(())
        },
    )?;
    let mut sums: BTreeMap<u64, u128> = BTreeMap::new();
    scan.each(key::window_sums(), |key, sum: row::Score| {
        let miner = key::number_after_kind(key).ok_or_else(|| damaged("sum of a window"))?;
        sums.insert(miner, wide(&sum.score)?);
        Ok(())
    })?;
    let total: u128 = entries.values().sum();
    scan.check_equal(
        "L8",
        || "total of the window".into(),
        wide(&window.total_score)?,
        total,
    );
    scan.check_equal("L8", || "miners in the window".into(), sums, entries);
    let expected: Vec<u64> = (window.first_entry..window.next_entry).collect();
    scan.check_equal("L8", || "entries of the window".into(), expected, numbers);
    Ok(())
}
