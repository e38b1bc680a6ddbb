//! A load from its first connection to its report.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::config::{LoadConfig, LoadError};
use super::cost::Cost;
use super::jobs::Jobs;
use super::miner::Emulated;
use super::pace::Pace;
use super::report::{LoadReport, Measured};
use super::tally::Tally;
use super::tls::Tls;

/// Tallies; more than threads, so that two rarely wait for each other.
const TALLIES: usize = 8;
/// How much longer than its miners a load waits for their end.
const GRACE: Duration = Duration::from_secs(5);

/// What all emulated miners share.
pub(super) struct Shared {
    pub(super) config: LoadConfig,
    pub(super) tls: Option<Tls>,
    pub(super) pace: Pace,
    /// By pool.
    pub(super) jobs: Vec<Arc<Jobs>>,
    pub(super) tallies: Vec<Mutex<Tally>>,
    /// From now on shares are sent.
    pub(super) begin: CancellationToken,
    /// From now on nothing is sent.
    pub(super) stop: CancellationToken,
    pub(super) connected: AtomicUsize,
    tried: AtomicUsize,
    all_tried: Notify,
}

impl Shared {
    /// Notes that one more miner has tried to connect for the first time.
    pub(super) fn has_tried(&self) {
        if 1 + self.tried.fetch_add(1, Ordering::AcqRel) == self.config.connections {
            self.all_tried.notify_one();
        }
    }

    /// Until when answers are awaited from now on.
    pub(super) fn drain_until(&self) -> Instant {
        Instant::now() + self.config.drain_timeout
    }
}

/// A load that runs.
pub struct Load {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    started: Instant,
    before: Cost,
    /// A load that is dropped must not go on unseen.
    _on_drop: DropGuard,
}

impl Load {
    /// Begins to connect. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn start(config: LoadConfig) -> Result<Self, LoadError> {
        config.check()?;
        let tls = config.tls.as_ref().map(|tls| tls.open()).transpose();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            tls: tls.map_err(LoadError::Tls)?,
            pace: Pace::new(config.connects_per_second, config.connecting_max),
            jobs: config.pools.iter().map(|_| Arc::default()).collect(),
            tallies: (0..TALLIES).map(|_| Mutex::default()).collect(),
            begin: CancellationToken::new(),
            stop: stop.clone(),
            connected: AtomicUsize::new(0),
            tried: AtomicUsize::new(0),
            all_tried: Notify::new(),
            config,
        });
        let (tasks, before) = (TaskTracker::new(), Cost::now());
        for number in 0..shared.config.connections {
            tasks.spawn(Emulated::new(shared.clone(), number).run());
        }
        Ok(Self {
            shared,
            tasks,
            started: Instant::now(),
            before,
            _on_drop: stop.drop_guard(),
        })
    }

    /// How many miners are connected at present, with their first job.
    pub fn connected(&self) -> usize {
        self.shared.connected.load(Ordering::Relaxed)
    }

    /// Waits until every miner has connected or failed to, once.
    pub async fn all_tried(&self) {
        if self.shared.tried.load(Ordering::Acquire) < self.shared.config.connections {
            self.shared.all_tried.notified().await;
        }
    }

    /// Sends shares for the configured time, or until `stop`, and reports.
    pub async fn run(self, stop: impl Future<Output = ()>) -> LoadReport {
        let shared = &self.shared;
        let mut stop = pin!(stop);
        let is_stopped = tokio::select! {
            () = &mut stop => true,
            () = self.all_tried() => false,
        };
        let connecting = self.started.elapsed();
        let (connected, at_begin) = (self.connected(), Cost::now());
        let begun = Instant::now();
        shared.begin.cancel();
        if !is_stopped {
            let rest = tokio::time::sleep(shared.config.duration);
            tokio::select! {
                () = &mut stop => {}
                () = rest => {}
            }
        }
        let (measured, at_end) = (begun.elapsed(), Cost::now());
        let connected_at_end = self.connected();
        shared.stop.cancel();
        self.tasks.close();
        // Each of them gives up by itself; this only keeps a mistake from lasting for ever.
        let _ = timeout(shared.config.drain_timeout + GRACE, self.tasks.wait()).await;
        let mut tally = Tally::default();
        for part in &shared.tallies {
            tally.add(&part.lock());
        }
        let pools = shared.config.pools.iter().zip(&shared.jobs);
        LoadReport::new(Measured {
            config: &shared.config,
            tally,
            jobs: pools
                .flat_map(|(pool, jobs)| jobs.reports(&pool.to_string()))
                .collect(),
            connecting,
            measured,
            connected,
            connected_at_end,
            costs: [self.before, at_begin, at_end],
            cores: tokio::runtime::Handle::current().metrics().num_workers(),
        })
    }
}
