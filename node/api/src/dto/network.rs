//! What the network's blocks pay in fees, with everything that the published average follows from.

use raftpool_ledger::StateError;
use raftpool_ledger::network::NETWORK_BLOCKS_KEPT;
use raftpool_ledger::view::{self, LedgerView};
use serde::Serialize;
use utoipa::ToSchema;

use super::Decimal;
use crate::facts::{About, DaemonFacts, NodeFacts};
use crate::number::age_ms;

/// The answer of `/api/v1/network`: the chain, as the answering node sees it at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Network {
    /// Name of the chain's network; null until the pool is set up.
    pub name: Option<String>,
    /// What its addresses begin with, without the colon.
    pub address_prefix: &'static str,
    /// The node that answers.
    pub node_id: u64,
    /// Greatest height that its daemons know; null while none answers.
    pub height: Option<u64>,
    /// Up to this height the chain does not change any more; null while no daemon answers.
    pub stable_height: Option<u64>,
    /// Topoheight of the chain when the newest template was made; null without one, as are the
    /// four below.
    pub topoheight: Option<u64>,
    /// Difficulty of the block to find, decimal text in expected hashes.
    pub difficulty: Option<String>,
    /// That difficulty over `block_time_ms`: an estimate of all hashes per second, decimal text.
    pub hashrate: Option<String>,
    /// What the block would pay its miner besides fees; also null when the daemon did not say.
    pub next_reward_atomic: Option<Decimal>,
    /// How old that template is.
    pub template_age_ms: Option<u64>,
    /// Published average of the fees of one block; "0" while there is no sample.
    pub average_fees_atomic: Decimal,
    /// Time the chain aims at between two blocks.
    pub block_time_ms: u64,
    /// How many heights pass before the chain's order of a block is final.
    pub stability_heights: u64,
    /// Daemons of the node, and how far they agree.
    pub daemons: DaemonAgreement,
}

/// How far the daemons of a node agree.
#[derive(Debug, Serialize, ToSchema)]
pub struct DaemonAgreement {
    /// Daemons the node is configured with.
    pub configured: u64,
    /// Those it uses at this moment.
    pub healthy: u64,
    /// Between the greatest and the smallest height of those; null with less than two.
    pub heights_apart: Option<u64>,
}

impl Network {
    /// `name` and `average_fees_atomic` come from the ledger.
    pub(crate) fn new(
        (name, average_fees_atomic): (Option<String>, u64),
        about: &About,
        node_id: u64,
        facts: NodeFacts,
        now_ms: u64,
    ) -> Self {
        let height = facts
            .daemons
            .iter()
            .filter_map(|daemon| daemon.height)
            .max();
        let daemons = DaemonAgreement::of(&facts.daemons);
        let template = facts.template;
        let stability_heights = facts.stability_heights;
        Self {
            name,
            address_prefix: about.address_prefix,
            node_id,
            height,
            stable_height: height.map(|height| height.saturating_sub(stability_heights)),
            topoheight: template.as_ref().map(|template| template.topoheight),
            next_reward_atomic: template
                .as_ref()
                .and_then(|template| template.miner_reward_atomic.map(Decimal::from)),
            template_age_ms: template
                .as_ref()
                .map(|template| age_ms(now_ms, template.received_at_ms)),
            difficulty: template
                .as_ref()
                .map(|template| template.network_difficulty.clone()),
            hashrate: template.map(|template| template.network_hashrate),
            average_fees_atomic: average_fees_atomic.into(),
            block_time_ms: about.block_time_ms,
            stability_heights,
            daemons,
        }
    }
}

impl DaemonAgreement {
    fn of(daemons: &[DaemonFacts]) -> Self {
        let healthy = || daemons.iter().filter(|daemon| daemon.healthy);
        let heights = || healthy().filter_map(|daemon| daemon.height);
        let apart = heights().max().zip(heights().min());
        Self {
            configured: daemons.len() as u64,
            healthy: healthy().count() as u64,
            heights_apart: apart
                .filter(|_| heights().count() > 1)
                .map(|(max, min)| max - min),
        }
    }
}

/// The answer of `/api/v1/network/fees`.
///
/// The average is the fees of all samples with `is_counted` over their blocks, rounded down. Not
/// counted are the tenth of the samples with the lowest and the tenth with the highest mean fees,
/// each rounded down; of equal means the earlier sample is the lower one.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkFees {
    /// The published average of one block; "0" while there is no sample.
    pub average_fees_atomic: Decimal,
    /// Blocks that the samples cover.
    pub blocks: u64,
    /// The most they cover; what exceeds it goes from the old end.
    pub blocks_max: u64,
    /// The first of these blocks in the chain's order; null without any.
    pub first_topoheight: Option<u64>,
    /// The last of them: up to here the stable chain was looked at; null without any.
    pub last_topoheight: Option<u64>,
    /// Every sample, newest first.
    pub items: Vec<NetworkSample>,
}

/// Sums over a stretch of the network's stable blocks.
#[derive(Debug, Serialize, ToSchema)]
pub struct NetworkSample {
    /// The first block of the stretch.
    pub first_topoheight: u64,
    /// Its last block.
    pub last_topoheight: u64,
    /// How many blocks it has.
    pub blocks: u64,
    /// Transaction fees that their miners got.
    pub fees_atomic: Decimal,
    /// What their miners got besides.
    pub rewards_atomic: Decimal,
    /// The largest fees of one of the blocks.
    pub fees_max_atomic: Decimal,
    /// Blocks before it that no daemon could show.
    pub unreadable_blocks: u64,
    /// When it was published.
    pub published_at_ms: u64,
    /// Whether it is part of the average.
    pub is_counted: bool,
}

impl NetworkFees {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let fees = view.network_fees()?;
        let samples = view.network_samples()?;
        Ok(Self {
            average_fees_atomic: fees.map_or(0, |fees| fees.average_fees_atomic).into(),
            blocks: fees.map_or(0, |fees| fees.blocks),
            blocks_max: NETWORK_BLOCKS_KEPT,
            first_topoheight: fees.map(|fees| fees.first_topoheight),
            last_topoheight: fees.map(|fees| fees.last_topoheight),
            items: samples.into_iter().map(NetworkSample::from).collect(),
        })
    }
}

impl From<view::NetworkSample> for NetworkSample {
    fn from(sample: view::NetworkSample) -> Self {
        Self {
            first_topoheight: sample.first_topoheight,
            last_topoheight: sample.last_topoheight,
            blocks: sample.blocks,
            fees_atomic: sample.fees_atomic.into(),
            rewards_atomic: sample.rewards_atomic.into(),
            fees_max_atomic: sample.fees_max_atomic.into(),
            unreadable_blocks: sample.unreadable_blocks,
            published_at_ms: sample.published_at_ms,
            is_counted: sample.is_counted,
        }
    }
}
