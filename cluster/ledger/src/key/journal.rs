//! Keys of the journal and of what finds its entries.

use raftpool_proto::ledger::EntryKind;

use super::{
    JOURNAL_ENTRY, JOURNAL_LINE, JOURNAL_OF_BLOCK, JOURNAL_OF_PAYOUT, JOURNAL_TIME, Key, KeyRange,
    PREFIX, STATEMENT, after, kind, number_at, under, with_number,
};

fn with_kind(mut key: Key, entry: EntryKind) -> Key {
    // There are a dozen kinds.
    key.push(u8::try_from(i32::from(entry)).unwrap_or(u8::MAX));
    key
}

pub(crate) fn journal_entry(index: u64, entry: EntryKind) -> Key {
    with_kind(with_number(kind(JOURNAL_ENTRY), index), entry)
}

/// Entries of the journal from a log index on.
pub(crate) fn journal_entries_from(index: u64) -> KeyRange {
    let (start, end) = under(kind(JOURNAL_ENTRY));
    (with_number(start, index), end)
}

/// Entries behind this one.
pub(crate) fn journal_entries_after(index: u64, entry: EntryKind) -> KeyRange {
    let (_, end) = under(kind(JOURNAL_ENTRY));
    (after(journal_entry(index, entry)), end)
}

pub(crate) fn journal_line(index: u64, entry: EntryKind, miner: u64) -> Key {
    with_number(
        with_kind(with_number(kind(JOURNAL_LINE), index), entry),
        miner,
    )
}

/// Lines of one entry, behind that of the miner of number `after`.
pub(crate) fn journal_lines(index: u64, entry: EntryKind, after: u64) -> KeyRange {
    let (_, end) = under(with_kind(with_number(kind(JOURNAL_LINE), index), entry));
    let start = after.checked_add(1);
    let start = start.map_or(end.clone(), |first| journal_line(index, entry, first));
    (start, end)
}

/// The miner's number in the key of a line.
pub(crate) fn miner_of_line(key: &[u8]) -> Option<u64> {
    number_at(key, PREFIX + 9)
}

/// That a miner has a line in an entry.
pub(crate) fn statement(miner: u64, index: u64, entry: EntryKind) -> Key {
    with_kind(
        with_number(with_number(kind(STATEMENT), miner), index),
        entry,
    )
}

pub(crate) fn statements() -> KeyRange {
    under(kind(STATEMENT))
}

/// Entries with a line of the miner, below a log index.
pub(crate) fn statements_below(miner: u64, index: Option<u64>) -> KeyRange {
    let (start, end) = under(with_number(kind(STATEMENT), miner));
    let end = index.map_or(end, |index| {
        with_number(with_number(kind(STATEMENT), miner), index)
    });
    (start, end)
}

pub(crate) fn journal_of_block(block: u64, index: u64, entry: EntryKind) -> Key {
    with_kind(
        with_number(with_number(kind(JOURNAL_OF_BLOCK), block), index),
        entry,
    )
}

pub(crate) fn journals_of_block(block: u64) -> KeyRange {
    under(with_number(kind(JOURNAL_OF_BLOCK), block))
}

/// What finds entries by blocks.
pub(crate) fn journals_of_blocks() -> KeyRange {
    under(kind(JOURNAL_OF_BLOCK))
}

pub(crate) fn journal_of_payout(payout: u64, index: u64, entry: EntryKind) -> Key {
    with_kind(
        with_number(with_number(kind(JOURNAL_OF_PAYOUT), payout), index),
        entry,
    )
}

pub(crate) fn journals_of_payout(payout: u64) -> KeyRange {
    under(with_number(kind(JOURNAL_OF_PAYOUT), payout))
}

/// What finds entries by payouts.
pub(crate) fn journals_of_payouts() -> KeyRange {
    under(kind(JOURNAL_OF_PAYOUT))
}

/// The log index and kind at the end of a key that finds an entry by something else.
pub(crate) fn entry_at_end(key: &[u8]) -> Option<(u64, EntryKind)> {
    let (entry, rest) = key.split_last()?;
    let index = number_at(rest, rest.len().checked_sub(8)?)?;
    Some((index, EntryKind::try_from(i32::from(*entry)).ok()?))
}

/// When an entry began.
pub(crate) fn journal_time(time_ms: u64, index: u64) -> Key {
    with_number(with_number(kind(JOURNAL_TIME), time_ms), index)
}

pub(crate) fn journal_times_from(time_ms: u64) -> KeyRange {
    let (start, end) = under(kind(JOURNAL_TIME));
    (with_number(start, time_ms), end)
}
