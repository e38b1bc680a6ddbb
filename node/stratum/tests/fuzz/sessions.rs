//! Whole sessions: lines go in, and whatever they are, the pool answers within bounds and accepts
//! no share without its work.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use raftpool_chain::MinerWork;
use raftpool_stratum::fuzzing::{Session, has_job};
use raftpool_stratum::{BanConfig, Speaks, StratumConfig};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;

use crate::engine::fuzz;
use crate::harness::{MINER, Pool, bytes32, config};
use crate::oracle::{Oracle, hash_fast};

/// Lines of one session.
const LINES_MAX: usize = 48;
/// Longest line a connection reads.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Longest reply to one line, whatever it is: a job and its difficulty, or a refusal.
const REPLY_BYTES_MAX: usize = 2 * 1024;
/// Sessions after which the pool is made anew, since its books grow.
const SESSIONS_MAX: u64 = 2_000;
/// Longest time for one line, with its hashing and its commit.
const LINE_DEADLINE: Duration = Duration::from_secs(30);

/// Fuzzes the sessions of a listener.
pub fn fuzz_sessions(name: &str, speaks: Speaks, corpus: Vec<Vec<u8>>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let mut pool = Some(start(&runtime));
    let mut sessions = 0;
    fuzz(name, corpus, |input| {
        sessions += 1;
        if sessions % SESSIONS_MAX == 0 {
            runtime.block_on(pool.take().unwrap().server.shutdown());
            pool = Some(start(&runtime));
        }
        let pool = pool.as_ref().unwrap();
        runtime.block_on(Script::new(pool, speaks).play(input))
    });
}

fn start(runtime: &Runtime) -> Pool {
    let config = StratumConfig {
        starting_difficulty: 2,
        // One job for each session, whose number and time stay what they are.
        job_refresh_ms: 3_600_000_000,
        // What follows one line must not depend on the bad shares, or the number, of all lines before.
        connections_per_ip_max: 1_000_000,
        connections_per_network_max: 1_000_000,
        bans: BanConfig {
            bad_percent: 0,
            workers_per_ip: 0,
            garbage_per_ip: 0,
            ..BanConfig::default()
        },
        ..config()
    };
    let pool = runtime.block_on(Pool::with(config));
    let deadline = std::time::Instant::now() + LINE_DEADLINE;
    while !has_job(&pool.server) {
        assert!(std::time::Instant::now() < deadline, "no job came");
        std::thread::yield_now();
    }
    pool
}

/// One session and what its miner knows.
struct Script {
    session: Session,
    speaks: Speaks,
    oracle: Oracle,
    job: String,
    difficulty: u64,
    extra_nonce: [u8; 32],
    miner_key: [u8; 32],
    nonce: u64,
    outcome: Vec<String>,
}

/// What an accepted submission must have. Like the server it overlooks everything else, which need
/// not even be text that could be written again: half a surrogate is read and dropped.
#[derive(serde::Deserialize)]
struct Sent {
    data: Option<String>,
    miner_work: Option<String>,
    block_template: Option<String>,
}

impl Script {
    fn new(pool: &Pool, speaks: Speaks) -> Self {
        let session = Session::open(&pool.server, speaks, MINER);
        Self {
            extra_nonce: session.extra_nonce(),
            session,
            speaks,
            oracle: Oracle::default(),
            job: String::new(),
            difficulty: 0,
            miner_key: [0; 32],
            nonce: 0,
            outcome: Vec::new(),
        }
    }

    async fn play(mut self, input: &[u8]) -> String {
        let text = String::from_utf8_lossy(input).into_owned();
        for line in text.split('\n').take(LINES_MAX) {
            let line = self.fill_in(line);
            if line.len() > LINE_BYTES_MAX {
                break;
            }
            let took = tokio::time::timeout(LINE_DEADLINE, self.session.take(&line)).await;
            let reply = took.expect("a share has no answer");
            let size = reply.text.len();
            assert!(size <= REPLY_BYTES_MAX, "{size} bytes answer {line:.99}");
            for said in reply.text.lines() {
                self.read(&line, said);
            }
            if let Some(reason) = reply.closed {
                self.outcome.push(reason.to_owned());
                break;
            }
        }
        // The order matters less than what there was, and repetitions do not matter.
        self.outcome.dedup();
        self.outcome.truncate(6);
        let accepted = self.oracle.accepted().min(3);
        format!("{accepted} {}", self.outcome.join(" "))
    }

    /// Puts in what a real miner would know at this moment.
    fn fill_in(&mut self, line: &str) -> String {
        let mut filled = line.replace("$MINER", MINER).replace("$JOB", &self.job);
        for _ in 0..8 {
            let Some((before, after)) = filled.split_once('$') else {
                break;
            };
            let (new, rest) = if let Some(rest) = after.strip_prefix("NONCE") {
                self.nonce += 1;
                (format!("{:016x}", self.nonce), rest)
            } else if let Some(rest) = after.strip_prefix("WORK") {
                self.nonce += 1;
                self.work_text(rest)
            } else if let Some(rest) = after.strip_prefix("HASH") {
                let work = self.next_work();
                (
                    hex::encode(work.map_or([0; 32], |work| hash_fast(&work))),
                    rest,
                )
            } else {
                (String::new(), after)
            };
            filled = format!("{before}{new}{rest}");
        }
        filled
    }

