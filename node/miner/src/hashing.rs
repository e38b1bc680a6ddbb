//! The threads that hash.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use raftpool_pow::Hasher;
use tokio::sync::mpsc;

use crate::job::{FoundShare, Job, JobBoard};
use crate::stats::Counters;

/// Rests shorter than this are saved up, since the system wakes a thread late.
const REST_MIN: Duration = Duration::from_millis(2);

/// One thread's share of the search.
pub(crate) struct HashingThread {
    pub(crate) board: Arc<JobBoard>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shares: mpsc::Sender<FoundShare>,
    pub(crate) first_nonce: u64,
    pub(crate) throttle: Option<f32>,
}

/// The nonce a thread starts at: the threads divide all nonces among them, from the seed on.
pub(crate) fn first_nonce(seed: u64, thread_idx: usize, threads: usize) -> u64 {
    let stride = u64::MAX / threads.max(1) as u64;
    seed.wrapping_add(stride.wrapping_mul(thread_idx as u64))
}

impl HashingThread {
    /// Starts the thread; it ends when the board is stopped.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn spawn(self, thread_idx: usize) -> io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name(format!("miner-{thread_idx}"))
            .spawn(move || self.run())
    }

    fn run(self) {
        let mut hasher = Hasher::new();
        // Nonces go on from job to job, so none is tried twice even if a job comes again.
        let mut nonce = self.first_nonce;
        let mut owed_rest = Duration::ZERO;
        while let Some((generation, job)) = self.board.wait_for_job() {
            while self.board.generation() == generation {
                let started = Instant::now();
                self.try_nonce(&mut hasher, &job, nonce);
                nonce = nonce.wrapping_add(1);
                if let Some(part) = self.throttle {
                    owed_rest += rest_for(started.elapsed(), part);
                    owed_rest = self.pay_rest(generation, owed_rest);
                }
            }
        }
    }

    fn try_nonce(&self, hasher: &mut Hasher, job: &Arc<Job>, nonce: u64) {
        let mut work = job.work;
        work[40..48].copy_from_slice(&nonce.to_be_bytes());
        let hash = hasher.hash(job.algorithm, &work);
        self.counters.count_hash();
        if hash.is_ok_and(|hash| job.target.is_met_by(&hash)) {
            // A full queue means the pool answers slower than shares are found; hashing on is
            // worth more than waiting for it.
            let share = FoundShare {
                job: Arc::clone(job),
                nonce,
            };
            if self.shares.try_send(share).is_err() {
                self.counters.count_lost(1);
            }
        }
    }

    /// Rests what is owed, and returns what is still owed.
    fn pay_rest(&self, generation: u64, owed: Duration) -> Duration {
        if owed < REST_MIN {
            return owed;
        }
        let started = Instant::now();
        self.board.rest(generation, owed);
        owed.saturating_sub(started.elapsed())
    }
}

/// The rest after working for a while, so that work is the given part of the time.
fn rest_for(worked: Duration, part: f32) -> Duration {
    let part = f64::from(part).clamp(0.001, 1.0);
    worked.mul_f64(1.0 / part - 1.0)
}

#[cfg(test)]
mod tests {
    use raftpool_pow::{Algorithm, Difficulty, WORK_SIZE};

    use super::*;

    #[test]
    fn threads_start_far_apart() {
        let starts: Vec<u64> = (0..4)
            .map(|idx| first_nonce(u64::MAX - 5, idx, 4))
            .collect();
        for pair in starts.windows(2) {
            assert_eq!(pair[1].wrapping_sub(pair[0]), u64::MAX / 4);
        }
        assert_eq!(first_nonce(7, 0, 1), 7);
    }

    #[test]
    fn rest_makes_work_the_given_part() {
        let worked = Duration::from_millis(100);
        assert_eq!(rest_for(worked, 1.0), Duration::ZERO);
        assert_eq!(rest_for(worked, 0.5), worked);
        assert_eq!(rest_for(worked, 0.25), 3 * worked);
    }

    #[test]
    fn a_throttled_thread_rests_most_of_the_time() {
        const HASHES: u64 = 30;
        let difficulty = Difficulty::from_u128(u128::MAX).unwrap();
        let job = Arc::new(Job {
            connection: 1,
            job_id: String::new(),
            work: [7; WORK_SIZE],
            algorithm: Algorithm::V3,
            difficulty,
            target: difficulty.target(),
        });
        let mut hasher = Hasher::new();
        let quickest_hash = (0..10).map(|_| {
            let started = Instant::now();
            hasher.hash(Algorithm::V3, &job.work).unwrap();
            started.elapsed()
        });
        let quickest_hash = quickest_hash.min().unwrap();

        let board = Arc::new(JobBoard::default());
        let counters = Arc::new(Counters::new());
        let (shares, _receiver) = mpsc::channel(1);
        let thread = HashingThread {
            board: Arc::clone(&board),
            counters: Arc::clone(&counters),
            shares,
            first_nonce: 0,
            throttle: Some(0.1),
        };
        board.publish(Some(job));
        let started = Instant::now();
        let thread = thread.spawn(0).unwrap();
        while counters.stats(Instant::now()).hashes < HASHES {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "too few hashes"
            );
            thread::yield_now();
        }
        // A tenth of the time is asked for; rests follow the real time of each hash, so a slow
        // machine only makes this longer.
        assert!(started.elapsed() >= quickest_hash * HASHES as u32 * 5);
        board.stop();
        thread.join().unwrap();
    }
}
