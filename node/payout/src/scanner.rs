//! Walks the stable blocks of the whole network in their order, from where the ledger stands.
//!
//! Each stretch becomes a published sample of what blocks pay in fees, and on the way every block
//! that pays the pool is looked up in the books: one that they gave up is followed again, and one
//! that they do not have is reported. No money is ever booked by what is seen here.
//!
//! Stretches have a fixed number of blocks, so that every node cuts the chain at the same places.
//! What a stretch says is read between two looks at the tip, and a second daemon must say the same
//! where there is one.

mod reading;
mod reserve;
mod strays;
mod sums;

use std::sync::Arc;

use raftpool_chain::{ChainBlock, ChainInfo, miner_reward_max_atomic};
use raftpool_ledger::Rejection;
use raftpool_ledger::command::{PublishNetworkSample, command::Body};
use raftpool_ledger::network::NETWORK_BLOCKS_KEPT;
use raftpool_ledger::view::NetworkFees;

use crate::PayoutPoint;
use crate::alarm::{AlarmKind, Alarms};
use crate::context::{Context, Proposal};
use crate::obstacle::Obstacle;
use crate::reconciler::Reconciler;
use crate::scanner::reading::{Stretch, Unreadable};
use crate::scanner::sums::Sums;
use crate::sightings::Sightings;
use crate::status::ScanStep;

pub(crate) struct Scanner {
    ctx: Arc<Context>,
    alarms: Arc<Alarms>,
    /// Stretches that the daemons could not show.
    unreadable: Sightings<u64>,
    /// Where the newest sample ended when the blocks that were given up were looked at.
    looked_at: Option<u64>,
}

impl Reconciler for Scanner {
    type Step = ScanStep;

    const NAME: &'static str = "scans";

    /// Looks at the next stretch, and publishes it or reports one block of it.
    async fn step(&mut self) -> ScanStep {
        if self.ctx.leading_term().is_none() {
            self.unreadable.clear();
            self.looked_at = None;
            self.alarms.clear_all();
            return ScanStep::NotLeading;
        }
        match self.advance().await {
            Ok(step) => step,
            Err(obstacle) => ScanStep::Waiting(obstacle.to_string()),
        }
    }
}

impl Scanner {
    pub(crate) fn new(ctx: Arc<Context>, alarms: Arc<Alarms>) -> Self {
        let unreadable = Sightings::new(ctx.config.sighting_gap);
        Self {
            ctx,
            alarms,
            unreadable,
            looked_at: None,
        }
    }

    async fn advance(&mut self) -> Result<ScanStep, Obstacle> {
        let (settings, fees, strays, reserve) = self.ctx.read(|view| {
            let (settings, fees) = (view.settings()?, view.network_fees()?);
            Ok((settings, fees, view.stray_counts()?, view.reserve()?))
        })?;
        self.show_strays(strays.unacknowledged);
        let settings = settings.ok_or(Obstacle::NoSettings)?;
        self.show_reserve(&settings, reserve);
        self.ctx
            .check_identity(&settings.network, &settings.pool_address, &self.alarms)?;
        let before = self.ctx.synced_info(&self.alarms).await?;
        if let Some(step) = self.look_at_given_up(&before, fees).await? {
            return Ok(step);
        }
        let topoheight = fees.map(|fees| fees.last_topoheight);
        let Some(stretch) = self.next_stretch(fees, &before) else {
            return Ok(ScanStep::UpToDate { topoheight });
        };
        let (stretch, blocks) = match self.read_stretch(stretch, &before).await? {
            Some(read) => read,
            None => return Ok(ScanStep::UpToDate { topoheight }),
        };
        let after = self.ctx.synced_info(&self.alarms).await?;
        if after.stable_topoheight < stretch.last {
            let (last, stable) = (stretch.last, after.stable_topoheight);
            let detail = format!("topoheight {last} was stable, now it is above {stable}");
            return Err(Obstacle::Inconsistent(detail));
        }
        let sums = self.sum_up(&blocks, &after)?;
        self.compare(stretch, &blocks).await?;
        for paid in self.paid_to_the_pool(&blocks) {
            if let Some(step) = self.take_up(&paid).await? {
                return Ok(step);
            }
        }
        self.publish(stretch, &sums).await
    }

    /// The next stretch, when all of it is stable.
    fn next_stretch(&self, fees: Option<NetworkFees>, info: &ChainInfo) -> Option<Stretch> {
        let first = match fees {
            Some(fees) => fees.last_topoheight.saturating_add(1),
            None => info
                .stable_topoheight
                .saturating_sub(NETWORK_BLOCKS_KEPT - 1),
        };
        let stretch = Stretch::new(first, self.ctx.config.sample_blocks, fees.is_none());
        (stretch.last <= info.stable_topoheight).then_some(stretch)
    }

