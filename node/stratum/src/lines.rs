//! The dialects of lines, stratum and Xatum, over a byte stream.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use crate::dialect::{Dialect, Next};
use crate::jobs::Job;
use crate::miner::Answer;
use crate::pool::Pool;
use crate::talk::Talk;

/// First size of a read buffer: one request. It grows up to the line limit.
const READ_BYTES: usize = 512;
/// A write buffer larger than this is given back after use.
const WRITE_BYTES_KEPT: usize = 4 * 1024;

/// A stream of lines and the session on it.
pub(crate) struct Lines<S> {
    talk: Talk,
    lines: FramedRead<S, LinesCodec>,
    out: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    pub(crate) fn new(stream: S, talk: Talk, line_bytes_max: usize) -> Self {
        let codec = LinesCodec::new_with_max_length(line_bytes_max);
        Self {
            talk,
            lines: FramedRead::with_capacity(stream, codec, READ_BYTES),
            out: BytesMut::new(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Dialect for Lines<S> {
    type Input = Option<Result<String, LinesCodecError>>;

    fn is_ready(&self) -> bool {
        self.talk.is_ready()
    }

    async fn read(&mut self) -> Self::Input {
        self.lines.next().await
    }

    fn take(&mut self, line: Self::Input, pool: &Pool) -> Next {
        let (message, reason) = match line {
            None => return Next::Close("client"),
            Some(Ok(line)) => return self.talk.line(&line, pool, &mut self.out),
            Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                ("the line is too long", "oversized")
            }
            Some(Err(LinesCodecError::Io(error))) => match error.kind() {
                io::ErrorKind::InvalidData => (
                    "the line is not text; is this TLS on a plain port?",
                    "binary",
                ),
                _ => return Next::Close("client"),
            },
        };
        self.last_word(message);
        Next::Close(reason)
    }

    fn answer(&mut self, answer: Answer) {
        self.talk.answer(answer, &mut self.out);
    }

    fn job(&mut self, job: &Arc<Job>, pool: &Pool) {
        self.talk.job(job, pool, &mut self.out);
    }

    fn ping(&mut self) {
        self.talk.ping(&mut self.out);
    }

    fn last_word(&mut self, message: &str) {
        self.talk.last_word(message, &mut self.out);
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let stream = self.lines.get_mut();
        while self.out.has_remaining() {
            stream.write_all_buf(&mut self.out).await?;
        }
        stream.flush().await?;
        if self.out.capacity() > WRITE_BYTES_KEPT {
            self.out = BytesMut::new();
        }
        Ok(())
    }

    async fn close(&mut self, _reason: &'static str) {
        // The miner may have closed first.
        let _ = self.lines.get_mut().shutdown().await;
    }
}
