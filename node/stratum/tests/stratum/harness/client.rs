//! A miner that is a script.

use std::net::SocketAddr;

use raftpool_chain::MinerWork;
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;

use super::DEADLINE;

/// A job as a miner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientJob {
    pub id: String,
    pub timestamp_ms: u64,
    pub work_hash: [u8; 32],
    pub algorithm: String,
    pub difficulty: u64,
}

/// What a script talks over: a socket, or TLS.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A scripted miner.
pub struct Client {
    reader: BufReader<ReadHalf<Box<dyn Wire>>>,
    pub writer: WriteHalf<Box<dyn Wire>>,
    pub extra_nonce: [u8; 32],
    pub miner_key: [u8; 32],
    pub difficulty: u64,
    pub job: Option<ClientJob>,
    next_id: u64,
    /// Scripts are short: one that still reads then waits for something that never comes.
    deadline: tokio::time::Instant,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    pub fn over(wire: impl Wire + 'static) -> Self {
        let wire: Box<dyn Wire> = Box::new(wire);
        let (reader, writer) = tokio::io::split(wire);
        Self {
            reader: BufReader::new(reader),
            writer,
            extra_nonce: [0; 32],
            miner_key: [0; 32],
            difficulty: 0,
            job: None,
            next_id: 100,
            deadline: tokio::time::Instant::now() + DEADLINE,
        }
    }

    pub async fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes()).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    /// The next line as it was written, without its end; `None` when the connection is closed.
    pub async fn raw_line(&mut self) -> Option<String> {
        let mut line = String::new();
        assert!(
            tokio::time::Instant::now() < self.deadline,
            "the script takes too long"
        );
        let read = tokio::time::timeout_at(self.deadline, self.reader.read_line(&mut line)).await;
        match read.expect("no line came in time") {
            Ok(0) | Err(_) => None,
            Ok(_) => {
                assert!(line.ends_with('\n') && !line.ends_with("\r\n"));
                line.pop();
                Some(line)
            }
        }
    }

    pub async fn line(&mut self) -> serde_json::Value {
        let line = self.raw_line().await.expect("the connection was closed");
        serde_json::from_str(&line).unwrap()
    }

    /// Reads until the server closes, and returns the last line.
    pub async fn last_words(&mut self) -> Option<String> {
        let mut last = None;
        while let Some(line) = self.raw_line().await {
            last = Some(line);
        }
        last
    }

    /// Reads until an answer with this id comes, noting jobs on the way.
    pub async fn answer(&mut self, id: u64) -> serde_json::Value {
        loop {
            let line = self.line().await;
            if line["method"].is_null() && line["id"] == id {
                return line;
            }
            self.note(&line);
        }
    }

    pub async fn login(&mut self, user: &str, password: &str) {
        self.send(r#"{"id":1,"method":"mining.subscribe","params":["test/1.0",["xel/v3"]]}"#)
            .await;
        let request =
            format!(r#"{{"id":2,"method":"mining.authorize","params":["{user}","{password}"]}}"#);
        self.send(&request).await;
        let subscribed = self.line().await;
        self.extra_nonce = bytes32(&subscribed["result"][1]);
        self.miner_key = bytes32(&subscribed["result"][3]);
        assert_eq!(self.line().await, serde_json::json!({"id":2,"result":true}));
    }

    /// Asks to be let in, and does not wait for the answer.
    pub async fn ask_in(&mut self, user: &str, password: &str) {
        let request = format!(
            "{}\n{{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"{user}\",\"{password}\"]}}",
            r#"{"id":1,"method":"mining.subscribe","params":["test/1.0",["xel/v3"]]}"#
        );
        self.send(&request).await;
    }

    /// Whether a job comes before the connection ends.
    pub async fn next_job_or_end(&mut self) -> bool {
        while let Some(line) = self.raw_line().await {
            if self.note(&serde_json::from_str(&line).unwrap()) {
                return true;
            }
        }
        false
    }

    /// Waits for the next job.
    pub async fn next_job(&mut self) -> ClientJob {
        loop {
            let line = self.line().await;
            if self.note(&line) {
                return self.job.clone().unwrap();
            }
        }
    }

    fn note(&mut self, line: &serde_json::Value) -> bool {
        let params = &line["params"];
        match line["method"].as_str() {
            Some("mining.set_difficulty") => self.difficulty = params[0].as_u64().unwrap(),
            Some("mining.notify") => {
                self.job = Some(ClientJob {
                    id: params[0].as_str().unwrap().into(),
                    timestamp_ms: u64::from_str_radix(params[1].as_str().unwrap(), 16).unwrap(),
                    work_hash: bytes32(&params[2]),
                    algorithm: params[3].as_str().unwrap().into(),
                    difficulty: self.difficulty,
                });
                return true;
            }
            _ => {}
        }
        false
    }

    pub fn work(&self, job: &ClientJob, nonce: u64) -> MinerWork {
        MinerWork {
            work_hash: job.work_hash,
            timestamp_ms: job.timestamp_ms,
            nonce,
            extra_nonce: self.extra_nonce,
            miner_key: self.miner_key,
        }
    }

    /// The first nonce from `from` on whose difficulty is, or is not, at least `difficulty`.
    pub fn find_nonce(&self, job: &ClientJob, difficulty: u64, meets: bool, from: u64) -> u64 {
        let target = Difficulty::from_u64(difficulty).unwrap().target();
        let mut hasher = Hasher::new();
        let mut solves = |nonce| {
            let hash = hasher
                .hash(Algorithm::V3, &self.work(job, nonce).to_bytes())
                .unwrap();
            target.is_met_by(&hash) == meets
        };
        (from..).find(|nonce| solves(*nonce)).unwrap()
    }

    /// Sends a share and returns the id of its request.
    pub async fn send_share(&mut self, job: &str, nonce: u64) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        let request = format!(
            r#"{{"id":{id},"method":"mining.submit","params":["w","{job}","{nonce:016x}"]}}"#
        );
        self.send(&request).await;
        id
    }

    /// Sends a share and waits for its answer.
    pub async fn submit(&mut self, job: &str, nonce: u64) -> serde_json::Value {
        let id = self.send_share(job, nonce).await;
        self.answer(id).await
    }
}

pub fn bytes32(value: &serde_json::Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap()
}

pub fn is_accepted(answer: &serde_json::Value) -> bool {
    answer["result"] == true && answer.get("error").is_none()
}

/// Code and message of a refusal.
pub fn refusal(answer: &serde_json::Value) -> (i64, String) {
    assert!(answer["result"].is_null(), "{answer}");
    let error = &answer["error"];
    assert!(error.as_object().unwrap().contains_key("data"), "{answer}");
    (
        error["code"].as_i64().unwrap(),
        error["message"].as_str().unwrap().to_owned(),
    )
}
