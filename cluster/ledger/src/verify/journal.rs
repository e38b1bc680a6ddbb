//! The journal against the accounts, against every miner, and against what finds its entries.

use std::collections::{BTreeMap, BTreeSet};

use raftpool_proto::ledger as row;

use super::Scan;
use crate::journal::MINERS_ACCOUNTS;
use crate::record::damaged;
use crate::{StateError, key};

type Amounts = BTreeMap<i32, i128>;

pub(super) fn check(scan: &mut Scan<'_>, accounts: &row::Accounts) -> Result<(), StateError> {
    let mut entries = Vec::new();
    let range = key::journal_entries_from(0);
    scan.each(range, |_, entry: row::JournalEntry| {
        entries.push(entry);
        Ok(())
    })?;
    let mut sums = Amounts::new();
    let mut of_miners: BTreeMap<u64, Amounts> = BTreeMap::new();
    let mut found_by = BTreeSet::new();
    for entry in &entries {
        add(&mut sums, &entry.amounts);
        let sum: i128 = entry.amounts.values().copied().map(i128::from).sum();
        scan.check_equal("L1", || format!("entry at {}", entry.index), 0, sum);
        check_lines(scan, entry, &mut of_miners, &mut found_by)?;
        check_marks(scan, entry)?;
    }
    let kept = accounts.amounts.iter();
    let kept = kept.map(|(account, amount)| (*account, i128::from(*amount)));
    scan.check_equal(
        "L11",
        || "accounts by the journal".into(),
        without_zeros(kept.collect()),
        without_zeros(sums),
    );
    check_miners(scan, of_miners)?;
    let marks = scan.keys(key::statements())?.into_iter().collect();
    scan.check_equal("L10", || "entries of miners".into(), found_by, marks);
    let times = entries.iter();
    let times: BTreeSet<_> = times
        .map(|entry| key::journal_time(entry.time_ms, entry.index))
        .collect();
    let marks = scan.keys(key::journal_times_from(0))?.into_iter().collect();
    scan.check_equal("L10", || "times of entries".into(), times, marks);
    Ok(())
}

/// The lines of an entry add up to what it says about the accounts of miners.
fn check_lines(
    scan: &mut Scan<'_>,
    entry: &row::JournalEntry,
    of_miners: &mut BTreeMap<u64, Amounts>,
    found_by: &mut BTreeSet<key::Key>,
) -> Result<(), StateError> {
    let (index, kind) = (entry.index, entry.kind());
    let mut lines = Amounts::new();
    scan.each(
        key::journal_lines(index, kind, 0),
        |key, line: row::JournalLine| {
            let miner = key::miner_of_line(key).ok_or_else(|| damaged("line of the journal"))?;
            add(&mut lines, &line.amounts);
            add(of_miners.entry(miner).or_default(), &line.amounts);
            found_by.insert(key::statement(miner, index, kind));
            Ok(())
        },
    )?;
    for account in MINERS_ACCOUNTS.map(i32::from) {
        let kept = entry.amounts.get(&account).copied().unwrap_or_default();
        let found = lines.get(&account).copied().unwrap_or_default();
        let what = || format!("lines of the entry at {index} about account {account}");
        scan.check_equal("L11", what, i128::from(kept), found);
    }
    Ok(())
}

fn check_marks(scan: &mut Scan<'_>, entry: &row::JournalEntry) -> Result<(), StateError> {
    let (index, kind) = (entry.index, entry.kind());
    let block = key::journal_of_block(entry.block_number, index, kind);
    let payout = key::journal_of_payout(entry.payout_id, index, kind);
    for (number, mark) in [(entry.block_number, block), (entry.payout_id, payout)] {
        if number > 0 && scan.state.get(&mark)?.is_none() {
            scan.report(
                "L10",
                format!("the entry at {index} is not found by {number}"),
            );
        }
    }
    Ok(())
}

fn check_miners(
    scan: &mut Scan<'_>,
    mut of_miners: BTreeMap<u64, Amounts>,
) -> Result<(), StateError> {
    let mut miners = Vec::new();
    scan.each(key::miners_after(None), |_, miner: row::Miner| {
        miners.push(miner);
        Ok(())
    })?;
    for miner in miners {
        let own = [
            miner.balance_atomic,
            miner.in_flight_atomic,
            miner.paid_atomic,
            miner.network_fees_atomic,
        ];
        let own = own.into_iter().map(i128::from);
        let own = MINERS_ACCOUNTS
            .map(i32::from)
            .into_iter()
            .zip(own)
            .collect();
        let found = of_miners.remove(&miner.number).unwrap_or_default();
        scan.check_equal(
            "L11",
            || format!("accounts of miner {} by the journal", miner.number),
            without_zeros(own),
            without_zeros(found),
        );
    }
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
