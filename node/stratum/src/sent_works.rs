//! Which works a connection was sent, and whether a returned one can have come from one of them.
//!
//! The extra nonce tells which job a work is for, since several jobs may share a work hash. It
//! was chosen before the miner hashed, so nobody can pick the difficulty that fits a hash best.

use std::collections::VecDeque;
use std::sync::Arc;

use raftpool_chain::MinerWork;

use crate::extra_nonce::{ExtraNonces, FIXED_SIZE, number_in};
use crate::jobs::Job;

/// Jobs remembered. A connection gets one with each template and after each share; beyond, the
/// oldest is forgotten, and its shares are told "job not found".
const SENT_MAX: usize = 1_024;

/// How far a timestamp may be ahead of the daemon's clock. Daemons refuse more than 2000 ms, and
/// the block still has to get there.
const TIMESTAMP_AHEAD_MS_MAX: u64 = 1_500;

/// Why a work cannot be a share of this connection.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("job not found")]
    JobNotFound,
    #[error("its job of height {0} was sent long ago")]
    Forgotten(u64),
    #[error("the work pays to another key than the pool's")]
    Key,
    #[error("the extra nonce is not the job's; only its last four bytes may be changed")]
    ExtraNonce,
    #[error("the timestamp is {0} ms before those of the block's parents")]
    Early(u64),
    #[error(
        "the timestamp is {0} ms ahead of the daemon's clock, at most {TIMESTAMP_AHEAD_MS_MAX} are accepted"
    )]
    Late(u64),
}

struct Sent {
    extra_nonce: u64,
    job: Arc<Job>,
    difficulty: u64,
}

/// The jobs that were sent over one connection.
#[derive(Default)]
pub(crate) struct SentWorks {
    /// Newest last.
    known: VecDeque<Sent>,
    /// Extra nonce of the first job ever sent.
    first: Option<u64>,
    /// Largest height of a job that was forgotten.
    forgotten_height: u64,
}

impl SentWorks {
    /// Notes that a job was sent with the extra nonce of this number; forgets jobs whose numbers
    /// are below `oldest_known`.
    pub(crate) fn note(
        &mut self,
        extra_nonce: u64,
        job: &Arc<Job>,
        difficulty: u64,
        oldest_known: u64,
    ) {
        self.first = self.first.or(Some(extra_nonce));
        while self.known.len() >= SENT_MAX
            || self
                .known
                .front()
                .is_some_and(|sent| sent.job.number < oldest_known)
        {
            if let Some(sent) = self.known.pop_front() {
                let height = sent.job.template.height;
                self.forgotten_height = self.forgotten_height.max(height);
            }
        }
        self.known.push_back(Sent {
            extra_nonce,
            job: job.clone(),
            difficulty,
        });
    }

    /// The job that `work` was found for, and the difficulty it was sent with.
    ///
    /// # Errors
    /// When the work cannot have come from a job that was sent and is still known.
    pub(crate) fn find(
        &self,
        work: &MinerWork,
        extra_nonces: &ExtraNonces,
        miner_key: &[u8; 32],
        oldest_known: u64,
    ) -> Result<(Arc<Job>, u64), Unfit> {
        let is_candidate = |sent: &&Sent| {
            sent.job.number >= oldest_known && sent.job.template.work_hash.0 == work.work_hash
        };
        let mut candidates = self.known.iter().rev().filter(is_candidate).peekable();
        let number = number_in(&work.extra_nonce);
        let is_ours = extra_nonces.numbered(number)[..FIXED_SIZE] == work.extra_nonce[..FIXED_SIZE];
        let oldest = self.known.front().map_or(u64::MAX, |sent| sent.extra_nonce);
        let is_forgotten = is_ours && (self.first.unwrap_or(u64::MAX)..oldest).contains(&number);
        if candidates.peek().is_none() {
            return Err(match is_forgotten {
                true => Unfit::Forgotten(self.forgotten_height),
                false => Unfit::JobNotFound,
            });
        }
        if work.miner_key != *miner_key {
            return Err(Unfit::Key);
        }
        if !is_ours {
            return Err(Unfit::ExtraNonce);
        }
        let sent =
            candidates
                .find(|sent| sent.extra_nonce == number)
                .ok_or(match is_forgotten {
                    true => Unfit::Forgotten(self.forgotten_height),
                    // Of an earlier connection.
                    false if number < oldest => Unfit::JobNotFound,
                    false => Unfit::ExtraNonce,
                })?;
        check_timestamp(&sent.job, work.timestamp_ms)?;
        Ok((sent.job.clone(), sent.difficulty))
    }
}

/// Miners write their own clocks, which may be behind the daemon's that made the template.
fn check_timestamp(job: &Job, timestamp_ms: u64) -> Result<(), Unfit> {
    let earliest_ms = job.earliest_ms();
    if timestamp_ms < earliest_ms {
        return Err(Unfit::Early(earliest_ms - timestamp_ms));
    }
    match timestamp_ms.saturating_sub(job.daemon_now_ms()) {
        ahead_ms if ahead_ms > TIMESTAMP_AHEAD_MS_MAX => Err(Unfit::Late(ahead_ms)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
