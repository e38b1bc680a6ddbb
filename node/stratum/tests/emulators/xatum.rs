//! The miners that speak Xatum.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::lines::{Lines, Wire};
use super::{Answer, Gone};

/// Where the nonce stands in a work.
const NONCE: std::ops::Range<usize> = 40..48;

/// A miner after the reference: it knows four words, compares pings as a whole, and mines on after
/// a share.
pub struct XatumEmulator {
    lines: Lines,
    /// Of the newest job.
    pub difficulty: u64,
    work: Vec<u8>,
    nonce: u64,
}

enum Said {
    Job,
    Answer(Answer),
    Nothing,
}

impl XatumEmulator {
    /// Shakes hands, and waits for the first job.
    pub async fn login(wire: Box<dyn Wire>, address: &str, worker: &str) -> Result<Self, Gone> {
        let mut miner = Self {
            lines: Lines::over(wire),
            difficulty: 0,
            work: Vec::new(),
            nonce: 0,
        };
        let shake = json!({
            "addr": address, "work": worker, "agent": "XelMiner ALPHA", "algos": ["xel/2"],
        });
        miner.lines.send(&format!("shake~{shake}")).await?;
        while !matches!(miner.read().await?, Said::Job) {}
        Ok(miner)
    }

    /// Sends a share, whose hash nobody looks at, and waits for its answer.
    pub async fn share(&mut self) -> Result<Answer, Gone> {
        self.nonce += 1;
        let mut work = self.work.clone();
        work[NONCE].copy_from_slice(&self.nonce.to_be_bytes());
        // A hash of zeros meets every difficulty, and is no proof.
        let share = json!({"data": STANDARD.encode(work), "hash": "0".repeat(64)});
        self.lines.send(&format!("submit~{share}")).await?;
        loop {
            if let Said::Answer(answer) = self.read().await? {
                return Ok(answer);
            }
        }
    }

    async fn read(&mut self) -> Result<Said, Gone> {
        let line = self.lines.next().await?;
        let (word, body) = line.split_once('~').expect("a word and a tilde");
        let body: Value = serde_json::from_str(body).expect("JSON behind the tilde");
        match word {
            "job" => {
                assert_eq!(body["algo"], "xel/2", "{line}");
                self.difficulty = body["diff"].as_u64().expect("an integer");
                let blob = body["blob"].as_str().expect("a text");
                let work = STANDARD.decode(blob).expect("base64");
                assert!(work.len() == 112 && work != self.work, "{line}");
                self.work = work;
                Ok(Said::Job)
            }
            "success" => Ok(Said::Answer(match body["msg"].as_str() {
                Some("ok") => Answer::Accepted,
                words => Answer::Refused(words.expect("a text").to_owned()),
            })),
            "ping" => {
                assert_eq!(line, "ping~{}", "compared as a whole");
                self.lines.send("pong~{}").await?;
                Ok(Said::Nothing)
            }
            "print" => {
                assert!(
                    body["msg"].is_string() && body["lvl"].as_u64() <= Some(3),
                    "{line}"
                );
                Ok(Said::Nothing)
            }
            _ => panic!("unknown to the miner: {line}"),
        }
    }
}
