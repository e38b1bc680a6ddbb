//! The getwork dialect as an emulated miner speaks it: the daemon's WebSocket.

use std::borrow::Cow;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::session::Session;
use super::share::Verdict;
use super::text::without_numbers;
use super::wire::{Lost, Wire};

/// Read at a time; a job has about 400 bytes.
const READ_BYTES: usize = 1_024;
/// Longest message of a pool.
const MESSAGE_BYTES_MAX: usize = 16 * 1_024;
/// Digits of a work that are the same for every miner: work hash and timestamp.
const COMMON_DIGITS: usize = 80;
/// Digits of a work.
const WORK_DIGITS: usize = 224;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said<'a> {
    #[serde(borrow)]
    NewJob(NewJob<'a>),
    #[serde(borrow)]
    BlockRejected(Cow<'a, str>),
    BlockAccepted,
}

#[derive(Deserialize)]
struct NewJob<'a> {
    miner_work: &'a str,
}

/// A connection.
pub(super) struct Getwork {
    socket: WebSocketStream<Box<dyn Wire>>,
}

impl Getwork {
    /// Connects to the miner's path, and waits for the first job.
    pub(super) async fn open(
        wire: Box<dyn Wire>,
        session: &mut Session,
        host: &str,
        [user, worker]: [&str; 2],
    ) -> Result<Self, Lost> {
        let request = request(host, user, worker, &session.shared().config.agent)?;
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX));
        let opened = client_async_with_config(request, wire, Some(limits)).await;
        let (socket, _) = opened.map_err(|error| lost(&error))?;
        let mut link = Self { socket };
        session.is_authorized = true;
        while !session.is_ready() {
            link.hear(session).await?;
        }
        Ok(link)
    }

    /// Waits for the pool to say something and takes note of it. May be dropped at any time.
    pub(super) async fn hear(&mut self, session: &mut Session) -> Result<(), Lost> {
        let message = match self.socket.next().await {
            None => return Err(Lost::because("the pool closed")),
            Some(Err(error)) => return Err(lost(&error)),
            Some(Ok(message)) => message,
        };
        session.heard();
        match message {
            Message::Text(text) => take(&text, session),
            Message::Close(frame) => {
                let reason = frame.map(|frame| frame.reason.to_string());
                Err(Lost::because(&format!(
                    "the pool closed: {}",
                    reason.unwrap_or_default()
                )))
            }
            // The library answers pings.
            _ => Ok(()),
        }
    }

    /// Sends messages.
    pub(super) async fn send(&mut self, messages: Vec<Vec<u8>>) -> Result<(), Lost> {
        for message in messages {
            // All of them are made of ASCII.
            let text = String::from_utf8(message).unwrap_or_default();
            let sent = self.socket.feed(Message::text(text)).await;
            sent.map_err(|error| lost(&error))?;
        }
        self.socket.flush().await.map_err(|error| lost(&error))
    }
}

fn request(host: &str, user: &str, worker: &str, agent: &str) -> Result<Request<()>, Lost> {
    let url = format!("ws://{host}/getwork/{user}/{worker}");
    let mut request = url.into_client_request().map_err(|error| lost(&error))?;
    if let Ok(agent) = agent.parse() {
        request.headers_mut().insert("user-agent", agent);
    }
    Ok(request)
}

fn take(text: &str, session: &mut Session) -> Result<(), Lost> {
    let now = Instant::now();
    let said: Said<'_> = serde_json::from_str(text)
        .map_err(|_| Lost::because("the pool sent something that is no message"))?;
    match said {
        Said::BlockAccepted => session.answer(None, Verdict::Accepted, now),
        Said::BlockRejected(words) => {
            let verdict = Verdict::Refused {
                code: None,
                words: without_numbers(&words),
            };
            session.answer(None, verdict, now);
        }
        Said::NewJob(NewJob { miner_work }) => {
            let is_work = miner_work.len() == WORK_DIGITS
                && miner_work.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_work {
                return Err(Lost::because("the pool sent a job that is none"));
            }
            let jobs = session.shared().jobs[session.pool].clone();
            let common = &miner_work.as_bytes()[..COMMON_DIGITS];
            if let Some(job) = jobs.find(common, now, || Some("".into())) {
                session.job(job, Some(miner_work), now);
            }
        }
    }
    Ok(())
}

fn lost(error: &Error) -> Lost {
    match error {
        Error::Io(error) => Lost::at("WebSocket", error),
        Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let words = String::from_utf8_lossy(body);
            // The number is the kind of refusal and must not be lost among the others.
            let status = response.status();
            Lost(format!(
                "HTTP {}: {}",
                status.as_u16(),
                without_numbers(&words)
            ))
        }
        error => Lost::because(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_says_is_read() {
        let job = r#"{"new_job":{"algorithm":"xel/v3","miner_work":"00ff","height":7,"difficulty":"1","topoheight":7}}"#;
        assert!(matches!(
            serde_json::from_str(job).unwrap(),
            Said::NewJob(NewJob { miner_work: "00ff" })
        ));
        assert!(matches!(
            serde_json::from_str(r#""block_accepted""#).unwrap(),
            Said::BlockAccepted
        ));
        let rejected = r#"{"block_rejected":"a \"b\""}"#;
        match serde_json::from_str(rejected).unwrap() {
            Said::BlockRejected(words) => assert_eq!(words, "a \"b\""),
            _ => panic!("{rejected}"),
        }
    }

    #[test]
    fn the_path_has_the_difficulty() {
        let request = request("127.0.0.1:8000", "xet:abc+1", "w3", "agent/1").unwrap();
        assert_eq!(request.uri().path(), "/getwork/xet:abc+1/w3");
        assert_eq!(request.headers()["user-agent"], "agent/1");
    }
}
