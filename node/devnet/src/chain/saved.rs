//! A chain as it is kept in a file.
//!
//! Only what cannot be computed is kept: blocks, their order, transactions. Accounts, rewards and
//! stability come from placing the blocks again.

use std::sync::Arc;

use raftpool_chain::{BlockHeader, Hash, Network};
use serde::{Deserialize, Serialize};

use super::{Chain, Rules, mempool::Waiting};
use crate::transaction::Transaction;

/// The part of a chain that has to be kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedChain {
    network: String,
    algorithm: String,
    blocks: Vec<SavedBlock>,
    order: Vec<Hash>,
    tips: Vec<Hash>,
    abandoned: Vec<Hash>,
    transactions: Vec<String>,
    mempool: Vec<SavedWaiting>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedBlock {
    header: String,
    difficulty: String,
    cumulative_difficulty: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedWaiting {
    hash: Hash,
    first_seen_s: u64,
}

/// Why a saved chain cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It belongs to other settings.
    #[error("it holds a chain of {saved}, but {wanted} is configured")]
    OtherNetwork {
        /// Network and algorithm in the file.
        saved: String,
        /// Network and algorithm asked for.
        wanted: String,
    },
    /// A block cannot be read.
    #[error("block {0} cannot be read")]
    Block(usize),
    /// A transaction cannot be read.
    #[error("transaction {0} cannot be read")]
    Transaction(usize),
    /// Something refers to a block or transaction that is not there.
    #[error("{0} is missing")]
    Missing(Hash),
    /// There is not even a first block.
    #[error("it holds no blocks")]
    Empty,
}

impl Chain {
    /// What has to be kept.
    #[must_use]
    pub fn save(&self) -> SavedChain {
        let blocks = self
            .by_height
            .values()
            .flatten()
            .filter_map(|hash| self.blocks.get(hash))
            .map(|block| SavedBlock {
                header: hex::encode(block.header.encode()),
                difficulty: block.difficulty.to_string(),
                cumulative_difficulty: block.cumulative_difficulty.to_string(),
            })
            .collect();
        let mempool = self
            .mempool
            .iter()
            .map(|waiting| SavedWaiting {
                hash: waiting.transaction.hash,
                first_seen_s: waiting.first_seen_s,
            })
            .collect();
        SavedChain {
            network: self.rules.network.to_string(),
            algorithm: self.rules.algorithm.to_string(),
            blocks,
            order: self.order.iter().map(|placed| placed.hash).collect(),
            tips: self.tips.clone(),
            abandoned: self.abandoned.iter().copied().collect(),
            transactions: self
                .transactions
                .values()
                .map(|known| hex::encode(&known.bytes))
                .collect(),
            mempool,
        }
    }

    /// Brings a saved chain back.
    ///
    /// # Errors
    /// When it is incomplete or belongs to another network.
    pub fn restore(rules: Rules, seed: u64, saved: &SavedChain) -> Result<Self, SavedError> {
        check_network(&rules, saved)?;
        let mut chain = Self::empty(rules, seed);
        for (index, saved_block) in saved.blocks.iter().enumerate() {
            let (header, difficulty, cumulative) =
                saved_block.read().ok_or(SavedError::Block(index))?;
            chain.insert(header, difficulty, cumulative);
        }
        for (index, text) in saved.transactions.iter().enumerate() {
            let transaction = hex::decode(text)
                .ok()
                .and_then(|bytes| Transaction::decode(&bytes).ok())
                .ok_or(SavedError::Transaction(index))?;
            chain
                .transactions
                .insert(transaction.hash, Arc::new(transaction));
        }
        chain.check_references(saved)?;
        for hash in &saved.order {
            chain.place(*hash);
        }
        chain.tips.clone_from(&saved.tips);
        chain.abandoned = saved.abandoned.iter().copied().collect();
        chain.restore_waiting(saved);
        chain.update_stable();
        chain.events.clear();
        Ok(chain)
    }

    fn check_references(&self, saved: &SavedChain) -> Result<(), SavedError> {
        if saved.order.is_empty() || saved.tips.is_empty() {
            return Err(SavedError::Empty);
        }
        let tips = self.blocks.values().flat_map(|block| &block.header.tips);
        let mut blocks = saved.order.iter().chain(&saved.tips).chain(tips);
        if let Some(missing) = blocks.find(|hash| !self.blocks.contains_key(*hash)) {
            return Err(SavedError::Missing(*missing));
        }
        let carried = self
            .blocks
            .values()
            .flat_map(|block| &block.header.transactions);
        let waiting = saved.mempool.iter().map(|waiting| &waiting.hash);
        match carried
            .chain(waiting)
            .find(|hash| !self.transactions.contains_key(*hash))
        {
            Some(missing) => Err(SavedError::Missing(*missing)),
            None => Ok(()),
        }
    }

    fn restore_waiting(&mut self, saved: &SavedChain) {
        for waiting in &saved.mempool {
            if let Some(transaction) = self.transactions.get(&waiting.hash) {
                let transaction = Arc::clone(transaction);
                self.mempool.add(Waiting {
                    transaction,
                    first_seen_s: waiting.first_seen_s,
                });
            }
        }
        let waiting = &self.mempool;
        for hash in self
            .transactions
            .keys()
            .filter(|hash| waiting.get(hash).is_none())
        {
            // It was in a block that is gone: still known, in no block.
            self.blocks_of_transaction.entry(*hash).or_default();
        }
    }
}

impl SavedBlock {
    fn read(&self) -> Option<(BlockHeader, u128, u128)> {
        let header = BlockHeader::decode(&hex::decode(&self.header).ok()?).ok()?;
        Some((
            header,
            self.difficulty.parse().ok()?,
            self.cumulative_difficulty.parse().ok()?,
        ))
    }
}

fn check_network(rules: &Rules, saved: &SavedChain) -> Result<(), SavedError> {
    let name = |network: &str, algorithm: &str| format!("{network} with {algorithm}");
    let network: Network = rules.network;
    let wanted = name(&network.to_string(), &rules.algorithm.to_string());
    let saved = name(&saved.network, &saved.algorithm);
    if saved == wanted {
        Ok(())
    } else {
        Err(SavedError::OtherNetwork { saved, wanted })
    }
}
