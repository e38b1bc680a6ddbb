//! The words of the stratum dialect, from the miner's side.
//!
//! What a pool sends is read leniently: ids of any type, errors as objects, arrays or texts, job
//! ids as texts or numbers. Numbers that cannot be meant (a difficulty of zero) are refused.

use raftpool_pow::{Algorithm, Difficulty};
use serde_json::{Value, json};

use crate::events::Severity;

/// Id of the subscription, which each connection starts with.
pub(crate) const SUBSCRIBE_ID: u64 = 1;
/// Id of the authorization.
pub(crate) const AUTHORIZE_ID: u64 = 2;
/// First id of a share.
pub(crate) const FIRST_SUBMIT_ID: u64 = 10;

/// Longest text of a pool that is kept or shown, in characters.
const TEXT_MAX_CHARS: usize = 120;
/// Longest job id, in bytes.
const JOB_ID_BYTES_MAX: usize = 256;

/// One line of a pool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// The answer to a request of ours; the error is the pool's words.
    Answer {
        id: u64,
        result: Result<Value, String>,
    },
    SetDifficulty(Difficulty),
    Notify(Notification),
    SetExtraNonce(Identity),
    Ping {
        id: Value,
    },
    Print {
        severity: Severity,
        text: String,
    },
    /// The pool asks to go away.
    Reconnect,
    Unknown {
        method: String,
    },
}

/// A job as it is announced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notification {
    pub(crate) job_id: String,
    pub(crate) timestamp_ms: u64,
    pub(crate) work_hash: [u8; 32],
    pub(crate) algorithm: Algorithm,
}

/// What makes the works of a connection its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) extra_nonce: [u8; 32],
    /// Absent in a change of the extra nonce that leaves the key as it is.
    pub(crate) pool_key: Option<[u8; 32]>,
}

/// The line that opens a connection.
pub(crate) fn subscribe(agent: &str) -> String {
    let algorithms = [Algorithm::V3, Algorithm::V2, Algorithm::V1].map(Algorithm::name);
    line(&json!({"id": SUBSCRIBE_ID, "method": "mining.subscribe", "params": [agent, algorithms]}))
}

/// The line that says who earns.
pub(crate) fn authorize(address: &str, worker: &str, password: &str) -> String {
    let params = [address, worker, password];
    line(&json!({"id": AUTHORIZE_ID, "method": "mining.authorize", "params": params}))
}

/// The line that submits a share.
pub(crate) fn submit(id: u64, worker: &str, job_id: &str, nonce: u64) -> String {
    let params = [worker, job_id, &format!("{nonce:016x}")];
    line(&json!({"id": id, "method": "mining.submit", "params": params}))
}

/// The answer to a ping.
pub(crate) fn pong(id: &Value) -> String {
    line(&json!({"id": id, "method": "mining.pong"}))
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}

/// Reads one line.
///
/// # Errors
/// A sentence about what makes no sense.
pub(crate) fn parse(line: &str) -> Result<Message, String> {
    let message: Value = serde_json::from_str(line)
        .map_err(|_| format!("a line that is not JSON: {}", clean(line)))?;
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        return parse_answer(&message);
    };
    let params = message.get("params").unwrap_or(&Value::Null);
    match method {
        "mining.set_difficulty" => parse_difficulty(&params[0]).map(Message::SetDifficulty),
        "mining.notify" => parse_notification(params).map(Message::Notify),
        "mining.set_extranonce" => parse_identity(&params[0], &params[2])
            .map(Message::SetExtraNonce)
            .ok_or_else(|| "an extra nonce that is not 64 hexadecimal digits".to_owned()),
        "mining.ping" => Ok(Message::Ping {
            id: message.get("id").cloned().unwrap_or_default(),
        }),
        "mining.print" | "client.show_message" => Ok(parse_print(params)),
        "mining.reconnect" | "client.reconnect" => Ok(Message::Reconnect),
        _ => Ok(Message::Unknown {
            method: clean(method),
        }),
    }
}

