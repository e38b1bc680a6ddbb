//! An operator's word on a payout that waits for it.
//!
//! Whether a payout waits is decided when it is reserved, by the settings of that moment, and is
//! part of its row: later settings change nothing about it.

use raftpool_proto::ledger as row;

use super::{End, give_back, open, pause_for};
use crate::apply::Stop;
use crate::books::Books;
use crate::command::{ApprovePayout, RejectPayout, Settings};
use crate::settings::{audit, check_reason, invalid};
use crate::{Outcome, Rejection, key};

/// Whether a payout of these debits may only be signed when approved.
pub(super) fn is_wanted(settings: &Settings, debits: u64) -> bool {
    settings
        .payout_approval_above_atomic
        .is_some_and(|above| debits > above)
}

/// Refuses to sign what nobody has approved.
pub(super) fn check(payout: &row::Payout) -> Result<(), Rejection> {
    match payout.needs_approval && payout.approval.is_none() {
        true => Err(Rejection::NotApproved(payout.id)),
        false => Ok(()),
    }
}

/// Lets a payout be signed. Approved again, it stays approved by whoever was first.
pub(crate) fn approve(books: &mut Books<'_>, command: &ApprovePayout) -> Result<Outcome, Stop> {
    let id = command.payout_id;
    check_reason(&command.reason)?;
    let mut payout = open(books, id)?;
    if !payout.needs_approval {
        let problem = format!("names payout {id}, which needs no approval");
        return Err(invalid("payout_id", problem).into());
    }
    if payout.approval.is_some() {
        return Ok(Outcome::PayoutApproved);
    }
    payout.approval = Some(row::Approval {
        author: books.author.to_owned(),
        reason: command.reason.clone(),
        approved_at_ms: books.time_ms,
    });
    books.put(key::payout(id), &payout);
    let change = row::audit::Change::PayoutApproved(id);
    audit(books, &command.reason, change);
    Ok(Outcome::PayoutApproved)
}

/// Gives a payout's amounts back and pauses payouts: the same balances are the next ones to be
/// reserved, and who rejects a payout does not want to see it again at once.
pub(crate) fn reject(books: &mut Books<'_>, command: &RejectPayout) -> Result<Outcome, Stop> {
    let id = command.payout_id;
    check_reason(&command.reason)?;
    let payout = open(books, id)?;
    if payout.variants > 0 {
        return Err(Rejection::PayoutSigned(id).into());
    }
    let end = End::Released(row::Released {
        reason: command.reason.clone(),
        released_at_ms: books.time_ms,
    });
    give_back(books, payout, end, &command.reason)?;
    pause_for(
        books,
        format!("payout {id} was rejected: {}", command.reason),
        false,
    )?;
    let change = row::audit::Change::PayoutRejected(id);
    audit(books, &command.reason, change);
    Ok(Outcome::PayoutRejected)
}
