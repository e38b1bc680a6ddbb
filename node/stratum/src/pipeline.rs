//! From a submission to the verifiers: the cheap checks, before any hashing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use raftpool_ledger::Clock;
use raftpool_ledger::command::RejectReason;
use tokio::time::Instant;

use crate::duplicates::{ShareKey, Verdict};
use crate::jobs::JobBoard;
use crate::judge::{DUPLICATE, Judge, low_difficulty};
use crate::miner::Miner;
use crate::protocol::{Id, Refusal, Submission};
use crate::share::Share;
use crate::verifier::Verifier;

/// Which difficulty each job was sent with, on one connection. One entry per change, not per job.
#[derive(Debug, Default)]
pub(crate) struct SentJobs {
    /// Number of the first job sent with a difficulty, oldest first.
    changes: std::collections::VecDeque<(u64, u64)>,
    newest: u64,
}

impl SentJobs {
    /// Notes that a job was sent; returns whether its difficulty is news to the miner.
    pub(crate) fn sent(&mut self, job: u64, difficulty: u64, oldest_known: u64) -> bool {
        self.newest = job;
        // The last change before the oldest known job still holds for that job.
        while self
            .changes
            .get(1)
            .is_some_and(|(first, _)| *first <= oldest_known)
        {
            self.changes.pop_front();
        }
        let is_news = self
            .changes
            .back()
            .is_none_or(|(_, last)| *last != difficulty);
        if is_news {
            self.changes.push_back((job, difficulty));
        }
        is_news
    }

    /// The difficulty of a job, when the connection can know the job.
    pub(crate) fn difficulty_of(&self, job: u64) -> Option<u64> {
        let change = self.changes.iter().rev().find(|(first, _)| *first <= job);
        change
            .filter(|_| job <= self.newest)
            .map(|(_, difficulty)| *difficulty)
    }
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
    pub(crate) fn submit(
        &self,
        miner: &Arc<Miner>,
        sent: &SentJobs,
        id: &Id,
        submission: Submission,
    ) -> Result<(), Refusal> {
        let refusal =
            |reason, message: String| Err(self.judge.answers.refusal(miner, reason, message));
        let known = self
            .board
            .find(submission.job)
            .zip(sent.difficulty_of(submission.job));
        let Some((job, difficulty)) = known else {
            return refusal(
                RejectReason::JobNotFound,
                "job not found, or too old".into(),
            );
        };
        let work = job.work(submission.nonce, miner.extra_nonce, self.miner_key);
        let key = ShareKey::of(&work);
        {
            let mut judged = miner.judged.lock();
            judged.forget_jobs_before(self.board.oldest_number());
            let verdict = judged.find(job.number, key);
            let has_room = judged.has_room();
            drop(judged);
            if let Some((reason, message)) = verdict.map(|verdict| repeat(verdict, difficulty)) {
                return refusal(reason, message);
            }
            if !has_room || miner.shares_in_flight() >= self.shares_in_flight_max {
                if let Some(vardiff) = &mut *miner.vardiff.lock() {
                    vardiff.hold(Instant::now());
                }
                let message = "too many shares at once, this one was not looked at";
                return refusal(RejectReason::Overloaded, message.into());
            }
        }
        miner.in_flight.fetch_add(1, Ordering::Relaxed);
        self.queue(Share {
            miner: miner.clone(),
            id: id.clone(),
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

    fn queue(&self, share: Share) {
        match &self.verifier {
            None => self.judge.trust(share),
            Some(verifier) => {
                if let Some(share) = verifier.push(share) {
                    self.judge.refuse_busy(share);
                }
            }
        }
    }
}

/// The answer to a share that was judged before.
fn repeat(verdict: Verdict, difficulty: u64) -> (RejectReason, String) {
    match verdict {
        Verdict::Credited => (RejectReason::Duplicate, DUPLICATE.into()),
        Verdict::Uncertain => (
            RejectReason::NoQuorum,
            "this share was sent before, and whether it was stored is not known".into(),
        ),
        Verdict::Refused(RejectReason::LowDifficulty) => {
            (RejectReason::LowDifficulty, low_difficulty(difficulty))
        }
        Verdict::Refused(reason) => (reason, "this share was refused before".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_the_difficulty_it_was_sent_with() {
        let mut sent = SentJobs::default();
        assert_eq!(sent.difficulty_of(5), None);
        assert!(sent.sent(5, 100, 1));
        assert!(!sent.sent(6, 100, 1));
        assert!(
            sent.sent(9, 400, 1),
            "jobs 7 and 8 were skipped by a slow reader"
        );
        assert_eq!(
            sent.difficulty_of(4),
            None,
            "sent before this connection had a job"
        );
        assert_eq!(sent.difficulty_of(5), Some(100));
        assert_eq!(sent.difficulty_of(8), Some(100));
        assert_eq!(sent.difficulty_of(9), Some(400));
        assert_eq!(sent.difficulty_of(10), None, "not sent yet");
    }

    #[test]
    fn changes_before_the_oldest_known_job_are_forgotten() {
        let mut sent = SentJobs::default();
        for job in 1..=1_000 {
            sent.sent(job, job, job.saturating_sub(10));
        }
        assert!(sent.changes.len() <= 12, "{}", sent.changes.len());
        assert_eq!(sent.difficulty_of(990), Some(990));
    }
}
