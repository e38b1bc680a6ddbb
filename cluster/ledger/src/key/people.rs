//! Keys of who is let in: bans of workers, and the tokens of miners' addresses.

use super::{
    BANS, Key, KeyRange, PREFIX, TOKEN, TOKEN_RULE, TOKENS_HEAD, after, kind, under,
    with_measured_text, with_number, with_text,
};

/// What of the bans: their head, one by whom it hits, and which is over first.
const BANS_HEAD: u8 = 0;
const BANS_BY_WORKER: u8 = 1;
const BANS_BY_END: u8 = 2;

fn bans(part: u8) -> Key {
    let mut key = kind(BANS);
    key.push(part);
    key
}

pub(crate) fn bans_head() -> Key {
    bans(BANS_HEAD)
}

pub(crate) fn ban(address: &str, worker: &str) -> Key {
    with_text(with_measured_text(bans(BANS_BY_WORKER), address), worker)
}

/// Bans behind that of a worker, or all.
pub(crate) fn bans_after(worker: Option<(&str, &str)>) -> KeyRange {
    let (start, end) = under(bans(BANS_BY_WORKER));
    let start = worker.map_or(start, |(address, name)| after(ban(address, name)));
    (start, end)
}

/// Index of bans by when they are over.
pub(crate) fn ban_end(until_ms: u64, address: &str, worker: &str) -> Key {
    let key = with_number(bans(BANS_BY_END), until_ms);
    with_text(with_measured_text(key, address), worker)
}

/// The key of the ban that an index key of its end stands for.
pub(crate) fn ban_of_end(end: &[u8]) -> Key {
    let mut key = bans(BANS_BY_WORKER);
    key.extend_from_slice(end.get(PREFIX + 1 + 8..).unwrap_or_default());
    key
}

/// The index of bans that are over at this time.
pub(crate) fn ban_ends_until(time_ms: u64) -> KeyRange {
    let start = bans(BANS_BY_END);
    let end = with_number(start.clone(), time_ms.saturating_add(1));
    (start, end)
}

/// The index of bans that are not over at this time.
pub(crate) fn ban_ends_after(time_ms: u64) -> KeyRange {
    let (_, start) = ban_ends_until(time_ms);
    (start, under(bans(BANS_BY_END)).1)
}

fn tokens_under(address: &str) -> Key {
    with_measured_text(kind(TOKEN), address)
}

pub(crate) fn token(address: &str, id: &[u8]) -> Key {
    let mut key = tokens_under(address);
    key.extend_from_slice(id);
    key
}

/// Tokens of one address.
pub(crate) fn tokens_of(address: &str) -> KeyRange {
    under(tokens_under(address))
}

/// Tokens of all addresses.
pub(crate) fn tokens() -> KeyRange {
    under(kind(TOKEN))
}

pub(crate) fn token_rule(address: &str) -> Key {
    with_text(kind(TOKEN_RULE), address)
}

pub(crate) fn token_rules_after(address: Option<&str>) -> KeyRange {
    let (start, end) = under(kind(TOKEN_RULE));
    let start = address.map_or(start, |address| after(token_rule(address)));
    (start, end)
}

pub(crate) fn tokens_head() -> Key {
    kind(TOKENS_HEAD)
}

/// Miner's address in the key of a token.
pub(crate) fn token_owner(key: &[u8]) -> Option<&[u8]> {
    let length: [u8; 2] = key.get(PREFIX..PREFIX + 2)?.try_into().ok()?;
    key.get(PREFIX + 2..PREFIX + 2 + usize::from(u16::from_be_bytes(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lie_with_their_owner_and_with_nobody_else() {
        let key = token("ab", &[7; 8]);
        assert_eq!(token_owner(&key), Some(&b"ab"[..]));
        let (start, end) = tokens_of("ab");
        assert!((start.clone()..end.clone()).contains(&key));
        assert!((start.clone()..end.clone()).contains(&token("ab", &[0xff; 8])));
        assert!(!(start.clone()..end.clone()).contains(&token("abc", &[7; 8])));
        assert!(!(start..end).contains(&token("a", &[7; 8])));
    }
}
