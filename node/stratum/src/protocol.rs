//! The words of the stratum dialect: requests as tolerant as its miners are different, answers
//! as strict as the strictest of them needs.
//!
//! Answers are compact JSON on one line with their keys in a fixed order, because at least one
//! miner searches the raw text instead of parsing it. Ids are repeated exactly as they were
//! written: number, string or null.

use bytes::{BufMut, BytesMut};
use raftpool_ledger::command::RejectReason;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::why::Why;

/// Longest id that is repeated; nothing that mines sends more than twenty digits.
const ID_BYTES_MAX: usize = 256;

/// A request's id, as the JSON text it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id(Box<str>);

impl Id {
    /// The id of what has none.
    pub(crate) fn null() -> Self {
        Self("null".into())
    }

    pub(crate) fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// Only what JSON-RPC allows as an id.
    fn read(raw: Option<&RawValue>) -> Option<Self> {
        let Some(raw) = raw else {
            return Some(Self::null());
        };
        let text = raw.get();
        let is_scalar = text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
        ((is_scalar || text == "null") && text.len() <= ID_BYTES_MAX).then(|| Self(text.into()))
    }
}

/// One line of a miner.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: Id,
    pub(crate) call: Call,
}

/// What a miner asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Subscribe {
        agent: String,
        /// `None`: the miner named none.
        algorithms: Option<Vec<String>>,
    },
    Authorize {
        user: String,
        worker: Option<String>,
        password: Option<String>,
    },
    Submit(Result<Submission, &'static str>),
    Ping,
    /// An answer to something of ours, or a message that needs nothing done: `true` is answered
    /// when it has an id.
    Harmless,
    /// A message that is never answered.
    Ignored,
    Unknown(String),
}

/// A share as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) job: u64,
    pub(crate) nonce: u64,
}

#[derive(Deserialize)]
struct RawRequest<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: serde_json::Value,
}

/// Reads one line.
///
/// # Errors
/// A sentence for the miner, when the line is no request at all.
pub(crate) fn parse(line: &str) -> Result<Request, &'static str> {
    const NO_REQUEST: &str = "the line is not a JSON request";
    // The JSON library would also read an array as the fields in their order.
    if !line.trim_start().starts_with('{') {
        return Err(NO_REQUEST);
    }
    let raw: RawRequest<'_> = serde_json::from_str(line).map_err(|_| NO_REQUEST)?;
    let id = Id::read(raw.id).ok_or("the id must be a number, a string or null")?;
    let Some(method) = raw.method else {
        // Miners answer our pings with a result instead of a method.
        return Ok(Request {
            id,
            call: Call::Ignored,
        });
    };
    let params = match raw.params {
        serde_json::Value::Array(params) => params,
        _ => Vec::new(),
    };
    let call = match method.as_str() {
        "mining.subscribe" => subscribe(&params),
        "mining.authorize" => authorize(&params),
        "mining.submit" => Call::Submit(submission(&params)),
        "mining.ping" => Call::Ping,
        "mining.pong" => Call::Ignored,
        "mining.hashrate"
        | "mining.extranonce.subscribe"
        | "mining.configure"
        | "mining.suggest_difficulty"
        | "mining.get_transactions"
        | "eth_submitHashrate" => Call::Harmless,
        _ => Call::Unknown(method.chars().take(64).collect()),
    };
    Ok(Request { id, call })
}

fn subscribe(params: &[serde_json::Value]) -> Call {
    let agent = params.first().and_then(|v| v.as_str()).unwrap_or_default();
    let algorithms = params
        .iter()
        .skip(1)
        .find_map(|value| value.as_array())
        .map(|names| {
            names
                .iter()
                .take(16)
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        });
    Call::Subscribe {
        agent: clean_agent(agent),
        algorithms,
    }
}

/// What a miner's software calls itself, fit to be shown.
pub(crate) fn clean_agent(agent: &str) -> String {
    let is_shown = |c: &char| c.is_ascii_graphic() || *c == ' ';
    agent.chars().filter(is_shown).take(64).collect()
}

fn authorize(params: &[serde_json::Value]) -> Call {
    let text = |index: usize| {
        params
            .get(index)
            .and_then(|v| v.as_str())
            .map(str::to_owned)
    };
    let user = text(0).unwrap_or_default();
    let (worker, password) = match params.len() {
        0..=2 => (None, text(1)),
        _ => (text(1), text(2)),
    };
    Call::Authorize {
        user,
        worker,
        password,
    }
}

fn submission(params: &[serde_json::Value]) -> Result<Submission, &'static str> {
    let [_worker, job, nonce, ..] = params else {
        return Err("a share needs three parameters: worker, job and nonce");
    };
    let job = match job {
        serde_json::Value::String(text) => read_hex(text),
        serde_json::Value::Number(number) => read_hex(&number.to_string()),
        _ => None,
    };
    let nonce = nonce.as_str().and_then(read_hex);
    Ok(Submission {
        job: job.ok_or("the job must be the one of the job's notification")?,
        nonce: nonce.ok_or("the nonce must have 1 to 16 hexadecimal digits")?,
    })
}

