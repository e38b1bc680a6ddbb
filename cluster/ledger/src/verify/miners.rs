//! Miners against the accounts, workers against miners.

use std::collections::BTreeSet;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::command::Account;
use crate::invariant::amount;
use crate::record::{text, wide};
use crate::{StateError, key, terms};

#[derive(Default)]
struct Sums {
    balances: u128,
    in_flight: u128,
    paid: u128,
    network_fees: u128,
    shares: u64,
    work: u128,
    miners: u64,
}

pub(super) fn check(
    scan: &mut Scan<'_>,
    accounts: &row::Accounts,
    totals: &row::Totals,
) -> Result<(), StateError> {
    let mut sums = Sums::default();
    let mut miners = Vec::new();
    scan.each(key::miners_after(None), |key, miner: row::Miner| {
        sums.balances += u128::from(miner.balance_atomic);
        sums.in_flight += u128::from(miner.in_flight_atomic);
        sums.paid += u128::from(miner.paid_atomic);
        sums.network_fees += u128::from(miner.network_fees_atomic);
        sums.shares += miner.shares;
        sums.work += wide(&miner.work)?;
        sums.miners += 1;
        miners.push((text(key::text_after_kind(key))?, miner));
        Ok(())
    })?;
    check_sums(scan, &sums, accounts, totals)?;
    let mut balances = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (address, miner) in &miners {
        check_miner(scan, address, miner)?;
        numbers.insert(key::miner_number(miner.number));
        let known: row::MinerNumber = scan.load(key::miner_number(miner.number))?;
        let what = || format!("miner of number {}", miner.number);
        scan.check_equal("L10", what, known.address.as_str(), address.as_str());
        balances.extend(terms::listing(address, miner));
    }
    let known: BTreeSet<_> = scan.keys(key::miner_numbers())?.into_iter().collect();
    scan.check_equal("L10", || "numbers of miners".into(), known, numbers);
    let mut index: BTreeSet<_> = scan.keys(key::balances_from(0))?.into_iter().collect();
    index.extend(scan.keys(key::own_balances_from(0))?);
    if index != balances {
        scan.report(
            "L10",
            "the index of balances differs from the miners' balances".into(),
        );
    }
    Ok(())
}

fn check_sums(
    scan: &mut Scan<'_>,
    sums: &Sums,
    accounts: &row::Accounts,
    totals: &row::Totals,
) -> Result<(), StateError> {
    for (account, found) in [
        (Account::Mature, sums.balances),
        (Account::InFlight, sums.in_flight),
        (Account::Paid, sums.paid),
        (Account::NetworkFees, sums.network_fees),
    ] {
        let kept = amount(accounts, account);
        let found = i128::try_from(found).unwrap_or(i128::MAX);
        scan.check_equal("L1", || format!("sum of {account:?}"), kept, found);
    }
    scan.check_equal(
        "L10",
        || "number of miners".into(),
        totals.miners,
        sums.miners,
    );
    scan.check_equal(
        "L10",
        || "number of shares".into(),
        totals.shares,
        sums.shares,
    );
    scan.check_equal("L10", || "work".into(), wide(&totals.work)?, sums.work);
    Ok(())
}

fn check_miner(scan: &mut Scan<'_>, address: &str, miner: &row::Miner) -> Result<(), StateError> {
    let kept = u128::from(miner.balance_atomic)
        + u128::from(miner.in_flight_atomic)
        + u128::from(miner.paid_atomic)
        + u128::from(miner.network_fees_atomic);
    let earned = u128::from(miner.earned_atomic);
    scan.check_equal("L7", || format!("earnings of {address}"), earned, kept);
    let (mut workers, mut shares, mut work) = (0, 0, 0);
    scan.each(
        key::workers_after(address, None),
        |_, worker: row::Worker| {
            workers += 1;
            shares += worker.shares;
            work += wide(&worker.work)?;
            Ok(())
        },
    )?;
    scan.check_equal(
        "L10",
        || format!("workers of {address}"),
        miner.workers,
        workers,
    );
    scan.check_equal(
        "L10",
        || format!("shares of {address}"),
        miner.shares,
        shares,
    );
    scan.check_equal(
        "L10",
        || format!("work of {address}"),
        wide(&miner.work)?,
        work,
    );
    Ok(())
}
