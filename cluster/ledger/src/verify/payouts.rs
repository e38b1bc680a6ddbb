//! Payouts against the accounts, and each in itself.

use std::collections::{BTreeMap, BTreeSet};

use raftpool_proto::ledger as row;
use row::payout::End;

use super::Scan;
use crate::command::Account;
use crate::invariant::amount;
use crate::key::Key;
use crate::payouts::{day_of, split_fee};
use crate::{StateError, key};

#[derive(Default)]
struct Sums {
    paid: u128,
    network_fees: u128,
    network_fees_pool: u128,
    /// What the open payout took from the pool's fees.
    fee_budget: u64,
    /// Debits by day of reservation; of released payouts the day is known and nothing else.
    days: BTreeMap<u64, u64>,
    abandoned: BTreeSet<Key>,
    in_flight: BTreeMap<String, u64>,
    open: Vec<u64>,
    confirmed: u64,
    last_id: u64,
    nonce_floor: u64,
}

pub(super) fn check(
    scan: &mut Scan<'_>,
    accounts: &row::Accounts,
    totals: &row::Totals,
) -> Result<(), StateError> {
    let mut payouts = Vec::new();
    scan.each(key::payouts_below(None), |_, payout: row::Payout| {
        payouts.push(payout);
        Ok(())
    })?;
    let mut sums = Sums::default();
    for payout in &payouts {
        scan.check_equal(
            "L10",
            || "id of a payout".into(),
            sums.last_id + 1,
            payout.id,
        );
        sums.last_id = payout.id;
        check_payout(scan, payout, &mut sums)?;
    }
    let head: row::PayoutHead = scan.load(key::payout_head())?;
    let open: Vec<u64> = (head.open_id > 0)
        .then_some(head.open_id)
        .into_iter()
        .collect();
    let in_flight: u128 = sums.in_flight.values().copied().map(u128::from).sum();
    scan.check_equal(
        "L5",
        || "open payouts".into(),
        open,
        std::mem::take(&mut sums.open),
    );
    scan.check_equal(
        "L5",
        || "open debit".into(),
        head.open_debit_atomic.into(),
        in_flight,
    );
    for (account, found) in [
        (Account::Paid, sums.paid),
        (Account::NetworkFees, sums.network_fees),
    ] {
        let kept = amount(accounts, account);
        let found = i128::try_from(found).unwrap_or(i128::MAX);
        scan.check_equal("L1", || format!("{account:?} by payouts"), kept, found);
    }
    check_rules(scan, accounts, &head, &sums)?;
    scan.check_equal(
        "L6",
        || "lowest free nonce".into(),
        head.nonce_floor,
        sums.nonce_floor,
    );
    scan.check_equal("L10", || "newest payout".into(), head.last_id, sums.last_id);
    scan.check_equal(
        "L10",
        || "number of payouts".into(),
        totals.payouts,
        sums.confirmed,
    );
    for (address, in_flight) in sums.in_flight {
        let miner: row::Miner = scan.load(key::miner(&address))?;
        let what = || format!("in flight of {address}");
        scan.check_equal("L5", what, miner.in_flight_atomic, in_flight);
    }
    Ok(())
}

/// The pool's part of fees, the daily limit and the abandoned ones.
fn check_rules(
    scan: &mut Scan<'_>,
    accounts: &row::Accounts,
    head: &row::PayoutHead,
    sums: &Sums,
) -> Result<(), StateError> {
    let borne = i128::try_from(sums.network_fees_pool).unwrap_or(i128::MAX);
    let what = || "network fees of the pool".into();
    let kept = amount(accounts, Account::NetworkFeesPool);
    scan.check_equal("L1", what, kept, borne);
    scan.check_equal(
        "L5",
        || "open fee budget".into(),
        head.open_fee_budget_atomic,
        sums.fee_budget,
    );
    // The newest day with a reservation, also when that was released since.
    let debits = sums.days.get(&head.day).copied().unwrap_or(0);
    let what = || format!("debits of day {}", head.day);
    scan.check_equal("L10", what, head.day_debit_atomic, debits);
    let index: BTreeSet<Key> = scan.keys(key::all_abandoned())?.into_iter().collect();
    let what = || "abandoned payouts".into();
    scan.check_equal("L10", what, index, sums.abandoned.clone());
    Ok(())
}

fn check_payout(
    scan: &mut Scan<'_>,
    payout: &row::Payout,
    sums: &mut Sums,
) -> Result<(), StateError> {
    let mut variants = Vec::new();
    scan.each(key::variants(payout.id), |_, variant: row::Variant| {
        variants.push(variant);
        Ok(())
    })?;
    let id = payout.id;
    let kept = payout.variants as usize;
    scan.check_equal(
        "L10",
        || format!("variants of payout {id}"),
        kept,
        variants.len(),
    );
    for variant in &variants {
        let owner: row::Reference = scan.load(key::variant_owner(&variant.tx_hash))?;
        scan.check_equal("L6", || "owner of a transaction".into(), owner.number, id);
    }
    for payee in &payout.payees {
        let index: row::Reference = scan.load(key::miner_payout(&payee.address, id))?;
        scan.check_equal(
            "L10",
            || format!("payouts of {}", payee.address),
            index.number,
            id,
        );
    }
    check_end(scan, payout, &variants, sums);
    Ok(())
}

fn check_end(
    scan: &mut Scan<'_>,
    payout: &row::Payout,
    variants: &[row::Variant],
    sums: &mut Sums,
) {
    let (id, kept) = (payout.id, variants.len());
    let debits: u64 = payout.payees.iter().map(|payee| payee.debit_atomic).sum();
    let of_day = sums.days.entry(day_of(payout.reserved_at_ms)).or_default();
    if !matches!(payout.end, Some(End::Released(_))) {
        *of_day += debits;
    }
    match &payout.end {
        None => {
            sums.open.push(id);
            sums.fee_budget += payout.pool_fee_budget_atomic;
            for payee in &payout.payees {
                *sums.in_flight.entry(payee.address.clone()).or_default() += payee.debit_atomic;
            }
        }
        Some(End::Released(_)) => {
            scan.check_equal(
                "L6",
                || format!("variants of released payout {id}"),
                0,
                kept,
            );
        }
        Some(End::Abandoned(end)) => {
            if !end.keeps_nonce {
                sums.nonce_floor = payout.nonce + 1;
            }
            sums.abandoned.insert(key::abandoned(id));
        }
        Some(End::Confirmed(end)) => {
            sums.confirmed += 1;
            sums.nonce_floor = payout.nonce + 1;
            sums.paid += payout
                .payees
                .iter()
                .map(|p| u128::from(p.transfer_atomic))
                .sum::<u128>();
            match variants
                .iter()
                .find(|variant| variant.tx_hash == end.tx_hash)
            {
                Some(variant) => {
                    let (of_pool, of_payees) = split_fee(payout, variant.fee_atomic);
                    sums.network_fees += u128::from(of_payees);
                    sums.network_fees_pool += u128::from(of_pool);
                }
                None => scan.report("L6", format!("payout {id} has no confirmed variant")),
            }
        }
    }
}
