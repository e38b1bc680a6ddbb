//! What blocks brought a miner.

use raftpool_ledger::StateError;
use raftpool_ledger::view::{self, BlockStatus, LedgerView, scheme_name};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{BlockState, SchemeName};
use super::{Decimal, Hash};
use crate::number::ratio;
use crate::weights::WeightsKept;

/// A miner's part of one block.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reward {
    /// Number of the block; the cursor of the list.
    pub block_number: u64,
    /// Its hash.
    pub block_hash: Hash,
    /// Its height.
    pub height: u64,
    /// Where it stands.
    pub status: BlockState,
    /// How its reward is shared.
    #[schema(value_type = SchemeName)]
    pub scheme: &'static str,
    /// When it was found.
    pub found_at_ms: u64,
    /// When the chain paid it for good; null until then.
    pub settled_at_ms: Option<u64>,
    /// The miner's part of what all miners share; null for a block whose amount is not known.
    pub part: Option<String>,
    /// What the miner gets of it.
    pub amount_atomic: Decimal,
    /// Whether that is only expected, because the chain can still drop the block.
    pub is_expected: bool,
}

/// Whose part it is, and what holds for all blocks of a read.
pub(crate) struct Whose<'a> {
    address: &'a str,
    /// The miner's number.
    number: u64,
    /// How many blocks there are.
    blocks: u64,
    kept: &'a WeightsKept,
}

impl<'a> Whose<'a> {
    /// A miner; none when the ledger does not know it.
    pub(crate) fn find(
        view: &LedgerView<'_>,
        address: &'a str,
        kept: &'a WeightsKept,
    ) -> Result<Option<Self>, StateError> {
        let blocks = view.totals()?.blocks;
        let number = view.miner_number(address)?;
        Ok(number.map(|number| Self {
            address,
            number,
            blocks,
            kept,
        }))
    }
}

impl Reward {
    /// The part of a miner; nothing when it has none, or the block was given up.
    pub(crate) fn read(
        view: &LedgerView<'_>,
        block: &view::Block,
        of: &Whose<'_>,
    ) -> Result<Option<Self>, StateError> {
        let status = BlockState::from(&block.status);
        let (amount, settled_at_ms) = match block.status {
            BlockStatus::Maturing => (block.expected_atomic, None),
            BlockStatus::Settled {
                amount_atomic,
                settled_at_ms,
                ..
            } => (amount_atomic, Some(settled_at_ms)),
            BlockStatus::Orphaned { .. } => return Ok(None),
        };
        let weight = || of.kept.of(view, block.number, of.number, of.blocks);
        let part = block.part_of(amount, of.address, weight)?;
        if part == 0 {
            return Ok(None);
        }
        let fee = u128::from(amount) * u128::from(block.fee_bps) / 10_000;
        let shared = u128::from(amount).saturating_sub(fee);
        Ok(Some(Self {
            block_number: block.number,
            block_hash: Hash(block.hash),
            height: block.height,
            status,
            scheme: scheme_name(block.scheme),
            found_at_ms: block.found_at_ms,
            settled_at_ms,
            part: ratio(part.into(), shared),
            amount_atomic: part.into(),
            is_expected: status == BlockState::Maturing,
        }))
    }
}
