//! Bans: workers no node takes shares of for a limited time.
//!
//! Nodes see misbehaviour, each by itself; the ban is in the books so that it holds on every node
//! (promise P7: a worker's standing is the same wherever it connects). It costs nobody money: work
//! that was credited stays credited.
//!
//! A ban is over by the ledger's time. What is over is cleaned away by the next commands that ban
//! somebody, a few records each, so that the table never holds more than has its bound.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::arithmetic::take;
use crate::books::Books;
use crate::command::{BanWorker, LiftBan};
use crate::key::{self, Key};
use crate::record::damaged;
use crate::score::check_names;
use crate::settings::{audit, check_reason, invalid};
use crate::state::Direction;
use crate::{Outcome, Rejection};

/// Most bans at a time.
pub const BANS_MAX: u64 = 10_000;
/// Places among them for workers with accepted work only: names are free, and whoever makes them
/// up must not keep those from being banned who have something to lose.
pub const BANS_OF_KNOWN_WORKERS: u64 = 1_000;
/// Longest ban, in milliseconds: a year.
pub const BAN_MS_MAX: u64 = 366 * 86_400_000;

/// Records of bans that are over which one command cleans away.
const CLEANED_MAX: usize = 16;

pub(crate) fn ban(books: &mut Books<'_>, command: &BanWorker) -> Result<Outcome, Stop> {
    let BanWorker {
        miner,
        worker,
        reason,
        until_ms,
    } = command;
    check_names(miner, worker)?;
    check_reason(reason)?;
    let now_ms = books.time_ms;
    if *until_ms <= now_ms {
        let problem = format!("must be later than the ledger's time, which is {now_ms}");
        return Err(invalid("until_ms", problem).into());
    }
    if until_ms - now_ms > BAN_MS_MAX {
        return Err(invalid("until_ms", "must be at most a year from now").into());
    }
    clean(books)?;
    let own = key::ban(miner, worker);
    match books.get::<row::Ban>(&own)? {
        Some(present) if present.until_ms >= *until_ms => return Ok(Outcome::WorkerBanned),
        Some(present) => books.delete(key::ban_end(present.until_ms, miner, worker)),
        None => take_place(books, miner, worker)?,
    }
    let record = row::Ban {
        miner: miner.clone(),
        worker: worker.clone(),
        reason: reason.clone(),
        since_ms: now_ms,
        until_ms: *until_ms,
        author: books.author.to_owned(),
    };
    books.put(own.clone(), &record);
    books.put_mark(key::ban_end(*until_ms, miner, worker));
    note_change(books)?;
    Ok(Outcome::WorkerBanned)
}

pub(crate) fn lift(books: &mut Books<'_>, command: &LiftBan) -> Result<Outcome, Stop> {
    let LiftBan {
        miner,
        worker,
        reason,
    } = command;
    check_names(miner, worker)?;
    check_reason(reason)?;
    let present: Option<row::Ban> = books.get(&key::ban(miner, worker))?;
    let Some(present) = present.filter(|ban| ban.until_ms > books.time_ms) else {
        let (miner, worker) = (miner.clone(), worker.clone());
        return Err(Rejection::NotBanned { miner, worker }.into());
    };
    remove(books, &present)?;
    note_change(books)?;
    audit(
        books,
        reason,
        row::audit::Change::BanLifted(command.clone()),
    );
    Ok(Outcome::BanLifted)
}

/// Counts one more ban, when there is a place for it.
fn take_place(books: &mut Books<'_>, miner: &str, worker: &str) -> Result<(), Stop> {
    let is_known = books
        .get::<row::Worker>(&key::worker(miner, worker))?
        .is_some_and(|worker| worker.shares > 0);
    let places = match is_known {
        true => BANS_MAX,
        false => BANS_MAX - BANS_OF_KNOWN_WORKERS,
    };
    books.change(key::bans_head(), |head: &mut row::Bans| {
        if head.count >= places {
            return Err(Rejection::BansFull { places }.into());
        }
        head.count += 1;
        Ok(())
    })
}

/// Removes some of the bans that are over.
fn clean(books: &mut Books<'_>) -> Result<(), Stop> {
    let (start, end) = key::ban_ends_until(books.time_ms);
    let mut ends: Vec<Key> = Vec::new();
    books
        .state()
        .scan(&start, &end, Direction::Ascending, &mut |key, _| {
            ends.push(key.to_vec());
            match ends.len() < CLEANED_MAX {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
    for end in ends {
        let own = key::ban_of_end(&end);
        let ban: Option<row::Ban> = books.get(&own)?;
        let ban = ban.ok_or_else(|| damaged("end of a ban"))?;
        remove(books, &ban)?;
    }
    Ok(())
}

fn remove(books: &mut Books<'_>, ban: &row::Ban) -> Result<(), Stop> {
    books.delete(key::ban(&ban.miner, &ban.worker));
    books.delete(key::ban_end(ban.until_ms, &ban.miner, &ban.worker));
    books.change(key::bans_head(), |head: &mut row::Bans| {
        head.count = take(head.count, 1, "number of bans")?;
        Ok(())
    })
}

/// Lets nodes see that they must look at the bans anew.
fn note_change(books: &mut Books<'_>) -> Result<(), Stop> {
    let index = books.entry.index;
    books.change(key::bans_head(), |head: &mut row::Bans| {
        head.changed_index = index;
        Ok(())
    })
}
