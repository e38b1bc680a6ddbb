//! A pool that does what a test tells it to.

use std::time::Duration;

use raftpool_chain::MinerWork;
use raftpool_miner::{MinerConfig, PoolAddress, Timing};
use raftpool_pow::{Algorithm, Difficulty, Hasher};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// Longest time anything may take.
const DEADLINE: Duration = Duration::from_secs(30);
const EXTRA_NONCE: [u8; 32] = [0x5a; 32];
const POOL_KEY: [u8; 32] = [0xc3; 32];
const WORK_HASH: [u8; 32] = [0x77; 32];
const TIMESTAMP_MS: u64 = 0x0197_26d9_7f49;

/// A listening pool.
pub struct Pool {
    listener: TcpListener,
}

impl Pool {
    pub async fn bind() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    /// Listens again where a pool that is gone was.
    pub async fn bind_to(address: &PoolAddress) -> Self {
        let listener = TcpListener::bind((address.host(), address.port()))
            .await
            .unwrap();
        Self { listener }
    }

    pub fn address(&self) -> PoolAddress {
        self.listener
            .local_addr()
            .unwrap()
            .to_string()
            .parse()
            .unwrap()
    }

    pub async fn accept(&self) -> Peer {
        let (stream, _) = timeout(DEADLINE, self.listener.accept())
            .await
            .unwrap()
            .unwrap();
        Peer::new(stream)
    }
}

/// A miner's configuration with short pauses.
pub fn config(pools: &[&Pool]) -> MinerConfig {
    MinerConfig {
        pools: pools.iter().map(|pool| pool.address()).collect(),
        address: "xet:miner".to_owned(),
        worker: "rig".to_owned(),
        password: "x".to_owned(),
        threads: 2,
        agent: "raftpool-test/1".to_owned(),
        nonce_seed: u64::MAX - 3,
        throttle: None,
        timing: Timing {
            backoff_min: Duration::from_millis(5),
            backoff_max: Duration::from_millis(20),
            return_interval: Duration::from_millis(20),
            ..Timing::default()
        },
    }
}

/// Waits until something is so.
pub async fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// A submitted share.
#[derive(Debug)]
pub struct Share {
    pub id: Value,
    pub worker: String,
    pub job_id: String,
    pub nonce: u64,
}

/// The pool's side of one connection.
pub struct Peer {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    hasher: Hasher,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            lines: BufReader::new(reader).lines(),
            writer,
            hasher: Hasher::new(),
        }
    }

    pub async fn send(&mut self, message: Value) {
        self.send_bytes(format!("{message}\n").as_bytes()).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        // A miner that is gone is noticed when reading.
        let _ = self.writer.write_all(bytes).await;
    }

    pub async fn read(&mut self) -> Value {
        self.try_read().await.expect("the miner is still there")
    }

    /// Nothing when the miner is gone.
    pub async fn try_read(&mut self) -> Option<Value> {
        let line = timeout(DEADLINE, self.lines.next_line())
            .await
            .expect("a line in time");
        Some(serde_json::from_str(&line.ok()??).expect("every line is JSON"))
    }

    pub async fn expect_end(&mut self) {
        while self.try_read().await.is_some() {}
    }

    pub async fn read_handshake(&mut self) {
        let subscribe = self.read().await;
        assert_eq!(subscribe["method"], "mining.subscribe");
        assert_eq!(subscribe["params"][0], "raftpool-test/1");
        assert_eq!(
            subscribe["params"][1],
            json!(["xel/v3", "xel/v2", "xel/v1"])
        );
        let authorize = self.read().await;
        assert_eq!(authorize["method"], "mining.authorize");
        assert_eq!(authorize["params"], json!(["xet:miner", "rig", "x"]));
    }

    pub async fn answer_subscription(&mut self) {
        let result = json!(["", hex::encode(EXTRA_NONCE), 32, hex::encode(POOL_KEY)]);
        self.send(json!({"id": 1, "result": result})).await;
    }

    /// Takes the miner in and sends the job "first".
    pub async fn welcome(&mut self, difficulty: u64) {
        self.read_handshake().await;
        self.answer_subscription().await;
        self.send(json!({"id": 2, "result": true})).await;
        self.set_difficulty(difficulty).await;
        self.notify("first").await;
    }

    pub async fn set_difficulty(&mut self, difficulty: u64) {
        let params = json!([difficulty]);
        self.send(json!({"id": null, "method": "mining.set_difficulty", "params": params}))
            .await;
    }

    pub async fn notify(&mut self, job_id: &str) {
        let timestamp = format!("{TIMESTAMP_MS:016x}");
        let params = json!([job_id, timestamp, hex::encode(WORK_HASH), "xel/v3", true]);
        self.send(json!({"id": null, "method": "mining.notify", "params": params}))
            .await;
    }

    pub async fn read_share(&mut self) -> Share {
        let message = self.read().await;
        assert_eq!(message["method"], "mining.submit", "{message}");
        let text = |index: usize| message["params"][index].as_str().unwrap().to_owned();
        let nonce = text(2);
        assert_eq!(nonce.len(), 16, "the nonce is padded");
        Share {
            id: message["id"].clone(),
            worker: text(0),
            job_id: text(1),
            nonce: u64::from_str_radix(&nonce, 16).unwrap(),
        }
    }

    pub async fn accept_share(&mut self, share: &Share) {
        self.send(json!({"id": share.id, "result": true})).await;
    }

    /// Hashes as a pool does.
    pub fn is_valid(&mut self, share: &Share, difficulty: u64) -> bool {
        let work = MinerWork {
            work_hash: WORK_HASH,
            timestamp_ms: TIMESTAMP_MS,
            nonce: share.nonce,
            extra_nonce: EXTRA_NONCE,
            miner_key: POOL_KEY,
        };
        let hash = self.hasher.hash(Algorithm::V3, &work.to_bytes()).unwrap();
        Difficulty::from_u64(difficulty)
            .unwrap()
            .target()
            .is_met_by(&hash)
    }
}
