//! A share that meets the block target: to the daemons first, into the books right after.
//!
//! The header goes out before anything else happens, however late its job is. The block and the
//! share that found it are then recorded in one log entry, proposed until it is stored; both the
//! daemons and the ledger know blocks by their hash, so doing either twice changes nothing.

use std::sync::Arc;
use std::time::Duration;

use raftpool_chain::{BlockHeader, Daemon, Hash, SubmitBlockAnswer};
use raftpool_ledger::Outcome;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{RecordBlock, RejectReason};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::proposing::{Proposer, Undecided};
use crate::share::{Answers, Share};

/// How often a submission that no daemon answered is tried again, and how long between.
const SUBMISSIONS_MAX: u32 = 60;
const SUBMISSION_BACKOFF_FIRST: Duration = Duration::from_millis(100);
const SUBMISSION_BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The way of found blocks.
pub(crate) struct BlockPath {
    pub(crate) daemons: Arc<dyn Daemon>,
    pub(crate) proposer: Proposer,
    pub(crate) answers: Arc<Answers>,
    pub(crate) no_quorum_wait: Duration,
    /// Verifier threads are not part of the runtime.
    pub(crate) runtime: Handle,
    pub(crate) tasks: TaskTracker,
}

impl BlockPath {
    /// Takes a share that meets the block target. Returns at once.
    pub(crate) fn found(self: &Arc<Self>, share: Share) {
        let header = share.job.block(&share.work);
        let hash = share.work.block_hash();
        let path = self.clone();
        self.tasks.spawn_on(
            async move { path.submit(header, hash).await },
            &self.runtime,
        );

        self.answers.metrics.blocks_found.inc();
        let account = share.miner.account.get();
        tracing::info!(
            block = %hash,
            height = share.job.template.height,
            heights_late = share.heights_late,
            difficulty = %share.job.template.difficulty,
            miner = account.map(|account| &*account.address),
            worker = account.map(|account| &*account.worker),
            "block found"
        );
        let path = self.clone();
        self.tasks
            .spawn_on(async move { path.record(share, hash).await }, &self.runtime);
    }

    async fn submit(&self, header: BlockHeader, hash: Hash) {
        let count = |result| {
            self.answers
                .metrics
                .block_submissions
                .with_label_values(&[result])
                .inc()
        };
        let mut backoff = SUBMISSION_BACKOFF_FIRST;
        for attempt in 1..=SUBMISSIONS_MAX {
            match self.daemons.submit_block(&header).await {
                Ok(SubmitBlockAnswer::Accepted) => {
                    count("accepted");
                    tracing::info!(block = %hash, attempt, "block accepted by the daemons");
                    return;
                }
                Ok(SubmitBlockAnswer::AlreadyInChain) => {
                    count("already_in_chain");
                    tracing::info!(block = %hash, attempt, "block is in the chain already");
                    return;
                }
                Ok(SubmitBlockAnswer::Refused { kind, message }) => {
                    count("refused");
                    tracing::warn!(block = %hash, attempt, kind, message, "block refused by the daemons");
                    return;
                }
                Err(error) => {
                    count("failed");
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(block = %hash, attempt, error, "no daemon took a block, trying again");
                }
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(SUBMISSION_BACKOFF_MAX);
        }
        tracing::error!(block = %hash, "gave up submitting a block");
    }

    /// The share is answered when the record is stored or the time for waiting is over; the
    /// record itself is proposed for as long as it takes.
    async fn record(&self, share: Share, hash: Hash) {
        let Some(share_command) = share.command() else {
            return;
        };
        let command = self.proposer.command(Body::RecordBlock(RecordBlock {
            hash: hash.0.to_vec(),
            height: share.job.template.height,
            share: Some(share_command),
            heights_late: u32::try_from(share.heights_late).unwrap_or(u32::MAX),
            node_id: self.proposer.node_id,
        }));
        let deadline = share.waiting_since + self.no_quorum_wait;
        match self.proposer.propose(&command, Some(deadline)).await {
            Ok(outcome) => self.recorded(Some(share), hash, outcome),
            Err(undecided) => {
                share.miner.judged.lock().doubt(share.job.number, share.key);
                let message = "a block! It was submitted to the network, but the pool's cluster has \
                               no quorum to record it yet";
                self.answers.refuse(share, RejectReason::NoQuorum, message);
                tracing::error!(block = %hash, ?undecided, "a found block is not recorded yet: no quorum");
                if undecided != Undecided::Stopped
                    && let Ok(outcome) = self.proposer.propose(&command, None).await
                {
                    self.recorded(None, hash, outcome);
                }
            }
        }
    }

    fn recorded(&self, share: Option<Share>, hash: Hash, outcome: Outcome) {
        let count = |result| {
            self.answers
                .metrics
                .block_records
                .with_label_values(&[result])
                .inc()
        };
        let rejection = match outcome {
            Outcome::BlockRecorded | Outcome::BlockAlreadyRecorded => {
                count("recorded");
                tracing::info!(block = %hash, "block recorded");
                if let Some(share) = share {
                    self.answers.accept(share);
                }
                return;
            }
            Outcome::Rejected(rejection) => rejection.to_string(),
            other => format!("{other:?}"),
        };
        count("rejected");
        tracing::error!(block = %hash, rejection, "the ledger refused to record a found block");
        if let Some(share) = share {
            let message = format!("the pool's books refused the block: {rejection}");
            self.answers
                .refuse(share, RejectReason::RejectUnspecified, message);
        }
    }
}
