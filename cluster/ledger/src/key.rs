//! Keys of the ledger's records.
//!
//! A key is the coin, the kind of record, then numbers in big-endian order or text, so that a
//! range reads in a meaningful order. Text that is followed by something carries its length, so
//! that no name can reach into the keys of another one.

mod journal;
mod network;
mod people;
mod series;

pub(crate) use journal::*;
pub(crate) use network::*;
pub(crate) use people::*;
pub(crate) use series::*;

/// The coin every key begins with; a second coin gets the next number.
pub const COIN_XELIS: u32 = 1;

const HEAD: u8 = 0x01;
const SETTINGS: u8 = 0x02;
const PAUSE: u8 = 0x03;
const ACCOUNTS: u8 = 0x04;
const TOTALS: u8 = 0x05;
const WINDOW: u8 = 0x06;
const PAYOUT_HEAD: u8 = 0x07;
const AUDIT: u8 = 0x08;
const NODE: u8 = 0x09;
const FINALIZED_VERSION: u8 = 0x0f;
const WINDOW_ENTRY: u8 = 0x10;
const MINER: u8 = 0x20;
const WORKER: u8 = 0x21;
const MINER_NUMBER: u8 = 0x23;
const BALANCE: u8 = 0x22;
const SPAN: u8 = 0x24;
const BLOCK: u8 = 0x30;
const BLOCK_NUMBER: u8 = 0x31;
const BLOCK_MATURING: u8 = 0x32;
const NETWORK_FEES: u8 = 0x34;
const NETWORK_SAMPLE: u8 = 0x35;
const STRAY_BLOCKS: u8 = 0x36;
const STRAY_BLOCK: u8 = 0x37;
const PAYOUT: u8 = 0x40;
const VARIANT: u8 = 0x41;
const VARIANT_OWNER: u8 = 0x42;
const MINER_PAYOUT: u8 = 0x43;
const PREFERENCES: u8 = 0x44;
const HOLD: u8 = 0x45;
const OWN_BALANCE: u8 = 0x46;
const ABANDONED: u8 = 0x47;
const TOKEN: u8 = 0x51;
const TOKEN_RULE: u8 = 0x52;
const TOKENS_HEAD: u8 = 0x53;
const OWNER: u8 = 0x54;
const LABEL: u8 = 0x55;
const BANS: u8 = 0x50;
const JOURNAL_ENTRY: u8 = 0x60;
const JOURNAL_LINE: u8 = 0x61;
const STATEMENT: u8 = 0x62;
const JOURNAL_OF_BLOCK: u8 = 0x63;
const JOURNAL_OF_PAYOUT: u8 = 0x64;
const JOURNAL_TIME: u8 = 0x65;
const BLOCK_WEIGHTS: u8 = 0x66;
const WINDOW_SUM: u8 = 0x67;
const BLOCK_UNDISTRIBUTED: u8 = 0x68;
const PAID_HOUR: u8 = 0x69;
const RESERVE: u8 = 0x6a;
const RESERVE_INCOMES: u8 = 0x6b;
// Not to be used again: 0x11 and 0x33, from before the first release.

pub(crate) type Key = Vec<u8>;

/// Keys from the first up to, but without, the second.
pub(crate) type KeyRange = (Key, Key);

/// Length of coin and kind.
const PREFIX: usize = 5;

fn kind(tag: u8) -> Key {
    let mut key = Vec::with_capacity(PREFIX + 72);
    key.extend_from_slice(&COIN_XELIS.to_be_bytes());
    key.push(tag);
    key
}

