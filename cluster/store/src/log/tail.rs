//! The newest entries, in memory.

use std::collections::VecDeque;
use std::ops::Range;

use crate::types::Entry;

/// A run of entries that ends with the log. Entries that are not yet written to the database are
/// never dropped; of the others, as many as fit the budget are kept.
pub(crate) struct Tail {
    entries: VecDeque<Held>,
    /// Index of the first entry held, or of the next one when none is.
    first: u64,
    /// Everything below is in the database.
    written: u64,
    bytes: usize,
    bytes_max: usize,
}

struct Held {
    entry: Entry,
    bytes: usize,
}

impl Tail {
    /// An empty tail of a log whose next entry has index `next`, all before being written.
    pub(crate) fn new(next: u64, bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            first: next,
            written: next,
            bytes: 0,
            bytes_max,
        }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, entry: Entry, bytes: usize) {
        if self.entries.is_empty() {
            self.first = entry.log_id.index();
        }
        self.bytes += bytes;
        self.entries.push_back(Held { entry, bytes });
        self.shrink();
    }

    /// Copies of the entries in `range`, which must lie within the tail, up to the limits but at
    /// least one.
    pub(crate) fn copy(&self, range: Range<u64>, limits: Limits) -> Vec<Entry> {
        let skip = usize::try_from(range.start - self.first).unwrap_or(usize::MAX);
        let take = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut copies = Vec::new();
        let mut bytes = 0;
        for held in self.entries.iter().skip(skip).take(take) {
            bytes += held.bytes;
            if limits.exceeded(copies.len(), bytes) {
                break;
            }
            copies.push(held.entry.clone());
        }
        copies
    }

    /// Notes that everything below `next` is in the database.
    pub(crate) fn written_below(&mut self, next: u64) {
        self.written = self.written.max(next);
        self.shrink();
    }

    /// Notes that entries from `from` on are not in the database any more.
    pub(crate) fn forget_written_from(&mut self, from: u64) {
        self.written = self.written.min(from);
    }

    /// Drops entries from `from` on.
    pub(crate) fn truncate(&mut self, from: u64) {
        while let Some(held) = self
            .entries
            .pop_back_if(|held| held.entry.log_id.index() >= from)
        {
            self.bytes -= held.bytes;
        }
        self.first = self.first.min(from);
    }

    /// Drops entries below `next`.
    pub(crate) fn purge_below(&mut self, next: u64) {
        while let Some(held) = self
            .entries
            .pop_front_if(|held| held.entry.log_id.index() < next)
        {
            self.bytes -= held.bytes;
        }
        self.first = self.first.max(next);
    }

    fn shrink(&mut self) {
        let (bytes_max, written) = (self.bytes_max, self.written);
        while self.bytes > bytes_max
            && let Some(held) = self
                .entries
                .pop_front_if(|held| held.entry.log_id.index() < written)
        {
            self.bytes -= held.bytes;
            self.first += 1;
        }
    }
}

/// How much one read returns at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) entries_max: usize,
    pub(crate) bytes_max: usize,
}

impl Limits {
    pub(crate) const NONE: Self = Self {
        entries_max: usize::MAX,
        bytes_max: usize::MAX,
    };

    /// Whether a further entry, with which there would be `bytes`, is too much after `entries`.
    pub(crate) fn exceeded(self, entries: usize, bytes: usize) -> bool {
        entries > 0 && (entries >= self.entries_max || bytes > self.bytes_max)
    }
}
