//! Blocks that pay the pool and are not in its books, as operators see and acknowledge them.

use raftpool_ledger::StateError;
use raftpool_ledger::strays::STRAY_BLOCKS_MAX;
use raftpool_ledger::view::{self, LedgerView};
use serde::{Deserialize, Serialize};

use super::admin::Source;
use super::{Decimal, Hash};

/// How many stray blocks there are.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StrayCounts {
    /// Those that are kept.
    pub kept: u64,
    /// Of these, those that nobody has looked at.
    pub unacknowledged: u64,
}

/// The answer of `GET /admin/v1/blocks/stray`.
#[derive(Debug, Serialize)]
pub struct StrayBlocks {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// How many there are.
    #[serde(flatten)]
    pub counts: StrayCounts,
    /// The most that are kept.
    pub kept_max: u64,
    /// All of them, the last in the chain's order first.
    pub blocks: Vec<StrayBlock>,
}

/// A block that pays the pool's address and that the books do not have, or gave up.
#[derive(Debug, Serialize)]
pub struct StrayBlock {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub height: u64,
    /// Its place in the chain's order.
    pub topoheight: u64,
    /// What the chain paid for it; it is in the wallet and in no account.
    pub amount_atomic: Decimal,
    /// When it was reported.
    pub reported_at_ms: u64,
    /// Who has looked at it; null while nobody has, as are the two below.
    pub acknowledged_by: Option<String>,
    /// What came of it.
    pub reason: Option<String>,
    /// When.
    pub acknowledged_at_ms: Option<u64>,
}

/// The body of `POST /admin/v1/blocks/acknowledge`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// Who asks.
    pub author: String,
    /// What came of looking at it.
    pub reason: String,
    /// The block's hash, 64 digits of hex.
    pub hash: String,
}

impl StrayCounts {
    pub(crate) fn read(view: &LedgerView<'_>) -> Result<Self, StateError> {
        let view::StrayCounts {
            kept,
            unacknowledged,
        } = view.stray_counts()?;
        Ok(Self {
            kept,
            unacknowledged,
        })
    }
}

impl StrayBlocks {
    pub(crate) fn read(view: &LedgerView<'_>, source: Source) -> Result<Self, StateError> {
        let blocks = view.stray_blocks()?;
        Ok(Self {
            source,
            counts: StrayCounts::read(view)?,
            kept_max: STRAY_BLOCKS_MAX,
            blocks: blocks.into_iter().map(StrayBlock::from).collect(),
        })
    }
}

impl From<view::StrayBlock> for StrayBlock {
    fn from(stray: view::StrayBlock) -> Self {
        let by = stray.acknowledgement.as_ref();
        Self {
            hash: Hash(stray.hash),
            height: stray.height,
            topoheight: stray.topoheight,
            amount_atomic: stray.amount_atomic.into(),
            reported_at_ms: stray.reported_at_ms,
            acknowledged_by: by.map(|by| by.author.clone()),
            reason: by.map(|by| by.reason.clone()),
            acknowledged_at_ms: by.map(|by| by.acknowledged_at_ms),
        }
    }
}