/// Reads the answer to the subscription: session, extra nonce, its length, key of the pool.
pub(crate) fn parse_subscription(result: &Value) -> Option<Identity> {
    parse_identity(&result[1], &result[3]).filter(|identity| identity.pool_key.is_some())
}

fn parse_identity(extra_nonce: &Value, pool_key: &Value) -> Option<Identity> {
    Some(Identity {
        extra_nonce: hex_array(extra_nonce)?,
        pool_key: match pool_key {
            Value::Null => None,
            key => Some(hex_array(key)?),
        },
    })
}

fn parse_answer(message: &Value) -> Result<Message, String> {
    let id = match message.get("id") {
        Some(Value::Number(id)) => id.as_u64(),
        Some(Value::String(id)) => id.parse().ok(),
        _ => None,
    };
    let error = message
        .get("error")
        .filter(|error| !error.is_null())
        .map(error_text);
    match (id, error) {
        (Some(id), Some(error)) => Ok(Message::Answer {
            id,
            result: Err(error),
        }),
        (Some(id), None) => {
            let result = message.get("result").cloned().unwrap_or_default();
            Ok(Message::Answer {
                id,
                result: Ok(result),
            })
        }
        (None, Some(error)) => Ok(Message::Print {
            severity: Severity::Error,
            text: error,
        }),
        (None, None) => Err(format!(
            "neither a request nor an answer: {}",
            clean(&message.to_string())
        )),
    }
}

fn error_text(error: &Value) -> String {
    let text = match error {
        Value::String(text) => Some(text.as_str()),
        Value::Array(parts) => parts.get(1).and_then(Value::as_str),
        _ => error.get("message").and_then(Value::as_str),
    };
    text.map_or_else(|| clean(&error.to_string()), clean)
}

fn parse_difficulty(value: &Value) -> Result<Difficulty, String> {
    let difficulty = match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => Difficulty::from_u64(whole).ok(),
            // Some pools write whole numbers with a decimal point.
            (None, Some(number)) if number >= 1.0 && number.fract() == 0.0 => {
                Difficulty::from_u128(number as u128).ok()
            }
            _ => None,
        },
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    difficulty.ok_or_else(|| format!("a difficulty of {}", clean(&value.to_string())))
}

fn parse_notification(params: &Value) -> Result<Notification, String> {
    let job_id = match &params[0] {
        Value::String(id) if !id.is_empty() && id.len() <= JOB_ID_BYTES_MAX => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return Err("a job without a usable id".to_owned()),
    };
    let about = |what: &str| format!("job {} {what}", clean(&job_id));
    let timestamp = params[1].as_str().filter(|digits| digits.len() <= 16);
    let timestamp_ms = timestamp
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| about("without a hexadecimal timestamp"))?;
    let work_hash =
        hex_array(&params[2]).ok_or_else(|| about("without a work hash of 64 digits"))?;
    let algorithm = params[3]
        .as_str()
        .ok_or_else(|| about("without an algorithm"))?;
    let algorithm = algorithm
        .parse()
        .map_err(|error| about(&format!("with an {error}")))?;
    Ok(Notification {
        job_id,
        timestamp_ms,
        work_hash,
        algorithm,
    })
}

fn parse_print(params: &Value) -> Message {
    let (level, text) = match &params[0] {
        Value::String(text) => (0, text.as_str()),
        level => (
            level.as_u64().unwrap_or(0),
            params[1].as_str().unwrap_or_default(),
        ),
    };
    let severity = match level {
        1 => Severity::Warning,
        2 => Severity::Error,
        3 => Severity::Debug,
        _ => Severity::Info,
    };
    Message::Print {
        severity,
        text: clean(text),
    }
}

fn hex_array(value: &Value) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(value.as_str()?, &mut bytes).ok()?;
    Some(bytes)
}

/// The beginning of a pool's text without anything that could drive a terminal.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(TEXT_MAX_CHARS)
        .collect()
}

#[cfg(test)]
mod tests;
