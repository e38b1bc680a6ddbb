//! What the log's readers, writer and threads share.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use rocksdb::{IteratorMode, ReadOptions};

use super::tail::{Limits, Tail};
use crate::database::{Database, family};
use crate::error::StoreError;
use crate::fail_stop::FailStop;
use crate::metrics::{LogMetrics, LogStatus};
use crate::options::{Fault, StoreOptions};
use crate::record;
use crate::types::{Entry, LogId, Vote};

/// Keys of the `meta` family.
pub(crate) const VOTE: &str = "vote";
pub(crate) const PURGED: &str = "purged";
pub(crate) const COMMITTED: &str = "committed";

pub(crate) struct LogCore {
    pub(crate) database: Database,
    pub(crate) index: Mutex<LogIndex>,
    pub(crate) fail_stop: Arc<FailStop>,
    pub(crate) fault: Option<Arc<dyn Fault>>,
    pub(crate) metrics: LogMetrics,
}

/// Where the log begins and ends, as of the last call; the disk may be a few operations behind.
pub(crate) struct LogIndex {
    pub(crate) purged: Option<LogId>,
    /// Index of the first entry.
    first: u64,
    /// Index of the next entry to append; equal to `first` when there is none.
    next: u64,
    /// Position of the last entry, when there is one.
    pub(crate) last: Option<LogId>,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) tail: Tail,
    /// Counts truncations, after which an index may hold another entry.
    truncations: u64,
}

pub(crate) fn key(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

impl LogCore {
    pub(crate) fn open(
        database: Database,
        options: &StoreOptions,
        fail_stop: Arc<FailStop>,
    ) -> Result<Self, StoreError> {
        let purged = database.meta(PURGED)?;
        let purged = purged
            .map(|bytes| record::decode_log_id("purged position", &bytes))
            .transpose()?;
        let committed = database.meta(COMMITTED)?;
        let committed = committed
            .map(|bytes| record::decode_log_id("committed position", &bytes))
            .transpose()?;
        let vote = database
            .meta(VOTE)?
            .map(|bytes| record::decode_vote(&bytes))
            .transpose()?;
        let from = purged.map_or(0, |purged| purged.index() + 1);
        let first = end_of(&database, from, IteratorMode::Start)?;
        let last = end_of(&database, from, IteratorMode::End)?;
        let next = last.map_or(from, |last| last.index() + 1);
        let index = LogIndex {
            purged,
            first: first.map_or(from, |first| first.index()),
            next,
            last,
            vote,
            committed,
            tail: Tail::new(next, options.tail_bytes_max),
            truncations: 0,
        };
        let fault = options.fault.clone();
        let metrics = LogMetrics::new();
        Ok(Self {
            database,
            index: Mutex::new(index),
            fail_stop,
            fault,
            metrics,
        })
    }

    /// The entries in `range`, as far as the log has them, up to the limits but at least one.
    pub(crate) fn read(&self, range: Range<u64>, limits: Limits) -> Result<Vec<Entry>, StoreError> {
        loop {
            let (older, newer, truncations) = {
                let index = self.index.lock();
                let (start, end) = (range.start.max(index.first), range.end.min(index.next));
                if start >= end {
                    return Ok(Vec::new());
                }
                let split = index.tail.first().clamp(start, end);
                let newer = match split < end {
                    true => index.tail.copy(split..end, limits),
                    false => Vec::new(),
                };
                (start..split, newer, index.truncations)
            };
            if older.is_empty() {
                return Ok(newer);
            }
            let mut entries = self.read_database(older.clone(), limits)?;
            let complete = entries.first().map(|entry| entry.log_id.index()) == Some(older.start)
                && is_contiguous(&entries);
            let index = self.index.lock();
            // A truncation or purge meanwhile may have changed what was read: look again.
            if index.truncations != truncations || index.first > older.start {
                continue;
            }
            if !complete {
                let problem = format!("a hole in {}..{}", older.start, older.end);
                return Err(StoreError::Damaged {
                    what: "log",
                    problem,
                });
            }
            if entries.len() as u64 == older.end - older.start {
                let room = limits.entries_max.saturating_sub(entries.len());
                // The byte budget may be exceeded by up to as much again; it is not a promise.
                entries.extend(newer.into_iter().take(room));
            }
            return Ok(entries);
        }
    }

    fn read_database(&self, range: Range<u64>, limits: Limits) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        let pairs = iterate(&self.database, range, IteratorMode::Start);
        for pair in pairs {
            let (key, value) = pair.map_err(StoreError::read("log entries"))?;
            bytes += value.len();
            if limits.exceeded(entries.len(), bytes) {
                break;
            }
            entries.push(decode(&key, &value)?);
        }
        Ok(entries)
    }

    /// Takes entries from `from` on out of the index and returns their range.
    pub(crate) fn truncate_from(&self, from: u64) -> Result<Range<u64>, StoreError> {
        let (from, last) = {
            let index = self.index.lock();
            (from.max(index.first), index.last)
        };
        if last.is_none_or(|last| last.index() < from) {
            return Ok(from..from);
        }
        // The position before the cut becomes the last one; its term has to be looked up.
        let before = self.read(from.saturating_sub(1)..from, Limits::NONE)?;
        let mut index = self.index.lock();
        let removed = from..index.next;
        index.last = before.first().map(|entry| entry.log_id);
        index.next = from;
        index.truncations += 1;
        index.tail.truncate(from);
        Ok(removed)
    }

    /// Gives back the space of tables that hold nothing but purged entries. Only to be called
    /// once the purged position is durable.
    pub(crate) fn drop_purged_tables(&self) -> Result<(), StoreError> {
        let end = self.index.lock().first;
        let log = self.database.family(family::LOG);
        let dropped = self
            .database
            .db()
            .delete_file_in_range_cf(log, key(0), key(end));
        dropped.map_err(StoreError::write("the log (drop purged tables)"))
    }

    pub(crate) fn status(&self) -> LogStatus {
        let (entries, tail_bytes) = {
            let index = self.index.lock();
            (index.next - index.first, index.tail.bytes() as u64)
        };
        LogStatus {
            sync: self.metrics.sync_histogram(),
            sync_running_ms: self.metrics.sync_running_ms(),
            entries,
            appended_bytes: self.metrics.appended_bytes(),
            tail_bytes,
            database_bytes: self.database.size_bytes(&[family::LOG, family::META]),
        }
    }
}

