//! The simulated chain: blocks, their order, accounts and waiting transactions.
//!
//! [`Chain`] is plain data changed by plain calls: no tasks, no locks, no I/O. Whoever owns it
//! drains [`Chain::take_events`] after each change. It can be cloned, which is how a daemon is cut
//! off from the others. Proof of work is hashed by the caller, so that nobody waits for it here.

mod accept;
mod accounts;
mod describe;
mod events;
mod execute;
mod manipulate;
mod mempool;
mod order;
mod pending;
mod saved;
mod template;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use raftpool_chain::{BlockHeader, Hash, Network};
use raftpool_pow::Algorithm;
use rand::{SeedableRng, rngs::StdRng};

pub use accept::{BlockRefusal, Proof};
pub use accounts::{Accounts, NonceVersion};
pub use describe::ExecutedTransaction;
pub use events::{EVENT_NAMES, Event};
pub use manipulate::{ManipulationError, Production};
pub use mempool::Mempool;
pub use pending::TransactionRefusal;
pub use saved::{SavedChain, SavedError};
pub use template::Work;

use crate::{
    config::{Clock, DevnetConfig, DifficultyRule},
    emission::{self, Reward},
    transaction::Transaction,
};

/// Key that receives the developers' share and the first block.
pub const DEV_KEY: [u8; 32] = [
    0x64, 0x23, 0xb4, 0x90, 0x8e, 0x5b, 0xd3, 0x22, 0x41, 0xe3, 0x44, 0x3f, 0xcc, 0xfb, 0x7b, 0xab,
    0x86, 0xa8, 0x99, 0xa8, 0xcc, 0xa1, 0x2b, 0x3f, 0xed, 0xf2, 0x55, 0x63, 0x4d, 0x15, 0x6d, 0x66,
];

/// Most tips a block may have.
pub const MAX_TIPS: usize = 3;

/// What does not change while a network lives, except by the control interface.
#[derive(Clone)]
pub struct Rules {
    /// Network of the addresses.
    pub network: Network,
    /// Proof of work.
    pub algorithm: Algorithm,
    /// Difficulty of the next blocks.
    pub difficulty: DifficultyRule,
    /// Aim of the retarget, in milliseconds.
    pub block_time_ms: u64,
    /// Heights after which a block is stable.
    pub stable_depth: u64,
    /// How far behind the best tip another tip is still merged, in heights.
    pub merge_depth: u64,
    /// Whether transactions that a reorder takes out of the order wait again, as they usually do.
    pub returns_to_mempool: bool,
    /// Time source.
    pub clock: Clock,
}

impl Rules {
    /// The rules a configuration asks for.
    #[must_use]
    pub fn new(config: &DevnetConfig) -> Self {
        let stable_depth = config.stable_depth.max(1);
        Self {
            network: config.network,
            algorithm: config.algorithm,
            difficulty: config.difficulty,
            block_time_ms: config.block_time_ms,
            stable_depth,
            // A tip at or below the stable height must never be merged: its place is decided.
            merge_depth: config.merge_depth.min(stable_depth - 1),
            returns_to_mempool: true,
            clock: Arc::clone(&config.clock),
        }
    }

    /// Block version that belongs to the proof of work.
    #[must_use]
    pub fn block_version(&self) -> u8 {
        match self.algorithm {
            Algorithm::V1 => 0,
            Algorithm::V2 => 2,
            Algorithm::V3 => 6,
        }
    }
}

/// A block in the graph, ordered or not.
#[derive(Debug, Clone)]
pub struct Block {
    /// Identity.
    pub hash: Hash,
    /// As submitted.
    pub header: BlockHeader,
    /// Difficulty it had to meet.
    pub difficulty: u128,
    /// Difficulty of the block and everything before it.
    pub cumulative_difficulty: u128,
}

/// What a block is at its place in the order.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The block.
    pub hash: Hash,
    /// What it creates here.
    pub reward: Reward,
    /// All coins that exist after it.
    pub supply_atomic: u64,
    /// Fees of the transactions executed here, all for the miner.
    pub fees_atomic: u64,
    /// Transactions executed here, in order.
    pub executed: Vec<Hash>,
    touched: Vec<[u8; 32]>,
}

/// The graph of blocks and everything that follows from it.
#[derive(Clone)]
pub struct Chain {
    /// Parameters.
    pub rules: Rules,
    /// While set, no template carries transactions.
    pub execution_is_stalled: bool,
    blocks: HashMap<Hash, Block>,
    by_height: BTreeMap<u64, Vec<Hash>>,
    tips: Vec<Hash>,
    /// Blocks no template builds on any more, by order of the control interface.
    abandoned: HashSet<Hash>,
    order: Vec<Placed>,
    topoheights: HashMap<Hash, u64>,
    stable_topoheight: u64,
    accounts: Accounts,
    transactions: HashMap<Hash, Arc<Transaction>>,
    blocks_of_transaction: HashMap<Hash, Vec<Hash>>,
    executed_in: HashMap<Hash, Hash>,
    mempool: Mempool,
    events: Vec<Event>,
    random: StdRng,
}

