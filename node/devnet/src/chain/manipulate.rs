//! What tests do to a chain: produce blocks without work, rewind, orphan, reorder, spend elsewhere.

use std::sync::Arc;

use raftpool_chain::{BlockHeader, Hash};
use rand::{SeedableRng, rngs::StdRng};

use super::{BlockRefusal, Chain, Proof, Work, order::Unexecuted};
use crate::{
    fees,
    transaction::{Draft, Payment, Transaction},
};

/// What kind of blocks to produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Production {
    /// How many.
    pub count: u64,
    /// Who mines them.
    pub miner_key: [u8; 32],
    /// Whether they carry waiting transactions.
    pub with_transactions: bool,
}

/// A manipulation that this chain does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManipulationError {
    /// A produced block broke a rule of the network.
    #[error("cannot produce a block")]
    Produce(#[source] BlockRefusal),
    /// Nothing would be left.
    #[error("cannot rewind {count} blocks of a chain with topoheight {topoheight}")]
    RewindTooFar {
        /// Asked for.
        count: u64,
        /// Topoheight of the chain.
        topoheight: u64,
    },
    /// The block is not known.
    #[error("block {0} is not known")]
    UnknownBlock(Hash),
    /// The block's place is final.
    #[error("block {0} is stable, nothing can take its place")]
    Stable(Hash),
    /// So many heights back the order is final, or a later template would not merge the old branch.
    #[error("cannot reorder {depth} heights, at most {maximum}")]
    ReorderTooDeep {
        /// Asked for.
        depth: u64,
        /// Most that works now.
        maximum: u64,
    },
    /// The account cannot pay.
    #[error("the account has {available_atomic} atomic units, {required_atomic} are needed")]
    Funds {
        /// What it has.
        available_atomic: u64,
        /// What is needed.
        required_atomic: u64,
    },
}

impl Chain {
    /// Produces blocks on the best tips, without any work.
    ///
    /// # Errors
    /// When a block breaks a rule, for example because the clock ran far backwards.
    pub fn produce(&mut self, production: Production) -> Result<Vec<Hash>, ManipulationError> {
        let mut hashes = Vec::new();
        for _ in 0..production.count {
            let mut work = self.next_work(production.miner_key);
            if !production.with_transactions {
                work.header.transactions.clear();
            }
            hashes.push(self.add_work(work)?);
        }
        Ok(hashes)
    }

    /// Produces one block beside the best one, on the same tips.
    ///
    /// # Errors
    /// When the best block is stable or the block breaks a rule.
    pub fn produce_beside_top(&mut self, miner_key: [u8; 32]) -> Result<Hash, ManipulationError> {
        let top = self.top_hash();
        let tips = self
            .block(&top)
            .map(|block| block.header.tips.clone())
            .unwrap_or_default();
        let work = self.work_on(tips, Vec::new(), miner_key);
        self.add_work(work)
    }

    /// Removes the last `count` blocks of the order, and what stands on them, from the chain.
    ///
    /// Their transactions return to the mempool only when asked to: the official daemon was seen to
    /// lose them.
    ///
    /// # Errors
    /// When fewer than `count` blocks can be removed.
    pub fn rewind(&mut self, count: u64, return_to_mempool: bool) -> Result<(), ManipulationError> {
        let topoheight = self.topoheight();
        if count > topoheight {
            return Err(ManipulationError::RewindTooFar { count, topoheight });
        }
        let before = self.marks();
        let removed = self.unplace_from((topoheight - count + 1) as usize);
        for (_, placed) in &removed {
            self.forget_block(&placed.hash);
        }
        self.forget_headless_blocks();
        self.update_stable();
        self.find_tips();
        let fate = Unexecuted::of(return_to_mempool);
        self.settle_unexecuted(&removed, fate);
        self.reorganize(fate);
        self.tell_new_template();
        self.tell_changes_since(&before);
        Ok(())
    }

    /// Makes the network go on without a block: another branch overtakes it and never merges it.
    ///
    /// # Errors
    /// When the block is not known or its place is final.
    pub fn orphan(
        &mut self,
        hash: Hash,
        miner_key: [u8; 32],
    ) -> Result<Vec<Hash>, ManipulationError> {
        let block = self
            .block(&hash)
            .ok_or(ManipulationError::UnknownBlock(hash))?;
        let (height, tips) = (block.header.height, block.header.tips.clone());
        if height <= self.stable_height() {
            return Err(ManipulationError::Stable(hash));
        }
        let top_height = self.height();
        self.abandon(hash);
        self.find_tips();
        let work = self.work_on(tips, Vec::new(), miner_key);
        let mut hashes = vec![self.add_work(work)?];
        while self.height() < top_height + 1 {
            hashes.extend(self.produce(Production {
                count: 1,
                miner_key,
                with_transactions: false,
            })?);
        }
        Ok(hashes)
    }

    /// Puts a longer branch before the last `depth` heights and merges both.
    ///
    /// The old blocks stay ordered, at other topoheights and so with other rewards.
    ///
    /// # Errors
    /// When `depth` is too large.
    pub fn reorder(
        &mut self,
        depth: u64,
        miner_key: [u8; 32],
    ) -> Result<Vec<Hash>, ManipulationError> {
        let height = self.height();
        let maximum = (height - self.stable_height())
            .min(self.rules.stable_depth - 1)
            .min(height.saturating_sub(1));
        if depth == 0 || depth > maximum {
            return Err(ManipulationError::ReorderTooDeep { depth, maximum });
        }
        let first_height = height - depth + 1;
        let fork_tips = self
            .order
            .iter()
            .rev()
            .filter_map(|placed| self.blocks.get(&placed.hash))
            .find(|block| block.header.height == first_height)
            .map(|block| block.header.tips.clone())
            .unwrap_or_default();
        let mut hashes = Vec::new();
        let mut tips = fork_tips;
        // Blocks merged into the old branch count as its work, so one height more may not be enough.
        while hashes.last().is_none_or(|last| *last != self.top_hash()) {
            let work = self.work_on(tips, Vec::new(), miner_key);
            let hash = self.add_work(work)?;
            tips = vec![hash];
            hashes.push(hash);
        }
        hashes.extend(self.produce(Production {
            count: 1,
            miner_key,
            with_transactions: false,
        })?);
        Ok(hashes)
    }