/// 1 to 16 hexadecimal digits in any case, with or without `0x`.
fn read_hex(text: &str) -> Option<u64> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    let valid = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// Why something was refused, as the miner is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) message: String,
    /// Why the connection is closed once this is said, when it is: one of a small set of words.
    pub(crate) closes: Option<&'static str>,
    pub(crate) why: Why,
}

impl Refusal {
    /// Code 20: anything that has no code of its own.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self {
            code: 20,
            message: message.into(),
            closes: None,
            why: Why::Other,
        }
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self {
            code: 24,
            message: message.into(),
            closes: None,
            why: Why::Other,
        }
    }

    pub(crate) fn because(self, why: Why) -> Self {
        Self { why, ..self }
    }

    /// Makes it the last word on its connection.
    pub(crate) fn and_close(self, reason: &'static str) -> Self {
        Self {
            closes: Some(reason),
            ..self
        }
    }

    /// Whether it is the miner who would have to change something.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.code == 24
    }

    pub(crate) fn of_share(reason: RejectReason, message: impl Into<String>) -> Self {
        let code = match reason {
            RejectReason::JobNotFound | RejectReason::Stale => 21,
            RejectReason::Duplicate => 22,
            RejectReason::LowDifficulty => 23,
            RejectReason::Unauthorized => 24,
            RejectReason::RejectUnspecified
            | RejectReason::Malformed
            | RejectReason::Overloaded
            | RejectReason::NoQuorum => 20,
        };
        Self {
            code,
            message: message.into(),
            closes: None,
            why: Why::Other,
        }
    }
}

/// Appends a good answer. `with_error` adds `"error":null`, which one marketplace insists on and
/// the dialect advises against.
pub(crate) fn write_result(out: &mut BytesMut, id: &Id, result: &impl Serialize, with_error: bool) {
    out.put_slice(b"{\"id\":");
    out.put_slice(id.0.as_bytes());
    out.put_slice(b",\"result\":");
    put_json(out, result);
    out.put_slice(if with_error {
        b",\"error\":null}\n"
    } else {
        b"}\n"
    });
}

/// Appends a bad answer. The error is an object: an array makes at least one miner fail.
pub(crate) fn write_refusal(out: &mut BytesMut, id: &Id, refusal: &Refusal) {
    out.put_slice(b"{\"id\":");
    out.put_slice(id.0.as_bytes());
    out.put_slice(b",\"result\":null,\"error\":{\"code\":");
    put_json(out, &refusal.code);
    out.put_slice(b",\"message\":");
    put_json(out, &refusal.message);
    out.put_slice(b",\"data\":null}}\n");
}

/// Appends the difficulty of the job that follows, as an integer.
pub(crate) fn write_set_difficulty(out: &mut BytesMut, difficulty: u64) {
    out.put_slice(b"{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[");
    put_json(out, &difficulty);
    out.put_slice(b"]}\n");
}

/// Appends a ping. The id is always 1: miners want an unsigned integer, and one of them takes
/// every id that begins with a 4 for the answer to a share.
pub(crate) fn write_ping(out: &mut BytesMut) {
    out.put_slice(b"{\"id\":1,\"method\":\"mining.ping\"}\n");
}

/// Appends the answer to a miner's ping.
pub(crate) fn write_pong(out: &mut BytesMut, id: &Id) {
    out.put_slice(b"{\"id\":");
    out.put_slice(id.0.as_bytes());
    out.put_slice(b",\"method\":\"mining.pong\"}\n");
}

/// Appends a line the miner shows to its owner as an error.
pub(crate) fn write_print(out: &mut BytesMut, message: &str) {
    out.put_slice(b"{\"id\":null,\"method\":\"mining.print\",\"params\":[2,");
    put_json(out, &message);
    out.put_slice(b"]}\n");
}

/// Appends a job. The last parameter tells the miner to drop its present job and is always true:
/// one miner ignores every other job.
pub(crate) fn write_notify(
    out: &mut BytesMut,
    job: u64,
    timestamp_ms: u64,
    work_hash: &[u8; 32],
    algorithm: &str,
) {
    let line = format!(
        "{{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"{job:016x}\",\"{timestamp_ms:016x}\",\"{}\",\"{algorithm}\",true]}}\n",
        hex::encode(work_hash),
    );
    out.put_slice(line.as_bytes());
}

/// Appends a value as compact JSON.
pub(crate) fn put_json(out: &mut BytesMut, value: &impl Serialize) {
    let start = out.len();
    if serde_json::to_writer((&mut *out).writer(), value).is_err() {
        // Writing to memory cannot fail; if it ever does, the line must still be JSON.
        out.truncate(start);
        out.put_slice(b"null");
    }
}

#[cfg(test)]
mod tests;
