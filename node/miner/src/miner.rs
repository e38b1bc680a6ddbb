//! The miner as its caller sees it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{MinerConfig, MinerError};
use crate::events::MinerEvent;
use crate::failover;
use crate::hashing::{HashingThread, first_nonce};
use crate::job::JobBoard;
use crate::session::Shared;
use crate::stats::{Counters, MinerStats};

/// Shares that wait for the connection; further ones are counted as lost.
const SHARES_WAITING_MAX: usize = 1024;
/// Events kept for a slow reader; older ones are dropped.
const EVENTS_KEPT: usize = 1024;

/// A running miner. Dropping it stops it as well, without waiting.
pub struct Miner {
    shared: Arc<Shared>,
    connection: JoinHandle<()>,
    threads: Vec<thread::JoinHandle<()>>,
    /// The receiver that saw the very first event.
    first_events: Mutex<Option<broadcast::Receiver<MinerEvent>>>,
}

impl Miner {
    /// Starts the hashing threads and the connection.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the configuration makes no sense or the system has no threads to give.
    pub fn start(config: MinerConfig) -> Result<Self, MinerError> {
        config.validate()?;
        let (events, first_events) = broadcast::channel(EVENTS_KEPT);
        let (sender, receiver) = mpsc::channel(SHARES_WAITING_MAX);
        let shared = Arc::new(Shared {
            config,
            board: Arc::new(JobBoard::default()),
            counters: Arc::new(Counters::new()),
            events,
            cancel: CancellationToken::new(),
        });
        let threads = start_threads(&shared, &sender)?;
        let connection = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { failover::mine(&shared, receiver).await }
        });
        Ok(Self {
            shared,
            connection,
            threads,
            first_events: Mutex::new(Some(first_events)),
        })
    }

    /// What it did so far.
    pub fn stats(&self) -> MinerStats {
        self.shared.counters.stats(Instant::now())
    }

    /// What happens from now on. The first caller also gets what happened since the start. A
    /// reader that is 1024 events behind misses some.
    pub fn events(&self) -> broadcast::Receiver<MinerEvent> {
        let mut first = self
            .first_events
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first
            .take()
            .unwrap_or_else(|| self.shared.events.subscribe())
    }

    /// Stops hashing, waits briefly for the answers to the last shares, and returns the final
    /// numbers.
    pub async fn shutdown(mut self) -> MinerStats {
        // The threads end first, so that what they found last is still submitted. Outcomes do not
        // matter: either way nothing runs any more.
        self.shared.board.stop();
        let threads = std::mem::take(&mut self.threads);
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(join)).await;
        self.shared.cancel.cancel();
        let _ = (&mut self.connection).await;
        self.stats()
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
        self.shared.board.stop();
        self.connection.abort();
    }
}

impl fmt::Debug for Miner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Miner")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

fn start_threads(
    shared: &Shared,
    shares: &mpsc::Sender<crate::job::FoundShare>,
) -> Result<Vec<thread::JoinHandle<()>>, MinerError> {
    let config = &shared.config;
    let started: Result<Vec<_>, MinerError> = (0..config.threads)
        .map(|thread_idx| {
            let thread = HashingThread {
                board: Arc::clone(&shared.board),
                counters: Arc::clone(&shared.counters),
                shares: shares.clone(),
                first_nonce: first_nonce(config.nonce_seed, thread_idx, config.threads),
                throttle: config.throttle,
            };
            thread
                .spawn(thread_idx)
                .map_err(|source| MinerError::SpawnThread { thread_idx, source })
        })
        .collect();
    if started.is_err() {
        // Those that did start must not wait for a job for ever.
        shared.board.stop();
    }
    started
}

fn join(thread: thread::JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a hashing thread panicked");
    }
}
