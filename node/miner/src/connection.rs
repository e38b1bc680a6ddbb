//! One connection to a pool, from the first byte to its first job.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use raftpool_chain::MinerWork;
use raftpool_pow::Difficulty;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_util::codec::FramedRead;

use crate::config::{MinerConfig, PoolAddress};
use crate::job::Job;
use crate::lines::{Line, LineCodec};
use crate::protocol::{self, AUTHORIZE_ID, Identity, Message, Notification, SUBSCRIBE_ID};

/// A pool that takes no bytes for this long is as good as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Senseless lines in a row after which the other side is no pool.
const SENSELESS_MAX: u32 = 100;
/// Messages besides the job that a pool may send before it; real ones send a few.
const EARLY_MAX: usize = 256;

/// Why a connection could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("connect: {0}")]
    Connect(#[source] io::Error),
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    #[error("no job within {0:?}")]
    HandshakeTimeout(Duration),
    #[error("read: {0}")]
    Read(#[source] io::Error),
    #[error("write: {0}")]
    Write(#[source] io::Error),
    #[error("the pool takes no data")]
    WriteTimeout,
    #[error("the pool closed the connection")]
    Closed,
    #[error("the pool was silent for {0:?}")]
    Idle(Duration),
    #[error("the pool asked to go elsewhere")]
    Reconnect,
    #[error("subscription refused: {0}")]
    SubscriptionRefused(String),
    #[error("the subscription's answer lacks an extra nonce or a key")]
    SubscriptionUnusable,
    #[error("not authorized: {0}")]
    NotAuthorized(String),
    #[error("the other side does not speak stratum")]
    NotStratum,
}

/// What a line means for the one who reads it, after the connection has taken note.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// There is a newer job.
    Job(Arc<Job>),
    /// An answer to a share.
    Answer {
        id: u64,
        result: Result<serde_json::Value, String>,
    },
    /// The pool wants to know whether the miner lives; [`Connection::pong`] answers.
    Ping { id: serde_json::Value },
    /// The pool speaks to people.
    Print {
        severity: crate::events::Severity,
        text: String,
    },
    /// Something that was left aside, in one sentence.
    Ignored(String),
}

/// A connection that is subscribed and authorized, and has a job.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Tells this connection's jobs from those of others.
    pub(crate) number: u64,
    pub(crate) pool: PoolAddress,
    reader: FramedRead<OwnedReadHalf, LineCodec>,
    writer: OwnedWriteHalf,
    identity: Option<Identity>,
    is_authorized: bool,
    difficulty: Option<Difficulty>,
    notification: Option<Notification>,
    senseless_in_a_row: u32,
    /// Read during the handshake and not yet looked at.
    early: VecDeque<Incoming>,
}

impl Connection {
    /// Connects, subscribes, authorizes and waits for the first job.
    ///
    /// # Errors
    /// Why it did not come to that.
    pub(crate) async fn open(
        number: u64,
        pool: &PoolAddress,
        config: &MinerConfig,
    ) -> Result<Self, ConnectionError> {
        let timing = &config.timing;
        let stream = timeout(
            timing.connect_timeout,
            TcpStream::connect((pool.host(), pool.port())),
        )
        .await
        .map_err(|_| ConnectionError::ConnectTimeout(timing.connect_timeout))?
        .map_err(ConnectionError::Connect)?;
        stream.set_nodelay(true).map_err(ConnectionError::Connect)?;
        let (reader, writer) = stream.into_split();
        let mut connection = Self {
            number,
            pool: pool.clone(),
            reader: FramedRead::new(reader, LineCodec::default()),
            writer,
            identity: None,
            is_authorized: false,
            difficulty: None,
            notification: None,
            senseless_in_a_row: 0,
            early: VecDeque::new(),
        };
        timeout(timing.handshake_timeout, connection.shake_hands(config))
            .await
            .map_err(|_| ConnectionError::HandshakeTimeout(timing.handshake_timeout))??;
        Ok(connection)
    }

