//! Follows every found block by its hash until the chain has paid it for good, or has not.
//!
//! Anything the daemon does not say clearly means "wait". A block is settled on one consistent
//! set of stable facts, which every other daemon that can be trusted must share; it is given up
//! only when it is missing again and again, far past stability, on all daemons of the configuration,
//! which are known to be up to date and cannot have pruned it.

mod hand_out;
mod look;
mod opinions;
mod verdict;

use std::sync::Arc;

use raftpool_chain::{ChainInfo, Hash, miner_reward_max_atomic};
use raftpool_ledger::Rejection;
use raftpool_ledger::command::{OrphanBlock, SettleBlock, command::Body};
use raftpool_ledger::view::Block;

use crate::alarm::{AlarmKind, Alarms};
use crate::context::{Context, Proposal};
use crate::obstacle::Obstacle;
use crate::reconciler::Reconciler;
use crate::sightings::Sightings;
use crate::status::BlockStep;
use crate::{PayoutPoint, follower::look::Look, follower::verdict::Verdict};

pub(crate) struct Follower {
    ctx: Arc<Context>,
    alarms: Arc<Alarms>,
    missing: Sightings<[u8; 32]>,
    /// Number of the block acted on last: the next look begins behind it, so that one block
    /// that cannot be brought to an end never keeps the others waiting.
    after: u64,
}

impl Reconciler for Follower {
    type Step = BlockStep;

    const NAME: &'static str = "blocks";

    /// Looks at the maturing blocks and settles or gives up at most one of them.
    async fn step(&mut self) -> BlockStep {
        if self.ctx.leading_term().is_none() {
            self.missing.clear();
            self.alarms.clear_all();
            return BlockStep::NotLeading;
        }
        match self.advance().await {
            Ok(step) => step,
            Err(obstacle) => BlockStep::Waiting(obstacle.to_string()),
        }
    }
}

impl Follower {
    pub(crate) fn new(ctx: Arc<Context>, alarms: Arc<Alarms>) -> Self {
        let missing = Sightings::new(ctx.config.sighting_gap);
        Self {
            ctx,
            alarms,
            missing,
            after: 0,
        }
    }

    async fn advance(&mut self) -> Result<BlockStep, Obstacle> {
        if let Some(step) = self.hand_out().await? {
            return Ok(step);
        }
        let (settings, mut blocks) = self
            .ctx
            .read(|view| Ok((view.settings()?, view.blocks_maturing()?)))?;
        self.ctx
            .metrics
            .blocks_maturing
            .set(i64::try_from(blocks.len()).unwrap_or(i64::MAX));
        self.missing
            .retain(|hash| blocks.iter().any(|block| block.hash == *hash));
        if blocks.is_empty() {
            Look::default().show(&self.alarms, self.ctx.now_ms());
            self.alarms.clear(AlarmKind::CommandRefused);
            return Ok(BlockStep::NothingMaturing);
        }
        let settings = settings.ok_or(Obstacle::NoSettings)?;
        self.ctx
            .check_identity(&settings.network, &settings.pool_address, &self.alarms)?;
        let before = self.ctx.synced_info(&self.alarms).await?;
        let maturing = blocks.len();
        blocks.retain(|block| block.height <= before.stable_height);
        let second_half = blocks
            .iter()
            .position(|block| block.number > self.after)
            .unwrap_or(0);
        blocks.rotate_left(second_half);
        let mut look = Look::default();
        for block in &blocks {
            match self.judge(block, &before).await {
                Ok(Verdict::Settle {
                    amount_atomic,
                    topoheight,
                    ..
                }) => {
                    return self.settle(block, amount_atomic, topoheight).await;
                }
                Ok(Verdict::Orphan { reason }) => return self.orphan(block, reason).await,
                Ok(verdict) => look.note(block, &verdict),
                Err(obstacle) => look.fail(obstacle),
            }
        }
        look.show(&self.alarms, self.ctx.now_ms());
        look.problem
            .map_or(Ok(BlockStep::Maturing { blocks: maturing }), Err)
    }

