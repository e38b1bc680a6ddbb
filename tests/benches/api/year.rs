//! A year of a pool, written into the data directory of a node that does not run.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use raftpool_ledger::cluster::read;
use raftpool_ledger::command::Share;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::testing::{
    change_settings, credit_shares, distribute_block, record_block, sample_share, settle_block,
};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Cluster, Outcome, compose};
use raftpool_raft::{RaftNode, RaftNodeConfig};
use raftpool_store::stored_identity;

/// Miners of the pool.
pub const MINERS: u64 = 2_000;
const WORKERS_EACH: u64 = 5;
const BLOCKS_PER_DAY: u64 = 10;
const DAY_MS: u64 = 86_400_000;
/// Spans of ten minutes before now in which everybody works.
const NEWEST_SPANS: u64 = 18;
const SPAN_MS: u64 = 600_000;
const SHARES_PER_COMMAND: u64 = 1_000;
/// So that the work of a day is that of its blocks.
const SHARE_DIFFICULTY: u64 = 1_000_000;
const NETWORK_DIFFICULTY: u64 = SHARE_DIFFICULTY * MINERS * WORKERS_EACH / BLOCKS_PER_DAY;
const REWARD_ATOMIC: u64 = 143_000_000;

/// What was written.
pub struct Year {
    days: u64,
    shares: u64,
    blocks: u64,
    took: Duration,
}

impl fmt::Display for Year {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = MINERS * WORKERS_EACH;
        write!(
            f,
            "{workers} workers of {MINERS} miners, {} days, {} shares, {} blocks, written in {:.0} s",
            self.days,
            self.shares,
            self.blocks,
            self.took.as_secs_f64()
        )
    }
}

/// An address as long as real ones.
pub fn address(miner: u64) -> String {
    format!("xet:a{miner:058x}")
}

struct Writer {
    node: Arc<RaftNode>,
    now_ms: u64,
    sequence: u64,
    blocks: u64,
    shares: u64,
}

impl Year {
    /// Writes the days before now, behind the settings that are there.
    pub async fn fill(directory: &Path, days: u64) -> Result<Self> {
        let started = Instant::now();
        let identity = stored_identity(directory)?.context("the node has founded its pool")?;
        let open = || {
            let on_fatal = Arc::new(|reason: &str| panic!("the node stopped: {reason}"));
            RaftNode::start(RaftNodeConfig::new(directory, identity, on_fatal))
        };
        let founded = open().await?;
        let settings = read(&*founded, |state| LedgerView::new(state).settings())?;
        let settings = settings.context("settings")?;
        founded.shutdown().await;
        // The ledger's time does not go back, so the year begins in books of its own.
        std::fs::remove_dir_all(directory)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let now_ms = u64::try_from(now.as_millis())?;
        let mut writer = Writer {
            node: open().await?,
            now_ms: now_ms - days * DAY_MS,
            sequence: 0,
            blocks: 0,
            shares: 0,
        };
        writer.propose(change_settings(settings)).await?;
        for _ in 0..days {
            writer.day().await?;
        }
        writer.newest().await?;
        writer.node.shutdown().await;
        Ok(Self {
            days,
            shares: writer.shares,
            blocks: writer.blocks,
            took: started.elapsed(),
        })
    }
}

impl Writer {
    async fn day(&mut self) -> Result<()> {
        let workers = MINERS * WORKERS_EACH;
        let commands = workers / SHARES_PER_COMMAND;
        for part in 0..commands {
            self.work(part * SHARES_PER_COMMAND, SHARE_DIFFICULTY)
                .await?;
            for _ in 0..BLOCKS_PER_DAY / commands {
                self.block().await?;
            }
            self.now_ms += DAY_MS / commands;
        }
        Ok(())
    }

    /// Everybody's work of the last hours, so that speeds are those of a pool that runs.
    async fn newest(&mut self) -> Result<()> {
        self.now_ms -= NEWEST_SPANS * SPAN_MS;
        let commands = MINERS * WORKERS_EACH / SHARES_PER_COMMAND;
        for _ in 0..NEWEST_SPANS {
            for part in 0..commands {
                let difficulty = SHARE_DIFFICULTY / 144;
                self.work(part * SHARES_PER_COMMAND, difficulty).await?;
            }
            self.now_ms += SPAN_MS;
        }
        Ok(())
    }

    async fn work(&mut self, first_worker: u64, difficulty: u64) -> Result<()> {
        let workers = first_worker..first_worker + SHARES_PER_COMMAND;
        let shares = workers
            .map(|worker| self.share(worker, difficulty))
            .collect();
        self.sequence += 1;
        self.shares += SHARES_PER_COMMAND;
        self.propose(credit_shares(self.sequence, shares)).await
    }

    fn share(&self, worker: u64, difficulty: u64) -> Share {
        Share {
            worker: format!("rig{}", worker % WORKERS_EACH),
            received_at_ms: self.now_ms,
            expected_reward_atomic: REWARD_ATOMIC,
            ..sample_share(
                &address(worker / WORKERS_EACH),
                difficulty,
                NETWORK_DIFFICULTY,
            )
        }
    }

    async fn block(&mut self) -> Result<()> {
        self.blocks += 1;
        let number = self.blocks;
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let finder = self.share(number * 7 % (MINERS * WORKERS_EACH), SHARE_DIFFICULTY);
        self.propose(record_block(hash, number * 1_000, finder))
            .await?;
        self.propose(settle_block(hash, REWARD_ATOMIC, number * 1_000))
            .await?;
        while !self.is_handed_out(hash).await? {}
        Ok(())
    }

    async fn is_handed_out(&self, hash: [u8; 32]) -> Result<bool> {
        match self.commit(distribute_block(hash)).await? {
            Outcome::BlockDistributed { is_done } => Ok(is_done),
            other => bail!("the block was not handed out: {other:?}"),
        }
    }

    async fn propose(&self, body: Body) -> Result<()> {
        let outcome = self.commit(body).await?;
        ensure!(!matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
        Ok(())
    }

    async fn commit(&self, body: Body) -> Result<Outcome> {
        let committed = self.node.propose(compose("bench", self.now_ms, body)).await;
        Ok(committed?.outcome)
    }
}
