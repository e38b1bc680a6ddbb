//! Booking what the chain executed and these books have lost: after they were restored from a
//! backup, or went on from a node that lacked the newest entries.
//!
//! The transaction is the word of the operator, who has it from the chain and the wallet. It becomes
//! a payout like any other, that is confirmed as soon as it is known: its nonce is used, and what
//! it paid is taken from the balances of its payees, with its fee. What a balance does not cover was
//! earned by work that is lost as well, and comes from an account of its own (`reconciled`), so that
//! it is neither forgotten nor paid again.
//!
//! Surprising: the order matters. A block that was recorded before the books were restored and
//! settled afterwards must be settled again first, or its miners' money would be taken for lost work
//! and then paid twice; hence nothing is reconciled while a stable block waits.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
use row::EntryKind;

use super::{End, confirm, day, fee_budget, give_back, open};
use crate::apply::Stop;
use crate::arithmetic::{add, take};
use crate::blocks::{check_hash, hex};
use crate::books::Books;
use crate::command::{
    Account, ConfirmPayout, ExecutedSpend, PaidTo, Payee, ReconcilePayouts, Settings,
};
use crate::funds::room_atomic;
use crate::invariant::MAX_SUPPLY_ATOMIC;
use crate::journal::Subject;
use crate::record::each;
use crate::settings::{
    PAYEES_MAX, audit, check_address, check_reason, invalid, is_fee_borne_by_pool,
};
use crate::state::Direction;
use crate::{Outcome, Rejection, key};

/// Books one transaction, ends the reconciliation, or both.
pub(crate) fn reconcile(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &ReconcilePayouts,
) -> Result<Outcome, Stop> {
    check_reason(&command.reason)?;
    let Some(mut pause) = books.get::<row::Pause>(&key::pause())? else {
        return Err(Rejection::PayoutsNotPaused.into());
    };
    check_blocks(books, command.stable_height)?;
    if let Some(spend) = &command.spend
        && !is_booked(books, spend)?
    {
        check_spend(settings, spend)?;
        match matching_payout(books, spend)? {
            Some(confirmation) => {
                confirm(books, &confirmation)?;
            }
            None => book(books, settings, spend, &command.reason)?,
        }
    }
    if command.is_complete {
        pause.until_reconciled = false;
        books.put(key::pause(), &pause);
    }
    let change = row::audit::Change::PayoutsReconciled(command.is_complete);
    audit(books, &command.reason, change);
    Ok(Outcome::PayoutsReconciled)
}

/// Refuses while a block that the chain has decided about is not handed out to all of its miners.
fn check_blocks(books: &Books<'_>, stable_height: u64) -> Result<(), Stop> {
    let mut waiting = Vec::new();
    for range in [key::blocks_maturing(), key::blocks_undistributed()] {
        each(
            books.state(),
            range,
            Direction::Ascending,
            |_, found: row::Reference| {
                waiting.push(found.number);
                Ok(ControlFlow::Continue(()))
            },
        )?;
    }
    for number in waiting {
        let block: row::Block = books.get_or_default(&key::block(number))?;
        if block.height <= stable_height {
            let problem = format!(
                "is {stable_height}, but block {} of height {} is not settled yet: wait until it is, \
                 or its miners would be paid twice",
                hex(&block.hash),
                block.height
            );
            return Err(invalid("stable_height", problem).into());
        }
    }
    Ok(())
}

/// Whether the transaction is a confirmed payout's already.
fn is_booked(books: &Books<'_>, spend: &ExecutedSpend) -> Result<bool, Stop> {
    let owner = books.get::<row::Reference>(&key::variant_owner(&spend.tx_hash))?;
    let Some(owner) = owner else {
        return Ok(false);
    };
    let payout: row::Payout = books.get_or_default(&key::payout(owner.number))?;
    let is_it = |end: &End| matches!(end, End::Confirmed(end) if end.tx_hash == spend.tx_hash);
    Ok(payout.end.as_ref().is_some_and(is_it))
}

