//! One task per connection: it has the dialect read and write, and keeps the timers.
//!
//! Reading and writing take turns, so a miner that does not read is not read from either, and
//! one that takes no bytes for a while is dropped; nobody else notices (promise P9, tried by
//! `a_slow_reader_does_not_block_others`). Jobs are taken from a cell that holds the newest one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::arrival::{STOPPING, TOO_SLOW};
use crate::bans::BANNED;
use crate::config::StratumConfig;
use crate::dialect::{Dialect, Next};
use crate::jobs::Job;
use crate::miner::{Answer, Miner};
use crate::pool::Pool;
use crate::roll::Listed;
use crate::standing::Banned;

/// Times of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    idle: Duration,
    ping: Duration,
    write: Duration,
    drain: Duration,
    /// Between two requests of a stranger.
    stranger: Duration,
}

impl Times {
    pub(crate) fn of(config: &StratumConfig) -> Self {
        Self {
            idle: Duration::from_millis(config.idle_timeout_ms),
            ping: Duration::from_millis(config.ping_interval_ms),
            write: config.write_timeout(),
            drain: Duration::from_millis(config.drain_ms),
            stranger: Duration::from_secs(1) / config.stranger_requests_per_second.max(1),
        }
    }
}

/// How much time's worth of requests a stranger may send at once.
const STRANGER_BURST: Duration = Duration::from_secs(5);

/// What wakes a connection's task.
enum Event<I> {
    Answer(Option<Answer>),
    Input(I),
    Job,
    Timer,
    Drain,
    Dismissed,
    /// Its worker was banned, here or elsewhere.
    Banned,
}

/// A connection and everything only its task needs.
pub(crate) struct Connection<D> {
    pool: Arc<Pool>,
    miner: Arc<Miner>,
    dialect: D,
    answers: mpsc::UnboundedReceiver<Answer>,
    jobs: watch::Receiver<Option<Arc<Job>>>,
    times: Times,
    /// `None` until it is authorized.
    ban: Option<watch::Receiver<Option<Banned>>>,
    /// `None` until it is ready.
    in_workers: Option<(Counted, Listed)>,
    hello_until: Instant,
    last_input: Instant,
    /// When the next request is read, if that is later than now.
    read_from: Instant,
    next_ping: Instant,
    next_vardiff: Instant,
}

impl<D: Dialect> Connection<D> {
    pub(crate) fn new(
        dialect: D,
        pool: Arc<Pool>,
        miner: Arc<Miner>,
        answers: mpsc::UnboundedReceiver<Answer>,
        times: Times,
        hello_until: Instant,
    ) -> Self {
        let now = Instant::now();
        Self {
            jobs: pool.board.subscribe(),
            dialect,
            pool,
            miner,
            answers,
            times,
            ban: None,
            in_workers: None,
            hello_until,
            last_input: now,
            read_from: burst_ago(),
            next_ping: now + times.ping,
            next_vardiff: hello_until,
        }
    }

