//! Changes to an input. They know lines, numbers, quoted texts, and the words miners use.

use rand::Rng;
use rand::rngs::StdRng;

/// A little more than the longest line that is read.
const INPUT_BYTES_MAX: usize = 18 * 1024;
/// Changes to one input.
const CHANGES_MAX: usize = 6;

/// What a parser might trip over, and what miners say.
const WORDS: &[&str] = &[
    "\n",
    "\r\n",
    "~",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "\"",
    "\\",
    ":",
    ",",
    "null",
    "true",
    "{}",
    "[]",
    "0",
    "-0",
    "-1",
    "1e400",
    "0.1",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "\u{0}",
    "\u{7f}",
    "\u{feff}",
    "é",
    "0x",
    "0X",
    "ffffffffffffffff",
    "\"id\":",
    "\"method\":",
    "\"params\":",
    "\"jsonrpc\":\"2.0\"",
    "mining.subscribe",
    "mining.authorize",
    "mining.submit",
    "mining.ping",
    "mining.pong",
    "mining.hashrate",
    "mining.configure",
    "xel/1",
    "xel/2",
    "xel/v3",
    "d=",
    "sd=",
    "scheme=solo",
    "scheme=",
    "+",
    ".",
    "/",
    "?",
    "&",
    "=",
    "shake~",
    "submit~",
    "ping~{}",
    "pong~{}",
    "\"addr\":",
    "\"data\":",
    "\"hash\":",
    "\"pass\":",
    "\"miner_work\":",
    "\"block_template\":",
    "$MINER",
    "$JOB",
    "$NONCE",
    "$WORK",
    "$WORK^0",
    "$WORK^300",
    "$WORK^400",
    "$WORK^600",
    "$WORK^800",
    "$HASH",
    "\x16\x03\x01",
    "\r\n\r\n\0\r\nQUIT\n",
    "\x21\x11\0\x0c",
    "\x21\x21\0\x24",
    "\x20\0\0\0",
];

/// A changed copy of `input`; `other` is an input to borrow from.
pub fn mutate(input: &[u8], other: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..=CHANGES_MAX) {
        change(&mut bytes, other, random);
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    let place = random.random_range(0..=bytes.len());
    match random.random_range(0..12) {
        0 if place < bytes.len() => bytes[place] ^= 1 << random.random_range(0..8),
        1 if place < bytes.len() => bytes[place] = random.random(),
        2 => bytes.insert(place, random.random()),
        3 => drop(bytes.drain(range(bytes.len(), 64, random))),
        4 => {
            let piece = bytes[range(bytes.len(), 64, random)].to_vec();
            let times = if random.random_ratio(1, 20) { 400 } else { 2 };
            let piece = piece.repeat(random.random_range(1..=times));
            insert(bytes, place, &piece);
        }
        5 | 6 => insert(bytes, place, word(random).as_bytes()),
        7 | 8 => {
            let token = token_at(bytes, place);
            let new = match random.random_range(0..3) {
                0 => word(random).as_bytes().to_vec(),
                1 => random.random::<u64>().to_string().into_bytes(),
                _ => other[token_at(other, random.random_range(0..=other.len()))].to_vec(),
            };
            bytes.splice(token, new);
        }
        9 => {
            let piece = other[range(other.len(), 256, random)].to_vec();
            insert(bytes, place, &piece);
        }
        10 => {
            let from = random.random_range(0..=other.len());
            bytes.truncate(place);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => change_lines(bytes, other, random),
    }
}

/// Whole lines, so that sessions go another way.
fn change_lines(bytes: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let theirs: Vec<&[u8]> = other.split(|byte| *byte == b'\n').collect();
    let one = random.random_range(0..lines.len());
    let two = random.random_range(0..lines.len());
    match random.random_range(0..4) {
        0 => lines.swap(one, two),
        1 => lines.insert(one, lines[two]),
        2 => drop(lines.remove(one)),
        _ => lines.insert(one, theirs[random.random_range(0..theirs.len())]),
    }
    *bytes = lines.join(&b'\n');
}

/// A range of at most `length_max` bytes.
fn range(size: usize, length_max: usize, random: &mut StdRng) -> std::ops::Range<usize> {
    let start = random.random_range(0..=size);
    start..(start + random.random_range(0..=length_max)).min(size)
}

/// The word or number around a place.
fn token_at(bytes: &[u8], place: usize) -> std::ops::Range<usize> {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+$".contains(byte);
    let before = bytes[..place]
        .iter()
        .rev()
        .take_while(|byte| is_inside(byte));
    let after = bytes[place..].iter().take_while(|byte| is_inside(byte));
    place - before.count()..place + after.count()
}

fn insert(bytes: &mut Vec<u8>, place: usize, piece: &[u8]) {
    bytes.splice(place..place, piece.iter().copied());
}

fn word(random: &mut StdRng) -> &'static str {
    WORDS[random.random_range(0..WORDS.len())]
}