fn with_number(mut key: Key, number: u64) -> Key {
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn with_text(mut key: Key, text: &str) -> Key {
    key.extend_from_slice(text.as_bytes());
    key
}

fn with_measured_text(mut key: Key, text: &str) -> Key {
    // Names are bounded far below this when they enter; a longer one only ever is asked for.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    key.extend_from_slice(&length.to_be_bytes());
    with_text(key, text)
}

/// Every key that begins with `prefix`.
fn under(prefix: Key) -> KeyRange {
    let mut end = prefix.clone();
    // The first byte is the coin's and never 0xff, so that this always finds a byte to raise.
    while let Some(last) = end.pop() {
        if let Some(raised) = last.checked_add(1) {
            end.push(raised);
            break;
        }
    }
    (prefix, end)
}

/// The key right behind `key`: the start of a range that leaves `key` out.
fn after(mut key: Key) -> Key {
    key.push(0);
    key
}

pub(crate) fn head() -> Key {
    kind(HEAD)
}

pub(crate) fn settings() -> Key {
    kind(SETTINGS)
}

pub(crate) fn finalized_version() -> Key {
    kind(FINALIZED_VERSION)
}

pub(crate) fn pause() -> Key {
    kind(PAUSE)
}

pub(crate) fn accounts() -> Key {
    kind(ACCOUNTS)
}

pub(crate) fn totals() -> Key {
    kind(TOTALS)
}

pub(crate) fn window() -> Key {
    kind(WINDOW)
}

pub(crate) fn payout_head() -> Key {
    kind(PAYOUT_HEAD)
}

pub(crate) fn audit(index: u64) -> Key {
    with_number(kind(AUDIT), index)
}

pub(crate) fn audits_below(index: u64) -> KeyRange {
    (kind(AUDIT), audit(index))
}

pub(crate) fn node(node_id: u64) -> Key {
    with_number(kind(NODE), node_id)
}

pub(crate) fn window_entry(number: u64) -> Key {
    with_number(kind(WINDOW_ENTRY), number)
}

/// Entries of the window from number `first` on.
pub(crate) fn window_entries_from(first: u64) -> KeyRange {
    (window_entry(first), under(kind(WINDOW_ENTRY)).1)
}

pub(crate) fn window_sum(miner: u64) -> Key {
    with_number(kind(WINDOW_SUM), miner)
}

pub(crate) fn window_sums() -> KeyRange {
    under(kind(WINDOW_SUM))
}

/// Sums of miners of numbers above this one.
pub(crate) fn window_sums_after(miner: Option<u64>) -> KeyRange {
    let (start, end) = window_sums();
    (miner.map_or(start, |miner| after(window_sum(miner))), end)
}

pub(crate) fn miner_number(number: u64) -> Key {
    with_number(kind(MINER_NUMBER), number)
}

pub(crate) fn miner_numbers() -> KeyRange {
    under(kind(MINER_NUMBER))
}

pub(crate) fn miner(address: &str) -> Key {
    with_text(kind(MINER), address)
}

pub(crate) fn miners_after(address: Option<&str>) -> KeyRange {
    let (start, end) = under(kind(MINER));
    (address.map_or(start, |address| after(miner(address))), end)
}

fn workers_of(address: &str) -> Key {
    with_measured_text(kind(WORKER), address)
}

pub(crate) fn worker(address: &str, name: &str) -> Key {
    with_text(workers_of(address), name)
}

pub(crate) fn workers_after(address: &str, name: Option<&str>) -> KeyRange {
    let (start, end) = under(workers_of(address));
    (name.map_or(start, |name| after(worker(address, name))), end)
}

/// The name in a worker's key.
pub(crate) fn worker_name<'k>(key: &'k [u8], address: &str) -> &'k [u8] {
    key.get(PREFIX + 2 + address.len()..).unwrap_or_default()
}

pub(crate) fn owner(address: &str) -> Key {
    with_text(kind(OWNER), address)
}

pub(crate) fn label(address: &str, worker: &str) -> Key {
    with_text(with_measured_text(kind(LABEL), address), worker)
}

pub(crate) fn labels_of(address: &str) -> KeyRange {
    under(with_measured_text(kind(LABEL), address))
}

/// Index of positive balances, to find the largest ones first.
pub(crate) fn balance(balance_atomic: u64, address: &str) -> Key {
    with_text(with_number(kind(BALANCE), balance_atomic), address)
}

pub(crate) fn balances_from(threshold_atomic: u64) -> KeyRange {
    (
        with_number(kind(BALANCE), threshold_atomic),
        under(kind(BALANCE)).1,
    )
}

/// Index of the balances that reach a threshold of the miner's own.
pub(crate) fn own_balance(balance_atomic: u64, address: &str) -> Key {
    with_text(with_number(kind(OWN_BALANCE), balance_atomic), address)
}

pub(crate) fn own_balances_from(threshold_atomic: u64) -> KeyRange {
    (
        with_number(kind(OWN_BALANCE), threshold_atomic),
        under(kind(OWN_BALANCE)).1,
    )
}

pub(crate) fn preferences(address: &str) -> Key {
    with_text(kind(PREFERENCES), address)
}

pub(crate) fn all_preferences() -> KeyRange {
    under(kind(PREFERENCES))
}

pub(crate) fn hold(address: &str) -> Key {
    with_text(kind(HOLD), address)
}

/// Holds behind that of an address, or all.
pub(crate) fn holds_after(address: Option<&str>) -> KeyRange {
    let (start, end) = under(kind(HOLD));
    (address.map_or(start, |address| after(hold(address))), end)
}

/// Index of the payouts that were abandoned.
pub(crate) fn abandoned(id: u64) -> Key {
    with_number(kind(ABANDONED), id)
}

pub(crate) fn all_abandoned() -> KeyRange {
    under(kind(ABANDONED))
}

pub(crate) fn block(number: u64) -> Key {
    with_number(kind(BLOCK), number)
}

pub(crate) fn blocks_below(number: Option<u64>) -> KeyRange {
    let (start, end) = under(kind(BLOCK));
    (start, number.map_or(end, block))
}

pub(crate) fn block_number(hash: &[u8]) -> Key {
    let mut key = kind(BLOCK_NUMBER);
    key.extend_from_slice(hash);
    key
}

pub(crate) fn block_maturing(number: u64) -> Key {
    with_number(kind(BLOCK_MATURING), number)
}

pub(crate) fn blocks_maturing() -> KeyRange {
    under(kind(BLOCK_MATURING))
}

