//! Blocks that pay the pool and are not in its books: looked up, and reported.

use raftpool_chain::{ChainBlock, ChainInfo, Hash};
use raftpool_ledger::command::{ReportBlock, command::Body};
use raftpool_ledger::view::{BlockStatus, LedgerView, NetworkFees};
use raftpool_ledger::{Rejection, StateError};

use super::Scanner;
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::obstacle::Obstacle;
use crate::status::ScanStep;

/// Newest blocks among which those that were given up are looked at again.
const GIVEN_UP_AMONG: usize = 200;
/// Most of them that are asked for after one sample.
const GIVEN_UP_MAX: usize = 20;

/// A stable block that pays the pool.
pub(super) struct Paid {
    hash: Hash,
    height: u64,
    topoheight: u64,
    amount_atomic: u64,
}

impl Scanner {
    pub(super) fn paid_to_the_pool(&self, blocks: &[ChainBlock]) -> Vec<Paid> {
        let pool = self.ctx.pool_address.as_str();
        let ours = blocks.iter().filter(|block| block.miner == pool);
        ours.filter_map(Paid::of).collect()
    }

    /// Blocks that were given up although the chain pays them after all, once after every sample.
    pub(super) async fn look_at_given_up(
        &mut self,
        info: &ChainInfo,
        fees: Option<NetworkFees>,
    ) -> Result<Option<ScanStep>, Obstacle> {
        let scanned = fees.map(|fees| fees.last_topoheight);
        if scanned.is_none() || self.looked_at == scanned {
            return Ok(None);
        }
        let given_up = self.ctx.read(given_up)?;
        let pool = self.ctx.pool_address.as_str();
        for hash in given_up {
            let daemons = &self.ctx.daemons;
            let seen = daemons
                .block(hash)
                .await
                .map_err(Obstacle::daemon("block"))?;
            let seen = seen.filter(|block| block.miner == pool);
            let Some(paid) = seen.as_ref().and_then(Paid::of) else {
                continue;
            };
            let is_stable =
                paid.height <= info.stable_height && paid.topoheight <= info.stable_topoheight;
            if is_stable && let Some(step) = self.report(&paid).await? {
                return Ok(Some(step));
            }
        }
        self.looked_at = scanned;
        Ok(None)
    }

    /// Reports a block unless the books have it; none when there was nothing to do.
    pub(super) async fn report(&self, paid: &Paid) -> Result<Option<ScanStep>, Obstacle> {
        let is_known = self.ctx.read(|view| is_known(view, paid.hash))?;
        if is_known || paid.amount_atomic == 0 {
            return Ok(None);
        }
        let hash = paid.hash.to_string();
        let body = Body::ReportBlock(ReportBlock {
            hash: paid.hash.0.to_vec(),
            height: paid.height,
            topoheight: paid.topoheight,
            amount_atomic: paid.amount_atomic,
        });
        let (before, after) = (PayoutPoint::BeforeReport, PayoutPoint::AfterReport);
        let proposed = self.propose(Proposal {
            step: "report_block",
            before,
            after,
            body,
        });
        match proposed.await {
            Err(Obstacle::Rejected {
                rejection: Rejection::StrayBlocksFull { .. },
                ..
            }) => {
                // The samples must go on; the alarm stands already.
                tracing::error!(block = hash, "no place is left to report a stray block");
                return Ok(None);
            }
            answer => answer?,
        }
        let amount_atomic = paid.amount_atomic;
        tracing::error!(
            block = hash,
            height = paid.height,
            topoheight = paid.topoheight,
            amount_atomic,
            "a block pays the pool and is not in its books"
        );
        Ok(Some(ScanStep::Reported {
            hash,
            amount_atomic,
        }))
    }

    pub(super) fn show_strays(&self, unacknowledged: u64) {
        if unacknowledged == 0 {
            self.alarms.clear(AlarmKind::StrayBlocks);
            return;
        }
        let detail = format!(
            "{unacknowledged} blocks pay the pool and are not in its books: look at them with \
             `raftpool block list-stray`, and acknowledge them when it is clear whose they are"
        );
        let now_ms = self.ctx.now_ms();
        self.alarms.raise(AlarmKind::StrayBlocks, detail, now_ms);
    }
}

impl Paid {
    /// What an ordered block pays; none when no chain can pay that much.
    fn of(block: &ChainBlock) -> Option<Self> {
        let ordered = block.ordered?;
        let amount = ordered
            .miner_reward_atomic
            .checked_add(ordered.total_fees_atomic);
        Some(Self {
            hash: block.hash,
            height: block.height,
            topoheight: ordered.topoheight,
            amount_atomic: amount?,
        })
    }
}

/// Whether the books have the block, or its report.
fn is_known(view: &LedgerView<'_>, hash: Hash) -> Result<bool, StateError> {
    let recorded = view.block(&hash.0)?;
    let is_in_the_books =
        recorded.is_some_and(|block| !matches!(block.status, BlockStatus::Orphaned { .. }));
    Ok(is_in_the_books || view.stray_block(&hash.0)?.is_some())
}

/// The newest blocks that were given up and are not reported.
fn given_up(view: &LedgerView<'_>) -> Result<Vec<Hash>, StateError> {
    let mut hashes = Vec::new();
    for block in view.blocks(None, GIVEN_UP_AMONG)? {
        let is_given_up = matches!(block.status, BlockStatus::Orphaned { .. });
        if is_given_up && hashes.len() < GIVEN_UP_MAX && view.stray_block(&block.hash)?.is_none() {
            hashes.push(Hash(block.hash));
        }
    }
    Ok(hashes)
}
