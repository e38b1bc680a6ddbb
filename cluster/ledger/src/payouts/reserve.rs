//! Moving balances to in flight.

use std::collections::BTreeSet;

use raftpool_proto::ledger as row;
use row::EntryKind;

use super::{approval, check_not_paused, check_term, day, fee_budget};
use crate::apply::Stop;
use crate::arithmetic::add;
use crate::books::Books;
use crate::command::{Account, Payee, ReservePayout, Settings};
use crate::journal::Subject;
use crate::settings::{check_address, invalid, is_fee_borne_by_pool};
use crate::terms::check_not_held;
use crate::{Outcome, Rejection, key};

/// Opens a payout.
///
/// Proposing the open payout again is answered like the first time, so that a proposer whose
/// answer was lost may simply repeat itself.
pub(crate) fn reserve(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &ReservePayout,
) -> Result<Outcome, Stop> {
    check_term(books, command.term)?;
    let mut head: row::PayoutHead = books.get_or_default(&key::payout_head())?;
    if head.open_id != 0 {
        return match is_repeated(books, command, head.open_id)? {
            true => Ok(Outcome::PayoutReserved),
            false => Err(Rejection::PayoutOpen(head.open_id).into()),
        };
    }
    check_not_paused(books)?;
    let id = add(head.last_id, 1, "payout id")?;
    check_order(command.payout_id, command.payout_id == id, id)?;
    check_order(
        command.nonce,
        command.nonce >= head.nonce_floor,
        head.nonce_floor,
    )?;
    if command.nonce == u64::MAX {
        return Err(invalid("nonce", "must be below the largest number").into());
    }
    let debits = check_payees(settings, &command.payees)?;
    day::take(&mut head, settings, books.time_ms, debits)?;
    check_fee_budget(books, settings, command)?;
    books.begin_entry(EntryKind::PayoutReserved, Subject::Payout(id), "");
    for payee in &command.payees {
        move_to_in_flight(books, payee)?;
        books.put(
            key::miner_payout(&payee.address, id),
            &row::Reference { number: id },
        );
    }
    let pool_fee_budget_atomic = command.pool_fee_budget_atomic;
    let pool_fee_budget_from = fee_budget::set_aside(books, pool_fee_budget_atomic)?;
    let payout = row::Payout {
        id,
        nonce: command.nonce,
        payees: command.payees.clone(),
        reserved_at_ms: books.time_ms,
        term: command.term,
        needs_approval: approval::is_wanted(settings, debits),
        pool_fee_budget_atomic,
        pool_fee_budget_from,
        ..row::Payout::default()
    };
    books.put(key::payout(id), &payout);
    head.last_id = id;
    head.open_id = id;
    head.open_debit_atomic = debits;
    head.open_fee_budget_atomic = pool_fee_budget_atomic;
    head.last_reserved_ms = books.time_ms;
    books.put(key::payout_head(), &head);
    Ok(Outcome::PayoutReserved)
}

fn is_repeated(books: &Books<'_>, command: &ReservePayout, open: u64) -> Result<bool, Stop> {
    let payout = super::find(books, open)?;
    Ok(command.payout_id == open
        && command.nonce == payout.nonce
        && command.payees == payout.payees
        && command.pool_fee_budget_atomic == payout.pool_fee_budget_atomic)
}

fn check_order(given: u64, is_next: bool, expected: u64) -> Result<(), Rejection> {
    if is_next {
        Ok(())
    } else {
        Err(Rejection::PayoutOutOfOrder { given, expected })
    }
}

/// Returns the sum of the debits.
fn check_payees(settings: &Settings, payees: &[Payee]) -> Result<u64, Rejection> {
    let payees_max = settings.payout_payees_max;
    if payees.is_empty() || payees.len() as u64 > u64::from(payees_max) {
        return Err(invalid("payees", format!("must be 1 to {payees_max}")));
    }
    let mut debits = 0_u64;
    let mut seen = BTreeSet::new();
    for payee in payees {
        check_payee(settings, payee)?;
        if !seen.insert(&payee.address) {
            return Err(invalid("payees", format!("name {} twice", payee.address)));
        }
        debits = debits
            .checked_add(payee.debit_atomic)
            .ok_or_else(|| invalid("payees", "take more than can exist"))?;
    }
    Ok(debits)
}

/// Who bears the network fee is the settings' business alone: a budget of the pool where payees
/// shall bear it, or a part of a payee where the pool shall, is refused.
fn check_fee_budget(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &ReservePayout,
) -> Result<(), Stop> {
    let asked_atomic = command.pool_fee_budget_atomic;
    if !is_fee_borne_by_pool(settings) {
        return match asked_atomic {
            0 => Ok(()),
            _ => Err(invalid(
                "pool_fee_budget_atomic",
                "must be 0: the payees bear the fee",
            )
            .into()),
        };
    }
    let bears = |payee: &&Payee| payee.debit_atomic != payee.transfer_atomic;
    if let Some(payee) = command.payees.iter().find(bears) {
        let problem = format!(
            "must be the debit for {}: the pool bears the network fee",
            payee.address
        );
        return Err(invalid("transfer_atomic", problem).into());
    }
    let pool_fees_atomic = fee_budget::available_atomic(books)?;
    if asked_atomic > pool_fees_atomic {
        return Err(Rejection::PoolFeesTooLow {
            asked_atomic,
            pool_fees_atomic,
        }
        .into());
    }
    Ok(())
}

fn check_payee(settings: &Settings, payee: &Payee) -> Result<(), Rejection> {
    check_address("address", &payee.address)?;
    if payee.address == settings.pool_address {
        return Err(invalid(
            "address",
            "must not be the pool's own: the chain refuses that",
        ));
    }
    if payee.transfer_atomic == 0 {
        return Err(invalid("transfer_atomic", "must be above 0"));
    }
    if payee.transfer_atomic > payee.debit_atomic {
        return Err(invalid("transfer_atomic", "must be at most the debit"));
    }
    Ok(())
}

fn move_to_in_flight(books: &mut Books<'_>, payee: &Payee) -> Result<(), Stop> {
    let debit_atomic = payee.debit_atomic;
    check_not_held(books, &payee.address)?;
    let miner: row::Miner = books.get_or_default(&key::miner(&payee.address))?;
    if miner.balance_atomic < debit_atomic {
        let address = payee.address.clone();
        return Err(Rejection::InsufficientBalance {
            address,
            debit_atomic,
        }
        .into());
    }
    let mut open = books.open_miner(&payee.address)?;
    books.transfer_of(&mut open, Account::Mature, Account::InFlight, debit_atomic)?;
    books.close_miner(open)
}
