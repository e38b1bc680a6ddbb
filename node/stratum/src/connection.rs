//! One task per connection: it reads lines, writes answers and jobs, and keeps the timers.
//!
//! Reading and writing take turns, so a miner that does not read is not read from either, and
//! one that takes no bytes for a while is dropped; nobody else notices (promise P9, tried by
//! `a_slow_reader_does_not_block_others`). Jobs are taken from a cell that holds the newest one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use crate::config::StratumConfig;
use crate::jobs::Job;
use crate::miner::{Answer, Miner};
use crate::protocol::{self, Id, Refusal};
use crate::session::{Next, Pool, Session};

/// First size of a read buffer: one request. It grows up to the line limit.
const READ_BYTES: usize = 512;
/// A write buffer larger than this is given back after use.
const WRITE_BYTES_KEPT: usize = 4 * 1024;

/// Times of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    hello: Duration,
    idle: Duration,
    ping: Duration,
    write: Duration,
    drain: Duration,
}

impl Times {
    pub(crate) fn of(config: &StratumConfig) -> Self {
        Self {
            hello: Duration::from_millis(config.hello_timeout_ms),
            idle: Duration::from_millis(config.idle_timeout_ms),
            ping: Duration::from_millis(config.ping_interval_ms),
            write: config.write_timeout(),
            drain: Duration::from_millis(config.drain_ms),
        }
    }
}

/// What wakes a connection's task.
enum Event {
    Answer(Option<Answer>),
    Line(Option<Result<String, LinesCodecError>>),
    Job,
    Timer,
    Drain,
}

/// A connection and everything only its task needs.
pub(crate) struct Connection<S> {
    pool: Arc<Pool>,
    miner: Arc<Miner>,
    session: Session,
    lines: FramedRead<S, LinesCodec>,
    answers: mpsc::UnboundedReceiver<Answer>,
    jobs: watch::Receiver<Option<Arc<Job>>>,
    times: Times,
    out: BytesMut,
    is_in_workers: bool,
    hello_until: Instant,
    last_line: Instant,
    next_ping: Instant,
    next_vardiff: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(
        stream: S,
        pool: Arc<Pool>,
        miner: Arc<Miner>,
        answers: mpsc::UnboundedReceiver<Answer>,
        times: Times,
        line_bytes_max: usize,
    ) -> Self {
        let codec = LinesCodec::new_with_max_length(line_bytes_max);
        let now = Instant::now();
        Self {
            jobs: pool.board.subscribe(),
            session: Session::new(miner.clone()),
            lines: FramedRead::with_capacity(stream, codec, READ_BYTES),
            pool,
            miner,
            answers,
            times,
            out: BytesMut::new(),
            is_in_workers: false,
            hello_until: now + times.hello,
            last_line: now,
            next_ping: now + times.ping,
            next_vardiff: now + times.hello,
        }
    }

    /// Serves the connection to its end and returns why it ended: one of a small set of words.
    pub(crate) async fn serve(mut self, drain: CancellationToken) -> &'static str {
        let reason = self.run(&drain).await.err().unwrap_or("drained");
        let _ = tokio::time::timeout(self.times.write, self.lines.get_mut().shutdown()).await;
        if self.is_in_workers {
            self.pool.pipeline.judge.answers.metrics.workers.dec();
        }
        reason
    }

    async fn run(&mut self, drain: &CancellationToken) -> Result<(), &'static str> {
        loop {
            let event = self.next_event(drain).await;
            let next = match event {
                Event::Drain => return self.drain().await,
                Event::Answer(answer) => {
                    self.take_answers(answer);
                    Next::Continue
                }
                Event::Line(line) => self.line(line),
                Event::Job => {
                    self.send_job();
                    Next::Continue
                }
                Event::Timer => self.timer(),
            };
            self.flush().await?;
            if let Next::Close(reason) = next {
                return Err(reason);
            }
        }
    }

    /// Answers before anything else, so that they cannot pile up behind what the miner sends.
    async fn next_event(&mut self, drain: &CancellationToken) -> Event {
        let is_ready = self.session.is_ready();
        let timer = self.next_timer();
        tokio::select! {
            biased;
            () = drain.cancelled() => Event::Drain,
            answer = self.answers.recv() => Event::Answer(answer),
            changed = self.jobs.changed(), if is_ready => match changed {
                Ok(()) => Event::Job,
                Err(_) => Event::Drain,
            },
            () = tokio::time::sleep_until(timer) => Event::Timer,
            line = self.lines.next() => Event::Line(line),
        }
    }

    fn line(&mut self, line: Option<Result<String, LinesCodecError>>) -> Next {
        let line = match line {
            None => return Next::Close("client"),
            Some(Ok(line)) => line,
            Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                return self.last_word("the line is too long", "oversized");
            }
            Some(Err(LinesCodecError::Io(error))) => {
                return match error.kind() {
                    std::io::ErrorKind::InvalidData => self.last_word(
                        "the line is not text; is this TLS on a plain port?",
                        "binary",
                    ),
                    _ => Next::Close("client"),
                };
            }
        };
        self.last_line = Instant::now();
        let next = self.session.line(&line, &self.pool, &mut self.out);
        if !self.is_in_workers && self.session.is_ready() {
            self.is_in_workers = true;
            self.pool.pipeline.judge.answers.metrics.workers.inc();
            self.next_vardiff = self.last_line;
            self.send_job();
        }
        next
    }

    fn last_word(&mut self, message: &str, reason: &'static str) -> Next {
        protocol::write_refusal(&mut self.out, &Id::null(), &Refusal::other(message));
        Next::Close(reason)
    }

    fn take_answers(&mut self, first: Option<Answer>) {
        let mut next = first;
        while let Some(Answer { id, result }) = next {
            self.miner.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.session.answer(&id, result, &mut self.out);
            next = self.answers.try_recv().ok();
        }
    }

    fn send_job(&mut self) {
        let job = self.jobs.borrow_and_update().clone();
        if let Some(job) = job {
            self.session.job(&job, &self.pool, &mut self.out);
            self.pool.pipeline.judge.answers.metrics.jobs.inc();
        }
    }

    fn next_timer(&self) -> Instant {
        let idle = self.last_line + self.times.idle;
        if self.session.is_ready() {
            idle.min(self.next_ping).min(self.next_vardiff)
        } else {
            idle.min(self.hello_until)
        }
    }

    fn timer(&mut self) -> Next {
        let now = Instant::now();
        if now >= self.last_line + self.times.idle {
            return Next::Close("idle");
        }
        if !self.session.is_ready() {
            if now >= self.hello_until {
                return self.last_word("subscribe and authorize took too long", "hello");
            }
            return Next::Continue;
        }
        if now >= self.next_ping {
            self.next_ping = now + self.times.ping;
            protocol::write_ping(&mut self.out);
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
        if self.out.is_empty() {
            return Ok(());
        }
        let stream = self.lines.get_mut();
        let write = async {
            while self.out.has_remaining() {
                stream.write_all_buf(&mut self.out).await?;
            }
            stream.flush().await
        };
        match tokio::time::timeout(self.times.write, write).await {
            Err(_) => return Err("slow"),
            Ok(Err(_)) => return Err("client"),
            Ok(Ok(())) => {}
        }
        if self.out.capacity() > WRITE_BYTES_KEPT {
            self.out = BytesMut::new();
        }
        Ok(())
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
