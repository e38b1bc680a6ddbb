//! The miners that speak stratum.

use raftpool_chain::MinerWork;
use raftpool_pow::{Difficulty, Hasher};
use serde_json::{Value, json};

use super::lines::{Lines, Wire};
use super::{Answer, Gone, Kind};

/// A job as a miner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    id: String,
    timestamp_ms: u64,
    work_hash: [u8; 32],
    algorithm: String,
    /// Fixed when it was sent.
    difficulty: u64,
}

/// A miner that is connected.
pub struct Emulator {
    kind: Kind,
    lines: Lines,
    extra_nonce: [u8; 32],
    miner_key: [u8; 32],
    /// Newest difficulty the pool has set.
    pub difficulty: u64,
    job: Option<Job>,
    /// Shares that were sent.
    sent: u64,
    nonce: u64,
}

/// What a line meant to the miner.
enum Said {
    /// An answer to the share of this id.
    Answer(Answer),
    Job,
    Nothing,
}

impl Emulator {
    /// Connects as this miner does, and waits for its first job.
    pub async fn login(
        kind: Kind,
        wire: Box<dyn Wire>,
        address: &str,
        worker: &str,
    ) -> Result<Self, Gone> {
        let mut miner = Self {
            kind,
            lines: Lines::over(wire),
            extra_nonce: [0; 32],
            miner_key: [0; 32],
            difficulty: 0,
            job: None,
            sent: 0,
            nonce: 0,
        };
        match kind {
            Kind::AuthorizesFirst => miner.authorize_first(address, worker).await?,
            _ => miner.subscribe_first(address, worker).await?,
        }
        miner.next_job().await?;
        assert!(miner.difficulty > 0, "the difficulty comes before the job");
        Ok(miner)
    }

    async fn subscribe_first(&mut self, address: &str, worker: &str) -> Result<(), Gone> {
        let (subscribe, authorize) = hello(self.kind, address, worker);
        if self.kind == Kind::LuminousMiner {
            self.lines
                .send(&format!("{subscribe}\n{authorize}"))
                .await?;
        } else {
            self.lines.send(&subscribe.to_string()).await?;
        }
        let first = self.lines.next().await?;
        self.read_subscription(&first, &subscribe["id"]);
        if self.kind != Kind::LuminousMiner {
            self.lines.send(&authorize.to_string()).await?;
        }
        // Nothing may come between the two: some miners take whatever line it is.
        let second = self.lines.next().await?;
        let error = match self.kind {
            Kind::NiceHash => ",\"error\":null",
            _ => "",
        };
        let expected = format!("{{\"id\":{},\"result\":true{error}}}", authorize["id"]);
        assert_eq!(second, expected);
        Ok(())
    }