    /// Uses up an account's nonce with a payment the owner did not ask for, in place of what waits.
    ///
    /// # Errors
    /// When the account cannot pay.
    pub fn spend_elsewhere(
        &mut self,
        source: [u8; 32],
        payment: Payment,
    ) -> Result<Hash, ManipulationError> {
        let nonce = self.accounts.next_nonce(&source);
        let fee_atomic = fees::minimum_fee_atomic(fees::transaction_bytes(1), 1, 1);
        let reference_topoheight = self.stable_topoheight;
        let reference_hash = self
            .placed(reference_topoheight)
            .map_or(Hash([0; 32]), |placed| placed.hash);
        let draft = Draft {
            source,
            payments: vec![payment],
            fee_atomic,
            fee_limit_atomic: fee_atomic,
            nonce,
            reference_hash,
            reference_topoheight,
        };
        let required_atomic = draft.spent_atomic();
        let available_atomic = self.accounts.balance_atomic(&source);
        if available_atomic < required_atomic {
            return Err(ManipulationError::Funds {
                available_atomic,
                required_atomic,
            });
        }
        let transaction = Arc::new(Transaction::build(draft, &mut self.random));
        let waiting = self
            .mempool
            .of_account(&source)
            .and_then(|nonces| nonces.get(&nonce))
            .copied();
        if let Some(hash) = waiting {
            self.mempool.remove(&hash);
        }
        self.add_waiting(Arc::clone(&transaction));
        Ok(transaction.hash)
    }

    /// Every block by rising height, and every transaction: what another daemon would be sent.
    #[must_use]
    pub fn contents(&self) -> (Vec<BlockHeader>, Vec<Arc<Transaction>>) {
        let hashes = self.by_height.values().flatten();
        let headers = hashes
            .filter_map(|hash| self.blocks.get(hash))
            .map(|block| block.header.clone())
            .collect();
        (headers, self.transactions.values().cloned().collect())
    }

    /// Takes over what another daemon has, whose work was checked there.
    pub fn adopt(&mut self, headers: Vec<BlockHeader>, transactions: Vec<Arc<Transaction>>) {
        for transaction in transactions {
            self.transactions
                .entry(transaction.hash)
                .or_insert(transaction);
        }
        for header in headers {
            // What no longer fits was lost to the faster side, as on a real network.
            let _ = self.add_block(header, Proof::Waived);
        }
    }

    /// Gives a copied chain randomness of its own.
    pub fn reseed(&mut self, seed: u64) {
        self.random = StdRng::seed_from_u64(seed);
    }

    fn add_work(&mut self, work: Work) -> Result<Hash, ManipulationError> {
        self.add_block(work.header, Proof::Waived)
            .map_err(ManipulationError::Produce)
    }

    /// Marks a block and everything that stands on it; blocks are visited by rising height.
    fn abandon(&mut self, hash: Hash) {
        self.abandoned.insert(hash);
        let from = self.height_of(&hash) + 1;
        let above: Vec<Hash> = self
            .by_height
            .range(from..)
            .flat_map(|(_, hashes)| hashes)
            .copied()
            .collect();
        for candidate in above {
            let stands_on_it = self.blocks.get(&candidate).is_some_and(|block| {
                block
                    .header
                    .tips
                    .iter()
                    .any(|tip| self.abandoned.contains(tip))
            });
            if stands_on_it {
                self.abandoned.insert(candidate);
            }
        }
    }

    fn forget_block(&mut self, hash: &Hash) {
        let Some(block) = self.blocks.remove(hash) else {
            return;
        };
        if let Some(hashes) = self.by_height.get_mut(&block.header.height) {
            hashes.retain(|other| other != hash);
            if hashes.is_empty() {
                self.by_height.remove(&block.header.height);
            }
        }
        for transaction in &block.header.transactions {
            if let Some(blocks) = self.blocks_of_transaction.get_mut(transaction) {
                blocks.retain(|other| other != hash);
            }
        }
        self.abandoned.remove(hash);
    }

    fn forget_headless_blocks(&mut self) {
        let by_height: Vec<Hash> = self.by_height.values().flatten().copied().collect();
        for hash in by_height {
            let is_headless = self.blocks.get(&hash).is_some_and(|block| {
                block
                    .header
                    .tips
                    .iter()
                    .any(|tip| !self.blocks.contains_key(tip))
            });
            if is_headless {
                self.forget_block(&hash);
            }
        }
    }

    /// Tips are what nothing stands on; abandoned blocks count as nothing.
    fn find_tips(&mut self) {
        let living = || {
            self.blocks
                .values()
                .filter(|block| !self.abandoned.contains(&block.hash))
        };
        let built_on: std::collections::HashSet<Hash> = living()
            .flat_map(|block| block.header.tips.iter().copied())
            .collect();
        let stable_height = self.stable_height();
        let top = self.top_hash();
        let mut tips: Vec<Hash> = living()
            .filter(|block| !built_on.contains(&block.hash))
            .filter(|block| block.header.height > stable_height || block.hash == top)
            .map(|block| block.hash)
            .collect();
        self.sort_best_first(&mut tips);
        self.tips = tips;
    }
}
