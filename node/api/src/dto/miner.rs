//! Miners and their workers.

use std::collections::BTreeMap;

use raftpool_ledger::view;
use serde::Serialize;
use utoipa::ToSchema;

use super::rules::Preferences;
use super::{Decimal, rejects};
use crate::number::{ratio, time_ms};

/// One miner's money and counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Miner {
    /// Address that is paid.
    pub address: String,
    /// Settled and not yet reserved for a payout.
    pub balance_atomic: Decimal,
    /// In a payout that is not final.
    pub in_flight_atomic: Decimal,
    /// Transferred to the address, ever.
    pub paid_atomic: Decimal,
    /// Network fees borne on payouts, ever.
    pub network_fees_atomic: Decimal,
    /// Credited from settled blocks, ever.
    pub earned_atomic: Decimal,
    /// Part of the PPLNS window; null while the window is empty.
    pub window_share: Option<String>,
    /// Accepted shares, ever.
    pub shares: u64,
    /// Accepted work, ever.
    pub work: Decimal,
    /// When the newest share was accepted.
    pub last_share_at_ms: Option<u64>,
}

/// One miner, with what its workers add up to.
#[derive(Debug, Serialize, ToSchema)]
pub struct MinerDetail {
    /// Money and counts.
    #[serde(flatten)]
    pub miner: Miner,
    /// What it may expect of blocks that are not final, by what each was expected to pay when it was
    /// found. It is no claim: the chain can still drop them.
    pub immature_atomic: Decimal,
    /// Smallest balance that is paid out to it; null until the pool is set up.
    pub payout_threshold_atomic: Option<Decimal>,
    /// What it wants of its own, and what counts.
    pub preferences: Preferences,
    /// Whether an operator keeps it from being paid; it goes on to earn.
    pub on_hold: bool,
    /// Sums over the workers.
    pub workers: WorkerSums,
}

/// Sums over all workers of a miner.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerSums {
    /// How many workers were ever seen.
    pub count: u64,
    /// Estimated hashes per second over about the last ten minutes.
    pub hashrate: u64,
    /// Refused shares by reason, ever.
    pub rejects: BTreeMap<&'static str, u64>,
}

/// One worker of a miner.
#[derive(Debug, Serialize, ToSchema)]
pub struct Worker {
    /// Name within the miner.
    pub name: String,
    /// Difficulty of its next session; null when none was reported yet.
    pub difficulty: Option<Decimal>,
    /// Accepted shares, ever.
    pub shares: u64,
    /// Accepted work, ever.
    pub work: Decimal,
    /// Refused shares by reason, ever.
    pub rejects: BTreeMap<&'static str, u64>,
    /// When the newest share was accepted.
    pub last_share_at_ms: Option<u64>,
    /// Estimated hashes per second over about the last ten minutes.
    pub hashrate: u64,
}

impl Miner {
    /// `window_score` is the score of the whole window at the same moment.
    pub(crate) fn new(miner: view::Miner, window_score: u128) -> Self {
        Self {
            address: miner.address,
            balance_atomic: miner.balance_atomic.into(),
            in_flight_atomic: miner.in_flight_atomic.into(),
            paid_atomic: miner.paid_atomic.into(),
            network_fees_atomic: miner.network_fees_atomic.into(),
            earned_atomic: miner.earned_atomic.into(),
            window_share: ratio(miner.window_score, window_score),
            shares: miner.shares,
            work: miner.work.into(),
            last_share_at_ms: time_ms(miner.last_share_ms),
        }
    }
}

impl WorkerSums {
    pub(crate) fn of(workers: &[view::Worker]) -> Self {
        let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (reason, count) in workers.iter().flat_map(|worker| rejects(&worker.rejects)) {
            let sum = sums.entry(reason).or_default();
            *sum = sum.saturating_add(count);
        }
        let add = |sum: u64, worker: &view::Worker| sum.saturating_add(worker.hashrate);
        Self {
            count: workers.len() as u64,
            hashrate: workers.iter().fold(0, add),
            rejects: sums,
        }
    }
}

impl From<view::Worker> for Worker {
    fn from(worker: view::Worker) -> Self {
        Self {
            difficulty: (worker.difficulty > 0).then(|| worker.difficulty.into()),
            shares: worker.shares,
            work: worker.work.into(),
            rejects: rejects(&worker.rejects),
            last_share_at_ms: time_ms(worker.last_share_ms),
            hashrate: worker.hashrate,
            name: worker.name,
        }
    }
}