    async fn authorize_first(&mut self, address: &str, worker: &str) -> Result<(), Gone> {
        let user = format!("{address}.{worker}");
        let authorize = json!({"id": "a", "method": "mining.authorize", "params": [user, "x"]});
        self.lines.send(&authorize.to_string()).await?;
        assert_eq!(self.lines.next().await?, r#"{"id":"a","result":true}"#);
        let subscribe = json!({"id": null, "method": "mining.subscribe", "params": []});
        self.lines.send(&subscribe.to_string()).await?;
        let reply = self.lines.next().await?;
        self.read_subscription(&reply, &Value::Null);
        Ok(())
    }

    fn read_subscription(&mut self, line: &str, id: &Value) {
        assert!(
            line.starts_with(&format!("{{\"id\":{id},\"result\":[")),
            "{line}"
        );
        match self.kind {
            Kind::NiceHash => assert!(line.ends_with(",\"error\":null}"), "{line}"),
            _ => assert!(!line.contains("error"), "{line}"),
        }
        let reply: Value = serde_json::from_str(line).expect("a line is JSON");
        assert!(reply["result"][2].is_u64(), "{line}");
        self.extra_nonce = bytes32(&reply["result"][1]);
        self.miner_key = bytes32(&reply["result"][3]);
    }

    /// Waits for the next job.
    pub async fn next_job(&mut self) -> Result<(), Gone> {
        while !matches!(self.read().await?, Said::Job) {}
        Ok(())
    }

    /// Sends a share for the newest job and waits for its answer. `solves` says whether its hash
    /// must meet the job's difficulty.
    pub async fn share(&mut self, solves: bool) -> Result<Answer, Gone> {
        let job = self.job.clone().expect("a miner that logged in has a job");
        self.nonce += 1;
        if solves {
            self.nonce = self.solve(&job);
        }
        let nonce = self.nonce;
        self.submit(&job.id, nonce).await
    }

    /// Sends a share for a job that never was; every miner must understand why it is refused.
    pub async fn share_for_no_job(&mut self) -> Result<Answer, Gone> {
        self.submit("0000000000000bad", 1).await
    }

    async fn submit(&mut self, job: &str, nonce: u64) -> Result<Answer, Gone> {
        self.sent += 1;
        let id = self.share_id();
        let worker = match self.kind {
            Kind::MoMiner => "mom",
            _ => "worker",
        };
        let params = json!([worker, job, format!("{nonce:016x}")]);
        let mut share = json!({"id": id, "method": "mining.submit", "params": params});
        if self.kind == Kind::MoMiner {
            share["jsonrpc"] = json!("2.0");
        }
        self.lines.send(&share.to_string()).await?;
        loop {
            if let Said::Answer(answer) = self.read().await? {
                return Ok(answer);
            }
        }
    }

    fn share_id(&self) -> u64 {
        match self.kind {
            Kind::BernMiner => 4,
            Kind::TnnMiner => 7,
            Kind::LuminousMiner => 9_007_199_254_740_993_000,
            _ => 10 + self.sent,
        }
    }

    fn solve(&self, job: &Job) -> u64 {
        let target = Difficulty::from_u64(job.difficulty)
            .expect("a difficulty above 0")
            .target();
        let mut hasher = Hasher::new();
        let mut work = MinerWork {
            work_hash: job.work_hash,
            timestamp_ms: job.timestamp_ms,
            nonce: self.nonce,
            extra_nonce: self.extra_nonce,
            miner_key: self.miner_key,
        };
        loop {
            let hash = hasher.hash(self.kind.algorithm(), &work.to_bytes());
            if target.is_met_by(&hash.expect("every work has a hash")) {
                return work.nonce;
            }
            work.nonce += 1;
        }
    }

    async fn read(&mut self) -> Result<Said, Gone> {
        let line = self.lines.next().await?;
        if self.kind == Kind::BernMiner {
            return Ok(self.search(&line));
        }
        let message: Value = serde_json::from_str(&line).expect("a line is JSON");
        match message["method"].as_str() {
            Some("mining.set_difficulty") => {
                let difficulty = &message["params"][0];
                assert!(difficulty.as_u64() > Some(0), "{line}");
                self.difficulty = difficulty.as_u64().unwrap_or_default();
                Ok(Said::Nothing)
            }
            Some("mining.notify") => {
                self.take_job(&message);
                Ok(Said::Job)
            }
            Some("mining.ping") => {
                assert!(message["id"].is_u64(), "{line}");
                let pong = json!({"id": message["id"], "method": "mining.pong"});
                self.lines.send(&pong.to_string()).await?;
                Ok(Said::Nothing)
            }
            // Written where it does not belong by one miner, so that it must never be sent.
            Some("mining.set_extranonce") => panic!("{line}"),
            Some(_) => Ok(Said::Nothing),
            None => Ok(self.read_answer(&message, &line)),
        }
    }

    /// Without parsing: whatever has these pieces is what they say.
    fn search(&mut self, line: &str) -> Said {
        if line.contains(r#""id":4"#) {
            let is_refused = line.contains("\"error\":{");
            return Said::Answer(match is_refused {
                true => Answer::Refused(line.to_owned()),
                false => {
                    assert_eq!(line, r#"{"id":4,"result":true}"#);
                    Answer::Accepted
                }
            });
        }
        let message: Value = serde_json::from_str(line).expect("a line is JSON");
        if line.contains(r#""method":"mining.set_difficulty""#) {
            self.difficulty = message["params"][0].as_u64().expect("an integer");
        }
        if line.contains(r#""method":"mining.notify""#) {
            let timestamp = message["params"][1].as_str().expect("a text");
            assert_eq!(timestamp.len(), 16, "decoded as bytes, never padded");
            self.take_job(&message);
            return Said::Job;
        }
        Said::Nothing
    }

    fn read_answer(&self, message: &Value, line: &str) -> Said {
        if message["id"].as_u64() != Some(self.share_id()) {
            return Said::Nothing;
        }
        let error = &message["error"];
        if message["result"] == json!(true) {
            let is_quiet = self.kind == Kind::NiceHash || !line.contains("error");
            assert!(is_quiet && error.is_null(), "{line}");
            return Said::Answer(Answer::Accepted);
        }
        // An array makes one miner fail, and another shows the text.
        let words = error["message"].as_str().expect("an object with a message");
        assert!(error["code"].is_i64(), "{line}");
        Said::Answer(Answer::Refused(words.to_owned()))
    }

    fn take_job(&mut self, message: &Value) {
        let params = &message["params"];
        let id = params[0].as_str().expect("a job's id is a text");
        assert!(
            id.len() <= 16 && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "{id}"
        );
        assert_eq!(params[4], json!(true), "other jobs are ignored");
        let algorithm = params[3].as_str().expect("an algorithm");
        let spelling = match self.kind {
            Kind::TnnMiner => "xel/1",
            Kind::BernMiner => "xel/v2",
            _ => "xel/v3",
        };
        assert_eq!(algorithm, spelling);
        let timestamp = params[1].as_str().expect("a timestamp");
        self.job = Some(Job {
            id: id.to_owned(),
            timestamp_ms: u64::from_str_radix(timestamp, 16).expect("hexadecimal"),
            work_hash: bytes32(&params[2]),
            algorithm: algorithm.to_owned(),
            difficulty: self.difficulty,
        });
    }
}

/// How a miner subscribes and authorizes.
fn hello(kind: Kind, address: &str, worker: &str) -> (Value, Value) {
    let subscribe =
        |id: u64, params: Value| json!({"id": id, "method": "mining.subscribe", "params": params});
    let authorize =
        |id: u64, params: Value| json!({"id": id, "method": "mining.authorize", "params": params});
    let three = json!([address, worker, "x"]);
    match kind {
        // What it offers is not known; the list may be left out.
        Kind::BernMiner => (subscribe(0, json!(["BernMiner/1.0"])), authorize(1, three)),
        Kind::TnnMiner => (
            subscribe(1, json!(["tnn-miner/0.5", ["xel/1"]])),
            authorize(2, three),
        ),
        Kind::LuminousMiner => (
            subscribe(1, json!(["luminousminer", ["xel/v3"]])),
            authorize(2, three),
        ),
        Kind::MoMiner => {
            let algorithms = json!(["mo-miner/1.0", ["xel/2", "xel/3", "XEL/V3"]]);
            let (mut first, mut second) = (subscribe(1, algorithms), authorize(2, three));
            for message in [&mut first, &mut second] {
                message["jsonrpc"] = json!("2.0");
            }
            (first, second)
        }
        Kind::SrbMiner => (
            subscribe(1, json!(["SRBMiner-MULTI/2.8"])),
            authorize(2, json!([format!("{address}.{worker}"), "d=5"])),
        ),
        Kind::Rigel => (
            subscribe(1, json!(["Rigel/1.23", ["xel/v3"]])),
            authorize(2, three),
        ),
        Kind::OneZeroMiner => (
            subscribe(1, json!(["onezerominer/1.3.3", ["xel/v3"]])),
            authorize(2, three),
        ),
        Kind::BzMiner => (
            subscribe(1, json!(["BzMiner"])),
            authorize(2, json!([format!("{address}.{worker}"), "x"])),
        ),
        Kind::NiceHash => (
            subscribe(1, json!(["NiceHash/1.0.0"])),
            authorize(2, json!([format!("{address}.{worker}"), "x"])),
        ),
        Kind::AuthorizesFirst => unreachable!("it says hello the other way round"),
    }
}

fn bytes32(value: &Value) -> [u8; 32] {
    let bytes = hex::decode(value.as_str().expect("a text")).expect("hexadecimal");
    bytes.try_into().expect("32 bytes")
}
