//! Found blocks.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
use row::block::End;

use super::{Block, BlockStatus, LedgerView, Result};
use crate::record::{damaged, each, hash, page, wide};
use crate::state::Direction;
use crate::{key, weights};

/// Blocks. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// One block by its hash.
    pub fn block(&self, hash: &[u8; 32]) -> Result<Option<Block>> {
        self.block_row(hash)?.map(read_block).transpose()
    }

    /// Newest first, below the block number `before`.
    pub fn blocks(&self, before: Option<u64>, limit: usize) -> Result<Vec<Block>> {
        let range = key::blocks_below(before);
        page(
            self.state,
            range,
            Direction::Descending,
            limit,
            |_, block| read_block(block),
        )
    }

    /// Every block that is neither settled nor orphaned, oldest first.
    pub fn blocks_maturing(&self) -> Result<Vec<Block>> {
        let mut blocks = Vec::new();
        let range = key::blocks_maturing();
        each(
            self.state,
            range,
            Direction::Ascending,
            |_, reference: row::Reference| {
                let block = self.load(key::block(reference.number))?;
                blocks.push(read_block(block.ok_or_else(|| damaged("maturing block"))?)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(blocks)
    }

    /// What a block would pay each miner if it paid `amount_atomic`, as frozen when it was found.
    ///
    /// Empty for an orphaned block, and for an old settled one whose weights are gone
    /// ([`crate::weights::BLOCKS_KEPT`]).
    pub fn block_shares(&self, hash: &[u8; 32], amount_atomic: u64) -> Result<Vec<(String, u64)>> {
        match self.block_row(hash)? {
            Some(block) if !matches!(block.end, Some(End::Orphaned(_))) => {
                Ok(weights::split(self.state, &block, amount_atomic)?.parts)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn block_row(&self, hash: &[u8; 32]) -> Result<Option<row::Block>> {
        match self.load::<row::Reference>(key::block_number(hash))? {
            Some(reference) => self.load(key::block(reference.number)),
            None => Ok(None),
        }
    }
}

fn read_block(block: row::Block) -> Result<Block> {
    let scheme = block.scheme();
    Ok(Block {
        hash: hash(&block.hash)?,
        number: block.number,
        height: block.height,
        miner: block.miner,
        worker: block.worker,
        scheme,
        network_difficulty: wide(&block.network_difficulty)?,
        found_at_ms: block.found_at_ms,
        heights_late: block.heights_late,
        effort_score: wide(&block.effort_score)?,
        status: match block.end {
            None => BlockStatus::Maturing,
            Some(End::Settled(settled)) => BlockStatus::Settled {
                amount_atomic: settled.amount_atomic,
                fee_atomic: settled.fee_atomic,
                topoheight: settled.topoheight,
                settled_at_ms: settled.settled_at_ms,
            },
            Some(End::Orphaned(orphaned)) => BlockStatus::Orphaned {
                reason: orphaned.reason,
            },
        },
    })
}