impl LogIndex {
    /// Adds entries with their encodings and returns the encodings by index. Nothing is added
    /// when they do not follow the last entry: a hole would be taken for data by everyone.
    pub(crate) fn append(
        &mut self,
        entries: Vec<(Vec<u8>, Entry)>,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        // A log that never had an entry may begin anywhere, as after a snapshot.
        let is_new = self.last.is_none() && self.purged.is_none();
        let begin = entries
            .first()
            .map_or(self.next, |(_, entry)| entry.log_id.index());
        let start = if is_new { begin } else { self.next };
        for (expected, (_, entry)) in (start..).zip(&entries) {
            let found = entry.log_id.index();
            if found != expected {
                return Err(StoreError::NotContiguous { found, expected });
            }
        }
        if is_new {
            self.first = begin;
        }
        let mut records = Vec::with_capacity(entries.len());
        for (record, entry) in entries {
            self.last = Some(entry.log_id);
            self.next = entry.log_id.index() + 1;
            let (index, bytes) = (entry.log_id.index(), record.len());
            records.push((index, record));
            self.tail.push(entry, bytes);
        }
        Ok(records)
    }

    /// Takes entries up to `upto` out and returns their range, or `None` when that was done.
    pub(crate) fn purge(&mut self, upto: LogId) -> Option<Range<u64>> {
        if self
            .purged
            .is_some_and(|purged| purged.index() >= upto.index())
        {
            return None;
        }
        let next = upto.index() + 1;
        let removed = self.first..next.max(self.first);
        self.purged = Some(upto);
        self.first = self.first.max(next);
        if self.next <= next {
            self.next = next;
            self.last = None;
        }
        self.tail.purge_below(next);
        Some(removed)
    }
}

fn is_contiguous(entries: &[Entry]) -> bool {
    entries
        .windows(2)
        .all(|pair| pair[0].log_id.index() + 1 == pair[1].log_id.index())
}

fn end_of(
    database: &Database,
    from: u64,
    mode: IteratorMode<'_>,
) -> Result<Option<LogId>, StoreError> {
    match iterate(database, from..u64::MAX, mode).next() {
        None => Ok(None),
        Some(pair) => {
            let (key, value) = pair.map_err(StoreError::read("an end of the log"))?;
            Ok(Some(decode(&key, &value)?.log_id))
        }
    }
}

fn iterate<'d>(
    database: &'d Database,
    range: Range<u64>,
    mode: IteratorMode<'_>,
) -> rocksdb::DBIterator<'d> {
    let mut options = ReadOptions::default();
    // The lower bound also keeps the iterator from walking over what was purged.
    options.set_iterate_lower_bound(key(range.start));
    options.set_iterate_upper_bound(key(range.end));
    options.set_total_order_seek(true);
    database
        .db()
        .iterator_cf_opt(database.family(family::LOG), options, mode)
}

fn decode(key: &[u8], value: &[u8]) -> Result<Entry, StoreError> {
    let key: [u8; 8] = key.try_into().map_err(|_| StoreError::Damaged {
        what: "log entry",
        problem: format!("a key of {} bytes", key.len()),
    })?;
    record::decode_entry_at(u64::from_be_bytes(key), value)
}
