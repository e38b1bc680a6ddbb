//! Booking what the chain executed for good.

use raftpool_proto::ledger as row;
use row::payout::End;

use super::{Sums, close, find, open, sign::find_variant, sums};
use crate::apply::Stop;
use crate::arithmetic::{add, share_of, take};
use crate::blocks::{check_hash, hex};
use crate::books::{Books, Posting, shift};
use crate::command::{ConfirmPayout, Payee};
use crate::invariant::broken;
use crate::{Outcome, Rejection, key};

/// Ends a payout with the variant that was executed.
///
/// It carries no term: the chain has decided, whoever says so. Transfers are paid, the variant's
/// fee is paid to the network, and what is left of the fee budget goes back to the payees in
/// proportion to their parts of it, rounded down; the remainder goes to the rounding account.
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
    book(books, &payout.payees, variant.fee_atomic)?;
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

fn book(books: &mut Books<'_>, payees: &[Payee], fee_atomic: u64) -> Result<(), Stop> {
    let Sums {
        transfers,
        fee_budget,
        ..
    } = sums(payees);
    let unused = take(fee_budget, fee_atomic, "unused fee budget")?;
    let mut given_back = 0;
    for payee in payees {
        let part = payee.debit_atomic - payee.transfer_atomic;
        let back = share_of(unused, part.into(), fee_budget.into());
        given_back = add(given_back, back, "fee budget given back")?;
        books.change_miner(&payee.address, |miner| {
            let in_flight = &mut miner.in_flight_atomic;
            shift(in_flight, &mut miner.paid_atomic, payee.transfer_atomic)?;
            shift(in_flight, &mut miner.balance_atomic, back)?;
            shift(in_flight, &mut miner.network_fees_atomic, part - back)?;
            if *in_flight > 0 {
                let detail = format!("{} has {in_flight} in flight twice", payee.address);
                return Err(broken("L5", detail).into());
            }
            Ok(())
        })?;
    }
    books.post(&[
        Posting::InFlightToPaid(transfers),
        Posting::InFlightToNetworkFees(fee_atomic),
        Posting::InFlightToBalances(given_back),
        Posting::InFlightToRounding(take(unused, given_back, "remainder of a fee budget")?),
    ])
}
