//! Payouts: reserved, signed, confirmed, released or abandoned (promise P3).
//!
//! One payout is open at a time and bound to one nonce of the chain. Its balances are in flight
//! from the reservation on, until a variant is final on the chain or, while nothing was signed,
//! until it is released. Commands that lead to a transaction carry the proposer's term, so that
//! a deposed leader can add nothing.
//!
//! A pause stops new reservations and new variants. It never stops a confirmation: what was sent
//! may execute at any time, and the books must follow.
//!
//! The network fee is borne by the payees or by the pool, by the settings at the reservation. What
//! the pool may have to bear is set aside with the payout, as the payees' amounts are.

mod abandon;
mod approval;
mod confirm;
mod day;
mod fee_budget;
mod reconcile;
mod reserve;
mod sign;

use raftpool_proto::ledger as row;
use row::EntryKind;

use crate::apply::Stop;
use crate::books::Books;
use crate::command::{Account, PausePayouts, ReleasePayout};
use crate::journal::Subject;
use crate::settings::audit;
use crate::{Outcome, Rejection, key};
use row::payout::End;

pub(crate) use abandon::abandon;
pub(crate) use approval::{approve, reject};
pub(crate) use confirm::confirm;
pub(crate) use day::{day_of, taken_on};
pub(crate) use reconcile::reconcile;
pub(crate) use reserve::reserve;
pub(crate) use sign::sign;

/// Gives the amounts of a payout back, of which nothing can have been sent.
pub(crate) fn release(books: &mut Books<'_>, command: &ReleasePayout) -> Result<Outcome, Stop> {
    check_term(books, command.term)?;
    let id = command.payout_id;
    let payout = match find(books, id)? {
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
    let end = End::Released(row::Released {
        reason: command.reason.clone(),
        released_at_ms: books.time_ms,
    });
    give_back(books, payout, end, &command.reason)?;
    Ok(Outcome::PayoutReleased)
}

/// Ends a payout and gives all it set aside back: balances, and the pool's part of the fee.
fn give_back(
    books: &mut Books<'_>,
    mut payout: row::Payout,
    end: End,
    reason: &str,
) -> Result<(), Stop> {
    let debits = sums(&payout).debits;
    let is_released = matches!(end, End::Released(_));
    let kind = match is_released {
        true => EntryKind::PayoutReleased,
        false => EntryKind::PayoutAbandoned,
    };
    books.begin_entry(kind, Subject::Payout(payout.id), reason);
    for payee in &payout.payees {
        let mut open = books.open_miner(&payee.address)?;
        let debit = payee.debit_atomic;
        books.transfer_of(&mut open, Account::InFlight, Account::Mature, debit)?;
        books.close_miner(open)?;
    }
    fee_budget::close(books, &payout, 0)?;
    payout.end = Some(end);
    close(books, &payout)?;
    if !is_released {
        return Ok(());
    }
    books.change(key::payout_head(), |head: &mut row::PayoutHead| {
        day::give_back(head, &payout, debits);
        Ok(())
    })
}

/// Pauses or resumes payouts. What the leader stops them for is kept when they run again: whoever
/// resumes them has accepted it.
pub(crate) fn pause(books: &mut Books<'_>, command: &PausePayouts) -> Result<Outcome, Stop> {
    if !command.executed_tx_hash.is_empty() {
        abandon::note_executed(books, &command.executed_tx_hash)?;
    }
    if command.unexplained_nonce > 0 {
        books.change(key::payout_head(), |head: &mut row::PayoutHead| {
            head.unexplained_nonce = command.unexplained_nonce;
            Ok(())
        })?;
    }
    if command.paused {
        pause_for(books, command.reason.clone(), command.until_reconciled)?;
    } else {
        if must_reconcile(books)? {
            return Err(Rejection::PayoutsNotReconciled.into());
        }
        books.delete(key::pause());
    }
    audit(
        books,
        &command.reason,
        row::audit::Change::Paused(command.paused),
    );
    Ok(Outcome::PayoutsPaused)
}

/// Pauses payouts. A reconciliation that is wanted stays wanted.
fn pause_for(books: &mut Books<'_>, reason: String, until_reconciled: bool) -> Result<(), Stop> {
    let pause = row::Pause {
        reason,
        since_ms: books.time_ms,
        until_reconciled: until_reconciled || must_reconcile(books)?,
    };
    books.put(key::pause(), &pause);
    Ok(())
}

fn must_reconcile(books: &Books<'_>) -> Result<bool, Stop> {
    let pause: row::Pause = books.get_or_default(&key::pause())?;
    Ok(pause.until_reconciled)
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
        head.open_fee_budget_atomic = 0;
        Ok(())
    })
}

/// Sums of a payout. A reservation has checked that they fit.
struct Sums {
    debits: u64,
    /// What the payees bear of the network fee at most.
    payees_fee_budget: u64,
    /// What its transaction may cost, whoever bears it.
    fee_budget: u64,
}

fn sums(payout: &row::Payout) -> Sums {
    let payees = &payout.payees;
    let debits: u64 = payees.iter().map(|payee| payee.debit_atomic).sum();
    let transfers: u64 = payees.iter().map(|payee| payee.transfer_atomic).sum();
    let payees_fee_budget = debits - transfers;
    Sums {
        debits,
        payees_fee_budget,
        fee_budget: payees_fee_budget.saturating_add(payout.pool_fee_budget_atomic),
    }
}

/// The pool's part of a fee, and the payees'. The pool's budget is used first.
pub(crate) fn split_fee(payout: &row::Payout, fee_atomic: u64) -> (u64, u64) {
    let of_pool = fee_atomic.min(payout.pool_fee_budget_atomic);
    (of_pool, fee_atomic - of_pool)
}
