//! Stratum as an emulated miner speaks it: lines over TCP or TLS.
//!
//! Bytes are read into a buffer on the stack and looked at while it lasts; a connection keeps only
//! the beginning of a line whose end has not come.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWriteExt as _, ReadBuf};
use tokio::time::Instant;

use super::session::Session;
use super::share::Verdict;
use super::text::without_numbers;
use super::wire::{Lost, Wire};
use crate::protocol::{self, AUTHORIZE_ID, Message, SUBSCRIBE_ID};

/// Longest line of a pool, in bytes.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Bytes read at a time.
const READ_BYTES: usize = 4 * 1024;

/// A connection.
pub(super) struct Stratum {
    wire: Box<dyn Wire>,
    /// A line whose end has not come.
    partial: Vec<u8>,
}

impl Stratum {
    /// Subscribes and authorizes, and waits for the first job.
    pub(super) async fn open(
        wire: Box<dyn Wire>,
        session: &mut Session,
        [address, worker, password]: [&str; 3],
    ) -> Result<Self, Lost> {
        let mut link = Self {
            wire,
            partial: Vec::new(),
        };
        let agent = &session.shared().config.agent;
        let hello = protocol::subscribe(agent) + &protocol::authorize(address, worker, password);
        link.send(hello.as_bytes()).await?;
        while !session.is_ready() {
            link.hear(session).await?;
        }
        Ok(link)
    }

    /// Waits for the pool to say something and takes note of it. May be dropped at any time.
    pub(super) async fn hear(&mut self, session: &mut Session) -> Result<(), Lost> {
        poll_fn(|context| self.poll_hear(context, session)).await
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), Lost> {
        let failed = |error: io::Error| Lost::at("write", &error);
        self.wire.write_all(message).await.map_err(failed)?;
        self.wire.flush().await.map_err(failed)
    }

    fn poll_hear(
        &mut self,
        context: &mut Context<'_>,
        session: &mut Session,
    ) -> Poll<Result<(), Lost>> {
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = ready!(Pin::new(&mut *self.wire).poll_read(context, &mut buffer));
        Poll::Ready(match read {
            Err(error) => Err(Lost::at("read", &error)),
            Ok(()) if buffer.filled().is_empty() => Err(Lost::because("the pool closed")),
            Ok(()) => self.take(buffer.filled(), session),
        })
    }

    fn take(&mut self, mut bytes: &[u8], session: &mut Session) -> Result<(), Lost> {
        let now = Instant::now();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.partial.is_empty() {
                take_line(line, session, now)?;
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                take_line(&whole, session, now)?;
            }
        }
        if self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(Lost::because("the pool sent a line without an end"));
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

fn take_line(line: &[u8], session: &mut Session, now: Instant) -> Result<(), Lost> {
    session.heard();
    // Most lines are one of these two, and neither needs to be parsed.
    if let Some(id) = accepted_id(line) {
        return take_accepted(id, session, now);
    }
    if is_notification(line) {
        let jobs = session.shared().jobs[session.pool].clone();
        let job = jobs.find(line, now, || read_job(line));
        let job = job.ok_or_else(|| Lost::because("the pool sent a job that is none"))?;
        session.job(job, None, now);
        return Ok(());
    }
    let text = String::from_utf8_lossy(line);
    match protocol::parse(&text) {
        Ok(Message::Answer { id, result }) => match (id, result) {
            (SUBSCRIBE_ID, Ok(_)) => Ok(()),
            (SUBSCRIBE_ID | AUTHORIZE_ID, Err(words)) => Err(Lost::because(&words)),
            (id, Ok(_)) => take_accepted(id, session, now),
            (id, Err(words)) => {
                let verdict = Verdict::Refused {
                    code: error_code(&text),
                    words: without_numbers(&words),
                };
                session.answer(Some(id), verdict, now);
                Ok(())
            }
        },
        Ok(Message::Ping { id }) => {
            session.replies.extend(protocol::pong(&id).into_bytes());
            Ok(())
        }
        Ok(Message::Print { text, .. }) => {
            session.last_words = Some(without_numbers(&text));
            Ok(())
        }
        Ok(Message::Reconnect) => Err(Lost::because("the pool asked to go elsewhere")),
        Ok(_) => Ok(()),
        Err(problem) => Err(Lost::because(&problem)),
    }
}

fn take_accepted(id: u64, session: &mut Session, now: Instant) -> Result<(), Lost> {
    match id {
        AUTHORIZE_ID => session.is_authorized = true,
        SUBSCRIBE_ID => {}
        id => session.answer(Some(id), Verdict::Accepted, now),
    }
    Ok(())
}

/// The id in `{"id":N,"result":true}`.
fn accepted_id(line: &[u8]) -> Option<u64> {
    let digits = line
        .strip_prefix(b"{\"id\":")?
        .strip_suffix(b",\"result\":true}")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn is_notification(line: &[u8]) -> bool {
    const METHOD: &[u8] = b"\"mining.notify\"";
    line.windows(METHOD.len()).any(|part| part == METHOD)
}

fn read_job(line: &[u8]) -> Option<Box<str>> {
    match protocol::parse(std::str::from_utf8(line).ok()?) {
        Ok(Message::Notify(job)) => Some(job.job_id.into()),
        _ => None,
    }
}

fn error_code(line: &str) -> Option<i64> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let error = &message["error"];
    error["code"].as_i64().or_else(|| error[0].as_i64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_answers_are_known_without_parsing_and_others_are_not_taken_for_them() {
        assert_eq!(accepted_id(br#"{"id":17,"result":true}"#), Some(17));
        for line in [
            r#"{"id":17,"result":null,"error":{"code":21,"message":"x","data":null}}"#,
            r#"{"id":"a","result":true}"#,
            r#"{"id":17,"result":true,"error":null}"#,
            "",
        ] {
            assert_eq!(accepted_id(line.as_bytes()), None, "{line}");
        }
        assert_eq!(error_code(r#"{"error":{"code":22}}"#), Some(22));
        assert_eq!(error_code(r#"{"error":[23,"low",null]}"#), Some(23));
        assert_eq!(error_code(r#"{"error":"low"}"#), None);
    }
}
