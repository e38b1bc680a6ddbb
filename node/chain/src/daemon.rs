//! What the pool needs from a daemon, as a trait, and the facts a daemon tells.

use std::sync::Arc;

use raftpool_pow::{Algorithm, Difficulty};

use crate::{
    BoxFuture, address::Address, error::ChainError, hash::Hash, header::BlockHeader,
    network::Network,
};

/// Most blocks of one [`Daemon::ordered_blocks`]: the official daemon's own bound.
pub const ORDERED_BLOCKS_MAX: u64 = 20;

/// One daemon, or a list of them with failover.
pub trait Daemon: Send + Sync + 'static {
    /// For logs and errors.
    fn name(&self) -> String;

    /// The state of the chain as this daemon sees it.
    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>>;

    /// How far this daemon is behind its peers.
    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>>;

    /// What to mine on now, paying `pool`.
    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>>;

    /// Hands in a solved block.
    fn submit_block<'a>(
        &'a self,
        header: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>>;

    /// A block by its hash. None: this daemon does not know the block (which is not "orphaned").
    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>>;

    /// The ordered blocks from one topoheight to another one, both included, in their order: at
    /// most [`ORDERED_BLOCKS_MAX`]. The answer has all of them, or the call fails; a daemon that
    /// is behind, or has pruned one of them, refuses ([`ChainError::Rpc`]).
    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>>;

    /// The account's next nonce at the top; 0 for an account without one.
    fn nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>>;

    /// The account's next nonce at the stable topoheight; 0 for an account that had none there.
    fn stable_nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>>;

    /// Hands in a signed transaction. The same bytes may be sent as often as needed.
    fn submit_transaction<'a>(
        &'a self,
        tx: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>>;

    /// Where the transaction was executed, stable or not; None when it is not executed.
    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>>;

    /// Whether it waits in this daemon's mempool.
    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>>;

    /// Whether what is read comes from daemons of this node, whose events are followed. When it
    /// does not, nothing but asking tells that the chain moved.
    fn reads_locally(&self) -> bool {
        true
    }

    /// The single daemons behind a list that can be trusted now, for decisions that want more than
    /// one opinion. Empty for a single daemon.
    fn opinions(&self) -> Vec<Arc<dyn Daemon>> {
        Vec::new()
    }

    /// Daemons that are configured and whose opinion is missing now, with what is wrong with each:
    /// for decisions that cannot be taken back.
    fn missing_opinions(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// What to mine on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The block to be solved; its miner key is the pool's.
    pub header: BlockHeader,
    /// [`BlockHeader::work_hash`] of the header, computed once.
    pub work_hash: Hash,
    /// The proof of work that is valid at this height.
    pub algorithm: Algorithm,
    /// Height of the block to be found.
    pub height: u64,
    /// Topoheight of the chain the template builds on.
    pub topoheight: u64,
    /// Difficulty of the block to be found.
    pub difficulty: Difficulty,
    /// What the block would pay its miner besides fees, in atomic units, as the same daemon said
    /// a moment before; 0: it did not say. It moves by an atomic unit or two with each block, so
    /// that a few blocks of age are no error worth a request.
    pub miner_reward_atomic: u64,
}

/// The state of the chain as one daemon sees it (`get_info`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo {
    /// The network the daemon is on.
    pub network: Network,
    /// Greatest height of a block.
    pub height: u64,
    /// Position of the last ordered block.
    pub topoheight: u64,
    /// Blocks at or below this height keep their fate.
    pub stable_height: u64,
    /// Positions at or below this one keep their block.
    pub stable_topoheight: u64,
    /// Difficulty of the next block.
    pub difficulty: Difficulty,
    /// The last ordered block.
    pub top_block_hash: Hash,
    /// Time aimed at between two blocks, in milliseconds.
    pub block_time_target_ms: u64,
    /// What the miner of the next block gets besides fees, in atomic units.
    pub miner_reward_atomic: u64,
    /// The first position whose block the daemon still has; None: it has all of them.
    pub pruned_topoheight: Option<u64>,
    /// Version of the daemon.
    pub version: String,
}

/// A block as a daemon sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainBlock {
    /// Identity of the block.
    pub hash: Hash,
    /// Greatest height among its parents, plus one.
    pub height: u64,
    /// Address the block pays, as the daemon spells it.
    pub miner: String,
    /// Difficulty the block had to meet.
    pub difficulty: Difficulty,
    /// The block's own time, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Present only while the block is ordered. Before stability it may come, go and change.
    pub ordered: Option<OrderedBlock>,
}

/// What an ordered block earns. Final once the block and its position are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderedBlock {
    /// Position in the order.
    pub topoheight: u64,
    /// Reward of the miner without fees, in atomic units.
    pub miner_reward_atomic: u64,
    /// Fees of the transactions this block executed, in atomic units; the miner gets them too.
    pub total_fees_atomic: u64,
}

/// What a daemon answered to a solved block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitBlockAnswer {
    /// Valid and stored. It may still be ordered later or never.
    Accepted,
    /// The daemon had this block already.
    AlreadyInChain,
    /// The daemon does not want it.
    Refused {
        /// The daemon's name of the error, `UNSPECIFIED` when it gave none.
        kind: String,
        /// The daemon's text.
        message: String,
    },
}

/// What a daemon answered to a transaction. Never proof of anything: only execution at or below the stable topoheight is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitTransactionAnswer {
    /// Taken into the mempool.
    Accepted,
    /// It waits in the mempool already.
    AlreadyPending,
    /// It was executed already, perhaps not stable yet.
    AlreadyExecuted,
    /// Another pending transaction has this nonce, or the nonce does not fit
    /// (`TX_NONCE_ALREADY_USED`, `INVALID_NONCE`, `INVALID_TX_NONCE_MEMPOOL_CACHE`).
    NonceConflict {
        /// The daemon's name of the error.
        kind: String,
        /// The daemon's text.
        message: String,
    },
    /// Wait and resend (`INVALID_REFERENCE_BLOCK_HEIGHT` after a reorder, mempool full).
    TryLater {
        /// The daemon's name of the error.
        kind: String,
        /// The daemon's text.
        message: String,
    },
    /// Anything else the daemon refused.
    Refused {
        /// The daemon's name of the error.
        kind: String,
        /// The daemon's text.
        message: String,
    },
}

/// The block that executed a transaction. A reorder before stability may undo it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The executing block.
    pub block_hash: Hash,
    /// Its position; final when at or below the stable topoheight.
    pub topoheight: u64,
}

/// How far a daemon is behind its peers (`p2p_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncStatus {
    /// The daemon's own topoheight.
    pub our_topoheight: u64,
    /// What the peers have: their best claim, but no more than the median of the claims, because a
    /// single peer may claim anything. None when P2P is off.
    pub best_topoheight: Option<u64>,
    /// Connected peers.
    pub peers: u64,
}