    async fn shake_hands(&mut self, config: &MinerConfig) -> Result<(), ConnectionError> {
        let subscribe = protocol::subscribe(&config.agent);
        let authorize = protocol::authorize(&config.address, &config.worker, &config.password);
        self.send(&(subscribe + &authorize)).await?;
        let mut has_job = false;
        while !(has_job && self.is_authorized) {
            match self.read().await? {
                Some(Incoming::Ping { id }) => self.pong(&id).await?,
                Some(_) if self.early.len() >= EARLY_MAX => {
                    return Err(ConnectionError::NotStratum);
                }
                Some(incoming) => {
                    has_job |= matches!(incoming, Incoming::Job(_));
                    self.early.push_back(incoming);
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The next thing the pool says. Losing the future loses nothing.
    ///
    /// # Errors
    /// When the connection is at its end.
    pub(crate) async fn next(&mut self) -> Result<Incoming, ConnectionError> {
        loop {
            if let Some(incoming) = self.early.pop_front() {
                return Ok(incoming);
            }
            // Reading is the only thing to wait for here: a write that is given up halfway would
            // leave half a line behind.
            if let Some(incoming) = self.read().await? {
                return Ok(incoming);
            }
        }
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// When the connection is at its end.
    pub(crate) async fn pong(&mut self, id: &serde_json::Value) -> Result<(), ConnectionError> {
        self.send(&protocol::pong(id)).await
    }

    /// Submits a share.
    ///
    /// # Errors
    /// When the connection is at its end.
    pub(crate) async fn submit(
        &mut self,
        id: u64,
        worker: &str,
        job_id: &str,
        nonce: u64,
    ) -> Result<(), ConnectionError> {
        self.send(&protocol::submit(id, worker, job_id, nonce))
            .await
    }

    async fn send(&mut self, lines: &str) -> Result<(), ConnectionError> {
        timeout(WRITE_TIMEOUT, self.writer.write_all(lines.as_bytes()))
            .await
            .map_err(|_| ConnectionError::WriteTimeout)?
            .map_err(ConnectionError::Write)
    }

    /// Reads one line; nothing when it was for the connection alone.
    async fn read(&mut self) -> Result<Option<Incoming>, ConnectionError> {
        let line = self.reader.next().await.ok_or(ConnectionError::Closed)?;
        let message = match line.map_err(ConnectionError::Read)? {
            Line::Text(line) if line.trim().is_empty() => return Ok(None),
            Line::Text(line) => protocol::parse(&line),
            Line::TooLong => Err("a line that is too long".to_owned()),
        };
        match message {
            Ok(message) => {
                self.senseless_in_a_row = 0;
                self.note(message)
            }
            Err(_) if self.senseless_in_a_row >= SENSELESS_MAX => Err(ConnectionError::NotStratum),
            Err(what) => {
                self.senseless_in_a_row += 1;
                Ok(Some(Incoming::Ignored(what)))
            }
        }
    }

    /// Takes note of a message; what the reader of the connection must know is returned.
    fn note(&mut self, message: Message) -> Result<Option<Incoming>, ConnectionError> {
        Ok(match message {
            Message::Answer {
                id: SUBSCRIBE_ID,
                result,
            } => {
                let result = result.map_err(ConnectionError::SubscriptionRefused)?;
                let identity = protocol::parse_subscription(&result);
                self.identity = Some(identity.ok_or(ConnectionError::SubscriptionUnusable)?);
                None
            }
            Message::Answer {
                id: AUTHORIZE_ID,
                result,
            } => {
                let result = result.map_err(ConnectionError::NotAuthorized)?;
                if result != serde_json::Value::Bool(true) {
                    return Err(ConnectionError::NotAuthorized(format!(
                        "the answer is {result}"
                    )));
                }
                self.is_authorized = true;
                None
            }
            Message::Answer { id, result } => Some(Incoming::Answer { id, result }),
            Message::SetDifficulty(difficulty) => {
                let is_first = self.difficulty.replace(difficulty).is_none();
                // A difficulty counts from the next job on, except that a job needs one.
                if is_first { self.job() } else { None }
            }
            Message::Notify(notification) => {
                self.notification = Some(notification);
                self.job()
            }
            Message::SetExtraNonce(change) => {
                let key = self.identity.and_then(|identity| identity.pool_key);
                self.identity = Some(Identity {
                    pool_key: change.pool_key.or(key),
                    ..change
                });
                None
            }
            Message::Ping { id } => Some(Incoming::Ping { id }),
            Message::Print { severity, text } => Some(Incoming::Print { severity, text }),
            Message::Reconnect => return Err(ConnectionError::Reconnect),
            Message::Unknown { method } => {
                Some(Incoming::Ignored(format!("an unknown message, {method}")))
            }
        })
    }

    /// The newest job, if everything it needs is known.
    fn job(&self) -> Option<Incoming> {
        let (notification, difficulty) = (self.notification.as_ref()?, self.difficulty?);
        let identity = self.identity?;
        let work = MinerWork {
            work_hash: notification.work_hash,
            timestamp_ms: notification.timestamp_ms,
            nonce: 0,
            extra_nonce: identity.extra_nonce,
            miner_key: identity.pool_key?,
        };
        Some(Incoming::Job(Arc::new(Job {
            connection: self.number,
            job_id: notification.job_id.clone(),
            work: work.to_bytes(),
            algorithm: notification.algorithm,
            difficulty,
            target: difficulty.target(),
        })))
    }
}
