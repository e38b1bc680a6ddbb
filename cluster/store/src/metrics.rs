//! What the store counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 16] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000,
];

/// Latencies seen so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LatencyHistogram {
    /// Upper bound in microseconds and how many observations were at or below it, cumulative.
    pub buckets: Vec<(u64, u64)>,
    /// All observations.
    pub count: u64,
    /// Their sum, in microseconds.
    pub sum_us: u64,
    /// The largest, in microseconds.
    pub max_us: u64,
}

/// The log's figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStatus {
    /// Latency of `fsync`.
    pub sync: LatencyHistogram,
    /// How long the running `fsync` has taken; `None` when none runs.
    pub sync_running_ms: Option<u64>,
    /// Entries in the log.
    pub entries: u64,
    /// Bytes of entries appended since the store was opened.
    pub appended_bytes: u64,
    /// Bytes of entries held in memory.
    pub tail_bytes: u64,
    /// Bytes on disk and in memtables of `raft/`.
    pub database_bytes: u64,
}

/// The state's figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateStatus {
    /// Newest applied index.
    pub applied_index: Option<u64>,
    /// Bytes on disk and in memtables of `state/`.
    pub database_bytes: u64,
    /// Newest index covered by a snapshot on disk.
    pub snapshot_index: Option<u64>,
}

/// Counters the log's threads write to.
#[derive(Debug)]
pub(crate) struct LogMetrics {
    base: Instant,
    counts: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
    max_us: AtomicU64,
    /// Microseconds after `base`, plus one; 0 while no `fsync` runs.
    sync_started: AtomicU64,
    appended_bytes: AtomicU64,
}

impl LogMetrics {
    pub(crate) fn new() -> Self {
        Self {
            base: Instant::now(),
            counts: Default::default(),
            sum_us: AtomicU64::new(0),
            max_us: AtomicU64::new(0),
            sync_started: AtomicU64::new(0),
            appended_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn appended(&self, bytes: usize) {
        self.appended_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn appended_bytes(&self) -> u64 {
        self.appended_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn sync_started(&self) {
        self.sync_started
            .store(self.now_us() + 1, Ordering::Relaxed);
    }

    /// Counts the `fsync` that was started last and returns how long it took.
    pub(crate) fn sync_ended(&self) -> Duration {
        let started = self.sync_started.swap(0, Ordering::Relaxed);
        let took_us = (self.now_us() + 1).saturating_sub(started);
        let bucket = BUCKETS_US.iter().position(|bound| took_us <= *bound);
        self.counts[bucket.unwrap_or(BUCKETS_US.len())].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
        self.max_us.fetch_max(took_us, Ordering::Relaxed);
        Duration::from_micros(took_us)
    }

    pub(crate) fn sync_running_ms(&self) -> Option<u64> {
        match self.sync_started.load(Ordering::Relaxed) {
            0 => None,
            started => Some((self.now_us() + 1).saturating_sub(started) / 1_000),
        }
    }

    pub(crate) fn sync_histogram(&self) -> LatencyHistogram {
        let mut count = 0;
        let mut cumulative = |bucket: &AtomicU64| {
            count += bucket.load(Ordering::Relaxed);
            count
        };
        let buckets = BUCKETS_US
            .iter()
            .zip(&self.counts)
            .map(|(us, n)| (*us, cumulative(n)));
        let buckets = buckets.collect();
        let count = cumulative(&self.counts[BUCKETS_US.len()]);
        LatencyHistogram {
            buckets,
            count,
            sum_us: self.sum_us.load(Ordering::Relaxed),
            max_us: self.max_us.load(Ordering::Relaxed),
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_histogram_is_cumulative_and_counts_each_sync_once() {
        let metrics = LogMetrics::new();
        for _ in 0..3 {
            metrics.sync_started();
            assert!(metrics.sync_running_ms().is_some());
            metrics.sync_ended();
        }
        let histogram = metrics.sync_histogram();
        assert_eq!(histogram.count, 3);
        assert_eq!(metrics.sync_running_ms(), None);
        assert!(histogram.buckets.is_sorted_by_key(|(_, n)| *n));
        assert_eq!(histogram.buckets.last().map(|(_, n)| *n), Some(3));
    }
}
