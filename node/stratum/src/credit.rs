//! Verified shares become batches, batches become log entries, and only then are the shares
//! answered.
//!
//! Promise P1, tried by `nothing_is_accepted_before_it_is_committed`: a share is accepted after
//! its batch is committed and applied, never earlier.
//! Promise P2, tried by `a_batch_whose_answer_was_lost_is_credited_once`: a batch keeps its id
//! through all attempts.
//! Promise P6, tried by `without_a_quorum_shares_get_an_error_and_jobs_go_on`: without a quorum
//! shares wait in a bounded queue for a bounded time, and then get an error that says so.

use std::sync::Arc;
use std::time::Duration;

use raftpool_ledger::Outcome;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{BatchId, CreditShares, RejectReason, WorkerReport};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::proposing::{Proposer, Undecided};
use crate::share::{Answers, Share};

/// How often reports without shares are sent.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Reports of one batch.
const BATCH_REPORTS_MAX: usize = 4_096;

/// What a share is told when nothing could be stored in time.
const NO_QUORUM: &str = "the pool's cluster has no quorum, the share may not count";

/// Bounds of the batcher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) queue_max: usize,
    pub(crate) linger: Duration,
    pub(crate) shares_max: usize,
    pub(crate) in_flight: usize,
    pub(crate) no_quorum_wait: Duration,
}

/// Where verified shares go. The batcher's task ends when it is told to stop and its queue is
/// empty.
pub(crate) struct CreditQueue {
    sender: mpsc::Sender<Share>,
}

impl CreditQueue {
    /// Queues a verified share, or gives it back when there is no room.
    pub(crate) fn push(&self, share: Share) -> Option<Share> {
        self.sender.try_send(share).err().map(|error| match error {
            mpsc::error::TrySendError::Full(share) | mpsc::error::TrySendError::Closed(share) => {
                share
            }
        })
    }
}

/// Makes the batches of one process.
pub(crate) struct Batcher {
    limits: Limits,
    proposer: Proposer,
    answers: Arc<Answers>,
    epoch: u64,
    queue: mpsc::Receiver<Share>,
    proposals: TaskTracker,
}

impl Batcher {
    pub(crate) fn new(
        limits: Limits,
        proposer: Proposer,
        answers: Arc<Answers>,
        epoch: u64,
    ) -> (CreditQueue, Self) {
        let (sender, queue) = mpsc::channel(limits.queue_max);
        let proposals = TaskTracker::new();
        (
            CreditQueue { sender },
            Self {
                limits,
                proposer,
                answers,
                epoch,
                queue,
                proposals,
            },
        )
    }

    /// Runs until `stop`, then books what is queued and waits for the last proposal.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.limits.in_flight));
        let mut sequence = 0;
        let mut next_report = Instant::now() + REPORT_INTERVAL;
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
                share = self.queue.recv() => match share {
                    Some(share) => Some(share),
                    None => break,
                },
                () = tokio::time::sleep_until(next_report) => None,
            };
            next_report = Instant::now() + REPORT_INTERVAL;
            if first.is_none() && self.answers.reports.is_empty() {
                continue;
            }
            let shares = self.collect(first).await;
            // The semaphore is never closed, so there is always a permit in the end.
            let Ok(slot) = slots.clone().acquire_owned().await else {
                break;
            };
            sequence += 1;
            self.propose(sequence, shares, slot);
        }
        self.proposals.close();
        self.proposals.wait().await;
    }

    async fn collect(&mut self, first: Option<Share>) -> Vec<Share> {
        let mut shares: Vec<Share> = first.into_iter().collect();
        if shares.is_empty() {
            return shares;
        }
        let deadline = Instant::now() + self.limits.linger;
        while shares.len() < self.limits.shares_max {
            match tokio::time::timeout_at(deadline, self.queue.recv()).await {
                Ok(Some(share)) => shares.push(share),
                Ok(None) | Err(_) => break,
            }
        }
        self.answers
            .metrics
            .credit_queue
            .set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
        shares
    }

    fn propose(&self, sequence: u64, shares: Vec<Share>, slot: OwnedSemaphorePermit) {
        let batch = Batch {
            id: BatchId {
                node_id: self.proposer.node_id,
                epoch: self.epoch,
                sequence,
            },
            reports: self.answers.reports.take(BATCH_REPORTS_MAX),
            shares,
        };
        let (proposer, answers) = (self.proposer.clone(), self.answers.clone());
        let wait = self.limits.no_quorum_wait;
        self.proposals.spawn(async move {
            batch.run(&proposer, &answers, wait).await;
            drop(slot);
        });
    }
}

