//! Booking what the chain executed for good.

use raftpool_proto::ledger as row;
use row::EntryKind;
use row::payout::End;

use super::{close, fee_budget, find, open, sign::find_variant, split_fee, sums};
use crate::apply::Stop;
use crate::arithmetic::{add, share_of, take};
use crate::blocks::{check_hash, hex};
use crate::books::Books;
use crate::command::{Account, ConfirmPayout, Payee};
use crate::invariant::broken;
use crate::journal::Subject;
use crate::{Outcome, Rejection, key};

/// Ends a payout with the variant that was executed.
///
/// It carries no term: the chain has decided, whoever says so. Transfers are paid, the variant's
/// fee is paid to the network: from the pool's budget first, if it has one, then from the payees'.
/// What is left of the pool's budget goes back to its fees, what is left of the payees' to them.
pub(crate) fn confirm(books: &mut Books<'_>, command: &ConfirmPayout) -> Result<Outcome, Stop> {
    check_hash("tx_hash", &command.tx_hash)?;
    check_hash("block_hash", &command.block_hash)?;
    let id = command.payout_id;
    match find(books, id)?.end {
        None => {}
        Some(End::Confirmed(known)) if known.tx_hash == command.tx_hash => {
            return Ok(Outcome::PayoutConfirmed);
        }
        Some(_) => return Err(Rejection::PayoutNotOpen(id).into()),
    }
    let mut payout = open(books, id)?;
    let Some(variant) = find_variant(books, &payout, &command.tx_hash)? else {
        return Err(Rejection::UnknownVariant(hex(&command.tx_hash)).into());
    };
    book(books, &payout, variant.fee_atomic)?;
    payout.end = Some(End::Confirmed(row::Confirmed {
        tx_hash: command.tx_hash.clone(),
        block_hash: command.block_hash.clone(),
        topoheight: command.topoheight,
        confirmed_at_ms: books.time_ms,
    }));
    close(books, &payout)?;
    books.change(key::payout_head(), |head: &mut row::PayoutHead| {
        head.nonce_floor = add(payout.nonce, 1, "nonce")?;
        Ok(())
    })?;
    books.change(key::totals(), |totals: &mut row::Totals| {
        totals.payouts = add(totals.payouts, 1, "number of payouts")?;
        Ok(())
    })?;
    Ok(Outcome::PayoutConfirmed)
}

fn book(books: &mut Books<'_>, payout: &row::Payout, fee_atomic: u64) -> Result<(), Stop> {
    let budget = sums(payout).payees_fee_budget;
    let (of_pool, of_payees) = split_fee(payout, fee_atomic);
    let unused = take(budget, of_payees, "unused fee budget")?;
    let subject = Subject::Payout(payout.id);
    books.begin_entry(EntryKind::PayoutConfirmed, subject, "");
    let back = give_back(&payout.payees, budget, unused);
    for (payee, back) in payout.payees.iter().zip(back) {
        let part = payee.debit_atomic - payee.transfer_atomic;
        let borne = take(part, back, "fee of a payee")?;
        let mut open = books.open_miner(&payee.address)?;
        for (to, amount) in [
            (Account::Paid, payee.transfer_atomic),
            (Account::Mature, back),
            (Account::NetworkFees, borne),
        ] {
            books.transfer_of(&mut open, Account::InFlight, to, amount)?;
        }
        let left = open.miner.in_flight_atomic;
        if left > 0 {
            let detail = format!("{} has {left} in flight twice", payee.address);
            return Err(broken("L5", detail).into());
        }
        books.close_miner(open)?;
    }
    fee_budget::close(books, payout, of_pool)
}

/// What each payee gets back of an unused fee budget: in proportion to its part, rounded down;
/// the units that this leaves over go one by one to the payees in their order, so that nothing is
/// left. There are fewer of them than payees that bear a part, and none gets more than it bore.
fn give_back(payees: &[Payee], budget: u64, unused: u64) -> Vec<u64> {
    let parts = payees.iter().map(|p| p.debit_atomic - p.transfer_atomic);
    let mut back: Vec<u64> = parts
        .clone()
        .map(|part| share_of(unused, part.into(), budget.into()))
        .collect();
    let mut left = unused - back.iter().sum::<u64>();
    for (back, part) in back.iter_mut().zip(parts) {
        if left > 0 && *back < part {
            *back += 1;
            left -= 1;
        }
    }
    back
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payees(parts: &[u64]) -> Vec<Payee> {
        let payee = |part: &u64| Payee {
            address: String::new(),
            debit_atomic: 100 + part,
            transfer_atomic: 100,
        };
        parts.iter().map(payee).collect()
    }

    #[test]
    fn an_unused_budget_goes_back_to_the_last_unit_and_nobody_gets_more_than_it_bore() {
        assert_eq!(give_back(&payees(&[100, 50]), 150, 49), [33, 16]);
        assert_eq!(give_back(&payees(&[7, 7, 7]), 21, 20), [7, 7, 6]);
        assert_eq!(give_back(&payees(&[0, 3, 3]), 6, 5), [0, 3, 2]);
        assert_eq!(give_back(&payees(&[0, 0]), 0, 0), [0, 0]);
        for parts in [[1, 1, 1, 1], [5, 0, 1, 900], [3, 1, 2, 8]] {
            let budget = parts.iter().sum();
            for unused in 0..=budget {
                let back = give_back(&payees(&parts), budget, unused);
                assert_eq!(back.iter().sum::<u64>(), unused, "{parts:?}");
                let fits = back.iter().zip(parts).all(|(back, part)| *back <= part);
                assert!(fits, "{unused} of {parts:?} goes back as {back:?}");
            }
        }
    }
}
