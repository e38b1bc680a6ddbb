//! What getwork and Xatum have in common: the miner is sent a whole work and returns a whole
//! work, of which it may have changed the nonce, the timestamp and the end of the extra nonce.

use std::sync::Arc;

use raftpool_chain::MinerWork;
use raftpool_ledger::command::RejectReason;
use raftpool_pow::Difficulty;

use crate::jobs::Job;
use crate::judge::low_difficulty;
use crate::miner::Miner;
use crate::pipeline::Candidate;
use crate::pool::Pool;
use crate::protocol::{Id, Refusal};
use crate::sent_works::{SentWorks, Unfit};

/// The works of one connection.
pub(crate) struct Works {
    miner: Arc<Miner>,
    sent: SentWorks,
}

/// A share as a miner sent it.
pub(crate) struct Returned {
    /// What it hashed, or what is wrong with its text.
    pub(crate) work: Result<MinerWork, &'static str>,
    /// The hash it says the work has. It can only speak against the share.
    pub(crate) claimed_hash: Option<[u8; 32]>,
}

impl Works {
    pub(crate) fn new(miner: Arc<Miner>) -> Self {
        Self {
            miner,
            sent: SentWorks::default(),
        }
    }

    /// The work of a job, with an extra nonce it shares with no other, and how hard its shares
    /// are; `None` until the miner is authorized.
    pub(crate) fn draw(&mut self, job: &Arc<Job>, pool: &Pool) -> Option<(MinerWork, u64)> {
        let difficulty = self.miner.difficulty_for(job)?;
        let number = pool.extra_nonces.draw();
        let extra_nonce = pool.extra_nonces.numbered(number);
        let work = job.work(0, extra_nonce, pool.pipeline.miner_key);
        let oldest_known = pool.board.oldest_number();
        self.sent.note(number, job, difficulty, oldest_known);
        Some((work, difficulty))
    }

    /// Sends a share on its way.
    ///
    /// # Errors
    /// What the miner is told when the share fails a cheap check; otherwise its answer comes out
    /// of the miner's channel.
    pub(crate) fn submit(&self, returned: Returned, pool: &Pool) -> Result<(), Refusal> {
        let answers = &pool.pipeline.judge.answers;
        let refuse = |reason, message: String| Err(answers.refusal(&self.miner, reason, message));
        let work = match returned.work {
            Ok(work) => work,
            Err(problem) => return refuse(RejectReason::Malformed, problem.to_owned()),
        };
        let found = self.sent.find(
            &work,
            &pool.extra_nonces,
            &pool.pipeline.miner_key,
            pool.board.oldest_number(),
        );
        let (job, difficulty) = match found {
            Ok(found) => found,
            Err(Unfit::JobNotFound) => return Err(answers.unknown_job(&self.miner)),
            Err(Unfit::Forgotten(height)) => {
                let newest = pool.board.newest().map(|job| job.template.height);
                let heights_late = newest.unwrap_or(height).saturating_sub(height);
                return Err(pool.pipeline.judge.too_old(&self.miner, heights_late));
            }
            // A clock that is wrong is no attack.
            Err(unfit @ (Unfit::Early(_) | Unfit::Late(_))) => {
                let (reason, message) = (RejectReason::Malformed, unfit.to_string());
                return Err(answers.refusal_without_fault(&self.miner, reason, message));
            }
            Err(unfit) => return refuse(RejectReason::Malformed, unfit.to_string()),
        };
        if let Some(hash) = returned.claimed_hash
            && !can_meet(hash, difficulty)
        {
            let message = low_difficulty(difficulty);
            return refuse(RejectReason::LowDifficulty, message);
        }
        let candidate = Candidate {
            id: Id::null(),
            job,
            work,
            difficulty,
        };
        pool.pipeline.submit(&self.miner, candidate)
    }
}

/// Whether a hash meets a difficulty in either order of its bytes: one miner writes it backwards
/// on some machines.
fn can_meet(mut hash: [u8; 32], difficulty: u64) -> bool {
    let Ok(difficulty) = Difficulty::from_u64(difficulty) else {
        return true;
    };
    let target = difficulty.target();
    target.is_met_by(&hash) || {
        hash.reverse();
        target.is_met_by(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_counts_in_both_orders() {
        let mut hash = [0xff; 32];
        assert!(can_meet(hash, 1) && !can_meet(hash, 300));
        hash[0] = 0;
        assert!(can_meet(hash, 256) && !can_meet(hash, 1 << 20));
        hash.reverse();
        assert!(can_meet(hash, 256));
    }
}
