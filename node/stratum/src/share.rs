//! A share on its way from the socket to its answer, and the one place where answers are given:
//! counters, logs, metrics and the ledger's reports all agree because nobody else writes them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use raftpool_chain::MinerWork;
use raftpool_ledger::command::{RejectReason, Share as ShareCommand};
use raftpool_ledger::view::reject_reason_name;
use raftpool_pow::{Algorithm, WORK_SIZE};
use tokio::time::Instant;

use crate::bans::Bans;
use crate::duplicates::ShareKey;
use crate::fair_queue::Lane;
use crate::jobs::Job;
use crate::metrics::Metrics;
use crate::miner::Miner;
use crate::protocol::{Id, Refusal};
use crate::reports::Reports;
use crate::strikes::source_of;
use crate::verifier::HashTask;

/// Rejected shares of one connection that are logged at level "info"; beyond, only while they are
/// fewer than the accepted ones.
const LOGGED_REJECTS: u64 = 100;

macro_rules! log_reject {
    ($level:ident, $miner:expr, $reason:expr, $refusal:expr) => {
        tracing::$level!(
            reason = reject_reason_name($reason),
            detail = $refusal.message,
            connection = $miner.id,
            remote = %$miner.visitor.remote,
            miner = $miner.account.get().map(|account| &*account.address),
            worker = $miner.account.get().map(|account| &*account.worker),
            "share rejected"
        )
    };
}

/// What is said of a share that was lost on its way.
const LOST: &str = "the pool failed at this share, it may not count";

/// A share that passed the cheap checks and is not answered yet. One that is dropped on its way,
/// because what handled it panicked, is answered all the same: its connection counts it as under
/// way until then.
pub(crate) struct Share {
    pub(crate) miner: Arc<Miner>,
    pub(crate) answers: Arc<Answers>,
    /// `None`: it is answered.
    pub(crate) id: Option<Id>,
    pub(crate) job: Arc<Job>,
    pub(crate) work: MinerWork,
    pub(crate) key: ShareKey,
    /// What its job asked for, and what it is paid for.
    pub(crate) difficulty: u64,
    /// How many heights its job was behind when it arrived.
    pub(crate) heights_late: u64,
    /// Wall clock when it arrived.
    pub(crate) received_at_ms: u64,
    /// Since when it waits for the ledger; before, since when it waits for a verifier.
    pub(crate) waiting_since: Instant,
}

impl Share {
    /// What the ledger books. `None` without an account, which no share gets here without.
    pub(crate) fn command(&self) -> Option<ShareCommand> {
        let account = self.miner.account.get()?;
        Some(ShareCommand {
            miner: account.address.to_string(),
            worker: account.worker.to_string(),
            scheme: account.scheme.into(),
            difficulty: self.difficulty,
            network_difficulty: self.job.template.difficulty.to_be_bytes_trimmed(),
            height: self.job.template.height,
            received_at_ms: self.received_at_ms,
            expected_reward_atomic: self.job.template.miner_reward_atomic,
            listener_scheme: self
                .miner
                .visitor
                .terms
                .default_scheme
                .unwrap_or_default()
                .into(),
        })
    }
}

impl Share {
    fn answer(&mut self, result: Result<(), Refusal>) {
        if let Some(id) = self.id.take() {
            self.miner.answer(id, result);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.id.is_some() {
            self.miner.judged.lock().lose(self.job.number, self.key);
            let (answers, reason) = (self.answers.clone(), RejectReason::Overloaded);
            let refusal = answers.refusal_without_fault(&self.miner, reason, LOST);
            self.answer(Err(refusal));
        }
    }
}

impl HashTask for Share {
    fn lane(&self) -> Lane {
        Lane {
            connection: self.miner.id,
            source: source_of(self.miner.visitor.remote.ip()),
            is_trusted: self.miner.is_trusted(),
            is_proven: self.miner.is_proven(),
        }
    }

    fn algorithm(&self) -> Algorithm {
        self.job.template.algorithm
    }

    fn work(&self) -> [u8; WORK_SIZE] {
        self.work.to_bytes()
    }
}

/// Gives the answers to shares.
pub(crate) struct Answers {
    pub(crate) metrics: Metrics,
    pub(crate) reports: Arc<Reports>,
    pub(crate) bans: Arc<Bans>,
}

impl Answers {
    /// The share is committed and applied. Nothing else may call this (promise P1).
    pub(crate) fn accept(&self, mut share: Share) {
        let miner = &share.miner;
        if miner.accepted.fetch_add(1, Ordering::Relaxed) == 0 {
            miner.visitor.ticket.note_work();
        }
        let arrived_at_ms = share.received_at_ms;
        miner
            .last_share_at_ms
            .fetch_max(arrived_at_ms, Ordering::Relaxed);
        if !miner.is_known.swap(true, Ordering::Relaxed) {
            self.reports.adopt(miner);
        }
        self.reports.note_difficulty(miner);
        self.bans.note_accepted(miner, share.difficulty);
        self.metrics.shares.with_label_values(&["accepted"]).inc();
        self.metrics.accepted_work.inc_by(share.difficulty);
        let late = share.heights_late;
        self.metrics.accepted_by_lateness.of(late).inc();
        let work = self.metrics.accepted_work_by_lateness.of(late);
        work.inc_by(share.difficulty);
        share.answer(Ok(()));
    }

