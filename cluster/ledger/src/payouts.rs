//! Payouts: reserved, signed, confirmed or released (promise P3).
//!
//! One payout is open at a time and bound to one nonce of the chain. Its balances are in flight
//! from the reservation on, until a variant is final on the chain or, while nothing was signed,
//! until it is released. Commands that lead to a transaction carry the proposer's term, so that
//! a deposed leader can add nothing.
//!
//! A pause stops new reservations and new variants. It never stops a confirmation: what was sent
//! may execute at any time, and the books must follow.

mod confirm;
mod reserve;
mod sign;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::{Books, Posting, shift};
use crate::command::{PausePayouts, Payee, ReleasePayout};
use crate::settings::audit;
use crate::{Outcome, Rejection, key};
use row::payout::End;

pub(crate) use confirm::confirm;
pub(crate) use reserve::reserve;
pub(crate) use sign::sign;

/// Gives the amounts of a payout back, of which nothing can have been sent.
pub(crate) fn release(books: &mut Books<'_>, command: &ReleasePayout) -> Result<Outcome, Stop> {
    check_term(books, command.term)?;
    let id = command.payout_id;
    let mut payout = match find(books, id)? {
        row::Payout { end: None, .. } => open(books, id)?,
        row::Payout {
            end: Some(End::Released(_)),
            ..
        } => return Ok(Outcome::PayoutReleased),
        _ => return Err(Rejection::PayoutNotOpen(id).into()),
    };
    if payout.variants > 0 {
        return Err(Rejection::PayoutSigned(id).into());
    }
    let debits = sums(&payout.payees).debits;
    for payee in &payout.payees {
        books.change_miner(&payee.address, |miner| {
            shift(
                &mut miner.in_flight_atomic,
                &mut miner.balance_atomic,
                payee.debit_atomic,
            )
        })?;
    }
    books.post(&[Posting::InFlightToBalances(debits)])?;
    payout.end = Some(End::Released(row::Released {
        reason: command.reason.clone(),
        released_at_ms: books.time_ms,
    }));
    close(books, &payout)?;
    Ok(Outcome::PayoutReleased)
}

/// Pauses or resumes payouts.
pub(crate) fn pause(books: &mut Books<'_>, command: &PausePayouts) -> Result<Outcome, Stop> {
    if command.paused {
        let pause = row::Pause {
            reason: command.reason.clone(),
            since_ms: books.time_ms,
        };
        books.put(key::pause(), &pause);
    } else {
        books.delete(key::pause());
    }
    audit(
        books,
        &command.reason,
        row::audit::Change::Paused(command.paused),
    );
    Ok(Outcome::PayoutsPaused)
}

/// Refuses what a deposed leader proposed.
fn check_term(books: &Books<'_>, proposed: u64) -> Result<(), Rejection> {
    let written = books.entry.term;
    if proposed == written {
        Ok(())
    } else {
        Err(Rejection::Fenced { proposed, written })
    }
}

fn check_not_paused(books: &Books<'_>) -> Result<(), Stop> {
    match books.get::<row::Pause>(&key::pause())? {
        None => Ok(()),
        Some(_) => Err(Rejection::PayoutsPaused.into()),
    }
}

fn find(books: &Books<'_>, id: u64) -> Result<row::Payout, Stop> {
    books
        .get(&key::payout(id))?
        .ok_or_else(|| Rejection::PayoutNotOpen(id).into())
}

/// The payout, if it is the open one.
fn open(books: &Books<'_>, id: u64) -> Result<row::Payout, Stop> {
    let head: row::PayoutHead = books.get_or_default(&key::payout_head())?;
    if id == 0 || head.open_id != id {
        return Err(Rejection::PayoutNotOpen(id).into());
    }
    find(books, id)
}

/// Stores a payout that has ended.
fn close(books: &mut Books<'_>, payout: &row::Payout) -> Result<(), Stop> {
    books.put(key::payout(payout.id), payout);
    books.change(key::payout_head(), |head: &mut row::PayoutHead| {
        head.open_id = 0;
        head.open_debit_atomic = 0;
        Ok(())
    })
}

/// Debits, transfers and fee budget of a payout. A reservation has checked that they fit.
struct Sums {
    debits: u64,
    transfers: u64,
    fee_budget: u64,
}

fn sums(payees: &[Payee]) -> Sums {
    let debits = payees.iter().map(|payee| payee.debit_atomic).sum();
    let transfers = payees.iter().map(|payee| payee.transfer_atomic).sum();
    Sums {
        debits,
        transfers,
        fee_budget: debits - transfers,
    }
}
