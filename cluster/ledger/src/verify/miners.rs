//! Miners against the accounts, workers against miners.

use std::collections::BTreeSet;

use raftpool_proto::ledger as row;

use super::Scan;
use crate::record::{text, wide};
use crate::{StateError, key};

#[derive(Default)]
struct Sums {
    balances: u128,
    in_flight: u128,
    paid: u128,
    network_fees: u128,
    earned: u128,
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
        sums.earned += u128::from(miner.earned_atomic);
        sums.shares += miner.shares;
        sums.work += wide(&miner.work)?;
        sums.miners += 1;
        miners.push((text(key::text_after_kind(key))?, miner));
        Ok(())
    })?;
    check_sums(scan, &sums, accounts, totals)?;
    let mut balances = BTreeSet::new();
    for (address, miner) in &miners {
        check_miner(scan, address, miner)?;
        if miner.balance_atomic > 0 {
            balances.insert(key::balance(miner.balance_atomic, address));
        }
    }
    let index: BTreeSet<_> = scan.keys(key::balances_from(0))?.into_iter().collect();
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
    let fees = accounts
        .network_fees_atomic
        .saturating_add(accounts.fee_rounding_atomic);
    let shared_rounding = accounts
        .rounding_atomic
        .saturating_sub(accounts.fee_rounding_atomic);
    let not_earned = accounts.pool_fees_atomic.saturating_add(shared_rounding);
    let earned = accounts.income_atomic.saturating_sub(not_earned);
    for (what, kept, found) in [
        ("sum of balances", accounts.balances_atomic, sums.balances),
        ("sum in flight", accounts.in_flight_atomic, sums.in_flight),
        ("sum paid", accounts.paid_atomic, sums.paid),
        ("sum of network fees", fees, sums.network_fees),
        ("sum of earnings", earned, sums.earned),
    ] {
        scan.check_equal("L1", || what.into(), u128::from(kept), found);
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
