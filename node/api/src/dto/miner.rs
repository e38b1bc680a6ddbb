//! Miners and their workers.

use std::collections::BTreeMap;

use raftpool_ledger::StateError;
use raftpool_ledger::settings::fee_bps;
use raftpool_ledger::view::{self, LedgerView};
use serde::Serialize;
use utoipa::ToSchema;

use super::block::amount_of;
use super::rules::Preferences;
use super::worker::{Hashrates, WorkerCounts, last_day};
use super::{Decimal, rejects};
use crate::census::Counted;
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
    /// Its speed over several times.
    pub hashrates: Hashrates,
    /// What it would get of a PPLNS block that is found now and pays what the newest block was
    /// expected to; null before the first block.
    pub if_block_now_atomic: Option<Decimal>,
    /// What its work of the last hour brings in a day on average, by the difficulty and the amount of
    /// the newest block and the fee of its scheme; null before the first block.
    pub estimated_day_atomic: Option<Decimal>,
}

/// The answer of `/api/v1/miners/top`.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopMiners {
    /// What they are ordered by.
    pub by: &'static str,
    /// The miners, the first one first.
    pub items: Vec<TopMiner>,
}

/// A miner in an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopMiner {
    /// Money and counts.
    #[serde(flatten)]
    pub miner: Miner,
    /// Estimated hashes per second over about the last ten minutes.
    pub hashrate: u64,
}

/// Sums over all workers of a miner.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerSums {
    /// How many workers were ever seen.
    pub count: u64,
    /// Of these, how many work.
    #[serde(flatten)]
    pub states: WorkerCounts,
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

impl TopMiners {
    pub(crate) fn new(counted: &Counted, by: &'static str, limit: usize) -> Self {
        let rows = match by {
            "window" => &counted.by_window,
            "paid" => &counted.by_paid,
            _ => &counted.by_hashrate,
        };
        let item = |(miner, hashrate): &(view::Miner, u64)| TopMiner {
            miner: Miner::new(miner.clone(), counted.window_score),
            hashrate: *hashrate,
        };
        Self {
            by,
            items: rows.iter().take(limit).map(item).collect(),
        }
    }
}

impl MinerDetail {
    /// A miner with everything about it; nothing when the ledger does not know it.
    pub(crate) fn read(view: &LedgerView<'_>, address: &str) -> Result<Option<Self>, StateError> {
        let Some(miner) = view.miner(address)? else {
            return Ok(None);
        };
        let (terms, time_ms) = (view.terms(address)?, view.time_ms()?);
        let settings = view.settings()?;
        // The ledger bounds the workers of one miner, so this read is bounded as well.
        let workers = WorkerSums::of(&view.workers(address, None, usize::MAX)?, time_ms);
        let spans = view.miner_series(address, last_day(time_ms))?;
        let hashrates = Hashrates::new(workers.hashrate, &spans.unwrap_or_default(), time_ms);
        let newest = view.blocks(None, 1)?.pop();
        let newest = newest.map(|block| (amount_of(&block), block.network_difficulty));
        let if_block_now = newest.map(|(amount, _)| view.window_part_of(amount, address));
        let fee = settings
            .as_ref()
            .map_or(0, |settings| fee_bps(settings, terms.scheme));
        let estimate = |(amount, difficulty): (u64, u128)| {
            estimated_day_atomic(hashrates.hour, amount, difficulty, fee).into()
        };
        Ok(Some(Self {
            miner: Miner::new(miner, view.totals()?.window_score),
            immature_atomic: view.immature_atomic(address)?.into(),
            payout_threshold_atomic: settings.map(|_| terms.threshold_atomic.into()),
            preferences: Preferences::new(&terms),
            on_hold: terms.hold.is_some(),
            if_block_now_atomic: if_block_now.transpose()?.map(Decimal::from),
            estimated_day_atomic: newest.map(estimate),
            workers,
            hashrates,
        }))
    }
}

/// Expected blocks of a day times what one leaves after the fee.
fn estimated_day_atomic(hashrate: u64, amount_atomic: u64, difficulty: u128, fee_bps: u32) -> u128 {
    const SECONDS_PER_DAY: u128 = 86_400;
    let kept_bps = 10_000_u128.saturating_sub(fee_bps.into());
    let day = u128::from(hashrate) * SECONDS_PER_DAY * kept_bps;
    // At most 2^64 * 2^17 * 2^14 hashes and 2^51 units: what does not fit is no estimate any more.
    let earned = day.saturating_mul(amount_atomic.into());
    earned / difficulty.max(1).saturating_mul(10_000)
}

impl WorkerSums {
    pub(crate) fn of(workers: &[view::Worker], now_ms: u64) -> Self {
        let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (reason, count) in workers.iter().flat_map(|worker| rejects(&worker.rejects)) {
            let sum = sums.entry(reason).or_default();
            *sum = sum.saturating_add(count);
        }
        let add = |sum: u64, worker: &view::Worker| sum.saturating_add(worker.hashrate);
        Self {
            count: workers.len() as u64,
            states: WorkerCounts::of(workers, now_ms),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_estimate_is_the_expected_blocks_times_what_is_kept() {
        // A block of 1,000 units takes 86,400 hashes: at one hash per second that is one a day.
        assert_eq!(estimated_day_atomic(1, 1_000, 86_400, 0), 1_000);
        assert_eq!(estimated_day_atomic(3, 1_000, 86_400, 100), 2_970);
        assert_eq!(estimated_day_atomic(0, 1_000, 86_400, 0), 0);
        let absurd = estimated_day_atomic(u64::MAX, u64::MAX, 1, 0);
        assert!(absurd > 0, "{absurd}");
    }
}