/// One proposal with the shares that wait for it.
struct Batch {
    id: BatchId,
    shares: Vec<Share>,
    reports: Vec<WorkerReport>,
}

impl Batch {
    async fn run(self, proposer: &Proposer, answers: &Answers, wait: Duration) {
        let shares: Vec<_> = self.shares.iter().filter_map(Share::command).collect();
        debug_assert_eq!(
            shares.len(),
            self.shares.len(),
            "only authorized miners have shares"
        );
        answers.metrics.batch_shares.observe(shares.len() as f64);
        let command = proposer.command(Body::CreditShares(CreditShares {
            batch: Some(self.id),
            shares,
            workers: self.reports.clone(),
        }));
        let oldest = self.shares.iter().map(|share| share.waiting_since).min();
        let started = Instant::now();
        let deadline = oldest.unwrap_or(started) + wait;
        let result = proposer.propose(&command, Some(deadline)).await;
        answers
            .metrics
            .commit_time
            .observe(started.elapsed().as_secs_f64());
        match result {
            Ok(outcome) => self.decided(outcome, answers),
            Err(undecided) => self.undecided(undecided, answers),
        }
    }

    fn decided(self, outcome: Outcome, answers: &Answers) {
        let count = |result| answers.metrics.batches.with_label_values(&[result]).inc();
        match outcome {
            Outcome::SharesCredited { refused, .. } => {
                count("credited");
                let mut refused = refused.into_iter().peekable();
                for (position, share) in (0_u32..).zip(self.shares) {
                    match refused.next_if(|(refused, _)| *refused == position) {
                        Some((_, rejection)) => refuse_booked(answers, share, &rejection),
                        None => answers.accept(share),
                    }
                }
            }
            Outcome::AlreadyCredited => {
                count("already_credited");
                self.shares
                    .into_iter()
                    .for_each(|share| answers.accept(share));
            }
            Outcome::Rejected(rejection) => {
                count("rejected");
                tracing::error!(batch = ?self.id, %rejection, "the ledger refused a batch of shares");
                self.shares
                    .into_iter()
                    .for_each(|share| refuse_booked(answers, share, &rejection));
            }
            other => {
                // No outcome of another command can come back for this one.
                count("rejected");
                tracing::error!(batch = ?self.id, outcome = ?other, "a batch had a foreign outcome");
                self.give_up(answers, true);
            }
        }
    }

    fn undecided(mut self, undecided: Undecided, answers: &Answers) {
        tracing::warn!(
            batch = ?self.id, shares = self.shares.len(), ?undecided,
            "gave up a batch of shares: no quorum"
        );
        answers
            .metrics
            .batches
            .with_label_values(&["no_quorum"])
            .inc();
        let is_stored_perhaps = undecided != Undecided::NotStored;
        if !is_stored_perhaps {
            answers.reports.put_back(std::mem::take(&mut self.reports));
        }
        self.give_up(answers, is_stored_perhaps);
    }

    fn give_up(self, answers: &Answers, is_stored_perhaps: bool) {
        for share in self.shares {
            let mut judged = share.miner.judged.lock();
            if is_stored_perhaps {
                judged.doubt(share.job.number, share.key);
            } else {
                judged.forget(share.job.number, share.key);
            }
            drop(judged);
            answers.refuse(share, RejectReason::NoQuorum, NO_QUORUM);
        }
    }
}

/// The ledger has looked at the share and will never book it.
fn refuse_booked(answers: &Answers, share: Share, rejection: &raftpool_ledger::Rejection) {
    share
        .miner
        .judged
        .lock()
        .forget(share.job.number, share.key);
    let message = format!("the pool's books refused the share: {rejection}");
    answers.refuse(share, RejectReason::RejectUnspecified, message);
}
