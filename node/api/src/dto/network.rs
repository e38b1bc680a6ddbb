//! What the network's blocks pay in fees, with everything that the published average follows from.

use raftpool_ledger::StateError;
use raftpool_ledger::network::NETWORK_BLOCKS_KEPT;
use raftpool_ledger::view::{self, LedgerView};
use serde::Serialize;
use utoipa::ToSchema;

use super::Decimal;

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
