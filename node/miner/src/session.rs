//! Mining over one connection until it ends.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant as TimerInstant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::{MinerConfig, Timing};
use crate::connection::{Connection, ConnectionError, Incoming};
use crate::events::MinerEvent;
use crate::job::{FoundShare, JobBoard};
use crate::protocol::FIRST_SUBMIT_ID;
use crate::stats::{Counters, SAMPLE_INTERVAL};

/// Shares without an answer at one time; a pool that answers none gets no more.
const UNANSWERED_MAX: usize = 4096;

/// What the threads, the connection and the caller have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: MinerConfig,
    pub(crate) board: Arc<JobBoard>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) events: broadcast::Sender<MinerEvent>,
    pub(crate) cancel: CancellationToken,
}

impl Shared {
    pub(crate) fn tell(&self, event: MinerEvent) {
        tracing::debug!(%event, "miner");
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.config.timing
    }
}

/// How mining over a connection ended.
pub(crate) enum End {
    /// The miner shuts down.
    Cancelled,
    /// The connection is gone.
    Lost(ConnectionError),
    /// A better pool has been reached meanwhile.
    Better(Box<Connection>),
}

/// A connection to a better pool that is on its way.
pub(crate) type Return<'a> = Pin<Box<dyn Future<Output = Box<Connection>> + Send + 'a>>;

/// One connection in use.
pub(crate) struct Session<'a> {
    shared: &'a Shared,
    connection: Connection,
    unanswered: HashMap<u64, Instant>,
    next_id: u64,
    accepted: u64,
}

impl<'a> Session<'a> {
    pub(crate) fn new(shared: &'a Shared, connection: Connection) -> Self {
        Self {
            shared,
            connection,
            unanswered: HashMap::new(),
            next_id: FIRST_SUBMIT_ID,
            accepted: 0,
        }
    }

    /// Mines until the end; the second value tells whether the pool credited anything.
    pub(crate) async fn run(
        mut self,
        shares: &mut mpsc::Receiver<FoundShare>,
        better: Return<'_>,
    ) -> (End, bool) {
        let end = match self.mine(shares, better).await {
            Ok(end) => end,
            Err(error) => End::Lost(error),
        };
        self.shared.board.publish(None);
        self.shared
            .counters
            .count_lost(self.unanswered.len() as u64);
        (end, self.accepted > 0)
    }

    async fn mine(
        &mut self,
        shares: &mut mpsc::Receiver<FoundShare>,
        mut better: Return<'_>,
    ) -> Result<End, ConnectionError> {
        let shared = self.shared;
        let idle_timeout = shared.timing().idle_timeout;
        let mut idle_deadline = TimerInstant::now() + idle_timeout;
        let mut sampler = tokio::time::interval(SAMPLE_INTERVAL);
        loop {
            tokio::select! {
                () = shared.cancel.cancelled() => {
                    self.drain(shares).await?;
                    return Ok(End::Cancelled);
                }
                incoming = self.connection.next() => {
                    idle_deadline = TimerInstant::now() + idle_timeout;
                    self.handle(incoming?).await?;
                }
                Some(share) = shares.recv(), if self.unanswered.len() < UNANSWERED_MAX => {
                    self.submit(share).await?;
                }
                connection = &mut better => {
                    // What this pool owes is worth a moment, but not the better connection.
                    let _ = self.drain(shares).await;
                    return Ok(End::Better(connection));
                }
                _ = sampler.tick() => shared.counters.sample(Instant::now()),
                () = sleep_until(idle_deadline) => return Err(ConnectionError::Idle(idle_timeout)),
            }
        }
    }

    /// Sends the last shares, and waits a little for the answers.
    async fn drain(
        &mut self,
        shares: &mut mpsc::Receiver<FoundShare>,
    ) -> Result<(), ConnectionError> {
        self.shared.board.publish(None);
        while let Ok(share) = shares.try_recv() {
            self.submit(share).await?;
        }
        let deadline = TimerInstant::now() + self.shared.timing().drain_timeout;
        while !self.unanswered.is_empty() {
            tokio::select! {
                incoming = self.connection.next() => self.handle(incoming?).await?,
                () = sleep_until(deadline) => break,
            }
        }
        Ok(())
    }

    async fn submit(&mut self, share: FoundShare) -> Result<(), ConnectionError> {
        if share.job.connection != self.connection.number {
            self.shared.counters.count_lost(1);
            return Ok(());
        }
        let id = self.next_id;
        self.next_id += 1;
        // Noted first: if sending fails the share counts as lost.
        self.unanswered.insert(id, Instant::now());
        let worker = &self.shared.config.worker;
        self.connection
            .submit(id, worker, &share.job.job_id, share.nonce)
            .await
    }

    async fn handle(&mut self, incoming: Incoming) -> Result<(), ConnectionError> {
        let shared = self.shared;
        match incoming {
            Incoming::Job(job) => {
                shared.counters.note_job(job.algorithm, job.difficulty);
                shared.tell(MinerEvent::NewJob {
                    job_id: job.job_id.clone(),
                    algorithm: job.algorithm,
                    difficulty: job.difficulty,
                });
                shared.board.publish(Some(job));
            }
            Incoming::Answer { id, result } => self.handle_answer(id, result),
            Incoming::Ping { id } => self.connection.pong(&id).await?,
            Incoming::Print { severity, text } => {
                shared.tell(MinerEvent::PoolMessage { severity, text });
            }
            Incoming::Ignored(what) => shared.tell(MinerEvent::Ignored { what }),
        }
        Ok(())
    }

    fn handle_answer(&mut self, id: u64, result: Result<Value, String>) {
        let Some(sent) = self.unanswered.remove(&id) else {
            return self.shared.tell(MinerEvent::Ignored {
                what: format!("an answer to nothing, {id}"),
            });
        };
        let reason = match result {
            Ok(Value::Bool(true)) => {
                self.accepted += 1;
                self.shared.counters.count_accepted();
                let latency_ms = sent.elapsed().as_millis() as u64;
                return self.shared.tell(MinerEvent::ShareAccepted { latency_ms });
            }
            Ok(_) => "no reason given".to_owned(),
            Err(reason) => reason,
        };
        self.shared.counters.count_rejected(&reason);
        self.shared.tell(MinerEvent::ShareRejected { reason });
    }
}
