//! What the ledger is told about workers beside their shares: the difficulty to start them with
//! next time, and how many of their shares were refused and why. Collected here, sent along with
//! the next batch. Nothing is sent of workers the ledger does not know, so that strangers cannot
//! fill it with names (promise P9); what they are refused is kept by `newcomers` until they have
//! worked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use raftpool_ledger::command::{RejectCount, RejectReason, WorkerReport};

use crate::miner::{Account, Miner};
use crate::newcomers::{Entry, Newcomers};
use crate::strikes::source_of;

/// Workers that wait to be reported; beyond it new ones are skipped, counts are not money.
const PENDING_MAX: usize = 100_000;

/// Address and worker.
type Key = (Arc<str>, Arc<str>);

/// Reports that wait for the next batch.
pub(crate) struct Reports {
    pub(crate) newcomers: Arc<Newcomers>,
    pending: Mutex<HashMap<Key, Pending>>,
}

#[derive(Default)]
struct Pending {
    difficulty: u64,
    rejects: BTreeMap<i32, u64>,
}

impl Reports {
    pub(crate) fn new(newcomers: Arc<Newcomers>) -> Self {
        Self {
            newcomers,
            pending: Mutex::default(),
        }
    }

    /// Counts a refused share; `words` is what its miner is told.
    pub(crate) fn count_reject(
        &self,
        miner: &Miner,
        reason: RejectReason,
        words: &str,
        now_ms: u64,
    ) {
        if miner.is_known.load(Ordering::Relaxed) {
            self.update(miner, |pending| {
                *pending.rejects.entry(reason as i32).or_default() += 1;
            });
        } else if let Some(entry) = entry_of(miner) {
            self.newcomers.note_reject(entry, reason, words, now_ms);
        }
    }

    /// The ledger knows the worker from now on: what it was refused before goes there, too.
    pub(crate) fn adopt(&self, miner: &Miner) {
        let rejects = entry_of(miner).map(|entry| self.newcomers.take(entry));
        let rejects = rejects.filter(|rejects| !rejects.is_empty());
        if let Some(rejects) = rejects {
            self.update(miner, |pending| {
                for (reason, count) in rejects {
                    *pending.rejects.entry(reason as i32).or_default() += count;
                }
            });
        }
    }

    /// Notes the worker's difficulty if it changed. One a miner asked for is not stored: the
    /// miner asks again.
    pub(crate) fn note_difficulty(&self, miner: &Miner) {
        let difficulty = match &*miner.vardiff.lock() {
            Some(vardiff) if !vardiff.is_fixed() => vardiff.difficulty(),
            _ => return,
        };
        let is_known = miner.is_known.load(Ordering::Relaxed);
        if is_known
            && miner
                .reported_difficulty
                .swap(difficulty, Ordering::Relaxed)
                != difficulty
        {
            self.update(miner, |pending| pending.difficulty = difficulty);
        }
    }

    fn update(&self, miner: &Miner, change: impl FnOnce(&mut Pending)) {
        let Some(Account {
            address, worker, ..
        }) = miner.account.get()
        else {
            return;
        };
        if !miner.is_known.load(Ordering::Relaxed) {
            return;
        }
        let mut pending = self.pending.lock();
        let key = (address.clone(), worker.clone());
        if pending.len() < PENDING_MAX || pending.contains_key(&key) {
            change(pending.entry(key).or_default());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.lock().is_empty()
    }

    /// Takes up to `limit` reports.
    pub(crate) fn take(&self, limit: usize) -> Vec<WorkerReport> {
        let mut pending = self.pending.lock();
        let keys: Vec<_> = pending.keys().take(limit).cloned().collect();
        let report = |key: Key| {
            let worker = pending.remove(&key)?;
            let count = |(reason, count)| RejectCount { reason, count };
            Some(WorkerReport {
                miner: key.0.to_string(),
                worker: key.1.to_string(),
                difficulty: worker.difficulty,
                rejects: worker.rejects.into_iter().map(count).collect(),
            })
        };
        keys.into_iter().filter_map(report).collect()
    }

    /// Takes reports back whose batch is certainly not stored. What came in meanwhile is newer.
    pub(crate) fn put_back(&self, reports: Vec<WorkerReport>) {
        let mut pending = self.pending.lock();
        for report in reports {
            let worker = pending
                .entry((report.miner.into(), report.worker.into()))
                .or_default();
            if worker.difficulty == 0 {
                worker.difficulty = report.difficulty;
            }
            for reject in report.rejects {
                *worker.rejects.entry(reject.reason).or_default() += reject.count;
            }
        }
    }
}

fn entry_of(miner: &Miner) -> Option<Entry<'_>> {
    let account = miner.account.get()?;
    Some(Entry {
        source: source_of(miner.visitor.remote.ip()),
        address: &account.address,
        worker: &account.worker,
    })
}

#[cfg(test)]
mod tests {
    use raftpool_ledger::command::Scheme;
    use tokio::time::Instant;

    use super::*;
    use crate::testing;
    use crate::vardiff::{Aim, Vardiff};

    fn miner() -> Arc<Miner> {
        let (miner, _) = Miner::new(1, testing::visitor(), 0, [0; 32]);
        let account = Account {
            address: "xet:a".into(),
            worker: "rig".into(),
            scheme: Scheme::Pplns,
        };
        miner.account.set(account).unwrap();
        let aim = Aim {
            interval_ms: 5_000,
            minimum: 1,
            maximum: 1_000,
        };
        *miner.vardiff.lock() = Some(Vardiff::new(aim, 500, false, Instant::now()));
        miner
    }

    #[test]
    fn reports_are_summed_and_come_back_when_they_were_not_stored() {
        let newcomers = Newcomers::new(prometheus::IntGauge::new("workers", "test").unwrap());
        let reports = Reports::new(Arc::new(newcomers));
        let miner = miner();
        let stale = || reports.count_reject(&miner, RejectReason::Stale, "test", 0);
        stale();
        reports.note_difficulty(&miner);
        assert!(reports.is_empty(), "the ledger does not know the worker");
        assert_eq!(reports.newcomers.of("xet:a").len(), 1);

        miner.is_known.store(true, Ordering::Relaxed);
        reports.adopt(&miner);
        assert_eq!(reports.newcomers.of("xet:a"), []);
        reports.note_difficulty(&miner);
        stale();
        let taken = reports.take(10);
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].difficulty, taken[0].rejects[0].count), (500, 2));

        reports.note_difficulty(&miner);
        assert!(reports.is_empty(), "an unchanged difficulty is no news");
        stale();
        reports.put_back(taken);
        let taken = reports.take(10);
        assert_eq!((taken[0].difficulty, taken[0].rejects[0].count), (500, 3));
    }
}
