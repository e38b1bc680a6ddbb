//! What the chain says beside the pool's own blocks: the network's fees, and stray blocks.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use super::{LedgerView, Result};
use crate::record::{each, hash};
use crate::state::Direction;
use crate::{key, network};

/// What is known of the network's fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkFees {
    /// The published average of a block, rounded down.
    pub average_fees_atomic: u64,
    /// Samples that are kept.
    pub samples: u64,
    /// Blocks they cover.
    pub blocks: u64,
    /// The first of these blocks in the chain's order.
    pub first_topoheight: u64,
    /// The last of them, up to which the chain was scanned.
    pub last_topoheight: u64,
}

/// Sums over a stretch of the network's stable blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkSample {
    /// The first block of the stretch.
    pub first_topoheight: u64,
    /// Its last block.
    pub last_topoheight: u64,
    /// How many blocks it has.
    pub blocks: u64,
    /// Transaction fees their miners got.
    pub fees_atomic: u64,
    /// What their miners got besides.
    pub rewards_atomic: u64,
    /// The largest fees of one block.
    pub fees_max_atomic: u64,
    /// Blocks before it that no daemon could show.
    pub unreadable_blocks: u64,
    /// Ledger time it was published at.
    pub published_at_ms: u64,
    /// Whether it is part of the average; the others are the highest and the lowest tenth.
    pub is_counted: bool,
}

/// How many stray blocks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StrayCounts {
    /// Records that are kept.
    pub kept: u64,
    /// Of these, those that nobody has looked at.
    pub unacknowledged: u64,
}

/// A block that pays the pool's address and that the books do not have, or gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrayBlock {
    /// Its hash.
    pub hash: [u8; 32],
    /// Its height.
    pub height: u64,
    /// Its place in the chain's order.
    pub topoheight: u64,
    /// What the chain paid for it.
    pub amount_atomic: u64,
    /// Ledger time it was reported at.
    pub reported_at_ms: u64,
    /// Who has looked at it; none while nobody has.
    pub acknowledgement: Option<Acknowledgement>,
}

/// Somebody has looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub author: String,
    /// What came of it.
    pub reason: String,
    /// Ledger time.
    pub acknowledged_at_ms: u64,
}

/// The chain. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// The network's fees; none before the first sample.
    pub fn network_fees(&self) -> Result<Option<NetworkFees>> {
        let average_fees_atomic = network::average_fees_atomic(self.state)?;
        let fees: Option<row::NetworkFees> = self.load(key::network_fees())?;
        Ok(fees.map(|fees| NetworkFees {
            average_fees_atomic,
            samples: fees.samples,
            blocks: fees.blocks,
            first_topoheight: fees.first_topoheight,
            last_topoheight: fees.last_topoheight,
        }))
    }

    /// Every sample that is kept, newest first; [`network::NETWORK_SAMPLES_KEPT`] at most.
    pub fn network_samples(&self) -> Result<Vec<NetworkSample>> {
        let samples = network::all(self.state)?;
        let counted: BTreeSet<u64> = network::counted(&samples)
            .into_iter()
            .map(|sample| sample.first_topoheight)
            .collect();
        let read = |sample: &row::NetworkSample| NetworkSample {
            first_topoheight: sample.first_topoheight,
            last_topoheight: sample.last_topoheight,
            blocks: network::blocks_of(sample),
            fees_atomic: sample.fees_atomic,
            rewards_atomic: sample.rewards_atomic,
            fees_max_atomic: sample.fees_max_atomic,
            unreadable_blocks: sample.unreadable_blocks,
            published_at_ms: sample.published_at_ms,
            is_counted: counted.contains(&sample.first_topoheight),
        };
        Ok(samples.iter().rev().map(read).collect())
    }

    /// How many stray blocks there are.
    pub fn stray_counts(&self) -> Result<StrayCounts> {
        let head: row::StrayBlocks = self.load(key::stray_blocks_head())?.unwrap_or_default();
        Ok(StrayCounts {
            kept: head.count,
            unacknowledged: head.unacknowledged,
        })
    }

    /// One stray block.
    pub fn stray_block(&self, hash: &[u8; 32]) -> Result<Option<StrayBlock>> {
        let stray: Option<row::StrayBlock> = self.load(key::stray_block(hash))?;
        stray.map(read_stray).transpose()
    }

    /// Every stray block, the last in the chain's order first;
    /// [`crate::strays::STRAY_BLOCKS_MAX`] at most.
    pub fn stray_blocks(&self) -> Result<Vec<StrayBlock>> {
        let mut strays = Vec::new();
        let range = key::stray_blocks();
        each(
            self.state,
            range,
            Direction::Ascending,
            |_, stray: row::StrayBlock| {
                strays.push(read_stray(stray)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        strays.sort_by_key(|stray| Reverse((stray.topoheight, stray.hash)));
        Ok(strays)
    }
}

fn read_stray(stray: row::StrayBlock) -> Result<StrayBlock> {
    Ok(StrayBlock {
        hash: hash(&stray.hash)?,
        height: stray.height,
        topoheight: stray.topoheight,
        amount_atomic: stray.amount_atomic,
        reported_at_ms: stray.reported_at_ms,
        acknowledgement: stray.acknowledgement.map(|by| Acknowledgement {
            author: by.author,
            reason: by.reason,
            acknowledged_at_ms: by.acknowledged_at_ms,
        }),
    })
}