    /// The newest job's work with a new nonce; `^N` behind it turns a bit over.
    fn work_text<'a>(&self, rest: &'a str) -> (String, &'a str) {
        let mut bytes = self.next_work().map_or([0; 112], |work| work.to_bytes());
        let mut rest = rest;
        if let Some(after) = rest.strip_prefix('^') {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count().min(4);
            let bit: usize = after[..digits].parse().unwrap_or(0);
            bytes[bit / 8 % 112] ^= 1 << (bit % 8);
            rest = &after[digits..];
        }
        let text = match self.speaks {
            Speaks::Getwork => hex::encode(bytes),
            Speaks::Stratum | Speaks::Xatum => STANDARD.encode(bytes),
        };
        (text, rest)
    }

    fn next_work(&self) -> Option<MinerWork> {
        let mut work = self.oracle.newest()?;
        // The same share comes again now and then.
        work.nonce = self.nonce / 2;
        Some(work)
    }

    /// Reads one line of the pool as its miner would.
    fn read(&mut self, line: &str, said: &str) {
        if let Some((word, body)) = said.split_once('~').filter(|_| !said.starts_with('{')) {
            let body: Value = serde_json::from_str(body).expect(said);
            self.read_xatum(line, word, &body);
            return;
        }
        match self.speaks {
            Speaks::Getwork => {
                let message: Value = serde_json::from_str(said).expect(said);
                self.read_getwork(line, &message);
            }
            Speaks::Stratum | Speaks::Xatum => self.read_stratum(line, &without_id(said)),
        }
    }

    fn read_xatum(&mut self, line: &str, word: &str, body: &Value) {
        match word {
            "job" => {
                let blob = STANDARD.decode(body["blob"].as_str().unwrap()).unwrap();
                let work = MinerWork::from_bytes(&blob.try_into().unwrap());
                self.oracle.job(work, body["diff"].as_u64().unwrap());
            }
            "success" if body["msg"] == "ok" => {
                let sent = line
                    .split_once('~')
                    .filter(|_| !line.trim_start().starts_with('{'));
                let sent: Sent = serde_json::from_str(sent.map_or(line, |sent| sent.1)).unwrap();
                let data = sent.data.unwrap();
                let data = data.trim_end_matches('=');
                let data = base64::engine::general_purpose::STANDARD_NO_PAD
                    .decode(data)
                    .unwrap();
                self.oracle
                    .accept(&MinerWork::from_bytes(&data.try_into().unwrap()));
            }
            _ => {}
        }
        self.note(word, body["msg"].as_str());
    }

    fn read_getwork(&mut self, line: &str, message: &Value) {
        if let Some(job) = message.get("new_job") {
            let work = hex::decode(job["miner_work"].as_str().unwrap()).unwrap();
            let work = MinerWork::from_bytes(&work.try_into().unwrap());
            let difficulty = job["difficulty"].as_str().unwrap().parse().unwrap();
            self.oracle.job(work, difficulty);
        } else if message == "block_accepted" {
            let sent: Sent = serde_json::from_str(line).unwrap();
            let work = sent.miner_work.or(sent.block_template);
            let work = hex::decode(work.unwrap()).unwrap();
            self.oracle
                .accept(&MinerWork::from_bytes(&work.try_into().unwrap()));
            self.note("accepted", None);
        } else {
            self.note("rejected", message["block_rejected"].as_str());
        }
    }

    fn read_stratum(&mut self, line: &str, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("mining.set_difficulty") => self.difficulty = params[0].as_u64().unwrap(),
            Some("mining.notify") => {
                params[0].as_str().unwrap().clone_into(&mut self.job);
                let timestamp = params[1].as_str().unwrap();
                let work = MinerWork {
                    work_hash: bytes32(&params[2]),
                    timestamp_ms: u64::from_str_radix(timestamp, 16).unwrap(),
                    nonce: 0,
                    extra_nonce: self.extra_nonce,
                    miner_key: self.miner_key,
                };
                self.oracle.job(work, self.difficulty);
            }
            Some(other) => self.note(other, None),
            None => self.read_answer(line, message),
        }
    }

    fn read_answer(&mut self, line: &str, message: &Value) {
        if let Some(key) = message["result"].get(3) {
            self.miner_key = bytes32(key);
        }
        let sent: Value = serde_json::from_str(line).unwrap_or_default();
        if sent["method"] == "mining.submit" && message["result"] == true {
            let nonce = sent["params"][2].as_str().unwrap();
            let nonce = nonce.trim_start_matches("0x").trim_start_matches("0X");
            let mut work = self.oracle.newest().expect("accepted before any job");
            work.nonce = u64::from_str_radix(nonce, 16).unwrap();
            self.oracle.accept(&work);
        }
        self.note("answer", message["error"]["message"].as_str());
    }

    /// The first letters of what was said: the rest may repeat what the miner made up.
    fn note(&mut self, what: &str, message: Option<&str>) {
        let message: String = message.unwrap_or_default().chars().take(16).collect();
        self.outcome.push(format!("{what}:{message}"));
    }
}

/// A line of stratum without its id, which is as the miner wrote it: JSON, but perhaps a number
/// beyond all bounds.
fn without_id(said: &str) -> Value {
    let parts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(said).expect(said);
    let parts = parts.into_iter().filter(|(key, _)| key != "id");
    let parts = parts.map(|(key, raw)| (key, serde_json::from_str(raw.get()).expect(said)));
    Value::Object(parts.collect())
}
