//! The log store: entries, vote and positions, durable before they are acknowledged.
//!
//! An append puts the entries into the [`tail::Tail`], where readers find them at once, and hands
//! their encoding to the [`writer`] threads. Votes, truncations and purges go the same way, so
//! the disk sees everything in the order openraft asked for it.

mod core;

mod reader;

mod tail;

mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use openraft::RaftLogReader;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use tokio::sync::oneshot;

pub(crate) use self::core::{COMMITTED, LogCore, PURGED, VOTE, key};
pub use self::reader::LogReader;
use self::writer::{Operation, Writer};
use crate::database::Database;
use crate::error::StoreError;
use crate::fail_stop::FailStop;
use crate::metrics::LogStatus;
use crate::options::StoreOptions;
use crate::record;
use crate::types::{Entry, LogId, TypeConfig, Vote};

/// The log of one node. Clones share it; openraft is the only writer.
#[derive(Clone)]
pub struct LogStore {
    core: Arc<LogCore>,
    writer: Arc<Writer>,
}

impl LogStore {
    pub(crate) fn open(
        database: Database,
        options: &StoreOptions,
        fail_stop: Arc<FailStop>,
    ) -> Result<Self, StoreError> {
        let core = Arc::new(LogCore::open(database, options, fail_stop)?);
        let writer = Arc::new(Writer::start(core.clone())?);
        Ok(Self { core, writer })
    }

    /// The log's figures.
    pub fn status(&self) -> LogStatus {
        self.core.status()
    }

    /// How long the running `fsync` has taken; `None` when none runs.
    pub fn sync_running(&self) -> Option<Duration> {
        self.core
            .metrics
            .sync_running_ms()
            .map(Duration::from_millis)
    }

    /// Bytes of entries appended since the store was opened.
    pub fn appended_bytes(&self) -> u64 {
        self.core.metrics.appended_bytes()
    }

    /// Writes and syncs what is queued and ends the threads; blocks until they have ended.
    pub(crate) fn close(&self) {
        self.writer.stop();
    }

    async fn acknowledged(
        &self,
        operation: impl FnOnce(writer::Acknowledge) -> Operation,
    ) -> io::Result<()> {
        let (acknowledge, acknowledged) = oneshot::channel();
        self.writer.send(operation(acknowledge))?;
        acknowledged.await.map_err(|_| StoreError::Closed)?
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: std::ops::RangeBounds<u64> + Clone + std::fmt::Debug + openraft::OptionalSend,
    {
        self.get_log_reader().await.try_get_log_entries(range).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.core.index.lock().vote)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let index = self.core.index.lock();
        Ok(LogState {
            last_purged_log_id: index.purged,
            last_log_id: index.last.or(index.purged),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader::new(self.core.clone())
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let record = record::encode_vote(vote);
        self.acknowledged(|acknowledge| Operation::Vote {
            record,
            acknowledge,
        })
        .await?;
        self.core.index.lock().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else {
            return Ok(());
        };
        self.core.index.lock().committed = Some(committed);
        // Not waited for: it becomes durable with whatever is synced next.
        let record = record::encode_log_id(&committed);
        Ok(self.writer.send(Operation::Committed { record })?)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.core.index.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + openraft::OptionalSend,
        I::IntoIter: openraft::OptionalSend,
    {
        self.core.fail_stop.check()?;
        let entries = entries
            .into_iter()
            .map(|entry| (record::encode_entry(&entry), entry));
        let entries: Vec<_> = entries.collect();
        // The lock is held while sending, so that the queue has the order of the index.
        let mut index = self.core.index.lock();
        let records = self.core.fail_stop.trip_on_error(index.append(entries))?;
        self.core
            .metrics
            .appended(records.iter().map(|(_, record)| record.len()).sum());
        self.writer.send(Operation::Append {
            records,
            flushed: callback,
        })?;
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let from = last_log_id.map_or(0, |last| last.index() + 1);
        let removed = self.core.truncate_from(from)?;
        if removed.is_empty() {
            return Ok(());
        }
        self.acknowledged(|acknowledge| Operation::Remove {
            indexes: removed,
            purged: None,
            acknowledge,
        })
        .await?;
        self.core.index.lock().tail.forget_written_from(from);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        let Some(removed) = self.core.index.lock().purge(log_id) else {
            return Ok(());
        };
        let record = record::encode_log_id(&log_id);
        self.acknowledged(|acknowledge| Operation::Remove {
            indexes: removed,
            purged: Some(record),
            acknowledge,
        })
        .await?;
        let core = self.core.clone();
        let dropped = tokio::task::spawn_blocking(move || core.drop_purged_tables()).await;
        Ok(self
            .core
            .fail_stop
            .trip_on_error(dropped.map_err(io::Error::other)?)?)
    }
}