fn check_spend(settings: &Settings, spend: &ExecutedSpend) -> Result<(), Rejection> {
    check_hash("tx_hash", &spend.tx_hash)?;
    check_hash("block_hash", &spend.block_hash)?;
    if spend.nonce == u64::MAX {
        return Err(invalid("nonce", "must be below the largest number"));
    }
    if spend.fee_atomic > MAX_SUPPLY_ATOMIC {
        return Err(invalid("fee_atomic", "is more than can exist"));
    }
    if spend.payees.is_empty() || spend.payees.len() > PAYEES_MAX as usize {
        return Err(invalid("payees", format!("must be 1 to {PAYEES_MAX}")));
    }
    let mut seen = BTreeSet::new();
    for PaidTo {
        address,
        amount_atomic,
    } in &spend.payees
    {
        check_address("address", address)?;
        if *address == settings.pool_address {
            return Err(invalid("address", "must not be the pool's own"));
        }
        if !seen.insert(address) {
            return Err(invalid("payees", format!("name {address} twice")));
        }
        if *amount_atomic == 0 || *amount_atomic > MAX_SUPPLY_ATOMIC {
            let problem = "must be above 0 and at most what can exist";
            return Err(invalid("amount_atomic", problem));
        }
    }
    Ok(())
}

/// What confirms the open payout, when the transaction is one of its variants. An open payout whose
/// nonce another transaction has used can never execute: its amounts are given back.
fn matching_payout(
    books: &mut Books<'_>,
    spend: &ExecutedSpend,
) -> Result<Option<ConfirmPayout>, Stop> {
    let head: row::PayoutHead = books.get_or_default(&key::payout_head())?;
    if head.open_id == 0 {
        return Ok(None);
    }
    let payout = open(books, head.open_id)?;
    if payout.nonce != spend.nonce {
        let problem = format!("must be that of the open payout, {}, first", payout.nonce);
        return Err(invalid("nonce", problem).into());
    }
    if super::sign::find_variant(books, &payout, &spend.tx_hash)?.is_some() {
        return Ok(Some(ConfirmPayout {
            payout_id: payout.id,
            tx_hash: spend.tx_hash.clone(),
            block_hash: spend.block_hash.clone(),
            topoheight: spend.topoheight,
        }));
    }
    let reason = format!("transaction {} has used its nonce", hex(&spend.tx_hash));
    let (reason_kept, id) = (reason.clone(), payout.id);
    let end = match payout.variants {
        0 => End::Released(row::Released {
            reason: reason_kept,
            released_at_ms: books.time_ms,
        }),
        _ => {
            books.put(key::abandoned(id), &row::Reference { number: id });
            End::Abandoned(row::Abandoned {
                author: books.author.to_owned(),
                reason: reason_kept,
                abandoned_at_ms: books.time_ms,
                keeps_nonce: true,
                executed_tx_hash: Vec::new(),
            })
        }
    };
    give_back(books, payout, end, &reason)?;
    Ok(None)
}

