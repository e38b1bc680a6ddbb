//! Owners: whoever has proved that an address is theirs, and what they may change.
//!
//! An address has no account and no password. Its owner signs a text of the pool with the wallet's
//! key; a node checks the signature and proposes a session, which every node knows by its hash. A
//! change names its session and is judged here, at its place in the log, so that a session that is
//! over somewhere is over everywhere.
//!
//! Nothing an owner changes moves money to another address. Changes of an address are counted by
//! day, because what concerns money is kept for ever beside the operators' changes.

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::arithmetic::add;
use crate::blocks::check_hash;
use crate::books::Books;
use crate::command::{
    ChangeByOwner, CloseOwnerSession, MakeToken, OpenOwnerSession, RequireToken, RevokeToken,
    SetMinerPreferences, Settings, WorkerLabel,
};
use crate::settings::invalid;
use crate::terms::{self, check_known};
use crate::{Outcome, Rejection, key, tokens};

/// What every session begins with, so that people and programs see what it is.
pub const SESSION_PREFIX: &str = "rps_";
/// Longest time from the opening of a session to its end.
pub const SESSION_TIME_MAX_MS: u64 = 3_600_000;
/// Most sessions of an address whose end has not come, closed ones included.
pub const SESSIONS_MAX: u64 = 8;
/// Bytes of a challenge.
pub const CHALLENGE_BYTES: usize = 16;
/// Most changes of an address on one day (UTC, by the ledger's time).
pub const CHANGES_PER_DAY_MAX: u64 = 200;
/// Most bytes of a worker's label.
pub const LABEL_BYTES_MAX: usize = 64;

/// What the hash is for; another use of the same bytes has another hash.
const HASH_CONTEXT: &str = "raftpool 2026-11 owner's session";
/// Stands beside what an owner changes.
const REASON: &str = "by the owner of the address";
const DAY_MS: u64 = 86_400_000;

/// The hash a session is known by.
pub fn session_hash(session: &str) -> [u8; 32] {
    blake3::derive_key(HASH_CONTEXT, session.as_bytes())
}

/// Opens a session. Sessions that are over are let go.
pub(crate) fn open(books: &mut Books<'_>, command: &OpenOwnerSession) -> Result<Outcome, Stop> {
    check_known(books, &command.miner)?;
    check_hash("session_hash", &command.session_hash)?;
    if command.challenge.len() != CHALLENGE_BYTES {
        return Err(invalid("challenge", "must be 16 bytes long").into());
    }
    let mut owner = owner_of(books, &command.miner)?;
    let now_ms = books.time_ms;
    owner.sessions.retain(|known| known.expires_at_ms > now_ms);
    let same = |known: &&row::OwnerSession| known.challenge == command.challenge;
    if let Some(known) = owner.sessions.iter().find(same) {
        // Proposed again after a lost answer, unless the session is another.
        return match known.hash == command.session_hash && !known.is_closed {
            true => Ok(Outcome::OwnerSessionOpened),
            false => Err(Rejection::ChallengeUsed.into()),
        };
    }
    let is_in_time = command.expires_at_ms > now_ms
        && command.expires_at_ms <= now_ms.saturating_add(SESSION_TIME_MAX_MS);
    if !is_in_time {
        let problem = format!("must be within an hour after the ledger's time, which is {now_ms}");
        return Err(invalid("expires_at_ms", problem).into());
    }
    if owner.sessions.len() as u64 >= SESSIONS_MAX {
        return Err(Rejection::TooManyOwnerSessions {
            sessions_max: SESSIONS_MAX,
        }
        .into());
    }
    owner.sessions.push(row::OwnerSession {
        hash: command.session_hash.clone(),
        challenge: command.challenge.clone(),
        expires_at_ms: command.expires_at_ms,
        is_closed: false,
    });
    books.put(key::owner(&command.miner), &owner);
    Ok(Outcome::OwnerSessionOpened)
}

/// Closes a session. Its challenge stays until it would have ended, so that it opens no other.
pub(crate) fn close(books: &mut Books<'_>, command: &CloseOwnerSession) -> Result<Outcome, Stop> {
    let mut owner = owner_of(books, &command.miner)?;
    if !is_open(&owner, &command.session_hash, books.time_ms) {
        return Err(Rejection::OwnerSessionOver.into());
    }
    for session in &mut owner.sessions {
        session.is_closed |= session.hash == command.session_hash;
    }
    books.put(key::owner(&command.miner), &owner);
    Ok(Outcome::OwnerSessionClosed)
}

