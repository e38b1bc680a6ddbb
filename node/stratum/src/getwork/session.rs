//! What follows from a miner's messages. No I/O: messages go in, messages to send come out.

use std::sync::Arc;

use axum::extract::ws::Message;
use raftpool_ledger::command::RejectReason;

use super::protocol;
use super::sent::{SentWorks, Unfit};
use crate::dialect::Next;
use crate::extra_nonce::ExtraNonces;
use crate::jobs::Job;
use crate::miner::Miner;
use crate::pipeline::Candidate;
use crate::pool::Pool;
use crate::protocol::{Id, Refusal};

/// One miner's session; the miner has been authorized.
pub(crate) struct Session {
    miner: Arc<Miner>,
    extra_nonces: ExtraNonces,
    sent: SentWorks,
    malformed_messages: u32,
    needs_job: bool,
}

impl Session {
    pub(crate) fn new(miner: Arc<Miner>, extra_nonces: ExtraNonces) -> Self {
        Self {
            miner,
            extra_nonces,
            sent: SentWorks::default(),
            malformed_messages: 0,
            needs_job: false,
        }
    }

    /// Whether a share was answered since the last job.
    pub(super) fn needs_job(&self) -> bool {
        self.needs_job
    }

    /// Handles a message. What is no submission gets no answer, as from the daemon.
    pub(super) fn text(&mut self, text: &str, pool: &Pool, out: &mut Vec<Message>) -> Next {
        let Some(work) = protocol::read(text) else {
            return self.malformed(pool);
        };
        if let Err(refusal) = self.submit(&work, pool) {
            self.answer(Err(refusal), out);
        }
        Next::Continue
    }

    /// Counts a message that is no submission.
    pub(super) fn malformed(&mut self, pool: &Pool) -> Next {
        self.malformed_messages += 1;
        if self.malformed_messages >= pool.malformed_lines_max {
            return Next::Close("malformed");
        }
        Next::Continue
    }

    /// Writes the answer to a share.
    pub(super) fn answer(&mut self, result: Result<(), Refusal>, out: &mut Vec<Message>) {
        self.needs_job = true;
        out.push(Message::text(match result {
            Ok(()) => protocol::accepted(),
            Err(refusal) => protocol::rejected(&refusal.message),
        }));
    }

    /// Writes a job, with an extra nonce it shares with no other.
    pub(super) fn job(&mut self, job: &Arc<Job>, pool: &Pool, out: &mut Vec<Message>) {
        let Some(difficulty) = self.miner.difficulty_for(job) else {
            return;
        };
        let number = self.extra_nonces.draw();
        let extra_nonce = self.extra_nonces.numbered(number);
        let work = job.work(0, extra_nonce, pool.pipeline.miner_key);
        let oldest_known = pool.board.oldest_number();
        self.sent.note(number, job, difficulty, oldest_known);
        self.needs_job = false;
        out.push(Message::text(protocol::new_job(job, &work, difficulty)));
    }

    fn submit(&self, work: &str, pool: &Pool) -> Result<(), Refusal> {
        let answers = &pool.pipeline.judge.answers;
        let malformed =
            |message: String| Err(answers.refusal(&self.miner, RejectReason::Malformed, message));
        let work = match protocol::read_work(work) {
            Ok(work) => work,
            Err(problem) => return malformed(problem.to_owned()),
        };
        let found = self.sent.find(
            &work,
            &self.extra_nonces,
            &pool.pipeline.miner_key,
            pool.board.oldest_number(),
        );
        let (job, difficulty) = match found {
            Ok(found) => found,
            Err(Unfit::JobNotFound) => return Err(answers.unknown_job(&self.miner)),
            Err(unfit) => return malformed(unfit.to_string()),
        };
        let candidate = Candidate {
            id: Id::null(),
            job,
            work,
            difficulty,
        };
        pool.pipeline.submit(&self.miner, candidate)
    }
}
