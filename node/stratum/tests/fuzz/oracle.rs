//! Who says independently whether a share may have been accepted: the work is hashed again, by the
//! portable version, and compared with the job it is for.

use std::collections::{HashMap, HashSet};

use raftpool_chain::MinerWork;
use raftpool_pow::{Algorithm, Difficulty, Hasher};

/// Bytes of an extra nonce that a miner must leave as they are.
const FIXED_SIZE: usize = 28;

/// The jobs of one session, and what was accepted of them.
#[derive(Default)]
pub struct Oracle {
    jobs: HashMap<Vec<u8>, (MinerWork, u64)>,
    accepted: HashSet<Vec<u8>>,
    newest: Option<MinerWork>,
}

impl Oracle {
    pub fn job(&mut self, work: MinerWork, difficulty: u64) {
        let fixed = work.extra_nonce[..FIXED_SIZE].to_vec();
        self.jobs.insert(fixed, (work, difficulty));
        self.newest = Some(work);
    }

    pub fn newest(&self) -> Option<MinerWork> {
        self.newest
    }

    /// Panics unless the work is worth it.
    pub fn accept(&mut self, work: &MinerWork) {
        let bytes = work.to_bytes();
        let job = self.jobs.get(&work.extra_nonce[..FIXED_SIZE]);
        let (job, difficulty) = job.expect("accepted for a job that was not sent");
        assert_eq!(work.work_hash, job.work_hash, "accepted with another work");
        assert_eq!(work.miner_key, job.miner_key, "accepted for another key");
        let earlier = job.timestamp_ms.checked_sub(work.timestamp_ms);
        assert!(earlier.is_none_or(|by| by == 0), "accepted from before");
        let target = Difficulty::from_u64(*difficulty).unwrap().target();
        assert!(target.is_met_by(&hash(work)), "accepted without the work");
        assert!(self.accepted.insert(bytes.to_vec()), "accepted twice");
    }

    pub fn accepted(&self) -> usize {
        self.accepted.len()
    }
}

/// The hash of a work as a miner computes it.
pub fn hash_fast(work: &MinerWork) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.hash(Algorithm::V3, &work.to_bytes()).unwrap()
}

/// The hash of a work, by the portable version.
fn hash(work: &MinerWork) -> [u8; 32] {
    let mut hasher = Hasher::portable();
    hasher.hash(Algorithm::V3, &work.to_bytes()).unwrap()
}
