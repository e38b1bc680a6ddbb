//! Jobs: templates as miners get them.
//!
//! Everything in a job's notification is the same for every miner, since only the extra nonce
//! tells miners apart. So its line is built once per template and shared as bytes, the newest job
//! wins, and a miner that reads slowly skips jobs instead of queueing them.
//!
//! Old jobs stay known for as long as the chain could still take a block on them, so that a share
//! that meets the block target is worth something however late it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::RwLock;
use raftpool_chain::{BlockHeader, MinerWork, Template};
use raftpool_pow::Target;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::protocol;

/// Heights after which the chain refuses a block for good (its depth of stability).
const USEFUL_HEIGHTS: u64 = 24;

/// Most jobs kept, should templates change far more often than heights.
const JOBS_MAX: usize = 1_024;

/// How a miner wants the algorithm to be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spelling {
    /// As the daemon does: `xel/v3`.
    #[default]
    Daemon,
    /// The older one: `xel/2`.
    Legacy,
}

/// One template with one timestamp.
pub(crate) struct Job {
    /// Its name on the wire; rises by one with every job of this process.
    pub(crate) number: u64,
    pub(crate) template: Arc<Template>,
    pub(crate) timestamp_ms: u64,
    /// When the daemon's clock showed `timestamp_ms`.
    published: Instant,
    /// Shared by all jobs on the same tips.
    earliest_ms: Arc<AtomicU64>,
    pub(crate) block_target: Target,
    /// The network's difficulty as far as it fits: no share needs to be harder than a block.
    pub(crate) share_difficulty_max: u64,
    frame: Bytes,
    legacy_frame: Bytes,
}

impl Job {
    fn new(
        number: u64,
        template: Arc<Template>,
        timestamp_ms: u64,
        earliest_ms: Arc<AtomicU64>,
    ) -> Self {
        let frame = |algorithm: &str| {
            let mut line = BytesMut::new();
            protocol::write_notify(
                &mut line,
                number,
                timestamp_ms,
                &template.work_hash.0,
                algorithm,
            );
            line.freeze()
        };
        let network_difficulty = template.difficulty.to_u128().unwrap_or(u128::MAX);
        Self {
            number,
            timestamp_ms,
            published: Instant::now(),
            earliest_ms,
            block_target: template.difficulty.target(),
            share_difficulty_max: u64::try_from(network_difficulty).unwrap_or(u64::MAX),
            frame: frame(&template.algorithm.to_string()),
            legacy_frame: frame(template.algorithm.legacy_name()),
            template,
        }
    }

    /// The line that announces this job.
    pub(crate) fn frame(&self, spelling: Spelling) -> &Bytes {
        match spelling {
            Spelling::Daemon => &self.frame,
            Spelling::Legacy => &self.legacy_frame,
        }
    }

    /// What the clock of the daemon behind this job shows at this moment.
    pub(crate) fn daemon_now_ms(&self) -> u64 {
        self.timestamp_ms
            .saturating_add(milliseconds(self.published.elapsed()))
    }

    /// The earliest timestamp of a block on these tips, as far as it is known: the chain takes none
    /// from before its parents. The daemon gave the first template on them no earlier one.
    pub(crate) fn earliest_ms(&self) -> u64 {
        self.earliest_ms.load(Ordering::Relaxed)
    }

    /// The latest of the tips' timestamps is known.
    pub(crate) fn note_tips(&self, latest_ms: u64) {
        self.earliest_ms.fetch_min(latest_ms, Ordering::Relaxed);
    }

    /// What a miner with this extra nonce hashed to find `nonce`.
    pub(crate) fn work(&self, nonce: u64, extra_nonce: [u8; 32], miner_key: [u8; 32]) -> MinerWork {
        MinerWork {
            work_hash: self.template.work_hash.0,
            timestamp_ms: self.timestamp_ms,
            nonce,
            extra_nonce,
            miner_key,
        }
    }

    /// The block that `work` is the proof of.
    pub(crate) fn block(&self, work: &MinerWork) -> BlockHeader {
        self.template.header.with_work(work)
    }
}

/// Jobs whose shares may still be worth something.
#[derive(Default)]
struct Known {
    /// Oldest first, with consecutive numbers.
    jobs: VecDeque<Arc<Job>>,
    /// The largest height of a job that was dropped.
    dropped_height: u64,
}

/// The newest job, and those before it that may still be worth something.
pub(crate) struct JobBoard {
    newest: watch::Sender<Option<Arc<Job>>>,
    known: RwLock<Known>,
    first_number: u64,
}

