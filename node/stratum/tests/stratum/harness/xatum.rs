//! A Xatum miner, as strict as the strictest: what it does not know fails the test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use raftpool_chain::MinerWork;
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use serde_json::Value;
use tokio::net::TcpStream;

use super::tls::{Files, handshake, over_tls};
use super::{Client, MINER, Pool, Wire};
use raftpool_stratum::{Encryption, StratumConfig};

/// A job as the reference miner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XatumJob {
    pub work: MinerWork,
    pub algorithm: String,
    pub difficulty: u64,
}

impl XatumJob {
    /// The first work from a nonce on that meets (or misses) a difficulty, and its hash.
    pub fn solve(&self, difficulty: u64, meets: bool, from: u64) -> (MinerWork, [u8; 32]) {
        let target = Difficulty::from_u64(difficulty).unwrap().target();
        let mut work = self.work;
        (from..)
            .find_map(|nonce| {
                work.nonce = nonce;
                let hash = hash_of(&work);
                (target.is_met_by(&hash) == meets).then_some((work, hash))
            })
            .unwrap()
    }
}

pub fn hash_of(work: &MinerWork) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.hash(Algorithm::V3, &work.to_bytes()).unwrap()
}

pub fn submission(work: &MinerWork, hash: &[u8; 32]) -> String {
    let (data, hash) = (STANDARD.encode(work.to_bytes()), hex::encode(hash));
    format!(r#"submit~{{"data":"{data}","hash":"{hash}"}}"#)
}

/// What the server may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Job(XatumJob),
    Success(String),
    /// Text and level.
    Print(String, u64),
    Ping,
    Closed,
}

/// A scripted Xatum miner.
pub struct XatumClient {
    client: Client,
    pub job: Option<XatumJob>,
}

impl XatumClient {
    pub fn over(wire: impl Wire + 'static) -> Self {
        Self {
            client: Client::over(wire),
            job: None,
        }
    }

    pub async fn send(&mut self, line: &str) {
        self.client.send(line).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.client.send_bytes(bytes).await;
    }

    /// As the reference miner writes it.
    pub async fn shake(&mut self, address: &str, worker: &str) {
        let line = format!(
            r#"shake~{{"addr":"{address}","work":"{worker}","agent":"XelMiner ALPHA","algos":["xel/2"]}}"#
        );
        self.send(&line).await;
    }

    pub async fn said(&mut self) -> Said {
        let Some(line) = self.client.raw_line().await else {
            return Said::Closed;
        };
        let (word, body) = line.split_once('~').expect(&line);
        let body: Value = serde_json::from_str(body).expect(&line);
        let fields = body.as_object().unwrap();
        let text = |key: &str| fields[key].as_str().expect(&line).to_owned();
        match (word, fields.len()) {
            ("job", 3) => {
                let blob = STANDARD.decode(text("blob")).unwrap();
                let job = XatumJob {
                    work: MinerWork::from_bytes(&blob.try_into().unwrap()),
                    algorithm: text("algo"),
                    difficulty: fields["diff"].as_u64().unwrap(),
                };
                assert_ne!(self.job.as_ref(), Some(&job), "one miner skips it");
                self.job = Some(job.clone());
                Said::Job(job)
            }
            ("success", 1) => Said::Success(text("msg")),
            ("print", 2) => {
                let level = fields["lvl"].as_u64().unwrap();
                assert!(level <= 3, "{line}");
                Said::Print(text("msg"), level)
            }
            ("ping", 0) => {
                assert_eq!(line, "ping~{}", "compared as a whole");
                Said::Ping
            }
            _ => panic!("unknown to the miner: {line}"),
        }
    }

    pub async fn next_job(&mut self) -> XatumJob {
        loop {
            match self.said().await {
                Said::Job(job) => return job,
                Said::Ping => self.send("pong~{}").await,
                Said::Success(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sends a share and waits for its answer.
    pub async fn submit(&mut self, work: &MinerWork, hash: &[u8; 32]) -> Result<(), String> {
        self.send(&submission(work, hash)).await;
        self.answer().await
    }

    pub async fn answer(&mut self) -> Result<(), String> {
        loop {
            match self.said().await {
                Said::Success(text) if text == "ok" => return Ok(()),
                Said::Success(text) => return Err(text),
                Said::Job(_) | Said::Ping => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads to the end and returns what was printed last.
    pub async fn last_words(&mut self) -> Option<(String, u64)> {
        let mut last = None;
        loop {
            match self.said().await {
                Said::Closed => return last,
                Said::Print(text, level) => last = Some((text, level)),
                _ => {}
            }
        }
    }
}

/// A pool with one port for all dialects of lines, plain and TLS.
pub struct XatumPool {
    pub pool: Pool,
    pub files: Files,
}

impl XatumPool {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut StratumConfig)) -> Self {
        let files = Files::new();
        let mut config = over_tls(Encryption::Both, &files);
        change(&mut config);
        let pool = Pool::with(config).await;
        Self { pool, files }
    }

    pub async fn connect(&self) -> XatumClient {
        let stream = TcpStream::connect(self.pool.address()).await.unwrap();
        XatumClient::over(handshake(stream, &self.files.trusted).await.unwrap())
    }

    /// A miner that has its first job.
    pub async fn miner(&self, worker: &str) -> XatumClient {
        let mut client = self.connect().await;
        client.shake(MINER, worker).await;
        client.next_job().await;
        client
    }
}
