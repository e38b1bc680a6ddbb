//! What follows from a Xatum miner's lines. No I/O: lines go in, bytes to write come out.

use std::sync::Arc;

use bytes::BytesMut;

use super::protocol::{self, Message, Shake};
use crate::dialect::Next;
use crate::jobs::{Job, Spelling};
use crate::lapses::Lapses;
use crate::limits::{TOO_FAST, TOO_MANY_REQUESTS};
use crate::miner::{Miner, Protocol};
use crate::pool::Pool;
use crate::protocol::{Refusal, clean_agent};
use crate::session::choose_spelling;
use crate::why::Why;
use crate::works::{Returned, Works};

/// One miner's session.
pub(crate) struct Session {
    miner: Arc<Miner>,
    works: Works,
    spelling: Spelling,
    malformed_lines: Lapses,
}

impl Session {
    pub(crate) fn new(miner: Arc<Miner>) -> Self {
        Self {
            works: Works::new(miner.clone()),
            miner,
            spelling: Spelling::Legacy,
            malformed_lines: Lapses::default(),
        }
    }

    /// Whether the miner has shaken hands.
    pub(crate) fn is_ready(&self) -> bool {
        self.miner.account.get().is_some()
    }

    /// Handles one line of the miner.
    pub(crate) fn line(&mut self, line: &str, pool: &Pool, out: &mut BytesMut) -> Next {
        if line.trim().is_empty() {
            return Next::Continue;
        }
        let message = protocol::parse(line);
        if !self.is_ready() {
            return self.begin(message, pool, out);
        }
        match message {
            Ok(Message::Submit(submission)) => {
                let returned = Returned {
                    work: submission.work(),
                    claimed_hash: submission.claimed_hash(),
                };
                if let Err(refusal) = self.works.submit(returned, pool) {
                    self.answer(Err(refusal), out);
                }
                Next::Continue
            }
            Ok(Message::Ping) => {
                protocol::write_pong(out);
                Next::Continue
            }
            Ok(Message::Ignored) => Next::Continue,
            Ok(Message::Shake(_)) => self.malformed("hands were shaken already", pool, out),
            Err(problem) => self.malformed(problem, pool, out),
        }
    }

    /// Writes the answer to a share.
    pub(crate) fn answer(&self, result: Result<(), Refusal>, out: &mut BytesMut) {
        match result {
            Ok(()) => protocol::write_accepted(out),
            Err(refusal) => protocol::write_rejected(out, &refusal.message),
        }
    }

    /// Writes a job, with an extra nonce it shares with no other.
    pub(crate) fn job(&mut self, job: &Arc<Job>, pool: &Pool, out: &mut BytesMut) {
        let Some((work, difficulty)) = self.works.draw(job, pool) else {
            return;
        };
        let algorithm = job.template.algorithm;
        match self.spelling {
            Spelling::Legacy => {
                protocol::write_job(out, algorithm.legacy_name(), &work, difficulty);
            }
            Spelling::Daemon => {
                protocol::write_job(out, &algorithm.to_string(), &work, difficulty);
            }
        }
    }

    /// Writes something the miner answers.
    pub(crate) fn ping(&self, out: &mut BytesMut) {
        protocol::write_ping(out);
    }

    /// Nothing goes before the handshake, and there is only one try.
    fn begin(
        &mut self,
        message: Result<Message, &'static str>,
        pool: &Pool,
        out: &mut BytesMut,
    ) -> Next {
        let may_ask = pool.limits.may_ask(self.miner.visitor.remote.ip());
        let (problem, reason) = match message {
            _ if !may_ask => {
                self.note(Why::TooMany, TOO_MANY_REQUESTS, pool);
                (TOO_MANY_REQUESTS.to_owned(), TOO_FAST)
            }
            Ok(Message::Shake(shake)) => match self.shake(&shake, pool) {
                Ok(()) => return Next::Continue,
                Err(refusal) => {
                    let gatekeeper = &pool.authorizer.gatekeeper;
                    gatekeeper.note_refusal(self.miner.visitor.remote, &refusal);
                    let reason = refusal.closes.unwrap_or("unauthorized");
                    (refusal.message, reason)
                }
            },
            Ok(_) => {
                let problem = "the handshake comes first";
                self.note(Why::Handshake, problem, pool);
                (problem.to_owned(), "no_handshake")
            }
            Err(problem) => {
                self.note(Why::Malformed, problem, pool);
                (problem.to_owned(), "malformed")
            }
        };
        protocol::write_farewell(out, &problem);
        Next::Close(reason)
    }

    fn shake(&mut self, shake: &Shake, pool: &Pool) -> Result<(), Refusal> {
        if !shake.algos.is_empty() {
            let now = pool.board.newest().map(|job| job.template.algorithm);
            self.spelling = choose_spelling(Some(&shake.algos), now)
                .map_err(|problem| Refusal::other(problem).because(Why::Algorithm))?;
        }
        let (worker, password) = (shake.worker.as_deref(), shake.password.as_deref());
        let grant =
            pool.authorizer
                .authorize(&shake.addr, worker, password, &self.miner.visitor)?;
        let _ = self.miner.agent.set(clean_agent(&shake.agent).into());
        grant.take_effect(&self.miner, Protocol::Xatum);
        Ok(())
    }

    /// Notes that something else than shaking hands was refused.
    fn note(&self, why: Why, detail: &str, pool: &Pool) {
        let gatekeeper = &pool.authorizer.gatekeeper;
        gatekeeper.note_refused_request(self.miner.visitor.remote, why, detail);
    }

    fn malformed(&mut self, problem: &str, pool: &Pool, out: &mut BytesMut) -> Next {
        self.note(Why::Malformed, problem, pool);
        protocol::write_warning(out, problem);
        if self.malformed_lines.note(pool.malformed_lines_max) {
            return Next::Close("malformed");
        }
        Next::Continue
    }
}