impl JobBoard {
    /// `process_tag` sets this process's job names apart from those of others, so that a share
    /// for a job of another node or an earlier start is told "unknown job" instead of being
    /// hashed.
    pub(crate) fn new(process_tag: u32) -> Self {
        Self {
            newest: watch::Sender::new(None),
            known: RwLock::default(),
            first_number: (u64::from(process_tag) << 32) | 1,
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Job>>> {
        self.newest.subscribe()
    }

    pub(crate) fn newest(&self) -> Option<Arc<Job>> {
        self.newest.borrow().clone()
    }

    pub(crate) fn find(&self, number: u64) -> Option<Arc<Job>> {
        let jobs = &self.known.read().jobs;
        let index = number.checked_sub(jobs.front()?.number)?;
        jobs.get(usize::try_from(index).ok()?).cloned()
    }

    /// How many heights a job is behind the newest one, at least, that was of this process and is
    /// not known any more; `None` for every other number.
    pub(crate) fn heights_late_of_dropped(&self, number: u64) -> Option<u64> {
        let known = self.known.read();
        let (oldest, newest) = (known.jobs.front()?, known.jobs.back()?);
        let is_dropped = (self.first_number..oldest.number).contains(&number);
        is_dropped.then(|| newest.template.height.saturating_sub(known.dropped_height))
    }

    /// Number of the oldest job that is still known.
    pub(crate) fn oldest_number(&self) -> u64 {
        self.known
            .read()
            .jobs
            .front()
            .map_or(self.first_number, |job| job.number)
    }

    /// How many heights the job is behind the newest one.
    pub(crate) fn heights_late(&self, job: &Job) -> u64 {
        let newest = self.newest.borrow();
        newest.as_ref().map_or(0, |newest| {
            newest.template.height.saturating_sub(job.template.height)
        })
    }

    /// Hands a template out to everybody.
    pub(crate) fn publish(&self, template: Arc<Template>, timestamp_ms: u64) {
        let mut guard = self.known.write();
        let known = &mut *guard;
        let number = known
            .jobs
            .back()
            .map_or(self.first_number, |job| job.number + 1);
        let is_sibling = |job: &&Arc<Job>| job.template.header.tips == template.header.tips;
        let sibling = known.jobs.iter().rev().find(is_sibling);
        let earliest_ms = sibling.map(|job| job.earliest_ms.clone());
        let earliest_ms = earliest_ms.unwrap_or_else(|| Arc::new(AtomicU64::new(u64::MAX)));
        earliest_ms.fetch_min(template.header.timestamp_ms, Ordering::Relaxed);
        let job = Arc::new(Job::new(number, template, timestamp_ms, earliest_ms));
        let height = job.template.height;
        known.jobs.push_back(job.clone());
        let is_useless = |old: &Arc<Job>| old.template.height + USEFUL_HEIGHTS < height;
        while known.jobs.len() > JOBS_MAX || known.jobs.front().is_some_and(is_useless) {
            if let Some(dropped) = known.jobs.pop_front() {
                known.dropped_height = known.dropped_height.max(dropped.template.height);
            }
        }
        drop(guard);
        tracing::debug!(job = number, height, timestamp_ms, "new job");
        self.newest.send_replace(Some(job));
    }
}

/// Times of [`follow`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// A job of this age is sent again with a fresh timestamp.
    pub(crate) refresh: Duration,
    /// Earliest time between two jobs on the same tips.
    pub(crate) same_tips: Duration,
}

/// Turns templates into jobs until it is cancelled. A template on new tips becomes a job at once;
/// one that only has other transactions waits until the present job has some age, because each
/// job makes every miner start over.
pub(crate) async fn follow(
    board: Arc<JobBoard>,
    mut templates: watch::Receiver<Option<Arc<Template>>>,
    pace: Pace,
    stop: CancellationToken,
) {
    let mut current: Option<Current> = None;
    let mut is_feed_open = true;
    loop {
        let newest = templates.borrow_and_update().clone();
        if let Some(template) = newest {
            match &mut current {
                Some(current) if !current.is_urgent(&template) => current.consider(template),
                _ => current = Some(Current::publish(&board, template)),
            }
        }
        let due = current.as_ref().map(|current| current.due(pace));
        tokio::select! {
            () = stop.cancelled() => return,
            changed = templates.changed(), if is_feed_open => is_feed_open = changed.is_ok(),
            () = sleep_until(due) => {
                current = current.map(|current| current.republish(&board));
            }
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The template miners work on, and the one that waits to replace it.
struct Current {
    template: Arc<Template>,
    received: Instant,
    published: Instant,
    waiting: Option<(Arc<Template>, Instant)>,
}

impl Current {
    fn publish(board: &JobBoard, template: Arc<Template>) -> Self {
        let now = Instant::now();
        board.publish(template.clone(), template.header.timestamp_ms);
        Self {
            template,
            received: now,
            published: now,
            waiting: None,
        }
    }

    fn is_urgent(&self, template: &Template) -> bool {
        let present = &self.template;
        template.header.tips != present.header.tips
            || template.height != present.height
            || template.algorithm != present.algorithm
            || template.difficulty != present.difficulty
    }

    fn consider(&mut self, template: Arc<Template>) {
        let newest = self
            .waiting
            .as_ref()
            .map_or(&self.template, |(waiting, _)| waiting);
        if newest.work_hash != template.work_hash {
            self.waiting = Some((template, Instant::now()));
        }
    }

    fn due(&self, pace: Pace) -> Instant {
        self.published
            + if self.waiting.is_some() {
                pace.same_tips
            } else {
                pace.refresh
            }
    }

    /// The daemon's clock decides which timestamps are valid, so the time that passed is added to
    /// its timestamp instead of asking this machine's clock.
    fn republish(mut self, board: &JobBoard) -> Self {
        let now = Instant::now();
        if let Some((template, received)) = self.waiting.take() {
            (self.template, self.received) = (template, received);
        }
        let age_ms = milliseconds(now - self.received);
        let timestamp_ms = self.template.header.timestamp_ms.saturating_add(age_ms);
        board.publish(self.template.clone(), timestamp_ms);
        self.published = now;
        self
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
