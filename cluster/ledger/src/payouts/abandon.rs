//! Ending a payout whose nonce another transaction used up.
//!
//! The books cannot see the chain: that none of the variants can execute any more is the word of
//! the operator, who has it from the leader. Hence only while payouts are paused, and the variants
//! stay in the books: should one be executed after all, it is found by its hash and never booked.

use raftpool_proto::ledger as row;

use super::{End, find, give_back, open};
use crate::apply::Stop;
use crate::arithmetic::add;
use crate::books::Books;
use crate::command::AbandonPayout;
use crate::settings::{audit, check_reason, invalid};
use crate::{Outcome, Rejection, key};

/// Gives the amounts of a signed payout back, and its nonce to nobody.
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
    });
    give_back(books, payout, end, &command.reason)?;
    books.put(key::abandoned(id), &row::Reference { number: id });
    books.change(key::payout_head(), |head: &mut row::PayoutHead| {
        head.nonce_floor = add(nonce, 1, "nonce")?;
        Ok(())
    })?;
    let change = row::audit::Change::PayoutAbandoned(id);
    audit(books, &command.reason, change);
    Ok(Outcome::PayoutAbandoned)
}
