//! The journal against the accounts, against every miner, and against what finds its entries.
//!
//! It grows for ever, so nothing is kept of it but sums.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::journal::MINERS_ACCOUNTS;
use crate::key::{self, KeyRange};
use crate::record::{damaged, each};
use crate::state::Direction;
use crate::{StateError, StateRead};

type Amounts = BTreeMap<i32, i128>;

pub(super) fn check(scan: &mut Scan<'_>, accounts: &row::Accounts) -> Result<(), StateError> {
    let mut found = Found::default();
    let (state, range) = (scan.state, key::journal_entries_from(0));
    each(state, range, Direction::Ascending, |key, entry| {
        check_entry(scan, key, &entry, &mut found)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let kept = accounts.amounts.iter();
    let kept = kept.map(|(account, amount)| (*account, i128::from(*amount)));
    scan.check_equal(
        "L11",
        || "accounts by the journal".into(),
        without_zeros(kept.collect()),
        without_zeros(found.sums),
    );
    check_miners(scan, found.of_miners)?;
    let indexes = [
        ("entries of miners", key::statements(), found.by_miner),
        (
            "entries of blocks",
            key::journals_of_blocks(),
            found.by_block,
        ),
        (
            "entries of payouts",
            key::journals_of_payouts(),
            found.by_payout,
        ),
        (
            "times of entries",
            key::journal_times_from(0),
            found.by_time,
        ),
    ];
    for (what, range, expected) in indexes {
        let marks = Marks::of(state, range)?;
        scan.check_equal("L10", || what.into(), marks, expected);
    }
    Ok(())
}

/// What the entries add up to, and the keys that must find them.
#[derive(Default)]
struct Found {
    sums: Amounts,
    of_miners: BTreeMap<u64, Amounts>,
    by_miner: Marks,
    by_block: Marks,
    by_payout: Marks,
    by_time: Marks,
    /// The entries of one command have one time.
    last_index: u64,
}

/// Some keys, in whatever order: how many, and the sum of their hashes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marks {
    count: u64,
    hashes: u128,
}

impl Marks {
    fn of(state: &dyn StateRead, (start, end): KeyRange) -> Result<Self, StateError> {
        let mut marks = Self::default();
        state.scan(&start, &end, Direction::Ascending, &mut |key, _| {
            marks.add(key);
            ControlFlow::Continue(())
        })?;
        Ok(marks)
    }

    fn add(&mut self, key: &[u8]) {
        let mut half = [0; 16];
        let hash = blake3::hash(key);
        half.copy_from_slice(&hash.as_bytes()[..16]);
        self.count += 1;
        self.hashes = self.hashes.wrapping_add(u128::from_be_bytes(half));
    }
}

fn check_entry(
    scan: &mut Scan<'_>,
    key: &[u8],
    entry: &row::JournalEntry,
    found: &mut Found,
) -> Result<(), StateError> {
    let (index, kind) = (entry.index, entry.kind());
    let what = || "key of an entry".into();
    scan.check_equal("L10", what, key::entry_at_end(key), Some((index, kind)));
    add(&mut found.sums, &entry.amounts);
    let sum: i128 = entry.amounts.values().copied().map(i128::from).sum();
    scan.check_equal("L1", || format!("entry at {index}"), 0, sum);
    check_lines(scan, entry, found)?;
    if entry.block_number > 0 {
        let mark = key::journal_of_block(entry.block_number, index, kind);
        found.by_block.add(&mark);
    }
    if entry.payout_id > 0 {
        let mark = key::journal_of_payout(entry.payout_id, index, kind);
        found.by_payout.add(&mark);
    }
    if found.last_index != index {
        found.by_time.add(&key::journal_time(entry.time_ms, index));
    }
    found.last_index = index;
    Ok(())
}

/// The lines of an entry add up to what it says about the accounts of miners.
fn check_lines(
    scan: &mut Scan<'_>,
    entry: &row::JournalEntry,
    found: &mut Found,
) -> Result<(), StateError> {
    let (index, kind) = (entry.index, entry.kind());
    let mut lines = Amounts::new();
    scan.each(
        key::journal_lines(index, kind, 0),
        |key, line: row::JournalLine| {
            let miner = key::miner_of_line(key).ok_or_else(|| damaged("line of the journal"))?;
            add(&mut lines, &line.amounts);
            add(found.of_miners.entry(miner).or_default(), &line.amounts);
            found.by_miner.add(&key::statement(miner, index, kind));
            Ok(())
        },
    )?;
    for account in MINERS_ACCOUNTS.map(i32::from) {
        let kept = entry.amounts.get(&account).copied().unwrap_or_default();
        let sum = lines.get(&account).copied().unwrap_or_default();
        let what = || format!("lines of the entry at {index} about account {account}");
        scan.check_equal("L11", what, i128::from(kept), sum);
    }
    Ok(())
}

fn check_miners(
    scan: &mut Scan<'_>,
    mut of_miners: BTreeMap<u64, Amounts>,
) -> Result<(), StateError> {
    let (state, range) = (scan.state, key::miners_after(None));
    each(
        state,
        range,
        Direction::Ascending,
        |_, miner: row::Miner| {
            let own = [
                miner.balance_atomic,
                miner.in_flight_atomic,
                miner.paid_atomic,
                miner.network_fees_atomic,
            ];
            let own = own.into_iter().map(i128::from);
            let accounts = MINERS_ACCOUNTS.map(i32::from).into_iter();
            let found = of_miners.remove(&miner.number).unwrap_or_default();
            scan.check_equal(
                "L11",
                || format!("accounts of miner {} by the journal", miner.number),
                without_zeros(accounts.zip(own).collect()),
                without_zeros(found),
            );
            Ok(ControlFlow::Continue(()))
        },
    )?;
    for (number, amounts) in of_miners {
        let nothing = Amounts::new();
        let what = || format!("lines of miner {number}, who is unknown");
        scan.check_equal("L11", what, nothing, amounts);
    }
    Ok(())
}

fn add(into: &mut Amounts, amounts: &BTreeMap<i32, i64>) {
    for (account, amount) in amounts {
        *into.entry(*account).or_default() += i128::from(*amount);
    }
}

fn without_zeros(mut amounts: Amounts) -> Amounts {
    amounts.retain(|_, amount| *amount != 0);
    amounts
}
