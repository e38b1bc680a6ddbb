//! Ending a payout whose nonce another transaction used up.
//!
//! The books cannot see the chain: that none of the variants can execute any more is the word of
//! the operator, who has it from the leader. Hence only while payouts are paused, and the variants
//! stay in the books: should one be executed after all, it is found by its hash and never booked.
//!
//! An operator may answer for it without the leader. Then the nonce may still be free, and the
//! next payout takes it again: of its transactions and of those given up at most one executes.

use raftpool_proto::ledger as row;

use super::{End, find, give_back, open};
use crate::apply::Stop;
use crate::arithmetic::add;
use crate::blocks::{check_hash, hex};
use crate::books::Books;
use crate::command::AbandonPayout;
use crate::settings::{audit, check_reason, invalid};
use crate::{Outcome, Rejection, key};

/// Gives the amounts of a signed payout back; its nonce to nobody, unless it may be free.
pub(crate) fn abandon(books: &mut Books<'_>, command: &AbandonPayout) -> Result<Outcome, Stop> {
    let id = command.payout_id;
    check_reason(&command.reason)?;
    let payout = match find(books, id)? {
        row::Payout {
            end: Some(End::Abandoned(_)),
            ..
        } => return Ok(Outcome::PayoutAbandoned),
        _ => open(books, id)?,
    };
    if payout.variants == 0 {
        let problem = format!("names payout {id}, which has no signed transaction: release it");
        return Err(invalid("payout_id", problem).into());
    }
    if books.get::<row::Pause>(&key::pause())?.is_none() {
        return Err(Rejection::PayoutsNotPaused.into());
    }
    let nonce = payout.nonce;
    let end = End::Abandoned(row::Abandoned {
        author: books.author.to_owned(),
        reason: command.reason.clone(),
        abandoned_at_ms: books.time_ms,
        keeps_nonce: command.keeps_nonce,
        executed_tx_hash: Vec::new(),
    });
    give_back(books, payout, end, &command.reason)?;
    books.put(key::abandoned(id), &row::Reference { number: id });
    if !command.keeps_nonce {
        books.change(key::payout_head(), |head: &mut row::PayoutHead| {
            head.nonce_floor = add(nonce, 1, "nonce")?;
            Ok(())
        })?;
    }
    let change = row::audit::Change::PayoutAbandoned(id);
    audit(books, &command.reason, change);
    Ok(Outcome::PayoutAbandoned)
}

/// Notes an executed transaction of an abandoned payout, which payouts are stopped for.
pub(super) fn note_executed(books: &mut Books<'_>, tx_hash: &[u8]) -> Result<(), Stop> {
    check_hash("executed_tx_hash", tx_hash)?;
    let unknown = || Rejection::UnknownVariant(hex(tx_hash));
    let owner = books.get::<row::Reference>(&key::variant_owner(tx_hash))?;
    let mut payout = find(books, owner.ok_or_else(unknown)?.number)?;
    let Some(End::Abandoned(end)) = &mut payout.end else {
        let problem = format!("belongs to payout {}, which was not given up", payout.id);
        return Err(invalid("executed_tx_hash", problem).into());
    };
    end.executed_tx_hash = tx_hash.to_vec();
    books.put(key::payout(payout.id), &payout);
    Ok(())
}
