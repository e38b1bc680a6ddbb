//! What follows from a miner's messages. No I/O: messages go in, messages to send come out.

use std::sync::Arc;

use axum::extract::ws::Message;

use super::protocol;
use crate::dialect::Next;
use crate::jobs::Job;
use crate::lapses::Lapses;
use crate::miner::Miner;
use crate::pool::Pool;
use crate::protocol::Refusal;
use crate::why::Why;
use crate::works::{Returned, Works};

/// One miner's session; the miner has been authorized.
pub(crate) struct Session {
    miner: Arc<Miner>,
    works: Works,
    malformed_messages: Lapses,
    needs_job: bool,
}

impl Session {
    pub(crate) fn new(miner: Arc<Miner>) -> Self {
        Self {
            works: Works::new(miner.clone()),
            miner,
            malformed_messages: Lapses::default(),
            needs_job: false,
        }
    }

    /// Whether a share was answered since the last job.
    pub(crate) fn needs_job(&self) -> bool {
        self.needs_job
    }

    /// Handles a message. What is no submission gets no answer, as from the daemon.
    pub(crate) fn text(&mut self, text: &str, pool: &Pool, out: &mut Vec<Message>) -> Next {
        let Some(work) = protocol::read(text) else {
            return self.malformed(pool);
        };
        let returned = Returned {
            work: protocol::read_work(&work),
            claimed_hash: None,
        };
        if let Err(refusal) = self.works.submit(returned, pool) {
            self.answer(Err(refusal), out);
        }
        Next::Continue
    }

    /// Counts a message that is no submission.
    pub(super) fn malformed(&mut self, pool: &Pool) -> Next {
        let gatekeeper = &pool.authorizer.gatekeeper;
        let detail = "the message is no submission";
        gatekeeper.note_refused_request(self.miner.visitor.remote, Why::Malformed, detail);
        if self.malformed_messages.note(pool.malformed_lines_max) {
            return Next::Close("malformed");
        }
        Next::Continue
    }

    /// Writes the answer to a share.
    pub(crate) fn answer(&mut self, result: Result<(), Refusal>, out: &mut Vec<Message>) {
        self.needs_job = true;
        out.push(Message::text(match result {
            Ok(()) => protocol::accepted(),
            Err(refusal) => protocol::rejected(&refusal.message),
        }));
    }

    /// Writes a job, with an extra nonce it shares with no other.
    pub(crate) fn job(&mut self, job: &Arc<Job>, pool: &Pool, out: &mut Vec<Message>) {
        let Some((work, difficulty)) = self.works.draw(job, pool) else {
            return;
        };
        self.needs_job = false;
        out.push(Message::text(protocol::new_job(job, &work, difficulty)));
    }
}
