//! From a submission to the verifiers: the cheap checks, before any hashing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use raftpool_chain::MinerWork;
use raftpool_ledger::Clock;
use raftpool_ledger::command::RejectReason;
use raftpool_ledger::view::reject_reason_name;
use tokio::time::Instant;

use crate::duplicates::{ShareKey, Verdict};
use crate::jobs::{Job, JobBoard};
use crate::judge::{DUPLICATE, Judge, low_difficulty, stale};
use crate::miner::Miner;
use crate::protocol::{Id, Refusal};
use crate::share::Share;
use crate::verifier::Verifier;

/// A share as its dialect understood it: for a job that was sent to this miner.
pub(crate) struct Candidate {
    /// What its answer is given with.
    pub(crate) id: Id,
    pub(crate) job: Arc<Job>,
    /// What the miner hashed.
    pub(crate) work: MinerWork,
    /// What the miner was asked for.
    pub(crate) difficulty: u64,
}

/// Takes submissions of all connections.
pub(crate) struct Pipeline {
    pub(crate) board: Arc<JobBoard>,
    pub(crate) judge: Arc<Judge>,
    /// `None`: shares are not hashed.
    pub(crate) verifier: Option<Verifier<Share>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) miner_key: [u8; 32],
    pub(crate) shares_in_flight_max: usize,
}

impl Pipeline {
    /// Sends a share on its way.
    ///
    /// # Errors
    /// What the miner is told when the share fails a cheap check; otherwise its answer comes out
    /// of the miner's channel.
    pub(crate) fn submit(&self, miner: &Arc<Miner>, candidate: Candidate) -> Result<(), Refusal> {
        let refusal =
            |reason, message: String| Err(self.judge.answers.refusal(miner, reason, message));
        let Candidate {
            id,
            job,
            work,
            difficulty,
        } = candidate;
        let key = ShareKey::of(&work);
        {
            let mut judged = miner.judged.lock();
            judged.forget_jobs_before(self.board.oldest_number());
            let verdict = judged.find(job.number, key);
            let is_under_way = judged.is_under_way(job.number, key);
            let has_room = judged.has_room();
            drop(judged);
            // Who still waits for answers may send a share again out of impatience.
            if is_under_way || verdict == Some(Verdict::Credited) && miner.shares_in_flight() > 0 {
                let answers = &self.judge.answers;
                let reason = RejectReason::Duplicate;
                return Err(answers.refusal_without_fault(miner, reason, DUPLICATE));
            }
            if let Some(verdict) = verdict {
                let heights_late = self.board.heights_late(&job);
                let (reason, message) = self.repeat(verdict, difficulty, heights_late);
                return refusal(reason, message);
            }
            if !has_room || miner.shares_in_flight() >= self.shares_in_flight_max {
                if let Some(vardiff) = &mut *miner.vardiff.lock() {
                    vardiff.hold(Instant::now());
                }
                let refused = &self.judge.answers.metrics.abuse.verification_refused;
                refused.with_label_values(&["connection"]).inc();
                let message = "overloaded: too many shares at once, this one was not looked at";
                return refusal(RejectReason::Overloaded, message.into());
            }
        }
        miner.judged.lock().begin(job.number, key);
        miner.in_flight.fetch_add(1, Ordering::Relaxed);
        self.queue(Share {
            miner: miner.clone(),
            answers: self.judge.answers.clone(),
            id: Some(id),
            heights_late: self.board.heights_late(&job),
            job,
            work,
            key,
            difficulty,
            received_at_ms: self.clock.now_ms(),
            waiting_since: Instant::now(),
        });
        Ok(())
    }

    /// The answer to a share that was judged before.
    fn repeat(
        &self,
        verdict: Verdict,
        difficulty: u64,
        heights_late: u64,
    ) -> (RejectReason, String) {
        match verdict {
            Verdict::Credited => (RejectReason::Duplicate, DUPLICATE.into()),
            Verdict::Uncertain => (
                RejectReason::NoQuorum,
                "this share was sent before, and whether it was stored is not known".into(),
            ),
            Verdict::Refused(reason @ RejectReason::LowDifficulty) => {
                (reason, low_difficulty(difficulty))
            }
            Verdict::Refused(reason @ RejectReason::Stale) => {
                (reason, stale(heights_late, self.judge.grace_heights))
            }
            Verdict::Refused(reason) => {
                let name = reject_reason_name(reason);
                (reason, format!("this share was refused before: {name}"))
            }
        }
    }

    fn queue(&self, share: Share) {
        match &self.verifier {
            None => self.judge.trust(share),
            Some(verifier) => {
                if let Some((share, crowded)) = verifier.push(share) {
                    self.judge.refuse_crowded(share, crowded);
                }
            }
        }
    }
}
