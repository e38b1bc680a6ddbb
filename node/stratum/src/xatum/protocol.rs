//! The messages of the Xatum dialect, one a line: a word, a tilde, and an object in JSON.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{BufMut, BytesMut};
use raftpool_chain::MinerWork;
use raftpool_pow::WORK_SIZE;
use serde::{Deserialize, Serialize};

use crate::protocol::put_json;

/// Longest word of a message; the longest known one has seven letters.
const WORD_BYTES_MAX: usize = 16;

/// Base64 as Go and C++ write it; whether it is padded makes no difference.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A miner shows it in red.
const LEVEL_ERROR: u8 = 3;
/// A miner shows it in yellow.
const LEVEL_WARNING: u8 = 2;

/// One line of a miner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Shake(Shake),
    Submit(Submission),
    Ping,
    /// The answer to a ping, or a word of a later version.
    Ignored,
}

/// What a miner begins with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Shake {
    /// As the user name of stratum.
    pub(crate) addr: String,
    #[serde(rename = "work")]
    pub(crate) worker: Option<String>,
    #[serde(default)]
    pub(crate) agent: String,
    #[serde(default)]
    pub(crate) algos: Vec<String>,
    /// Not in the specification; as the password of stratum.
    #[serde(rename = "pass")]
    pub(crate) password: Option<String>,
}

/// A share as it came in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Submission {
    data: String,
    /// Whatever it is: a miner that leaves it out or spoils it loses nothing.
    #[serde(default)]
    hash: serde_json::Value,
}

impl Submission {
    /// The work in it.
    ///
    /// # Errors
    /// A sentence for the miner.
    pub(crate) fn work(&self) -> Result<MinerWork, &'static str> {
        const PROBLEM: &str = "the data must be 112 bytes in base64";
        if self.data.len() > WORK_SIZE.div_ceil(3) * 4 {
            return Err(PROBLEM);
        }
        let bytes = BASE64.decode(&self.data).map_err(|_| PROBLEM)?;
        let bytes: [u8; WORK_SIZE] = bytes.try_into().map_err(|_| PROBLEM)?;
        Ok(MinerWork::from_bytes(&bytes))
    }

    /// The hash its work is said to have.
    pub(crate) fn claimed_hash(&self) -> Option<[u8; 32]> {
        let mut hash = [0; 32];
        hex::decode_to_slice(self.hash.as_str()?, &mut hash).ok()?;
        Some(hash)
    }
}

/// Whether a line looks like one of this dialect, which no line of stratum does.
pub(crate) fn is_message(line: &str) -> bool {
    split(line).is_some()
}

/// Reads one line.
///
/// # Errors
/// A sentence for the miner.
pub(crate) fn parse(line: &str) -> Result<Message, &'static str> {
    // One miner forgets the word before its shares.
    let is_bare = line.trim_start().starts_with('{');
    let (word, body) = if is_bare {
        ("submit", line)
    } else {
        split(line).ok_or("the line is no message of Xatum")?
    };
    // The JSON library would also read an array as the fields in their order.
    let is_object = body.trim_start().starts_with('{');
    match word {
        "shake" if is_object => serde_json::from_str(body)
            .map(Message::Shake)
            .map_err(|_| "the handshake needs an object with `addr`"),
        "submit" if is_object => serde_json::from_str(body)
            .map(Message::Submit)
            .map_err(|_| "a share needs an object with `data`"),
        "shake" | "submit" => Err("the message needs an object"),
        "ping" => Ok(Message::Ping),
        _ => Ok(Message::Ignored),
    }
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (word, body) = line.split_once('~')?;
    let is_word = (1..=WORD_BYTES_MAX).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_word.then_some((word, body))
}

#[derive(Serialize)]
struct Job<'a> {
    algo: &'a str,
    diff: u64,
    blob: String,
}

#[derive(Serialize)]
struct Success<'a> {
    msg: &'a str,
}

#[derive(Serialize)]
struct Print<'a> {
    msg: &'a str,
    lvl: u8,
}

/// Appends a job with the work that one miner gets of it.
pub(crate) fn write_job(out: &mut BytesMut, algorithm: &str, work: &MinerWork, difficulty: u64) {
    let job = Job {
        algo: algorithm,
        diff: difficulty,
        blob: BASE64.encode(work.to_bytes()),
    };
    write(out, "job", &job);
}

/// Appends the answer to an accepted share; a miner counts by exactly this text.
pub(crate) fn write_accepted(out: &mut BytesMut) {
    write(out, "success", &Success { msg: "ok" });
}

/// Appends the answer to a refused share.
pub(crate) fn write_rejected(out: &mut BytesMut, reason: &str) {
    write(out, "success", &Success { msg: reason });
}