/// Changes what an owner asks for, all of it or nothing.
pub(crate) fn change(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &ChangeByOwner,
) -> Result<Outcome, Stop> {
    count(books, command)?;
    let miner = &command.miner;
    set_preferences(books, settings, command)?;
    if let Some(is_required) = command.is_token_required {
        let rule = RequireToken {
            miner: miner.clone(),
            is_required,
            reason: REASON.into(),
        };
        tokens::require(books, &rule)?;
    }
    if let Some(label) = &command.label {
        set_label(books, miner, label)?;
    }
    if let Some(token) = &command.token {
        if token.miner != *miner {
            return Err(invalid("token", "must be of the same address").into());
        }
        let token = MakeToken {
            reason: REASON.into(),
            ..(**token).clone()
        };
        tokens::make(books, &token)?;
    }
    if !command.revoked_token_id.is_empty() {
        let token_id = command.revoked_token_id.clone();
        let revoke = RevokeToken {
            miner: miner.clone(),
            token_id,
            reason: REASON.into(),
        };
        tokens::revoke(books, &revoke)?;
    }
    Ok(Outcome::ChangedByOwner)
}

/// Refuses whoever has no open session or has changed too much today, and counts the change.
fn count(books: &mut Books<'_>, command: &ChangeByOwner) -> Result<(), Stop> {
    let mut owner = owner_of(books, &command.miner)?;
    if !is_open(&owner, &command.session_hash, books.time_ms) {
        return Err(Rejection::OwnerSessionOver.into());
    }
    let day = books.time_ms / DAY_MS;
    if owner.day != day {
        (owner.day, owner.changes) = (day, 0);
    }
    if owner.changes >= CHANGES_PER_DAY_MAX {
        return Err(Rejection::TooManyOwnerChanges {
            changes_max: CHANGES_PER_DAY_MAX,
        }
        .into());
    }
    owner.changes = add(owner.changes, 1, "changes of an owner")?;
    if let Some(is_hidden) = command.is_hidden {
        owner.is_hidden = is_hidden;
    }
    books.put(key::owner(&command.miner), &owner);
    Ok(())
}

/// Whether a session with this hash is open.
fn is_open(owner: &row::Owner, session_hash: &[u8], now_ms: u64) -> bool {
    expires_at_ms(owner, session_hash, now_ms).is_some()
}

/// When an open session with this hash ends. Hashes of random texts need no constant time: whoever
/// tries has to guess the text, of which an early difference of hashes says nothing.
pub(crate) fn expires_at_ms(owner: &row::Owner, hash: &[u8], now_ms: u64) -> Option<u64> {
    let is_this = |known: &&row::OwnerSession| {
        known.hash == hash && !known.is_closed && known.expires_at_ms > now_ms
    };
    let session = owner.sessions.iter().find(is_this);
    session.map(|session| session.expires_at_ms)
}

fn set_preferences(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &ChangeByOwner,
) -> Result<(), Stop> {
    if command.payout_threshold_atomic.is_none() && command.scheme.is_none() {
        return Ok(());
    }
    let own: row::MinerPreferences = books.get_or_default(&key::preferences(&command.miner))?;
    let threshold_atomic = command.payout_threshold_atomic;
    let preferences = SetMinerPreferences {
        miner: command.miner.clone(),
        payout_threshold_atomic: threshold_atomic.unwrap_or(own.payout_threshold_atomic),
        scheme: command.scheme.unwrap_or(own.scheme),
        reason: REASON.into(),
    };
    terms::prefer(books, settings, &preferences)?;
    Ok(())
}

fn set_label(books: &mut Books<'_>, miner: &str, label: &WorkerLabel) -> Result<(), Stop> {
    let WorkerLabel { worker, label } = label;
    if label.len() > LABEL_BYTES_MAX || label.chars().any(char::is_control) {
        return Err(invalid("label", "must be one line of at most 64 bytes").into());
    }
    if books
        .get::<row::Worker>(&key::worker(miner, worker))?
        .is_none()
    {
        let (miner, worker) = (miner.to_owned(), worker.clone());
        return Err(Rejection::UnknownWorker { miner, worker }.into());
    }
    let label_key = key::label(miner, worker);
    match label.is_empty() {
        true => books.delete(label_key),
        false => books.put(
            label_key,
            &row::OwnLabel {
                label: label.clone(),
            },
        ),
    }
    Ok(())
}

fn owner_of(books: &Books<'_>, miner: &str) -> Result<row::Owner, Stop> {
    Ok(books.get_or_default(&key::owner(miner))?)
}

#[cfg(test)]
mod tests;