/// Blocks whose amount is not handed out to all miners yet.
pub(crate) fn block_undistributed(number: u64) -> Key {
    with_number(kind(BLOCK_UNDISTRIBUTED), number)
}

pub(crate) fn blocks_undistributed() -> KeyRange {
    under(kind(BLOCK_UNDISTRIBUTED))
}

/// Weights of a block, of miners from the number `first` on.
pub(crate) fn block_weights(number: u64, first: u64) -> Key {
    with_number(with_number(kind(BLOCK_WEIGHTS), number), first)
}

/// All weights of a block in records that begin at the miner's number `first` or later.
pub(crate) fn block_weights_from(number: u64, first: u64) -> KeyRange {
    let (_, end) = under(with_number(kind(BLOCK_WEIGHTS), number));
    (block_weights(number, first), end)
}

/// The weights of a block in records that begin at the miner's number `last` or before.
pub(crate) fn block_weights_up_to(number: u64, last: u64) -> KeyRange {
    let start = block_weights(number, 0);
    (start, after(block_weights(number, last)))
}

pub(crate) fn paid_hour() -> Key {
    kind(PAID_HOUR)
}

pub(crate) fn reserve() -> Key {
    kind(RESERVE)
}

pub(crate) fn reserve_incomes() -> Key {
    kind(RESERVE_INCOMES)
}

fn number_at(key: &[u8], position: usize) -> Option<u64> {
    let bytes = key.get(position..position + 8)?.try_into().ok()?;
    Some(u64::from_be_bytes(bytes))
}

pub(crate) fn payout(id: u64) -> Key {
    with_number(kind(PAYOUT), id)
}

pub(crate) fn payouts_below(id: Option<u64>) -> KeyRange {
    let (start, end) = under(kind(PAYOUT));
    (start, id.map_or(end, payout))
}

pub(crate) fn variant(id: u64, number: u32) -> Key {
    with_number(with_number(kind(VARIANT), id), u64::from(number))
}

pub(crate) fn variants(id: u64) -> KeyRange {
    under(with_number(kind(VARIANT), id))
}

pub(crate) fn variant_owner(tx_hash: &[u8]) -> Key {
    let mut key = kind(VARIANT_OWNER);
    key.extend_from_slice(tx_hash);
    key
}

pub(crate) fn miner_payout(address: &str, id: u64) -> Key {
    with_number(with_measured_text(kind(MINER_PAYOUT), address), id)
}

pub(crate) fn miner_payouts_below(address: &str, id: Option<u64>) -> KeyRange {
    let (start, end) = under(with_measured_text(kind(MINER_PAYOUT), address));
    (start, id.map_or(end, |id| miner_payout(address, id)))
}

/// Miner's address in the key of a miner, a token rule.
pub(crate) fn text_after_kind(key: &[u8]) -> &[u8] {
    key.get(PREFIX..).unwrap_or_default()
}

/// Number in a key that carries one right behind its kind.
pub(crate) fn number_after_kind(key: &[u8]) -> Option<u64> {
    number_at(key, PREFIX)
}

/// Text behind the number of a key: a balance's miner.
pub(crate) fn text_after_number(key: &[u8]) -> &[u8] {
    key.get(PREFIX + 8..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use raftpool_proto::ledger::EntryKind;

    use super::*;

    #[test]
    fn keys_of_one_name_never_lie_inside_the_range_of_another() {
        let (start, end) = workers_after("ab", None);
        assert!((start.clone()..end.clone()).contains(&worker("ab", "")));
        assert!((start.clone()..end.clone()).contains(&worker("ab", "\u{10ffff}")));
        assert!(!(start.clone()..end.clone()).contains(&worker("a", "b")));
        assert!(!(start..end).contains(&worker("abc", "")));
        let (start, end) = workers_after("ab", Some("w"));
        assert!(!(start.clone()..end.clone()).contains(&worker("ab", "w")));
        assert!((start..end).contains(&worker("ab", "w1")));
    }

    #[test]
    fn numbers_read_in_order() {
        assert!(window_entry(255) < window_entry(256));
        assert_eq!(number_after_kind(&balance(7, "x")), Some(7));
        assert_eq!(text_after_number(&balance(7, "x")), b"x");
        assert_eq!(worker_name(&worker("ab", "rig"), "ab"), b"rig");
    }

    #[test]
    fn what_finds_an_entry_names_it() {
        let entry = EntryKind::PayoutConfirmed;
        assert_eq!(entry_at_end(&statement(3, 9, entry)), Some((9, entry)));
        assert_eq!(
            entry_at_end(&journal_of_block(3, 9, entry)),
            Some((9, entry))
        );
        assert_eq!(miner_of_line(&journal_line(9, entry, 3)), Some(3));
        let (start, end) = journal_lines(9, entry, 2);
        assert!((start.clone()..end.clone()).contains(&journal_line(9, entry, 3)));
        assert!(!(start.clone()..end.clone()).contains(&journal_line(9, entry, 2)));
        assert!(!(start..end).contains(&journal_line(9, EntryKind::PayoutReleased, 3)));
    }
}
