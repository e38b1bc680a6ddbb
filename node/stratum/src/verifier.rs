//! The threads that hash shares: the pool's scarcest resource and its widest attack surface.
//!
//! They are threads of the operating system, each with its own scratchpad, apart from the network
//! runtime. What they work on waits in a [`FairQueue`]; whoever fills it pays for it (promise P9,
//! tried by `fair_queue` and by `a_flood_does_not_keep_others_from_their_answers`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use raftpool_pow::{Algorithm, Hasher, PowError, WORK_SIZE};

use crate::error::StratumError;
use crate::fair_queue::{FairQueue, Lane, Pushed};
use crate::metrics::Metrics;
use crate::shedding::Load;

/// Something to be hashed.
pub(crate) trait HashTask: Send + 'static {
    /// Who it is charged to.
    fn lane(&self) -> Lane;
    fn algorithm(&self) -> Algorithm;
    fn work(&self) -> [u8; WORK_SIZE];
}

/// What is done with a hash; runs on the verifier's thread and must not block.
pub(crate) type OnHash<T> = Arc<dyn Fn(T, Result<[u8; 32], PowError>) + Send + Sync>;

/// Bounds of the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Tasks in all.
    pub(crate) queue_max: usize,
    /// Tasks of one IP address.
    pub(crate) per_source_max: usize,
}

/// A bound of the queue that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// The task would be one too many in all, or had to make room.
    Node,
    /// The task would be one too many of its IP address.
    Source,
}

/// The threads and their queue.
pub(crate) struct Verifier<T: HashTask> {
    shared: Arc<Shared<T>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    on_hash: OnHash<T>,
    metrics: Metrics,
    load: Arc<Load>,
}

struct State<T> {
    queue: FairQueue<(T, Instant)>,
    is_stopping: bool,
}

impl<T: HashTask> Verifier<T> {
    pub(crate) fn start(
        threads: usize,
        bounds: Bounds,
        metrics: Metrics,
        load: Arc<Load>,
        on_hash: OnHash<T>,
    ) -> Result<Self, StratumError> {
        let state = State {
            queue: FairQueue::new(bounds.queue_max, bounds.per_source_max),
            is_stopping: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            on_hash,
            metrics,
            load,
        });
        let verifier = Self {
            shared,
            threads: Mutex::new(Vec::new()),
        };
        for number in 0..threads {
            let shared = verifier.shared.clone();
            let thread = std::thread::Builder::new()
                .name(format!("verifier-{number}"))
                .spawn(move || shared.run())
                .map_err(|source| StratumError::SpawnVerifier { number, source })?;
            verifier.threads.lock().push(thread);
        }
        Ok(verifier)
    }

    /// Queues a task, or gives back the one there is no room for, which may be another one.
    pub(crate) fn push(&self, task: T) -> Option<(T, Crowded)> {
        let lane = task.lane();
        let pushed = {
            let mut state = self.shared.state.lock();
            let pushed = state.queue.push(lane, (task, Instant::now()));
            self.shared.tell_depth(state.queue.len());
            pushed
        };
        self.shared.wake.notify_one();
        match pushed {
            Pushed::Queued => None,
            Pushed::Displaced((task, _)) | Pushed::Full((task, _)) => Some((task, Crowded::Node)),
            Pushed::SourceFull((task, _)) => Some((task, Crowded::Source)),
        }
    }

    /// Lets the threads end once the queue is empty.
    pub(crate) fn stop(&self) {
        self.shared.state.lock().is_stopping = true;
        self.shared.wake.notify_all();
    }

    /// Waits for the threads to end. Blocks.
    pub(crate) fn join(&self) {
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a verifier thread had panicked");
            }
        }
    }
}

impl<T: HashTask> Drop for Verifier<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<T: HashTask> Shared<T> {
    fn run(&self) {
        let mut hasher = Hasher::new();
        while let Some((task, queued)) = self.next() {
            self.metrics
                .verification_wait
                .observe(queued.elapsed().as_secs_f64());
            let result = catch_unwind(AssertUnwindSafe(|| {
                let started = Instant::now();
                let hash = hasher.hash(task.algorithm(), &task.work());
                self.metrics
                    .hash_time
                    .observe(started.elapsed().as_secs_f64());
                (self.on_hash)(task, hash);
            }));
            if result.is_err() {
                // A share must never take a verifier with it; dropping it has it answered.
                tracing::error!("a share made its verifier panic and was dropped");
                hasher = Hasher::new();
            }
        }
    }

    fn tell_depth(&self, waiting: usize) {
        self.load.set(waiting);
        let gauge = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.metrics.verification_queue.set(gauge);
    }

    fn next(&self) -> Option<(T, Instant)> {
        let mut state = self.state.lock();
        loop {
            if let Some(task) = state.queue.pop() {
                self.tell_depth(state.queue.len());
                return Some(task);
            }
            if state.is_stopping {
                return None;
            }
            self.wake.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Task(u64);

    impl HashTask for Task {
        fn lane(&self) -> Lane {
            Lane {
                connection: self.0,
                source: [127, 0, 0, 1].into(),
                is_trusted: true,
                is_proven: true,
            }
        }
        fn algorithm(&self) -> Algorithm {
            Algorithm::V3
        }
        fn work(&self) -> [u8; WORK_SIZE] {
            [0; WORK_SIZE]
        }
    }

    #[test]
    fn a_panic_costs_its_own_share_and_what_is_queued_is_finished() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let sink = done.clone();
        let on_hash: OnHash<Task> = Arc::new(move |task, hash| {
            assert_ne!(task.0, 1, "made to panic by the test");
            sink.lock().push((task.0, hex::encode(hash.unwrap())));
        });
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let bounds = Bounds {
            queue_max: 10,
            per_source_max: 10,
        };
        let verifier = Verifier::start(1, bounds, metrics, Arc::default(), on_hash).unwrap();
        for lane in 0..4 {
            assert!(verifier.push(Task(lane)).is_none());
        }
        verifier.stop();
        verifier.join();
        // The official vector of 112 zero bytes.
        let zeros = "69ac67285efd5ca22afc05c4ecee5bda169de4e9ef08fa39d4a6798494cd67a3";
        assert_eq!(*done.lock(), [0, 2, 3].map(|lane| (lane, zeros.to_owned())));
    }
}
