//! The getwork dialect over a WebSocket.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite;

use super::session::Session;
use crate::dialect::{Dialect, Next};
use crate::jobs::Job;
use crate::miner::Answer;
use crate::pool::Pool;

/// How long the miner may take to say goodbye as well. A socket closed over unread input would
/// take back what was written last.
const GOODBYE_WAIT: Duration = Duration::from_secs(1);

/// Most bytes of a reason in a close frame (RFC 6455, 5.5: 125 with the code).
const CLOSE_BYTES_MAX: usize = 123;

/// A WebSocket and the session on it.
pub(crate) struct Socket {
    socket: WebSocket,
    session: Session,
    out: Vec<Message>,
    last_word: Option<String>,
}

impl Socket {
    pub(crate) fn new(socket: WebSocket, session: Session) -> Self {
        Self {
            socket,
            session,
            out: Vec::new(),
            last_word: None,
        }
    }
}

impl Dialect for Socket {
    type Input = Option<Result<Message, axum::Error>>;

    /// Who a miner is was said with the request for the WebSocket.
    fn is_ready(&self) -> bool {
        true
    }

    fn needs_job(&self) -> bool {
        self.session.needs_job()
    }

    async fn read(&mut self) -> Self::Input {
        self.socket.recv().await
    }

    fn take(&mut self, message: Self::Input, pool: &Pool) -> Next {
        match message {
            Some(Ok(Message::Text(text))) => self.session.text(&text, pool, &mut self.out),
            Some(Ok(Message::Binary(_))) => self.session.malformed(pool),
            // The library answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Next::Continue,
            Some(Ok(Message::Close(_))) | None => Next::Close("client"),
            Some(Err(error)) => match reason_of(&error) {
                Some(tungstenite::Error::Capacity(_)) => {
                    self.last_word("the message is too long");
                    Next::Close("oversized")
                }
                Some(tungstenite::Error::Utf8(_)) => {
                    self.last_word("the message is not text");
                    Next::Close("binary")
                }
                _ => Next::Close("client"),
            },
        }
    }

    fn answer(&mut self, answer: Answer) {
        self.session.answer(answer.result, &mut self.out);
    }

    fn job(&mut self, job: &Arc<Job>, pool: &Pool) {
        self.session.job(job, pool, &mut self.out);
    }

    fn ping(&mut self) {
        self.out.push(Message::Ping(axum::body::Bytes::new()));
    }

    fn last_word(&mut self, message: &str) {
        self.last_word = Some(message.to_owned());
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        for message in self.out.drain(..) {
            self.socket.feed(message).await.map_err(io::Error::other)?;
        }
        self.socket.flush().await.map_err(io::Error::other)
    }

    async fn close(&mut self, reason: &'static str) {
        let code = match reason {
            "drained" => close_code::AWAY,
            "oversized" => close_code::SIZE,
            _ => close_code::POLICY,
        };
        let reason = self.last_word.take().unwrap_or_else(|| reason.to_owned());
        let reason = shorten(&reason);
        let frame = CloseFrame {
            code,
            reason: reason.to_owned().into(),
        };
        if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
            let goodbye = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = tokio::time::timeout(GOODBYE_WAIT, goodbye).await;
        }
    }
}

/// As much of a text as fits into a close frame.
fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(CLOSE_BYTES_MAX)]
}

fn reason_of(error: &axum::Error) -> Option<&tungstenite::Error> {
    error.source()?.downcast_ref()
}
