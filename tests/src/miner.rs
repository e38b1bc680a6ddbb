//! A scripted stratum client: it sends what a test tells it to and remembers every answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use raftpool_pow::{Algorithm, Difficulty, Hasher, WORK_SIZE};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// One connection.
pub struct ScriptedMiner {
    reader: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    next_id: u64,
    next_nonce: u64,
    hasher: Hasher,
    /// Extra nonce the pool gave.
    pub extra_nonce: String,
    /// Key of the pool.
    pub pool_key: String,
    /// Newest job: id, timestamp, work hash, algorithm.
    pub job: Option<[String; 4]>,
    /// Newest difficulty.
    pub difficulty: u64,
    unanswered: HashMap<u64, ()>,
    /// Shares answered "accepted".
    pub accepted: u64,
    /// Messages of the shares that were refused.
    pub refused: Vec<String>,
}

impl ScriptedMiner {
    /// Connects, subscribes and authorizes, and waits for the first job.
    ///
    /// # Errors
    /// When the pool refuses or does not answer.
    pub async fn connect(
        pool: SocketAddr,
        address: &str,
        worker: &str,
        password: &str,
    ) -> Result<Self> {
        let stream = TcpStream::connect(pool)
            .await
            .context("connect to the pool")?;
        stream.set_nodelay(true).context("set nodelay")?;
        let (reader, writer) = stream.into_split();
        let mut miner = Self {
            reader: BufReader::new(reader).lines(),
            writer,
            next_id: 10,
            next_nonce: 0,
            hasher: Hasher::new(),
            extra_nonce: String::new(),
            pool_key: String::new(),
            job: None,
            difficulty: 0,
            unanswered: HashMap::new(),
            accepted: 0,
            refused: Vec::new(),
        };
        miner.send(&json!({"id":1,"method":"mining.subscribe","params":["raftpool-tests/1",["xel/v3"]]})).await?;
        miner
            .send(&json!({"id":2,"method":"mining.authorize","params":[address, worker, password]}))
            .await?;
        while miner.job.is_none() {
            miner.read_one(Duration::from_secs(20)).await?;
        }
        Ok(miner)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        self.writer
            .write_all(format!("{message}\n").as_bytes())
            .await
            .context("send")
    }

    /// Submits a nonce for the newest job without waiting for the answer.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn submit(&mut self, nonce: u64) -> Result<u64> {
        let job = self.job.as_ref().context("a job")?[0].clone();
        let id = self.next_id;
        self.next_id += 1;
        self.unanswered.insert(id, ());
        self.send(
            &json!({"id":id,"method":"mining.submit","params":["w", job, format!("{nonce:016x}")]}),
        )
        .await?;
        Ok(id)
    }

    /// Submits `count` further nonces that this connection has not used.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn submit_fresh(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.next_nonce += 1;
            self.submit(self.next_nonce).await?;
        }
        Ok(())
    }

    /// Finds an unused nonce for the newest job whose v3 hash meets `difficulty`.
    ///
    /// # Errors
    /// When there is no job, or its fields are not what they should be.
    pub fn solve(&mut self, difficulty: u64) -> Result<u64> {
        let [_, timestamp, work_hash, algorithm] = self.job.as_ref().context("a job")?;
        let mut work = [0; WORK_SIZE];
        hex::decode_to_slice(work_hash, &mut work[..32]).context("work hash")?;
        hex::decode_to_slice(timestamp, &mut work[32..40]).context("timestamp")?;
        hex::decode_to_slice(&self.extra_nonce, &mut work[48..80]).context("extra nonce")?;
        hex::decode_to_slice(&self.pool_key, &mut work[80..]).context("pool key")?;
        let algorithm: Algorithm = algorithm.parse()?;
        let target = Difficulty::from_u64(difficulty)?.target();
        loop {
            self.next_nonce += 1;
            work[40..48].copy_from_slice(&self.next_nonce.to_be_bytes());
            if target.is_met_by(&self.hasher.hash(algorithm, &work)?) {
                return Ok(self.next_nonce);
            }
        }
    }

    /// Shares that were sent and have no answer.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.len() as u64
    }

    /// Reads one message and takes note of it.
    ///
    /// # Errors
    /// When none comes in time, or the connection is gone.
    pub async fn read_one(&mut self, deadline: Duration) -> Result<Value> {
        let message = self.read_within(deadline).await?;
        message.context("no message in time")
    }

    /// As `read_one`, but `None` when no message comes in time.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn read_within(&mut self, wait: Duration) -> Result<Option<Value>> {
        let Ok(line) = tokio::time::timeout(wait, self.reader.next_line()).await else {
            return Ok(None);
        };
        let line = line
            .context("read")?
            .context("the pool closed the connection")?;
        let message: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        self.note(&message)?;
        Ok(Some(message))
    }

    /// Reads until every share has its answer.
    ///
    /// # Errors
    /// When the answers do not come in time.
    pub async fn read_answers(&mut self) -> Result<()> {
        while !self.unanswered.is_empty() {
            self.read_one(Duration::from_secs(20)).await?;
        }
        Ok(())
    }

    fn note(&mut self, message: &Value) -> Result<()> {
        match message["method"].as_str() {
            Some("mining.notify") => {
                let text = |index: usize| {
                    message["params"][index]
                        .as_str()
                        .map(String::from)
                        .context("notify")
                };
                self.job = Some([text(0)?, text(1)?, text(2)?, text(3)?]);
            }
            Some("mining.set_difficulty") => {
                self.difficulty = message["params"][0].as_u64().context("difficulty")?;
            }
            Some(_) => {}
            None => self.note_answer(message)?,
        }
        Ok(())
    }

    fn note_answer(&mut self, message: &Value) -> Result<()> {
        match message["id"].as_u64() {
            Some(1) => {
                self.extra_nonce = message["result"][1].as_str().context("extra nonce")?.into();
                self.pool_key = message["result"][3].as_str().context("pool key")?.into();
            }
            Some(2) if message["result"] != json!(true) => bail!("not authorized: {message}"),
            Some(2) => {}
            Some(id) => {
                if self.unanswered.remove(&id).is_none() {
                    bail!("an answer to nothing: {message}");
                }
                match message["result"] == json!(true) {
                    true => self.accepted += 1,
                    false => self.refused.push(message["error"]["message"].to_string()),
                }
            }
            None => {}
        }
        Ok(())
    }
}