    /// Asks for one block between two looks at the tip. Both must agree that it is stable: if
    /// the list of daemons failed over in between, the less advanced one has the say. A block is
    /// given up only when every daemon of the configuration misses it.
    async fn judge(&mut self, block: &Block, before: &ChainInfo) -> Result<Verdict, Obstacle> {
        let hash = Hash(block.hash);
        let seen = self
            .ctx
            .daemons
            .block(hash)
            .await
            .map_err(Obstacle::daemon("block"))?;
        let after = self.ctx.synced_info(&self.alarms).await?;
        let rules = verdict::Rules {
            tip: verdict::Stable::of_both(before, &after),
            pool_address: self.ctx.pool_address.as_str(),
            margin_heights: self.ctx.config.orphan_margin_heights,
            reward_max_atomic: miner_reward_max_atomic(after.block_time_target_ms),
        };
        let verdict = verdict::judge(block, seen.as_ref(), &rules);
        if !matches!(verdict, Verdict::Orphan { .. }) {
            self.missing.forget(&block.hash);
        }
        match verdict {
            Verdict::Settle { .. } => {
                opinions::on_settling(&self.ctx, block, verdict, &rules).await
            }
            Verdict::Orphan { reason } => {
                let sightings = self.missing.add(&block.hash);
                if sightings < self.ctx.config.orphan_sightings {
                    let block = hex::encode(block.hash);
                    tracing::debug!(block, sightings, reason, "block is missing");
                    return Ok(Verdict::Wait);
                }
                let verdict = Verdict::Orphan { reason };
                opinions::on_giving_up(&self.ctx, block, verdict, &rules).await
            }
            other => Ok(other),
        }
    }

    async fn settle(
        &mut self,
        block: &Block,
        amount_atomic: u64,
        topoheight: u64,
    ) -> Result<BlockStep, Obstacle> {
        let hash = hex::encode(block.hash);
        let body = Body::SettleBlock(SettleBlock {
            hash: block.hash.to_vec(),
            amount_atomic,
            topoheight,
        });
        let (before, after) = (PayoutPoint::BeforeSettle, PayoutPoint::AfterSettle);
        self.propose(
            block,
            Proposal {
                step: "settle_block",
                before,
                after,
                body,
            },
        )
        .await?;
        self.ctx.metrics.blocks_settled.inc();
        tracing::info!(
            block = hash,
            height = block.height,
            topoheight,
            amount_atomic,
            finder = block.miner,
            heights_late = block.heights_late,
            "block settled"
        );
        Ok(BlockStep::Settled {
            hash,
            amount_atomic,
        })
    }

    async fn orphan(&mut self, block: &Block, reason: String) -> Result<BlockStep, Obstacle> {
        let hash = hex::encode(block.hash);
        let body = Body::OrphanBlock(OrphanBlock {
            hash: block.hash.to_vec(),
            reason: reason.clone(),
            keeps_weights: true,
        });
        let (before, after) = (PayoutPoint::BeforeOrphan, PayoutPoint::AfterOrphan);
        self.propose(
            block,
            Proposal {
                step: "orphan_block",
                before,
                after,
                body,
            },
        )
        .await?;
        self.ctx.metrics.blocks_orphaned.inc();
        tracing::info!(
            block = hash,
            height = block.height,
            finder = block.miner,
            heights_late = block.heights_late,
            reason,
            "block orphaned"
        );
        Ok(BlockStep::Orphaned { hash, reason })
    }

    async fn propose(&mut self, block: &Block, proposal: Proposal) -> Result<(), Obstacle> {
        self.after = block.number;
        match self.ctx.propose(proposal).await {
            Ok(_) => {
                self.alarms.clear(AlarmKind::CommandRefused);
                Ok(())
            }
            Err(obstacle) => {
                // Another node, or an earlier try whose answer was lost, was first.
                let done = matches!(
                    obstacle,
                    Obstacle::Rejected {
                        rejection: Rejection::BlockFinal(_),
                        ..
                    }
                );
                if matches!(obstacle, Obstacle::Rejected { .. }) && !done {
                    let detail = format!("block {}: {obstacle}", hex::encode(block.hash));
                    self.alarms
                        .raise(AlarmKind::CommandRefused, detail, self.ctx.now_ms());
                }
                Err(obstacle)
            }
        }
    }
}
