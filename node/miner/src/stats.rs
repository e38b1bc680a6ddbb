//! Counters of a miner, and the line that shows them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftpool_pow::{Algorithm, Difficulty};

use crate::config::PoolAddress;

/// Time over which the hash rate is taken.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// How often the hash count is noted for the rate.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
/// Different reasons that are counted apart; a pool that invents more shares one entry.
const REASONS_MAX: usize = 32;
const OTHER_REASONS: &str = "other reasons";

/// What a miner did since its start. Reconnecting resets nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct MinerStats {
    /// Hashes computed.
    pub hashes: u64,
    /// Hashes per second over the last ten seconds.
    pub hashrate: f64,
    /// Shares the pool credited.
    pub accepted: u64,
    /// Shares the pool refused, by its words.
    pub rejected: BTreeMap<String, u64>,
    /// Shares found that no pool answered: the connection ended, or the pool was too slow.
    pub lost: u64,
    /// Expected hashes per share of the newest job.
    pub difficulty: Option<Difficulty>,
    /// What the newest job hashes.
    pub algorithm: Option<Algorithm>,
    /// The pool that is mined at, or was last tried.
    pub pool: Option<PoolAddress>,
    /// Whether the pool accepted the miner and the connection lives.
    pub connected: bool,
    /// Why a connection last failed or ended.
    pub last_error: Option<String>,
}