impl Chain {
    /// A chain of the first block only.
    #[must_use]
    pub fn new(rules: Rules, seed: u64) -> Self {
        let timestamp_ms = (rules.clock)();
        let genesis = BlockHeader {
            version: rules.block_version(),
            height: 0,
            timestamp_ms,
            nonce: 0,
            extra_nonce: [0; 32],
            tips: Vec::new(),
            transactions: Vec::new(),
            miner_key: DEV_KEY,
        };
        let mut chain = Self::empty(rules, seed);
        let hash = chain.insert(genesis, 1, 1);
        chain.tips = vec![hash];
        chain.place(hash);
        chain
    }

    fn empty(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            execution_is_stalled: false,
            blocks: HashMap::new(),
            by_height: BTreeMap::new(),
            tips: Vec::new(),
            abandoned: HashSet::new(),
            order: Vec::new(),
            topoheights: HashMap::new(),
            stable_topoheight: 0,
            accounts: Accounts::default(),
            transactions: HashMap::new(),
            blocks_of_transaction: HashMap::new(),
            executed_in: HashMap::new(),
            mempool: Mempool::default(),
            events: Vec::new(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        (self.rules.clock)()
    }

    /// Height of the best block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.order
            .last()
            .map_or(0, |placed| self.height_of(&placed.hash))
    }

    /// Place of the best block in the order.
    #[must_use]
    pub fn topoheight(&self) -> u64 {
        (self.order.len() as u64).saturating_sub(1)
    }

    /// Height below which nothing changes any more.
    #[must_use]
    pub fn stable_height(&self) -> u64 {
        self.order
            .get(self.stable_topoheight as usize)
            .map_or(0, |placed| self.height_of(&placed.hash))
    }

    /// Place of the stable block in the order.
    #[must_use]
    pub fn stable_topoheight(&self) -> u64 {
        self.stable_topoheight
    }

    /// Hash of the best block.
    #[must_use]
    pub fn top_hash(&self) -> Hash {
        self.order
            .last()
            .map_or(Hash([0; 32]), |placed| placed.hash)
    }

    /// All coins that exist at the top.
    #[must_use]
    pub fn supply_atomic(&self) -> u64 {
        self.order.last().map_or(0, |placed| placed.supply_atomic)
    }

    /// What the next block creates.
    #[must_use]
    pub fn next_reward(&self) -> Reward {
        emission::reward(self.supply_atomic(), self.height() + 1)
    }

    /// The blocks nothing is built on yet, best first.
    #[must_use]
    pub fn tips(&self) -> Vec<Hash> {
        let mut tips = self.tips.clone();
        self.sort_best_first(&mut tips);
        tips
    }

    /// A known block.
    #[must_use]
    pub fn block(&self, hash: &Hash) -> Option<&Block> {
        self.blocks.get(hash)
    }

    /// All known blocks of a height, in order of arrival.
    #[must_use]
    pub fn blocks_at_height(&self, height: u64) -> &[Hash] {
        self.by_height.get(&height).map_or(&[], Vec::as_slice)
    }

    /// The block at a place of the order.
    #[must_use]
    pub fn placed(&self, topoheight: u64) -> Option<&Placed> {
        self.order.get(usize::try_from(topoheight).ok()?)
    }

    /// Place of a block in the order; none while it is not ordered.
    #[must_use]
    pub fn topoheight_of(&self, hash: &Hash) -> Option<u64> {
        self.topoheights.get(hash).copied()
    }

    /// The accounts at the top.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The waiting transactions.
    #[must_use]
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// A transaction that was ever in a block or waits now.
    #[must_use]
    pub fn transaction(&self, hash: &Hash) -> Option<&Arc<Transaction>> {
        self.transactions.get(hash)
    }

    /// The block a transaction is executed in.
    #[must_use]
    pub fn executor_of(&self, transaction: &Hash) -> Option<Hash> {
        self.executed_in.get(transaction).copied()
    }

    /// Random source of proofs and extra nonces.
    pub fn random(&mut self) -> &mut StdRng {
        &mut self.random
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn height_of(&self, hash: &Hash) -> u64 {
        self.blocks.get(hash).map_or(0, |block| block.header.height)
    }

    fn sort_best_first(&self, hashes: &mut [Hash]) {
        let rank = |hash: &Hash| {
            (
                self.blocks
                    .get(hash)
                    .map_or(0, |block| block.cumulative_difficulty),
                *hash,
            )
        };
        hashes.sort_unstable_by_key(|hash| std::cmp::Reverse(rank(hash)));
    }

    fn insert(
        &mut self,
        header: BlockHeader,
        difficulty: u128,
        cumulative_difficulty: u128,
    ) -> Hash {
        let hash = header.block_hash();
        self.by_height.entry(header.height).or_default().push(hash);
        for transaction in &header.transactions {
            self.blocks_of_transaction
                .entry(*transaction)
                .or_default()
                .push(hash);
        }
        self.blocks.insert(
            hash,
            Block {
                hash,
                header,
                difficulty,
                cumulative_difficulty,
            },
        );
        hash
    }
}
