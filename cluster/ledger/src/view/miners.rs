//! Miners and their workers.

use raftpool_proto::ledger as row;

use super::{LedgerView, Miner, Result, Worker};
use crate::record::{page, text, wide};
use crate::state::Direction;
use crate::{key, meter};

/// Miners and workers. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// One miner; none when it has never had a share accepted.
    pub fn miner(&self, address: &str) -> Result<Option<Miner>> {
        let miner: Option<row::Miner> = self.load(key::miner(address))?;
        miner
            .map(|miner| self.read_miner(address.to_owned(), miner))
            .transpose()
    }

    /// Miners in order of address, after `after`.
    pub fn miners(&self, after: Option<&str>, limit: usize) -> Result<Vec<Miner>> {
        let range = key::miners_after(after);
        page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |key, miner| self.read_miner(text(key::text_after_kind(key))?, miner),
        )
    }

    /// One worker of a miner.
    pub fn worker(&self, address: &str, worker: &str) -> Result<Option<Worker>> {
        let now_ms = self.time_ms()?;
        let known: Option<row::Worker> = self.load(key::worker(address, worker))?;
        known
            .map(|known| read_worker(worker.to_owned(), known, now_ms))
            .transpose()
    }

    /// Workers of a miner in order of name, after `after`.
    pub fn workers(&self, address: &str, after: Option<&str>, limit: usize) -> Result<Vec<Worker>> {
        let now_ms = self.time_ms()?;
        let range = key::workers_after(address, after);
        page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |key, worker| read_worker(text(key::worker_name(key, address))?, worker, now_ms),
        )
    }

    fn read_miner(&self, address: String, miner: row::Miner) -> Result<Miner> {
        let window: Option<row::Score> = self.load(key::window_sum(miner.number))?;
        Ok(Miner {
            address,
            balance_atomic: miner.balance_atomic,
            in_flight_atomic: miner.in_flight_atomic,
            paid_atomic: miner.paid_atomic,
            network_fees_atomic: miner.network_fees_atomic,
            earned_atomic: miner.earned_atomic,
            window_score: wide(&window.unwrap_or_default().score)?,
            shares: miner.shares,
            work: wide(&miner.work)?,
            last_share_ms: miner.last_share_ms,
        })
    }
}

fn read_worker(name: String, worker: row::Worker, now_ms: u64) -> Result<Worker> {
    let meter = worker.meter.unwrap_or_default();
    Ok(Worker {
        name,
        difficulty: worker.difficulty,
        shares: worker.shares,
        work: wide(&worker.work)?,
        rejects: worker.rejects,
        last_share_ms: worker.last_share_ms,
        hashrate: meter::hashrate(&meter, now_ms),
    })
}
