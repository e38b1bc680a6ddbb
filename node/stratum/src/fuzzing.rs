//! Ways in for the fuzz targets (`tests/fuzz`), which need what nobody else does: the parsers by
//! themselves, and sessions without sockets. No part of the crate's interface.
//!
//! Each function checks what must hold for any input, panics if it does not, and returns what came
//! of the input in few words, so that the fuzzer can tell a new outcome from a known one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::extract::ws::Message;
use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use crate::arrival;
use crate::dialect::Next;
use crate::listener::Speaks;
use crate::miner::{Answer, Miner, Protocol, Visitor};
use crate::places::Ticket;
use crate::pool::Pool;
use crate::protocol::{self, Call, Refusal};
use crate::server::{StratumServer, knock_login};
use crate::talk::Talk;
use crate::{getwork, username, xatum};

/// Longest line of the line target.
const LINE_BYTES_MAX: usize = 256;

/// A reader that hands out its bytes in pieces, as a network does.
struct Pieces(VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some(piece) = self.0.front_mut() {
            let size = piece.len().min(buffer.remaining());
            buffer.put_slice(&piece[..size]);
            piece.drain(..size);
            if piece.is_empty() {
                self.0.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Lines as a connection reads them, up to the first that ends it.
fn read_lines(pieces: VecDeque<Vec<u8>>) -> (Vec<String>, &'static str) {
    let codec = LinesCodec::new_with_max_length(LINE_BYTES_MAX);
    let mut frames = FramedRead::with_capacity(Pieces(pieces), codec, 16);
    let mut lines = Vec::new();
    loop {
        let next = frames.next().now_or_never().expect("the reader is ready");
        match next {
            Some(Ok(line)) => {
                assert!(line.len() <= LINE_BYTES_MAX && !line.contains('\n'));
                lines.push(line);
            }
            Some(Err(LinesCodecError::MaxLineLengthExceeded)) => return (lines, "oversized"),
            Some(Err(LinesCodecError::Io(_))) => return (lines, "binary"),
            None => return (lines, "end"),
        }
    }
}

/// The line codec: where the network cuts changes nothing. The first byte says where.
pub fn lines(data: &[u8]) -> String {
    let (size, data) = data.split_first().unwrap_or((&1, &[]));
    let size = usize::from(*size % 64) + 1;
    let pieces = data.chunks(size).map(<[u8]>::to_vec).collect();
    let cut = read_lines(pieces);
    let whole = read_lines(VecDeque::from([data.to_vec()]));
    assert_eq!(cut.0, whole.0, "in pieces of {size}");
    let short = |text: &String| text.len().min(3);
    format!(
        "{} {:?}",
        cut.1,
        cut.0.iter().map(short).take(4).collect::<Vec<_>>()
    )
}

/// Requests of stratum, and the answers that repeat their ids.
pub fn request(data: &[u8]) -> String {
    let line = String::from_utf8_lossy(data);
    let request = match protocol::parse(&line) {
        Ok(request) => request,
        Err(problem) => return problem.to_owned(),
    };
    let Ok(sent) = serde_json::from_str::<serde_json::Value>(&line) else {
        // Numbers beyond all bounds, deep nesting and half characters, in what nobody looks at.
        return "JSON that is not read as a whole".to_owned();
    };
    let mut out = BytesMut::new();
    protocol::write_result(&mut out, &request.id, &true, false);
    protocol::write_refusal(&mut out, &request.id, &Refusal::other(&*line));
    protocol::write_pong(&mut out, &request.id);
    let out = String::from_utf8(out.to_vec()).expect("answers are text");
    assert_eq!(out.lines().count(), 3, "one line each");
    for line in out.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).expect("answers are JSON");
        assert_eq!(answer["id"], sent["id"], "the id is the request's");
    }
    match request.call {
        Call::Submit(Ok(submission)) => {
            let nonce = sent["params"][2].as_str().expect("the nonce is text");
            let digits = nonce.trim_start_matches("0x").trim_start_matches("0X");
            assert_eq!(u64::from_str_radix(digits, 16), Ok(submission.nonce));
            "submit".to_owned()
        }
        Call::Submit(Err(problem)) => problem.to_owned(),
        Call::Subscribe { agent, algorithms } => {
            assert!(agent.len() <= 64 && algorithms.iter().flatten().count() <= 16);
            format!(
                "subscribe {}",
                algorithms.map_or(0, |names| 1 + names.len())
            )
        }
        Call::Authorize {
            user,
            worker,
            password,
        } => login(&user, worker.as_deref(), password.as_deref()),
        Call::Unknown(method) => {
            assert!(method.chars().count() <= 64);
            "unknown".to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn login(user: &str, worker: Option<&str>, password: Option<&str>) -> String {
    let login = match username::parse(user, worker, password) {
        Ok(login) => login,
        Err((_, problem)) => return problem.split('`').next().unwrap_or_default().to_owned(),
    };
    assert!(user.trim().starts_with(&login.address) && !login.address.is_empty());
    assert!((1..=32).contains(&login.worker.len()) && login.worker.is_ascii());
    assert!(login.fixed_difficulty != Some(0) && login.starting_difficulty != Some(0));
    format!(
        "login {} {} {} {:?}",
        login.worker == username::DEFAULT_WORKER,
        login.fixed_difficulty.is_some(),
        login.starting_difficulty.is_some(),
        login.scheme
    )
}

/// Messages of getwork.
pub fn getwork_message(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    let Some(work) = getwork::read(&text) else {
        return "no submission".to_owned();
    };
    match getwork::read_work(&work) {
        Ok(read) => {
            assert_eq!(hex::encode(read.to_bytes()), work.to_ascii_lowercase());
            "work".to_owned()
        }
        Err(problem) => problem.to_owned(),
    }
}

/// The address of a getwork WebSocket behind `/getwork/`: address, worker and query.
pub fn getwork_address(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, ['/', '?']);
    let (address, worker) = (parts.next(), parts.next());
    let query: Vec<(String, String)> = parts
        .next()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let (name, password) = knock_login(worker.unwrap_or_default(), &query);
    assert!(worker.unwrap_or_default().starts_with(name));
    login(address.unwrap_or_default(), Some(name), Some(&password))
}

/// Messages of Xatum.
pub fn xatum_message(data: &[u8]) -> String {
    let line = String::from_utf8_lossy(data);
    match xatum::parse(&line) {
        Ok(xatum::Message::Submit(submission)) => {
            let claimed = submission.claimed_hash().is_some();
            match submission.work() {
                Ok(work) => {
                    let mut out = BytesMut::new();
                    xatum::write_job(&mut out, "xel/2", &work, 1);
                    let out = String::from_utf8(out.to_vec()).expect("jobs are text");
                    let again = out
                        .replace("job~", "submit~")
                        .replace("\"blob\":", "\"data\":");
                    let Ok(xatum::Message::Submit(again)) = xatum::parse(&again) else {
                        panic!("{again}");
                    };
                    assert_eq!(again.work(), Ok(work), "a work survives the way back");
                    format!("work {claimed}")
                }
                Err(problem) => format!("{problem} {claimed}"),
            }
        }
        Ok(xatum::Message::Shake(shake)) => login(
            &shake.addr,
            shake.worker.as_deref(),
            shake.password.as_deref(),
        ),
        Ok(xatum::Message::Ping) => "ping".to_owned(),
        Ok(xatum::Message::Ignored) => "ignored".to_owned(),
        Err(problem) => problem.to_owned(),
    }
}

/// The PROXY protocol v2 header and what follows it.
pub fn proxy_header(data: &[u8]) -> String {
    let mut rest = data;
    let read = arrival::read_proxy_header(&mut rest);
    let read = read.now_or_never().expect("the reader is ready");
    let consumed = data.len() - rest.len();
    match read {
        Ok(source) => {
            let length = usize::from(u16::from_be_bytes([data[14], data[15]]));
            assert_eq!(consumed, 16 + length, "read to its own end");
            if let Some(SocketAddr::V4(source)) = source {
                assert_eq!(source.ip().octets(), data[16..20]);
                assert_eq!(source.port().to_be_bytes(), data[24..26]);
            }
            if let Some(SocketAddr::V6(source)) = source {
                assert_eq!(source.ip().octets(), data[16..32]);
                assert_eq!(source.port().to_be_bytes(), data[48..50]);
            }
            format!("{:?}", source.map(|source| source.is_ipv4()))
        }
        Err(reason) => {
            assert!(consumed <= 16 + arrival::PROXY_REST_BYTES_MAX);
            reason.to_owned()
        }
    }
}

/// Whether a session would get a job.
pub fn has_job(server: &StratumServer) -> bool {
    server.pool().board.newest().is_some()
}

/// A session without a socket.
pub struct Session {
    pool: Arc<Pool>,
    miner: Arc<Miner>,
    answers: mpsc::UnboundedReceiver<Answer>,
    words: Words,
    is_welcome: bool,
}

enum Words {
    Lines(Talk),
    Getwork(getwork::Session),
}

/// What a session said to one line.
#[derive(Debug, Default)]
pub struct Reply {
    /// Lines, or messages with a line feed behind each.
    pub text: String,
    /// Why it ended, if it did.
    pub closed: Option<&'static str>,
}

impl Session {
    /// A session as after connecting to a listener. In getwork it is let in at once, as `address`.
    pub fn open(server: &StratumServer, speaks: Speaks, address: &str) -> Self {
        let pool = server.pool().clone();
        let number = pool.extra_nonces.draw();
        let extra_nonce = pool.extra_nonces.numbered(number);
        let visitor = Visitor {
            remote: SocketAddr::from(([127, 0, 0, 1], 1)),
            is_encrypted: false,
            terms: Arc::default(),
            ticket: Ticket::new(u64::MAX, pool.limits.clone()),
        };
        let (miner, answers) = Miner::new(number, visitor.clone(), 1, extra_nonce);
        let words = match speaks {
            Speaks::Getwork => {
                let grant = pool.authorizer.authorize(address, None, None, &visitor);
                let grant = grant.expect("a good address");
                grant.take_effect(&miner, Protocol::Getwork);
                Words::Getwork(getwork::Session::new(miner.clone()))
            }
            lines => Words::Lines(Talk::new(miner.clone(), lines)),
        };
        Self {
            pool,
            miner,
            answers,
            words,
            is_welcome: false,
        }
    }

    /// What stratum tells the miner when it subscribes.
    pub fn extra_nonce(&self) -> [u8; 32] {
        self.miner.extra_nonce
    }

    /// One line or message of the miner, and all that follows from it, the answers to its shares
    /// included.
    pub async fn take(&mut self, line: &str) -> Reply {
        let mut reply = Reply::default();
        let mut out = BytesMut::new();
        let mut messages = Vec::new();
        let next = match &mut self.words {
            Words::Lines(talk) => talk.line(line, &self.pool, &mut out),
            Words::Getwork(session) => session.text(line, &self.pool, &mut messages),
        };
        if let Next::Close(reason) = next {
            reply.closed = Some(reason);
        }
        self.welcome(&mut out, &mut messages);
        while self.miner.in_flight.load(Ordering::Relaxed) > 0 {
            let answer = self.answers.recv().await.expect("the miner is alive");
            self.miner.in_flight.fetch_sub(1, Ordering::Relaxed);
            match &mut self.words {
                Words::Lines(talk) => talk.answer(answer, &mut out),
                Words::Getwork(session) => session.answer(answer.result, &mut messages),
            }
        }
        self.welcome(&mut out, &mut messages);
        reply.text = String::from_utf8(out.to_vec()).expect("lines are text");
        for message in messages {
            let Message::Text(text) = message else {
                panic!("{message:?}");
            };
            reply.text.push_str(&text);
            reply.text.push('\n');
        }
        reply
    }

    /// Sends the newest job to who waits for one.
    fn welcome(&mut self, out: &mut BytesMut, messages: &mut Vec<Message>) {
        let Some(job) = self.pool.board.newest() else {
            return;
        };
        match &mut self.words {
            Words::Lines(talk) if talk.is_ready() && !self.is_welcome => {
                talk.job(&job, &self.pool, out);
            }
            Words::Getwork(session) if session.needs_job() || !self.is_welcome => {
                session.job(&job, &self.pool, messages);
            }
            Words::Lines(_) | Words::Getwork(_) => return,
        }
        self.is_welcome = true;
    }
}
