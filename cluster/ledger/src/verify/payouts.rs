//! Payouts against the accounts, and each in itself.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;
use row::payout::End;

use super::Scan;
use crate::{StateError, key};

#[derive(Default)]
struct Sums {
    paid: u128,
    network_fees: u128,
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
    scan.check_equal(
        "L1",
        || "paid".into(),
        accounts.paid_atomic.into(),
        sums.paid,
    );
    let fees = accounts.network_fees_atomic.into();
    scan.check_equal("L1", || "network fees".into(), fees, sums.network_fees);
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
    match &payout.end {
        None => {
            sums.open.push(id);
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
                Some(variant) => sums.network_fees += u128::from(variant.fee_atomic),
                None => scan.report("L6", format!("payout {id} has no confirmed variant")),
            }
        }
    }
    Ok(())
}