/// Appends a warning to the miner's owner.
pub(crate) fn write_warning(out: &mut BytesMut, message: &str) {
    let lvl = LEVEL_WARNING;
    write(out, "print", &Print { msg: message, lvl });
}

/// Appends why the connection is going to be closed.
pub(crate) fn write_farewell(out: &mut BytesMut, message: &str) {
    let lvl = LEVEL_ERROR;
    write(out, "print", &Print { msg: message, lvl });
}

/// Appends a ping, which one miner recognizes by all its bytes.
pub(crate) fn write_ping(out: &mut BytesMut) {
    out.put_slice(b"ping~{}\n");
}

/// Appends the answer to a miner's ping.
pub(crate) fn write_pong(out: &mut BytesMut) {
    out.put_slice(b"pong~{}\n");
}

fn write(out: &mut BytesMut, word: &str, body: &impl Serialize) {
    out.put_slice(word.as_bytes());
    out.put_u8(b'~');
    put_json(out, body);
    out.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn lines_are_read_or_refused_with_a_sentence() {
        let shake = r#"shake~{"addr":"xel:a","work":"w","agent":"m","algos":["xel/2"],"new":1}"#;
        let Ok(Message::Shake(read)) = parse(shake) else {
            panic!("{:?}", parse(shake));
        };
        assert_eq!(
            (&*read.addr, read.worker.as_deref(), &*read.agent),
            ("xel:a", Some("w"), "m")
        );
        assert_eq!((read.algos.len(), read.password), (1, None));
        let bare = parse(r#"shake~ {"addr":"xel:a"}"#);
        assert!(matches!(bare, Ok(Message::Shake(shake)) if shake.algos.is_empty()));
        for (line, expected) in [
            ("ping~{}", Ok(Message::Ping)),
            ("ping~", Ok(Message::Ping)),
            ("pong~{}", Ok(Message::Ignored)),
            ("redirect~{\"to\":\"a:1\"}", Ok(Message::Ignored)),
            ("shake~[\"xel:a\"]", Err("the message needs an object")),
            (
                "shake~{\"addr\":7}",
                Err("the handshake needs an object with `addr`"),
            ),
            ("submit~{}", Err("a share needs an object with `data`")),
            ("submit", Err("the line is no message of Xatum")),
            ("Shake~{}", Err("the line is no message of Xatum")),
            ("~{}", Err("the line is no message of Xatum")),
            ("", Err("the line is no message of Xatum")),
            ("{\"id\":1}", Err("a share needs an object with `data`")),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
    }

    #[test]
    fn a_work_is_read_whole_or_not_at_all() {
        let submission = |data: &str, hash: &str| {
            let line = format!(r#"submit~{{"data":"{data}","hash":{hash}}}"#);
            match parse(&line) {
                Ok(Message::Submit(submission)) => submission,
                other => panic!("{other:?}"),
            }
        };
        let padded = BASE64.encode([0x5a; WORK_SIZE]);
        let bare = padded.trim_end_matches('=');
        assert_ne!(padded, bare);
        for data in [&padded, bare] {
            let read = submission(data, "null");
            assert_eq!(read.work().unwrap().to_bytes(), [0x5a; WORK_SIZE]);
        }
        for data in ["", "zz", "?", &padded.repeat(2), &BASE64.encode([1; 111])] {
            assert!(submission(data, "null").work().is_err(), "{data}");
        }
        let hash = format!("\"{}\"", "0a".repeat(32));
        assert_eq!(submission("", &hash).claimed_hash(), Some([10; 32]));
        for hash in ["null", "7", "\"0a\"", "\"zz\"", "{}"] {
            assert_eq!(submission("", hash).claimed_hash(), None, "{hash}");
        }
    }

    #[test]
    fn answers_have_their_fields_in_order() {
        let work = MinerWork::from_bytes(&[0; WORK_SIZE]);
        let job = written(|out| write_job(out, "xel/2", &work, 7));
        let blob = "A".repeat(150) + "==";
        let expected = format!("job~{{\"algo\":\"xel/2\",\"diff\":7,\"blob\":\"{blob}\"}}\n");
        assert_eq!(job, expected.replace(&blob, &BASE64.encode([0; WORK_SIZE])));
        assert_eq!(written(write_accepted), "success~{\"msg\":\"ok\"}\n");
        assert_eq!(
            written(|out| write_rejected(out, "a \"b\"")),
            "success~{\"msg\":\"a \\\"b\\\"\"}\n"
        );
        assert_eq!(
            written(|out| write_farewell(out, "no\n")),
            "print~{\"msg\":\"no\\n\",\"lvl\":3}\n"
        );
        assert_eq!(
            written(|out| write_warning(out, "hm")),
            "print~{\"msg\":\"hm\",\"lvl\":2}\n"
        );
    }
}