    /// The blocks of a stretch, or of the first one that the daemons still have; none when that is
    /// not stable yet.
    async fn read_stretch(
        &mut self,
        stretch: Stretch,
        info: &ChainInfo,
    ) -> Result<Option<(Stretch, Vec<ChainBlock>)>, Obstacle> {
        let pruned = match reading::read(&*self.ctx.daemons, stretch, info).await {
            Ok(blocks) => {
                self.unreadable.clear();
                self.alarms.clear(AlarmKind::HistoryPruned);
                return Ok(Some((stretch, blocks)));
            }
            Err(Unreadable::Failed(obstacle)) => return Err(obstacle),
            Err(Unreadable::Pruned(pruned)) => pruned,
        };
        // Another daemon may only be away for the moment, and what is skipped is skipped for good.
        let sightings = self.unreadable.add(&stretch.first);
        let detail = format!("the blocks from {} on are gone", stretch.first);
        let obstacle = Obstacle::Pruned { pruned, detail };
        let now_ms = self.ctx.now_ms();
        self.alarms
            .raise(AlarmKind::HistoryPruned, obstacle.to_string(), now_ms);
        if sightings < self.ctx.config.orphan_sightings {
            return Err(obstacle);
        }
        let shown = stretch.from(pruned, self.ctx.config.sample_blocks);
        tracing::warn!(
            first_topoheight = stretch.first,
            shown_from = shown.first,
            "blocks that no daemon can show are left out of the network's fees, and blocks of the \
             pool among them are not found"
        );
        if shown.last > info.stable_topoheight {
            return Ok(None);
        }
        match reading::read(&*self.ctx.daemons, shown, info).await {
            Ok(blocks) => Ok(Some((shown, blocks))),
            Err(Unreadable::Failed(obstacle)) => Err(obstacle),
            Err(Unreadable::Pruned(_)) => Err(obstacle),
        }
    }

    fn sum_up(&self, blocks: &[ChainBlock], info: &ChainInfo) -> Result<Sums, Obstacle> {
        let reward_max_atomic = miner_reward_max_atomic(info.block_time_target_ms);
        match Sums::of(blocks, reward_max_atomic) {
            Ok(sums) => {
                self.alarms.clear(AlarmKind::ImplausibleReward);
                Ok(sums)
            }
            Err(obstacle) => {
                let (detail, now_ms) = (obstacle.to_string(), self.ctx.now_ms());
                self.alarms
                    .raise(AlarmKind::ImplausibleReward, detail, now_ms);
                Err(obstacle)
            }
        }
    }

    /// Goes through when another daemon says the same, or there is none that says anything.
    async fn compare(&self, stretch: Stretch, blocks: &[ChainBlock]) -> Result<(), Obstacle> {
        let daemons = self.ctx.daemons.opinions();
        // The first one is who has answered already, as a rule.
        for daemon in daemons.iter().skip(1) {
            let Some(others) = reading::opinion(&**daemon, stretch).await else {
                continue;
            };
            let Some(detail) = reading::difference(blocks, &others) else {
                break;
            };
            let daemon = daemon.name();
            let obstacle = Obstacle::DaemonsDisagree { daemon, detail };
            let now_ms = self.ctx.now_ms();
            self.alarms
                .raise(AlarmKind::DaemonsDisagree, obstacle.to_string(), now_ms);
            return Err(obstacle);
        }
        self.alarms.clear(AlarmKind::DaemonsDisagree);
        Ok(())
    }

    async fn publish(&self, stretch: Stretch, sums: &Sums) -> Result<ScanStep, Obstacle> {
        let body = Body::PublishNetworkSample(PublishNetworkSample {
            first_topoheight: stretch.first,
            last_topoheight: stretch.last,
            blocks: stretch.blocks(),
            fees_atomic: sums.fees_atomic,
            rewards_atomic: sums.rewards_atomic,
            fees_max_atomic: sums.fees_max_atomic,
            unreadable_blocks: stretch.unreadable,
        });
        let (before, after) = (PayoutPoint::BeforeSample, PayoutPoint::AfterSample);
        self.propose(Proposal {
            step: "publish_network_sample",
            before,
            after,
            body,
        })
        .await?;
        Ok(ScanStep::Published {
            first_topoheight: stretch.first,
            last_topoheight: stretch.last,
            fees_atomic: sums.fees_atomic,
        })
    }

    async fn propose(&self, proposal: Proposal) -> Result<(), Obstacle> {
        match self.ctx.propose(proposal).await {
            Ok(_) => {
                self.alarms.clear(AlarmKind::CommandRefused);
                Ok(())
            }
            Err(obstacle) => {
                // Another leader was first, or there is a better place for what is wrong.
                let is_ordinary = matches!(
                    obstacle,
                    Obstacle::Rejected {
                        rejection: Rejection::NetworkSampleGap { .. }
                            | Rejection::NetworkSampleOverlap { .. }
                            | Rejection::StrayBlocksFull { .. }
                            | Rejection::BlockNotOrphaned(_)
                            | Rejection::BlockWeightsGone(_),
                        ..
                    }
                );
                if matches!(obstacle, Obstacle::Rejected { .. }) && !is_ordinary {
                    let (detail, now_ms) = (obstacle.to_string(), self.ctx.now_ms());
                    self.alarms.raise(AlarmKind::CommandRefused, detail, now_ms);
                }
                Err(obstacle)
            }
        }
    }
}
