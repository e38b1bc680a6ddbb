//! Blocks that pay the pool and that its books do not have, or gave up: looked up, and followed
//! again, or reported when the books do not tell whose they are.

use raftpool_chain::{ChainBlock, ChainInfo, Hash};
use raftpool_ledger::command::{ReopenBlock, ReportBlock, command::Body};
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
            if is_stable && let Some(step) = self.take_up(&paid).await? {
                return Ok(Some(step));
            }
        }
        self.looked_at = scanned;
        Ok(None)
    }

    /// Does what is to be done about a stable block that pays the pool; none when that is nothing.
    pub(super) async fn take_up(&self, paid: &Paid) -> Result<Option<ScanStep>, Obstacle> {
        let known = self.ctx.read(|view| known(view, paid.hash))?;
        match known {
            _ if paid.amount_atomic == 0 => Ok(None),
            Known::InTheBooks | Known::Reported => Ok(None),
            Known::Unknown => self.report(paid).await,
            Known::GivenUp => match self.reopen(paid).await {
                Err(Obstacle::Rejected {
                    rejection: Rejection::BlockWeightsGone(_),
                    ..
                }) => self.report(paid).await,
                answer => answer,
            },
        }
    }

    /// Has a block that was given up followed again. Whether it is settled is the follower's to
    /// decide, who asks every daemon.
    async fn reopen(&self, paid: &Paid) -> Result<Option<ScanStep>, Obstacle> {
        let (hash, topoheight) = (paid.hash.to_string(), paid.topoheight);
        let body = Body::ReopenBlock(ReopenBlock {
            hash: paid.hash.0.to_vec(),
            reason: format!("ordered at topoheight {topoheight} after all"),
        });
        let (before, after) = (PayoutPoint::BeforeReopen, PayoutPoint::AfterReopen);
        self.propose(Proposal {
            step: "reopen_block",
            before,
            after,
            body,
        })
        .await?;
        tracing::warn!(
            block = hash,
            height = paid.height,
            topoheight,
            "a block that was given up is part of the chain after all and followed again"
        );
        Ok(Some(ScanStep::Reopened { hash }))
    }

    /// Reports a block that the books cannot share.
    async fn report(&self, paid: &Paid) -> Result<Option<ScanStep>, Obstacle> {
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

/// What the books say of a block.
enum Known {
    Unknown,
    InTheBooks,
    GivenUp,
    Reported,
}

fn known(view: &LedgerView<'_>, hash: Hash) -> Result<Known, StateError> {
    if view.stray_block(&hash.0)?.is_some() {
        return Ok(Known::Reported);
    }
    Ok(match view.block(&hash.0)?.map(|block| block.status) {
        None => Known::Unknown,
        Some(BlockStatus::Orphaned { .. }) => Known::GivenUp,
        Some(_) => Known::InTheBooks,
    })
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
