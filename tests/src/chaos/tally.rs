//! What miners were told about their shares, and comparing it with what the ledger credited
//! (promises P1 and P2).
//!
//! A share without a clear answer is "unknown": it may be credited or not. So of each worker
//! `accepted <= credited <= accepted + unknown` must hold, and nothing more can be asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers to the shares of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Answered "accepted".
    pub accepted: u64,
    /// Answered with an error that says it does not count.
    pub refused: u64,
    /// Not answered, or with an error that leaves it open.
    pub unknown: u64,
}

impl Tally {
    /// Counts the answer to one share that was not accepted.
    pub fn count_error(&mut self, message: &str) {
        // The pool says so when it had to give up waiting: the share may be stored all the same.
        match message.contains("no quorum") {
            true => self.unknown += 1,
            false => self.refused += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unknown += other.unknown;
    }
}

/// All workers of a run, by miner's address and name; every copy is the same.
#[derive(Debug, Clone, Default)]
pub struct Tallies {
    workers: Arc<Mutex<BTreeMap<(String, String), Tally>>>,
}

impl Tallies {
    /// Adds answers to those of a worker.
    pub fn add(&self, miner: &str, worker: &str, tally: Tally) {
        let key = (miner.to_owned(), worker.to_owned());
        self.lock().entry(key).or_default().add(tally);
    }

    /// The sum over all workers.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.lock().values().for_each(|tally| total.add(*tally));
        total
    }

    /// Compares the workers of one miner with what the ledger credited each of them, and says
    /// what is wrong.
    pub fn judge(&self, miner: &str, credited: &BTreeMap<String, u64>) -> Vec<String> {
        let mut wrong = Vec::new();
        let workers = self.lock();
        let known = workers.iter().filter(|((owner, _), _)| owner == miner);
        for ((_, worker), tally) in known {
            let Tally {
                accepted, unknown, ..
            } = *tally;
            let credited = credited.get(worker).copied().unwrap_or(0);
            if credited < accepted {
                wrong.push(format!(
                    "{worker}: accepted shares were lost: {accepted} accepted, {credited} credited"
                ));
            }
            if credited > accepted + unknown {
                wrong.push(format!(
                    "{worker}: shares were credited twice: {accepted} accepted and {unknown} \
                     unknown, {credited} credited"
                ));
            }
        }
        for worker in credited.keys() {
            if !workers.contains_key(&(miner.to_owned(), worker.clone())) {
                wrong.push(format!("{worker}: credited, but never sent anything"));
            }
        }
        wrong
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Tally>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(tally: Tally, credited: u64) -> Vec<String> {
        let tallies = Tallies::default();
        tallies.add("m", "w", tally);
        tallies.judge("m", &BTreeMap::from([("w".to_owned(), credited)]))
    }

    #[test]
    fn credits_between_accepted_and_accepted_plus_unknown_are_right_and_no_others() {
        let tally = Tally {
            accepted: 10,
            refused: 5,
            unknown: 2,
        };
        for credited in 10..=12 {
            assert_eq!(judged(tally, credited), Vec::<String>::new());
        }
        assert!(judged(tally, 9)[0].contains("lost"));
        assert!(judged(tally, 13)[0].contains("twice"));
    }

    #[test]
    fn an_error_that_leaves_it_open_is_unknown_and_any_other_is_a_refusal() {
        let mut tally = Tally::default();
        tally.count_error("the pool's cluster has no quorum, the share may not count");
        tally.count_error("stale");
        assert_eq!((tally.unknown, tally.refused), (1, 1));
    }

    #[test]
    fn a_credited_worker_that_nobody_knows_is_wrong() {
        let tallies = Tallies::default();
        tallies.add("other", "w", Tally::default());
        let wrong = tallies.judge("m", &BTreeMap::from([("w".to_owned(), 1)]));
        assert!(wrong[0].contains("never sent"), "{wrong:?}");
    }
}