/// Makes a confirmed payout of a transaction that no payout of these books explains.
fn book(
    books: &mut Books<'_>,
    settings: &Settings,
    spend: &ExecutedSpend,
    reason: &str,
) -> Result<(), Stop> {
    let mut head: row::PayoutHead = books.get_or_default(&key::payout_head())?;
    if spend.nonce < head.nonce_floor {
        let problem = format!(
            "is {}, but these books have used everything below {}",
            spend.nonce, head.nonce_floor
        );
        return Err(invalid("nonce", problem).into());
    }
    let known = books.get::<row::Reference>(&key::variant_owner(&spend.tx_hash))?;
    if let Some(known) = known {
        let problem = format!("belongs to payout {}, which was given up", known.number);
        return Err(invalid("tx_hash", problem).into());
    }
    let id = add(head.last_id, 1, "payout id")?;
    books.begin_entry(EntryKind::PayoutReconciled, Subject::Payout(id), reason);
    let of_pool = match is_fee_borne_by_pool(settings) {
        true => spend.fee_atomic.min(fee_budget::available_atomic(books)?),
        false => 0,
    };
    let mut payout = row::Payout {
        id,
        nonce: spend.nonce,
        payees: payees_of(spend, spend.fee_atomic - of_pool)?,
        reserved_at_ms: books.time_ms,
        term: books.entry.term,
        variants: 1,
        pool_fee_budget_atomic: of_pool,
        pool_fee_budget_from: fee_budget::set_aside(books, of_pool)?,
        ..row::Payout::default()
    };
    let mut debits = 0_u64;
    for payee in &payout.payees {
        debits = add(debits, payee.debit_atomic, "debits")?;
        charge(books, payee)?;
        let index = row::Reference { number: id };
        books.put(key::miner_payout(&payee.address, id), &index);
    }
    fee_budget::close(books, &payout, of_pool)?;
    payout.end = Some(End::Confirmed(row::Confirmed {
        tx_hash: spend.tx_hash.clone(),
        block_hash: spend.block_hash.clone(),
        topoheight: spend.topoheight,
        confirmed_at_ms: books.time_ms,
    }));
    store(books, &payout, spend)?;
    let today = day::day_of(books.time_ms);
    let taken = day::taken_on(&head, today);
    head.day_debit_atomic = add(taken, debits, "debits of a day")?;
    head.day = today;
    head.last_id = id;
    head.nonce_floor = add(spend.nonce, 1, "nonce")?;
    head.last_reserved_ms = books.time_ms;
    books.put(key::payout_head(), &head);
    Ok(())
}

fn store(books: &mut Books<'_>, payout: &row::Payout, spend: &ExecutedSpend) -> Result<(), Stop> {
    let id = payout.id;
    // Its bytes are not known, and not needed any more.
    let variant = row::Variant {
        tx_hash: spend.tx_hash.clone(),
        tx: Vec::new(),
        fee_atomic: spend.fee_atomic,
        reference_topoheight: 0,
    };
    books.put(key::variant(id, 0), &variant);
    let owner = row::Reference { number: id };
    books.put(key::variant_owner(&spend.tx_hash), &owner);
    books.put(key::payout(id), payout);
    books.change(key::totals(), |totals: &mut row::Totals| {
        totals.payouts = add(totals.payouts, 1, "number of payouts")?;
        Ok(())
    })
}

/// The payees with their parts of the fee: the same for each, rounded down, and the units that this
/// leaves over one by one for the first ones.
fn payees_of(spend: &ExecutedSpend, fee_atomic: u64) -> Result<Vec<Payee>, Stop> {
    let count = spend.payees.len() as u64;
    let (part, left) = (fee_atomic / count, fee_atomic % count);
    let payee = |(paid, position): (&PaidTo, u64)| {
        let part = part + u64::from(position < left);
        Ok(Payee {
            address: paid.address.clone(),
            debit_atomic: add(paid.amount_atomic, part, "debit")?,
            transfer_atomic: paid.amount_atomic,
        })
    };
    spend.payees.iter().zip(0..).map(payee).collect()
}

/// Takes what was paid from a balance; what it does not cover was earned by lost work.
fn charge(books: &mut Books<'_>, payee: &Payee) -> Result<(), Stop> {
    let mut open = books.open_miner(&payee.address)?;
    let lost = payee.debit_atomic.saturating_sub(open.miner.balance_atomic);
    if lost > room_atomic(books)? {
        return Err(invalid("amount_atomic", "is more than can exist").into());
    }
    let part = take(payee.debit_atomic, payee.transfer_atomic, "part of a fee")?;
    for (from, to, amount) in [
        (Account::Reconciled, Account::Mature, lost),
        (Account::Mature, Account::Paid, payee.transfer_atomic),
        (Account::Mature, Account::NetworkFees, part),
    ] {
        books.transfer_of(&mut open, from, to, amount)?;
    }
    books.close_miner(open)
}