impl MinerStats {
    /// Shares refused, whatever the reason.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// One line that shows how mining goes, without a line end.
pub fn status_line(stats: &MinerStats) -> String {
    let mut line = format!(
        "{}, {} accepted, {} rejected",
        rate_text(stats.hashrate),
        stats.accepted,
        stats.rejected_total()
    );
    let main_reason = stats.rejected.iter().max_by_key(|(_, count)| **count);
    if let Some((reason, _)) = main_reason {
        line += &format!(" ({reason})");
    }
    if stats.lost > 0 {
        line += &format!(", {} lost", stats.lost);
    }
    if let (Some(algorithm), Some(difficulty)) = (stats.algorithm, stats.difficulty) {
        line += &format!(", {algorithm} difficulty {difficulty}");
    }
    match (&stats.pool, stats.connected, &stats.last_error) {
        (Some(pool), true, _) => line += &format!(", {pool}"),
        (Some(pool), false, Some(error)) => line += &format!(", not connected to {pool}: {error}"),
        (Some(pool), false, None) => line += &format!(", connecting to {pool}"),
        (None, _, _) => line += ", no pool yet",
    }
    line
}

fn rate_text(hashes_per_second: f64) -> String {
    match hashes_per_second {
        rate if rate >= 1e6 => format!("{:.2} MH/s", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.2} kH/s", rate / 1e3),
        rate => format!("{rate:.1} H/s"),
    }
}

/// The counters behind [`MinerStats`], shared by the threads and the connection.
#[derive(Debug)]
pub(crate) struct Counters {
    hashes: AtomicU64,
    lost: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    accepted: u64,
    rejected: BTreeMap<String, u64>,
    difficulty: Option<Difficulty>,
    algorithm: Option<Algorithm>,
    pool: Option<PoolAddress>,
    connected: bool,
    last_error: Option<String>,
    /// Hash counts of the recent past, oldest first.
    samples: VecDeque<(Instant, u64)>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            hashes: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            book: Mutex::new(Book {
                accepted: 0,
                rejected: BTreeMap::new(),
                difficulty: None,
                algorithm: None,
                pool: None,
                connected: false,
                last_error: None,
                samples: VecDeque::from([(Instant::now(), 0)]),
            }),
        }
    }

    pub(crate) fn count_hash(&self) {
        self.hashes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_lost(&self, shares: u64) {
        self.lost.fetch_add(shares, Ordering::Relaxed);
    }

    pub(crate) fn count_accepted(&self) {
        self.book().accepted += 1;
    }

    pub(crate) fn count_rejected(&self, reason: &str) {
        let rejected = &mut self.book().rejected;
        let is_new = !rejected.contains_key(reason);
        let reason = if is_new && rejected.len() >= REASONS_MAX {
            OTHER_REASONS
        } else {
            reason
        };
        *rejected.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn note_job(&self, algorithm: Algorithm, difficulty: Difficulty) {
        let mut book = self.book();
        book.algorithm = Some(algorithm);
        book.difficulty = Some(difficulty);
    }

    pub(crate) fn note_connecting(&self, pool: &PoolAddress) {
        self.book().pool = Some(pool.clone());
    }

    pub(crate) fn note_connected(&self, pool: &PoolAddress) {
        let mut book = self.book();
        book.pool = Some(pool.clone());
        book.connected = true;
    }

    pub(crate) fn note_disconnected(&self, reason: Option<&str>) {
        let mut book = self.book();
        book.connected = false;
        if let Some(reason) = reason {
            book.last_error = Some(reason.to_owned());
        }
    }

    /// Notes the hash count for the rate; to be called every [`SAMPLE_INTERVAL`].
    pub(crate) fn sample(&self, now: Instant) {
        let hashes = self.hashes.load(Ordering::Relaxed);
        let samples = &mut self.book().samples;
        samples.push_back((now, hashes));
        // One sample at or beyond the window stays, to measure from.
        while samples
            .get(1)
            .is_some_and(|(time, _)| now.duration_since(*time) >= RATE_WINDOW)
        {
            samples.pop_front();
        }
    }

    pub(crate) fn stats(&self, now: Instant) -> MinerStats {
        let hashes = self.hashes.load(Ordering::Relaxed);
        let book = self.book();
        let hashrate = book.samples.front().map_or(0.0, |(since, before)| {
            let seconds = now.saturating_duration_since(*since).as_secs_f64();
            if seconds > 0.0 {
                hashes.saturating_sub(*before) as f64 / seconds
            } else {
                0.0
            }
        });
        MinerStats {
            hashes,
            hashrate,
            accepted: book.accepted,
            rejected: book.rejected.clone(),
            lost: self.lost.load(Ordering::Relaxed),
            difficulty: book.difficulty,
            algorithm: book.algorithm,
            pool: book.pool.clone(),
            connected: book.connected,
            last_error: book.last_error.clone(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Each change is one assignment, so a panic elsewhere leaves nothing half done.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let counters = Counters::new();
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        for step in 0..60u64 {
            for _ in 0..if step < 30 { 100 } else { 10 } {
                counters.count_hash();
            }
            counters.sample(at(500 * (step + 1)));
        }
        let stats = counters.stats(at(30_000));
        assert_eq!(stats.hashes, 30 * 100 + 30 * 10);
        assert!(
            (19.0..=21.0).contains(&stats.hashrate),
            "{}",
            stats.hashrate
        );
    }

    #[test]
    fn invented_reasons_are_bounded() {
        let counters = Counters::new();
        for number in 0..1000 {
            counters.count_rejected(&format!("reason {number}"));
        }
        let stats = counters.stats(Instant::now());
        assert_eq!(stats.rejected_total(), 1000);
        assert_eq!(stats.rejected.len(), REASONS_MAX + 1);
    }

    #[test]
    fn the_status_line_tells_the_state() {
        let counters = Counters::new();
        let line = || {
            status_line(&MinerStats {
                hashrate: 1234.5,
                ..counters.stats(Instant::now())
            })
        };
        assert_eq!(line(), "1.23 kH/s, 0 accepted, 0 rejected, no pool yet");
        let pool: PoolAddress = "pool:1".parse().unwrap();
        counters.note_connecting(&pool);
        assert!(line().ends_with("connecting to pool:1"), "{}", line());
        counters.note_connected(&pool);
        counters.note_job(Algorithm::V3, Difficulty::from_u64(500).unwrap());
        counters.count_accepted();
        counters.count_rejected("stale");
        counters.count_lost(2);
        assert_eq!(
            line(),
            "1.23 kH/s, 1 accepted, 1 rejected (stale), 2 lost, xel/v3 difficulty 500, pool:1"
        );
        counters.note_disconnected(Some("connection refused"));
        assert!(
            line().ends_with("not connected to pool:1: connection refused"),
            "{}",
            line()
        );
    }
}
