//! Reading the log: for replication, for applying, and at start.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt};
use openraft::{OptionalSend, RaftLogReader};

use super::core::LogCore;
use super::tail::Limits;
use crate::types::{Entry, TypeConfig, Vote};

/// Entries sent to a peer in one message, in bytes; the message limit is a multiple of it.
const REPLICATION: Limits = Limits {
    entries_max: 1024,
    bytes_max: 1 << 20,
};
/// Entries read at once for applying.
const STREAM: Limits = Limits {
    entries_max: 256,
    bytes_max: 4 << 20,
};

/// Reads the log; any number may read at once.
#[derive(Clone)]
pub struct LogReader {
    core: Arc<LogCore>,
}

impl LogReader {
    pub(super) fn new(core: Arc<LogCore>) -> Self {
        Self { core }
    }

    /// Entries that are in memory are copied here; for others a thread waits for the disk.
    async fn read(&self, range: Range<u64>, limits: Limits) -> io::Result<Vec<Entry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let core = self.core.clone();
        let in_memory = core.index.lock().tail.first() <= range.start;
        let result = match in_memory {
            true => core.read(range, limits),
            false => tokio::task::spawn_blocking(move || core.read(range, limits))
                .await
                .map_err(io::Error::other)?,
        };
        Ok(self.core.fail_stop.trip_on_error(result)?)
    }
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(half_open(&range), Limits::NONE).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.core.index.lock().vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, REPLICATION).await
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let reader = self.clone();
        let chunks =
            stream::try_unfold((reader, half_open(&range)), |(reader, range)| async move {
                let chunk = reader.read(range.clone(), STREAM).await?;
                let Some(last) = chunk.last() else {
                    return Ok(None);
                };
                let rest = last.log_id.index() + 1..range.end;
                Ok::<_, io::Error>(Some((chunk, (reader, rest))))
            });
        Box::pin(chunks.flat_map(|chunk| {
            let entries = match chunk {
                Ok(entries) => entries.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(entries)
        }))
    }
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