    /// Serves the connection to its end and returns why it ended: one of a small set of words.
    pub(crate) async fn serve(mut self, drain: CancellationToken) -> &'static str {
        let reason = self.run(&drain).await.err().unwrap_or("drained");
        let _ = tokio::time::timeout(self.times.write, self.dialect.close(reason)).await;
        reason
    }

    async fn run(&mut self, drain: &CancellationToken) -> Result<(), &'static str> {
        // In some dialects a miner is ready before its first word.
        self.welcome_if_ready();
        self.flush().await?;
        loop {
            let event = self.next_event(drain).await;
            let next = match event {
                Event::Drain => return self.stop().await,
                Event::Dismissed => return Err(self.dismiss().await),
                Event::Answer(answer) => {
                    self.take_answers(answer);
                    Next::Continue
                }
                Event::Input(input) => {
                    self.last_input = Instant::now();
                    let next = self.dialect.take(input, &self.pool);
                    self.pace();
                    self.welcome_if_ready();
                    next
                }
                Event::Job => {
                    self.send_job();
                    Next::Continue
                }
                Event::Timer => self.timer(),
                Event::Banned => return self.banned().await,
            };
            if self.dialect.needs_job() {
                self.send_job();
            }
            self.flush().await?;
            if let Next::Close(reason) = next {
                return Err(reason);
            }
        }
    }

    /// Answers before anything else, so that they cannot pile up behind what the miner sends.
    async fn next_event(&mut self, drain: &CancellationToken) -> Event<D::Input> {
        let is_ready = self.dialect.is_ready();
        let timer = self.next_timer();
        let read = read_from(self.read_from, &mut self.dialect);
        tokio::select! {
            biased;
            () = drain.cancelled() => Event::Drain,
            _ = self.miner.dismissal().wait() => Event::Dismissed,
            answer = self.answers.recv() => Event::Answer(answer),
            () = ban_of(&mut self.ban) => Event::Banned,
            changed = self.jobs.changed(), if is_ready => match changed {
                Ok(()) => Event::Job,
                Err(_) => Event::Drain,
            },
            () = tokio::time::sleep_until(timer) => Event::Timer,
            input = read => Event::Input(input),
        }
    }

    /// Puts off reading from one that has not worked, or whose shares are bad, and that sends too
    /// fast: each request costs an answer. Miners that work never notice.
    fn pace(&mut self) {
        if self.miner.is_proven() {
            return;
        }
        self.read_from = self.read_from.max(burst_ago()) + self.times.stranger;
    }

    fn welcome_if_ready(&mut self) {
        if self.in_workers.is_none() && self.dialect.is_ready() {
            let workers = &self.pool.pipeline.judge.answers.metrics.workers;
            let counted = Counted::new(workers.clone());
            let listed = self.pool.roll.enter(&self.miner);
            self.in_workers = Some((counted, listed));
            self.ban = self.miner.standing.get().map(|one| one.subscribe());
            self.next_vardiff = self.last_input;
            self.send_job();
        }
    }

    fn take_answers(&mut self, first: Option<Answer>) {
        let mut next = first;
        while let Some(answer) = next {
            self.miner.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.dialect.answer(answer);
            next = self.answers.try_recv().ok();
        }
    }

    fn send_job(&mut self) {
        let job = self.jobs.borrow_and_update().clone();
        if let Some(job) = job {
            self.dialect.job(&job, &self.pool);
            self.pool.pipeline.judge.answers.metrics.jobs.inc();
        }
    }

    fn next_timer(&self) -> Instant {
        let idle = self.last_input + self.times.idle;
        if self.dialect.is_ready() {
            idle.min(self.next_ping).min(self.next_vardiff)
        } else {
            idle.min(self.hello_until)
        }
    }

    fn timer(&mut self) -> Next {
        let now = Instant::now();
        if now >= self.last_input + self.times.idle {
            let silence_s = self.times.idle.as_secs_f64();
            let message = format!("nothing came from the miner for {silence_s} s");
            self.dialect.last_word(&message);
            return Next::Close("idle");
        }
        if !self.dialect.is_ready() {
            if now >= self.hello_until {
                self.dialect.last_word(TOO_SLOW);
                return Next::Close("hello");
            }
            return Next::Continue;
        }
        if now >= self.next_ping {
            self.next_ping = now + self.times.ping;
            self.dialect.ping();
        }
        if now >= self.next_vardiff {
            let mut vardiff = self.miner.vardiff.lock();
            let has_changed = vardiff.as_mut().is_some_and(|vardiff| vardiff.tick(now));
            self.next_vardiff = vardiff
                .as_ref()
                .map_or(now + self.times.ping, |vardiff| vardiff.next_look(now));
            drop(vardiff);
            if has_changed {
                self.pool
                    .pipeline
                    .judge
                    .answers
                    .reports
                    .note_difficulty(&self.miner);
            }
        }
        Next::Continue
    }

    async fn flush(&mut self) -> Result<(), &'static str> {
        match tokio::time::timeout(self.times.write, self.dialect.flush()).await {
            Err(_) => Err("slow"),
            Ok(Err(_)) => Err("client"),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Answers what is under way, says why the connection ends, and returns the word for it.
    async fn dismiss(&mut self) -> &'static str {
        let miner = self.miner.clone();
        let dismissed = miner.dismissal().wait().await;
        if self.drain().await.is_ok() {
            self.dialect.last_word(&dismissed.message);
            let _ = self.flush().await;
        }
        dismissed.reason
    }

    /// Answers what is under way, among it the share that was one too many, and says why it ends.
    async fn banned(&mut self) -> Result<(), &'static str> {
        self.drain().await?;
        let banned = self.ban.as_ref().and_then(|ban| ban.borrow().clone());
        if let (Some(banned), Some(standing)) = (banned, self.miner.standing.get()) {
            let bans = &self.pool.authorizer.bans;
            self.dialect.last_word(&bans.sentence(standing, &banned));
            self.flush().await?;
        }
        Err(BANNED)
    }

    /// Answers what is under way, and says that this node will not be there any more.
    async fn stop(&mut self) -> Result<(), &'static str> {
        self.drain().await?;
        self.dialect.last_word(STOPPING);
        self.flush().await
    }

    /// Reads no more, but answers what is under way.
    async fn drain(&mut self) -> Result<(), &'static str> {
        let until = Instant::now() + self.times.drain;
        while self.miner.shares_in_flight() > 0 {
            match tokio::time::timeout_at(until, self.answers.recv()).await {
                Ok(answer) => self.take_answers(answer),
                Err(_) => break,
            }
            self.flush().await?;
        }
        Ok(())
    }
}

/// One in a gauge, until it is dropped: also when its task panics.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// From when on a stranger's requests are counted: the burst lies in the past, so that it is used
/// up before anything waits.
fn burst_ago() -> Instant {
    let now = Instant::now();
    // Right after the machine's start there is no such past.
    now.checked_sub(STRANGER_BURST).unwrap_or(now)
}

/// Reads, but not before its time. Nothing is lost when it is not waited for to the end.
async fn read_from<D: Dialect>(at: Instant, dialect: &mut D) -> D::Input {
    tokio::time::sleep_until(at).await;
    dialect.read().await
}

/// Waits until the connection's worker is banned.
async fn ban_of(ban: &mut Option<watch::Receiver<Option<Banned>>>) {
    if let Some(ban) = ban
        && ban.wait_for(Option::is_some).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