    /// The share is refused after the cheap checks.
    pub(crate) fn refuse(
        &self,
        mut share: Share,
        reason: RejectReason,
        message: impl Into<String>,
    ) {
        if reason == RejectReason::Stale {
            let late = share.heights_late;
            self.metrics.stale_by_lateness.of(late).inc();
        }
        let refusal = self.refusal(&share.miner, reason, message);
        share.answer(Err(refusal));
    }

    /// Refuses a share for a job that is not known, or no longer, on its connection: one of another
    /// node before a reconnect, mostly.
    pub(crate) fn unknown_job(&self, miner: &Miner) -> Refusal {
        self.refusal_without_fault(
            miner,
            RejectReason::JobNotFound,
            "job not found: it is of another connection, another node or an earlier start",
        )
    }

    /// Books a refusal and words it; writing it is left to the caller. A share that was one bad
    /// share too many is told so as well.
    pub(crate) fn refusal(
        &self,
        miner: &Miner,
        reason: RejectReason,
        message: impl Into<String>,
    ) -> Refusal {
        let refusal = self.refusal_without_fault(miner, reason, message);
        match self.bans.note_bad(miner, reason) {
            None => refusal,
            Some(sentence) => Refusal {
                message: format!("{}; {sentence}", refusal.message),
                ..refusal
            },
        }
    }

    /// The same for a share that does not speak against its miner.
    pub(crate) fn refusal_without_fault(
        &self,
        miner: &Miner,
        reason: RejectReason,
        message: impl Into<String>,
    ) -> Refusal {
        let refusal = Refusal::of_share(reason, message);
        let rejected = 1 + miner.rejected.fetch_add(1, Ordering::Relaxed);
        *miner.rejects.lock().entry(reason).or_default() += 1;
        let now_ms = self.bans.now_ms();
        self.reports
            .count_reject(miner, reason, &refusal.message, now_ms);
        self.metrics
            .shares
            .with_label_values(&[reject_reason_name(reason)])
            .inc();
        // A connection that sends nothing but rubbish must not flood the log with it.
        let is_flood = rejected > LOGGED_REJECTS.max(miner.accepted.load(Ordering::Relaxed));
        if is_flood || miner.account.get().is_none() {
            log_reject!(debug, miner, reason, refusal);
        } else {
            log_reject!(info, miner, reason, refusal);
        }
        refusal
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;
    use crate::duplicates::Verdict;
    use crate::shedding::Load;
    use crate::testing;
    use crate::verifier::{Bounds, OnHash, Verifier};

    #[tokio::test]
    async fn a_share_that_made_its_verifier_panic_is_answered_and_gives_its_place_back() {
        let server = testing::server().await;
        let pool = server.pool();
        let (miner, mut answers) = testing::miner(pool);
        let on_hash: OnHash<Share> = Arc::new(|share, _| {
            let is_second = share.work.nonce == 1;
            if is_second {
                let judged = &share.miner.judged;
                assert!(judged.lock().credit(share.job.number, share.key));
            }
            panic!("made to panic by the test");
        });
        let bounds = Bounds {
            queue_max: 10,
            per_source_max: 10,
        };
        let metrics = pool.pipeline.judge.answers.metrics.clone();
        let verifier = Verifier::start(1, bounds, metrics, Arc::<Load>::default(), on_hash);
        let verifier = verifier.unwrap();
        let keys = Mutex::new(Vec::new());
        for nonce in 0..2 {
            let share = testing::share(pool, &miner, nonce);
            miner.judged.lock().begin(share.job.number, share.key);
            keys.lock().push((share.job.number, share.key));
            assert!(verifier.push(share).is_none());
            let answer = tokio::time::timeout(Duration::from_secs(20), answers.recv());
            let answer = answer.await.unwrap().unwrap();
            assert_eq!(answer.result.unwrap_err().message, LOST);
        }
        let judged = miner.judged.lock();
        let [first, second] = keys.lock()[..] else {
            panic!("two shares");
        };
        assert!(!judged.is_under_way(first.0, first.1) && !judged.is_under_way(second.0, second.1));
        assert_eq!(judged.find(first.0, first.1), None, "it may come again");
        assert_eq!(judged.find(second.0, second.1), Some(Verdict::Uncertain));
        drop(judged);
        let lost = &pool.pipeline.judge.answers.metrics.shares;
        assert_eq!(lost.with_label_values(&["overloaded"]).get(), 2);
    }
}
