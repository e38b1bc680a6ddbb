//! The current job, handed from the connection to the hashing threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftpool_pow::{Algorithm, Difficulty, Target, WORK_SIZE};

/// What to hash until something newer comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Which connection it came over; its shares are worth nothing on another.
    pub(crate) connection: u64,
    pub(crate) job_id: String,
    /// The work with a nonce of zero.
    pub(crate) work: [u8; WORK_SIZE],
    pub(crate) algorithm: Algorithm,
    pub(crate) difficulty: Difficulty,
    pub(crate) target: Target,
}

/// A nonce whose hash meets the job's target.
#[derive(Debug, Clone)]
pub(crate) struct FoundShare {
    pub(crate) job: Arc<Job>,
    pub(crate) nonce: u64,
}

/// Where the connection puts the newest job and the threads look for it.
///
/// Looking whether there is something newer costs one atomic read, so threads do it after every
/// hash and change over within a few milliseconds.
#[derive(Debug, Default)]
pub(crate) struct JobBoard {
    generation: AtomicU64,
    is_stopped: AtomicBool,
    job: Mutex<Option<Arc<Job>>>,
    changed: Condvar,
}

impl JobBoard {
    /// Replaces the job; without one the threads pause.
    pub(crate) fn publish(&self, job: Option<Arc<Job>>) {
        let mut current = self.lock();
        *current = job;
        self.generation.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }

    /// Ends the threads.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.publish(None);
    }

    /// Number of changes so far.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits for a job; nothing when the threads shall end.
    pub(crate) fn wait_for_job(&self) -> Option<(u64, Arc<Job>)> {
        let mut current = self.lock();
        loop {
            if self.is_stopped.load(Ordering::Acquire) {
                return None;
            }
            if let Some(job) = &*current {
                return Some((self.generation(), Arc::clone(job)));
            }
            current = self
                .changed
                .wait(current)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Rests for a while, or until something changes after that generation.
    pub(crate) fn rest(&self, generation: u64, duration: Duration) {
        let current = self.lock();
        // The outcome does not matter: the caller looks at the generation anyway.
        let _ = self.changed.wait_timeout_while(current, duration, |_| {
            self.generation.load(Ordering::Acquire) == generation
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Job>>> {
        // The job is replaced in one assignment, so a panic elsewhere leaves nothing half done.
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
