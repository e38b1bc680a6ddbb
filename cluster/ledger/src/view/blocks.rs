//! Found blocks.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;
use row::block::End;

use super::{Block, BlockPart, BlockStatus, LedgerView, Result};
use crate::arithmetic::{basis_points, share_of};
use crate::command::Scheme;
use crate::key;
use crate::key::KeyRange;
use crate::record::{damaged, each, hash, page, wide};
use crate::state::Direction;
use crate::weights::{self, FrozenWeights};

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
        self.blocks_of(key::blocks_maturing())
    }

    /// Settled blocks whose amount is not handed out to all miners yet, oldest first.
    pub fn blocks_undistributed(&self) -> Result<Vec<Block>> {
        self.blocks_of(key::blocks_undistributed())
    }

    /// The blocks that an index points at.
    fn blocks_of(&self, index: KeyRange) -> Result<Vec<Block>> {
        let (state, all) = (self.state, usize::MAX);
        page(
            state,
            index,
            Direction::Ascending,
            all,
            |_, reference: row::Reference| {
                let block = self.load(key::block(reference.number))?;
                read_block(block.ok_or_else(|| damaged("block of an index"))?)
            },
        )
    }

    /// What a block would pay each miner if it paid `amount_atomic`, as frozen when it was found;
    /// in order of address, and without those who would get nothing.
    ///
    /// Empty for an orphaned block, for one of PPS or FPPS, and for an old settled one whose
    /// weights are gone ([`weights::BLOCKS_KEPT`]).
    pub fn block_shares(&self, hash: &[u8; 32], amount_atomic: u64) -> Result<Vec<(String, u64)>> {
        let parts = self.block_parts(hash, amount_atomic, None, usize::MAX)?;
        let parts = parts.into_iter().filter(|part| part.amount_atomic > 0);
        let mut parts: Vec<_> = parts.map(|part| (part.miner, part.amount_atomic)).collect();
        parts.sort();
        Ok(parts)
    }

    /// The same with the weights, in order of the miners' numbers, after the number `after`.
    pub fn block_parts(
        &self,
        hash: &[u8; 32],
        amount_atomic: u64,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<BlockPart>> {
        let block = match self.block_row(hash)? {
            Some(block) if !matches!(block.end, Some(End::Orphaned(_))) => block,
            _ => return Ok(Vec::new()),
        };
        let fee_atomic = basis_points(amount_atomic, block.fee_bps);
        let shared = amount_atomic.saturating_sub(fee_atomic);
        let first = after.map_or(0, |after| after.saturating_add(1));
        match block.scheme() {
            Scheme::Pps | Scheme::Fpps => Ok(Vec::new()),
            Scheme::Solo => {
                let finder: Option<row::Miner> = self.load(key::miner(&block.miner))?;
                let part = finder.map(|finder| BlockPart {
                    miner_number: finder.number,
                    miner: block.miner,
                    weight: 0,
                    amount_atomic: shared,
                });
                Ok(part
                    .into_iter()
                    .filter(|part| part.miner_number >= first && limit > 0)
                    .collect())
            }
            Scheme::Unspecified | Scheme::Pplns => self.weighed_parts(&block, shared, first, limit),
        }
    }

    fn weighed_parts(
        &self,
        block: &row::Block,
        shared: u64,
        first: u64,
        limit: usize,
    ) -> Result<Vec<BlockPart>> {
        let total = weights::total(block)?;
        let mut parts = Vec::new();
        weights::each_weight(self.state, block.number, |(miner_number, weight)| {
            if miner_number >= first && parts.len() < limit {
                parts.push(BlockPart {
                    miner_number,
                    miner: self.address_of(miner_number)?,
                    weight,
                    amount_atomic: share_of(shared, weight, total),
                });
            }
            Ok(())
        })?;
        Ok(parts)
    }

    /// What a PPLNS block of `amount_atomic` would pay each miner if it were found now, in order of
    /// the miners' numbers, after the number `after`; and the sum of all weights.
    pub fn window_parts(
        &self,
        amount_atomic: u64,
        after: Option<u64>,
        limit: usize,
    ) -> Result<(u128, Vec<BlockPart>)> {
        let fee_bps = self
            .settings()?
            .map_or(0, |settings| settings.pplns_fee_bps);
        let shared = amount_atomic.saturating_sub(basis_points(amount_atomic, fee_bps));
        let window: row::Window = self.load(key::window())?.unwrap_or_default();
        let total = wide(&window.total_score)?;
        let range = key::window_sums_after(after);
        let parts = page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |key, sum: row::Score| {
                let number = key::number_after_kind(key);
                let miner_number = number.ok_or_else(|| damaged("sum of a window"))?;
                let weight = wide(&sum.score)?;
                Ok(BlockPart {
                    miner_number,
                    miner: self.address_of(miner_number)?,
                    weight,
                    amount_atomic: share_of(shared, weight, total),
                })
            },
        )?;
        Ok((total, parts))
    }

    /// What a miner may expect of the blocks that are not final, by what each was expected to pay
    /// when it was found. Blocks of PPS and FPPS are not among them: their work is paid.
    pub fn immature_atomic(&self, address: &str) -> Result<u64> {
        let Some(miner) = self.load::<row::Miner>(key::miner(address))? else {
            return Ok(0);
        };
        let mut sum = 0_u64;
        each(
            self.state,
            key::blocks_maturing(),
            Direction::Ascending,
            |_, reference: row::Reference| {
                let block: Option<row::Block> = self.load(key::block(reference.number))?;
                let block = block.ok_or_else(|| damaged("maturing block"))?;
                let part = self.part_of(&block, block.expected_atomic, address, miner.number)?;
                sum = sum.saturating_add(part);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(sum)
    }

    /// The number a miner has; none before its first accepted share.
    pub fn miner_number(&self, address: &str) -> Result<Option<u64>> {
        let miner: Option<row::Miner> = self.load(key::miner(address))?;
        Ok(miner.map(|miner| miner.number))
    }

    /// The record of a block's frozen weights that has the one of a miner, if there is one: what comes
    /// before its first miner, or lies between its last one and `miner_number`, is in no record.
    pub fn weights_around(&self, block: u64, miner_number: u64) -> Result<Option<FrozenWeights>> {
        weights::around(self.state, block, miner_number)
    }

    /// What a PPLNS block of `amount_atomic` would pay one miner if it were found now.
    pub fn window_part_of(&self, amount_atomic: u64, address: &str) -> Result<u64> {
        let Some(miner) = self.load::<row::Miner>(key::miner(address))? else {
            return Ok(0);
        };
        let before = miner.number.checked_sub(1);
        let (_, parts) = self.window_parts(amount_atomic, before, 1)?;
        let part = parts.into_iter().find(|part| part.miner == address);
        Ok(part.map_or(0, |part| part.amount_atomic))
    }

    fn part_of(
        &self,
        block: &row::Block,
        amount_atomic: u64,
        address: &str,
        miner_number: u64,
    ) -> Result<u64> {
        let shared = shared_of(amount_atomic, block.fee_bps);
        let weight = || weights::of_miner(self.state, block.number, miner_number);
        let is_finder = block.miner == address;
        part(
            block.scheme(),
            shared,
            is_finder,
            weights::total(block)?,
            weight,
        )
    }

    fn block_row(&self, hash: &[u8; 32]) -> Result<Option<row::Block>> {
        match self.load::<row::Reference>(key::block_number(hash))? {
            Some(reference) => self.load(key::block(reference.number)),
            None => Ok(None),
        }
    }
}

impl Block {
    /// What it would pay one miner if it paid `amount_atomic`, whose frozen weight `weight` finds; 0
    /// for a block of PPS or FPPS. What an orphaned block pays is not asked of it.
    ///
    /// # Errors
    /// When `weight` fails.
    pub fn part_of(
        &self,
        amount_atomic: u64,
        address: &str,
        weight: impl FnOnce() -> Result<u128>,
    ) -> Result<u64> {
        let shared = shared_of(amount_atomic, self.fee_bps);
        let is_finder = self.miner == address;
        part(self.scheme, shared, is_finder, self.weights_total, weight)
    }
}

/// What miners share of an amount.
fn shared_of(amount_atomic: u64, fee_bps: u32) -> u64 {
    amount_atomic.saturating_sub(basis_points(amount_atomic, fee_bps))
}

fn part(
    scheme: Scheme,
    shared: u64,
    is_finder: bool,
    total: u128,
    weight: impl FnOnce() -> Result<u128>,
) -> Result<u64> {
    Ok(match scheme {
        Scheme::Solo if is_finder => shared,
        Scheme::Pps | Scheme::Fpps | Scheme::Solo => 0,
        Scheme::Unspecified | Scheme::Pplns => share_of(shared, weight()?, total),
    })
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
        expected_atomic: block.expected_atomic,
        fee_bps: block.fee_bps,
        weights_total: wide(&block.weights_total)?,
        is_reopened: block.is_reopened,
        status: match block.end {
            None => BlockStatus::Maturing,
            Some(End::Settled(settled)) => BlockStatus::Settled {
                amount_atomic: settled.amount_atomic,
                fee_atomic: settled.fee_atomic,
                donation_atomic: settled.donation_atomic,
                reserve_atomic: settled.reserve_atomic,
                rounding_atomic: settled.rounding_atomic,
                distributed_atomic: settled.distributed_atomic,
                is_distributed: settled.next_miner == 0,
                topoheight: settled.topoheight,
                settled_at_ms: settled.settled_at_ms,
            },
            Some(End::Orphaned(orphaned)) => BlockStatus::Orphaned {
                reason: orphaned.reason,
            },
        },
    })
}
