//! Tokens: what whoever mines to an address may be asked for as a password.
//!
//! A token is 256 random bits as text. The books know only its hash, so that neither they, nor a
//! snapshot, nor the log lets anybody in. The hash is a quick one: slow hashes protect what people
//! can think of, and nobody can try all random tokens, however quick each try is. A slow one would
//! only give strangers a way to keep the nodes busy.
//!
//! Tokens cost and give nobody money: what was credited stays credited.

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::arithmetic::{add, take};
use crate::blocks::{check_hash, hex};
use crate::books::Books;
use crate::command::{MakeToken, RequireToken, RevokeToken};
use crate::score::check_names;
use crate::settings::{audit, check_address, invalid};
use crate::{Outcome, Rejection, key};

/// What every token begins with, so that people and programs see what it is.
pub const TOKEN_PREFIX: &str = "rpt_";
/// Most tokens of one address.
pub const TOKENS_PER_MINER_MAX: u64 = 32;
/// Most bytes of a label.
pub const TOKEN_LABEL_BYTES_MAX: usize = 64;
/// Characters of a token that are kept readable.
pub const TOKEN_ENDING_BYTES_MAX: usize = 4;
/// Bytes of a token's hash that are its id.
pub const TOKEN_ID_BYTES: usize = 8;

/// What the hash is for; another use of the same bytes has another hash.
const HASH_CONTEXT: &str = "raftpool 2026-11 miner's token";

/// The hash a token is known by.
pub fn token_hash(token: &str) -> [u8; 32] {
    blake3::derive_key(HASH_CONTEXT, token.as_bytes())
}

/// The id of the token with this hash.
pub fn token_id(hash: &[u8; 32]) -> [u8; TOKEN_ID_BYTES] {
    let mut id = [0; TOKEN_ID_BYTES];
    id.copy_from_slice(&hash[..TOKEN_ID_BYTES]);
    id
}

pub(crate) fn make(books: &mut Books<'_>, command: &MakeToken) -> Result<Outcome, Stop> {
    check_make(books, command)?;
    let id = &command.token_hash[..TOKEN_ID_BYTES];
    let token_key = key::token(&command.miner, id);
    if let Some(known) = books.get::<row::Token>(&token_key)? {
        // Proposed again after a lost answer. Two tokens never meet in 64 random bits, but if
        // they did the second must not pass for the first.
        return if known.hash == command.token_hash {
            Ok(Outcome::TokenMade)
        } else {
            Err(invalid(
                "token_hash",
                "has the id of another token: make another one",
            )
            .into())
        };
    }
    change_rule(books, &command.miner, |rule| {
        if rule.tokens >= TOKENS_PER_MINER_MAX {
            let tokens_max = TOKENS_PER_MINER_MAX;
            return Err(Rejection::TooManyTokens { tokens_max }.into());
        }
        rule.tokens = add(rule.tokens, 1, "number of tokens")?;
        Ok(())
    })?;
    let token = row::Token {
        hash: command.token_hash.clone(),
        ending: command.ending.clone(),
        label: command.label.clone(),
        worker: command.worker.clone(),
        expires_at_ms: command.expires_at_ms,
        made_at_ms: books.time_ms,
        author: books.author.to_owned(),
    };
    books.put(token_key, &token);
    let made = row::TokenMade {
        miner: command.miner.clone(),
        token_id: id.to_vec(),
        label: command.label.clone(),
    };
    audit(books, &command.reason, row::audit::Change::TokenMade(made));
    Ok(Outcome::TokenMade)
}

fn check_make(books: &Books<'_>, command: &MakeToken) -> Result<(), Rejection> {
    check_names(&command.miner, &command.worker)?;
    check_hash("token_hash", &command.token_hash)?;
    if command.label.len() > TOKEN_LABEL_BYTES_MAX {
        return Err(invalid("label", "must be at most 64 bytes long"));
    }
    if command.ending.len() > TOKEN_ENDING_BYTES_MAX {
        return Err(invalid("ending", "must be at most 4 bytes long"));
    }
    let now_ms = books.time_ms;
    if command.expires_at_ms != 0 && command.expires_at_ms <= now_ms {
        let problem = format!("must be later than the ledger's time, which is {now_ms}");
        return Err(invalid("expires_at_ms", problem));
    }
    Ok(())
}

pub(crate) fn revoke(books: &mut Books<'_>, command: &RevokeToken) -> Result<Outcome, Stop> {
    check_address("miner", &command.miner)?;
    if command.token_id.len() != TOKEN_ID_BYTES {
        return Err(invalid("token_id", "must be 8 bytes long").into());
    }
    let token_key = key::token(&command.miner, &command.token_id);
    let Some(token) = books.get::<row::Token>(&token_key)? else {
        return Err(Rejection::UnknownToken(hex(&command.token_id)).into());
    };
    change_rule(books, &command.miner, |rule| {
        rule.tokens = take(rule.tokens, 1, "number of tokens")?;
        Ok(())
    })?;
    books.delete(token_key);
    let revoked = row::TokenRevoked {
        miner: command.miner.clone(),
        token_id: command.token_id.clone(),
        label: token.label,
    };
    audit(
        books,
        &command.reason,
        row::audit::Change::TokenRevoked(revoked),
    );
    Ok(Outcome::TokenRevoked)
}

pub(crate) fn require(books: &mut Books<'_>, command: &RequireToken) -> Result<Outcome, Stop> {
    check_address("miner", &command.miner)?;
    change_rule(books, &command.miner, |rule| {
        rule.is_required = command.is_required;
        Ok(())
    })?;
    let required = row::TokenRequired {
        miner: command.miner.clone(),
        is_required: command.is_required,
    };
    audit(
        books,
        &command.reason,
        row::audit::Change::TokenRequired(required),
    );
    Ok(Outcome::TokenRequirementSet)
}

/// Changes what holds for an address, and notes for the nodes' connections that something did.
fn change_rule(
    books: &mut Books<'_>,
    miner: &str,
    change: impl FnOnce(&mut row::TokenRule) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let rule_key = key::token_rule(miner);
    let mut rule: row::TokenRule = books.get_or_default(&rule_key)?;
    change(&mut rule)?;
    if rule == row::TokenRule::default() {
        books.delete(rule_key);
    } else {
        books.put(rule_key, &rule);
    }
    let changed_index = books.entry.index;
    books.put(key::tokens_head(), &row::TokensHead { changed_index });
    Ok(())
}
