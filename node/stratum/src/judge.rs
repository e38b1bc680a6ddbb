//! What a hash says about its share.

use std::sync::Arc;

use raftpool_ledger::command::RejectReason;
use raftpool_pow::{Difficulty, PowError};
use tokio::time::Instant;

use crate::blocks::BlockPath;
use crate::credit::CreditQueue;
use crate::miner::Miner;
use crate::protocol::Refusal;
use crate::share::{Answers, Share};
use crate::verifier::Crowded;

pub(crate) const DUPLICATE: &str = "duplicate share";
const BUSY: &str = "the pool is busy, the share was not looked at";
const BUSY_FOR_ADDRESS: &str =
    "overloaded: too many shares of this IP address wait to be checked, this one was not looked at";

/// Judges hashed shares. Runs on the verifier's threads; nothing in it blocks.
pub(crate) struct Judge {
    pub(crate) answers: Arc<Answers>,
    pub(crate) credit: CreditQueue,
    pub(crate) blocks: Arc<BlockPath>,
    pub(crate) grace_heights: u64,
}

impl Judge {
    /// A block first, whatever else is wrong with it; then difficulty; then age. Garbage on an old
    /// job costs as much to see through as any other, so its age must be no excuse for it.
    pub(crate) fn judge(&self, mut share: Share, hash: Result<[u8; 32], PowError>) {
        let Ok(hash) = hash else {
            return self.refuse_for_good(share, RejectReason::Malformed, "the work has no hash");
        };
        if share.job.block_target.is_met_by(&hash) {
            if self.remember(&mut share) {
                self.blocks.found(share);
            } else {
                self.answers
                    .refuse(share, RejectReason::Duplicate, DUPLICATE);
            }
            return;
        }
        let is_met = Difficulty::from_u64(share.difficulty)
            .is_ok_and(|difficulty| difficulty.target().is_met_by(&hash));
        if !is_met {
            tracing::debug!(
                connection = share.miner.id,
                wanted = share.difficulty,
                achieved = %Difficulty::of_hash(&hash),
                "difficulty too low"
            );
            let message = low_difficulty(share.difficulty);
            return self.refuse_for_good(share, RejectReason::LowDifficulty, message);
        }
        self.trust(share);
    }

    /// Takes it that a share meets its difficulty: it was seen, or is believed for measuring.
    pub(crate) fn trust(&self, share: Share) {
        if share.heights_late > self.grace_heights {
            let message = stale(share.heights_late, self.grace_heights);
            return self.refuse_for_good(share, RejectReason::Stale, message);
        }
        self.credit(share);
    }

    fn credit(&self, mut share: Share) {
        if !self.remember(&mut share) {
            return self
                .answers
                .refuse(share, RejectReason::Duplicate, DUPLICATE);
        }
        if let Some(share) = self.credit.push(share) {
            share
                .miner
                .judged
                .lock()
                .forget(share.job.number, share.key);
            self.refuse_busy(share, BUSY);
        }
    }

    /// Refuses a share for a job that was sent and is forgotten: older than what the chain takes, or
    /// one of too many. Nobody can say any more whether it was good, so it speaks against nobody.
    pub(crate) fn too_old(&self, miner: &Miner, heights_late_min: u64) -> Refusal {
        let answers = &self.answers;
        answers.metrics.stale_by_lateness.of(heights_late_min).inc();
        let message = format!(
            "stale share: its job is at least {heights_late_min} heights old, at most {} are accepted",
            self.grace_heights
        );
        answers.refusal_without_fault(miner, RejectReason::Stale, message)
    }

    /// Refuses a share the verifiers have no room for.
    pub(crate) fn refuse_crowded(&self, share: Share, crowded: Crowded) {
        let (bound, message) = match crowded {
            Crowded::Node => ("node", BUSY),
            Crowded::Source => ("ip", BUSY_FOR_ADDRESS),
        };
        let refused = &self.answers.metrics.abuse.verification_refused;
        refused.with_label_values(&[bound]).inc();
        self.refuse_busy(share, message);
    }

    /// Refuses a share nobody judged, so that it may be sent again.
    fn refuse_busy(&self, share: Share, message: &str) {
        let judged = &share.miner.judged;
        judged.lock().let_go(share.job.number, share.key);
        if let Some(vardiff) = &mut *share.miner.vardiff.lock() {
            vardiff.hold(Instant::now());
        }
        self.answers
            .refuse(share, RejectReason::Overloaded, message);
    }

    /// Remembers the share as credited and counts it as evidence of its worker's speed; `false`
    /// when it is a duplicate.
    fn remember(&self, share: &mut Share) -> bool {
        // How long the verifiers took says nothing about the quorum.
        share.waiting_since = Instant::now();
        let is_new = share
            .miner
            .judged
            .lock()
            .credit(share.job.number, share.key);
        if is_new && let Some(vardiff) = &mut *share.miner.vardiff.lock() {
            vardiff.record(share.difficulty, share.waiting_since);
        }
        is_new
    }

    /// The same share will get the same answer again, without being hashed again.
    fn refuse_for_good(&self, share: Share, reason: RejectReason, message: impl Into<String>) {
        share
            .miner
            .judged
            .lock()
            .refuse(share.job.number, share.key, reason);
        self.answers.refuse(share, reason, message);
    }
}

/// What a share beyond the grace is told.
pub(crate) fn stale(heights_late: u64, grace_heights: u64) -> String {
    format!(
        "stale share: its job is {heights_late} heights old, at most {grace_heights} are accepted"
    )
}

/// What a share below its job's difficulty is told.
pub(crate) fn low_difficulty(difficulty: u64) -> String {
    format!("low difficulty share: its job asks for {difficulty}")
}
