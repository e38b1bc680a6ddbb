//! Which of the dialects of lines a connection speaks. A miner's first line tells: Xatum has a
//! word and a tilde where stratum has a brace.

use std::sync::Arc;

use bytes::BytesMut;

use crate::dialect::Next;
use crate::jobs::Job;
use crate::listener::Speaks;
use crate::miner::{Answer, Miner};
use crate::pool::Pool;
use crate::protocol::{self, Id, Refusal};
use crate::session::Session;
use crate::xatum;

/// A session over lines. No I/O: lines go in, bytes to write come out.
pub(crate) struct Talk {
    miner: Arc<Miner>,
    words: Words,
    /// Whether the next line decides.
    is_open: bool,
}

enum Words {
    Stratum(Session),
    /// Boxed for being rare.
    Xatum(Box<xatum::Session>),
}

impl Talk {
    /// A session on a listener that speaks `speaks`.
    pub(crate) fn new(miner: Arc<Miner>, speaks: Speaks) -> Self {
        let words = match speaks {
            Speaks::Xatum => Words::xatum(&miner),
            Speaks::Stratum | Speaks::Getwork => Words::Stratum(Session::new(miner.clone())),
        };
        Self {
            miner,
            words,
            is_open: speaks == Speaks::Stratum,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        match &self.words {
            Words::Stratum(session) => session.is_ready(),
            Words::Xatum(session) => session.is_ready(),
        }
    }

    /// Handles one line of the miner.
    pub(crate) fn line(&mut self, line: &str, pool: &Pool, out: &mut BytesMut) -> Next {
        if self.is_open && !line.trim().is_empty() {
            self.is_open = false;
            if xatum::is_message(line) {
                self.words = Words::xatum(&self.miner);
            }
        }
        match &mut self.words {
            Words::Stratum(session) => session.line(line, pool, out),
            Words::Xatum(session) => session.line(line, pool, out),
        }
    }

    /// Writes the answer to a share.
    pub(crate) fn answer(&self, Answer { id, result }: Answer, out: &mut BytesMut) {
        match &self.words {
            Words::Stratum(session) => session.answer(&id, result, out),
            Words::Xatum(session) => session.answer(result, out),
        }
    }

    /// Writes a job.
    pub(crate) fn job(&mut self, job: &Arc<Job>, pool: &Pool, out: &mut BytesMut) {
        match &mut self.words {
            Words::Stratum(session) => session.job(job, pool, out),
            Words::Xatum(session) => session.job(job, pool, out),
        }
    }

    /// Writes something the miner answers.
    pub(crate) fn ping(&self, out: &mut BytesMut) {
        match &self.words {
            Words::Stratum(_) => protocol::write_ping(out),
            Words::Xatum(session) => session.ping(out),
        }
    }

    /// Writes why the connection is going to be closed.
    pub(crate) fn last_word(&self, message: &str, out: &mut BytesMut) {
        match &self.words {
            Words::Stratum(_) => {
                protocol::write_refusal(out, &Id::null(), &Refusal::other(message));
            }
            Words::Xatum(_) => xatum::write_farewell(out, message),
        }
    }
}

impl Words {
    fn xatum(miner: &Arc<Miner>) -> Self {
        Self::Xatum(Box::new(xatum::Session::new(miner.clone())))
    }
}
