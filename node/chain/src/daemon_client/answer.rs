//! The daemon's answers on the wire and what they become.

use raftpool_pow::Difficulty;
use serde::Deserialize;

use crate::{
    address::Address,
    daemon::{ChainBlock, ChainInfo, Execution, OrderedBlock, SyncStatus, Template},
    hash::Hash,
    header::BlockHeader,
    network::Network,
};

#[derive(Deserialize)]
pub(super) struct InfoAnswer {
    network: String,
    height: u64,
    topoheight: u64,
    stableheight: u64,
    stable_topoheight: u64,
    difficulty: String,
    top_block_hash: Hash,
    block_time_target: u64,
    miner_reward: u64,
    pruned_topoheight: Option<u64>,
    version: String,
}

impl InfoAnswer {
    pub(super) fn read(self) -> Result<ChainInfo, String> {
        Ok(ChainInfo {
            network: self
                .network
                .parse::<Network>()
                .map_err(|error| error.to_string())?,
            height: self.height,
            topoheight: self.topoheight,
            stable_height: self.stableheight,
            stable_topoheight: self.stable_topoheight,
            difficulty: difficulty(&self.difficulty)?,
            top_block_hash: self.top_block_hash,
            block_time_target_ms: self.block_time_target,
            miner_reward_atomic: self.miner_reward,
            pruned_topoheight: self.pruned_topoheight,
            version: self.version,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct P2pAnswer {
    our_topoheight: u64,
    best_topoheight: u64,
    median_topoheight: Option<u64>,
    peer_count: u64,
}

impl P2pAnswer {
    pub(super) fn read(self) -> Result<SyncStatus, String> {
        let best = self.best_topoheight;
        Ok(SyncStatus {
            our_topoheight: self.our_topoheight,
            best_topoheight: Some(
                self.median_topoheight
                    .map_or(best, |median| best.min(median)),
            ),
            peers: self.peer_count,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct TemplateAnswer {
    template: String,
    algorithm: String,
    height: u64,
    topoheight: u64,
    difficulty: String,
}

impl TemplateAnswer {
    pub(super) fn read(self, pool: &Address) -> Result<Template, String> {
        let bytes = hex::decode(&self.template).map_err(|error| format!("template: {error}"))?;
        let header = BlockHeader::decode(&bytes).map_err(|error| error.to_string())?;
        if header.height != self.height {
            return Err(format!("the template is for height {}", header.height));
        }
        if header.miner_key != *pool.public_key() {
            return Err("the template pays another key".to_owned());
        }
        Ok(Template {
            work_hash: header.work_hash(),
            algorithm: self.algorithm.parse().map_err(|error| format!("{error}"))?,
            height: self.height,
            topoheight: self.topoheight,
            difficulty: difficulty(&self.difficulty)?,
            // Another method tells it.
            miner_reward_atomic: 0,
            header,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct BlockAnswer {
    hash: Hash,
    block_type: String,
    height: u64,
    miner: String,
    difficulty: String,
    timestamp: u64,
    topoheight: Option<u64>,
    miner_reward: Option<u64>,
    total_fees: Option<u64>,
}

impl BlockAnswer {
    pub(super) fn read(self, asked: Hash) -> Result<ChainBlock, String> {
        if self.hash != asked {
            return Err(format!("it is the block {}", self.hash));
        }
        self.describe()
    }

    /// Reads the block that lies at a position of the order.
    pub(super) fn read_at(self, topoheight: u64) -> Result<ChainBlock, String> {
        let block = self.describe()?;
        match block.ordered {
            Some(ordered) if ordered.topoheight == topoheight => Ok(block),
            _ => Err(format!(
                "the block {} is not ordered at topoheight {topoheight}",
                block.hash
            )),
        }
    }

    fn describe(self) -> Result<ChainBlock, String> {
        let ordered = match (self.topoheight, self.miner_reward, self.total_fees) {
            (Some(topoheight), Some(miner_reward_atomic), Some(total_fees_atomic)) => {
                Some(OrderedBlock {
                    topoheight,
                    miner_reward_atomic,
                    total_fees_atomic,
                })
            }
            (None, None, None) => None,
            _ => return Err("some but not all fields of an ordered block".to_owned()),
        };
        if ordered.is_some() && self.block_type == "Orphaned" {
            return Err("both orphaned and ordered".to_owned());
        }
        Ok(ChainBlock {
            hash: self.hash,
            height: self.height,
            miner: self.miner,
            difficulty: difficulty(&self.difficulty)?,
            timestamp_ms: self.timestamp,
            ordered,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Presence {
    pub(super) exist: bool,
}

#[derive(Deserialize)]
pub(super) struct NonceAnswer {
    nonce: u64,
    topoheight: Option<u64>,
    previous_topoheight: Option<u64>,
}

/// One change of an account's nonce.
pub(super) struct NonceEntry {
    pub(super) nonce: u64,
    /// Where the nonce got this value.
    pub(super) topoheight: u64,
    /// Where it got the value before; None for the account's first.
    pub(super) previous_topoheight: Option<u64>,
}

impl NonceAnswer {
    /// `asked` is the topoheight of the entry asked for, None for the newest one.
    pub(super) fn read(self, asked: Option<u64>) -> Result<NonceEntry, String> {
        let topoheight = match (self.topoheight, asked) {
            (Some(found), Some(asked)) if found != asked => {
                return Err(format!(
                    "it is the entry of topoheight {found}, not {asked}"
                ));
            }
            (found, asked) => found.or(asked).ok_or("it has no topoheight")?,
        };
        if self
            .previous_topoheight
            .is_some_and(|previous| previous >= topoheight)
        {
            return Err("the entry before is not older".to_owned());
        }
        let Self {
            nonce,
            previous_topoheight,
            ..
        } = self;
        Ok(NonceEntry {
            nonce,
            topoheight,
            previous_topoheight,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct ExecutorAnswer {
    block_hash: Hash,
    block_topoheight: u64,
}

impl From<ExecutorAnswer> for Execution {
    fn from(answer: ExecutorAnswer) -> Self {
        Self {
            block_hash: answer.block_hash,
            topoheight: answer.block_topoheight,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct TransactionAnswer {
    hash: Hash,
    pub(super) source: String,
    pub(super) in_mempool: bool,
    pub(super) executed_in_block: Option<Hash>,
}

impl TransactionAnswer {
    pub(super) fn check(self, asked: Hash) -> Result<Self, String> {
        if self.hash == asked {
            Ok(self)
        } else {
            Err(format!("it is {}", self.hash))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MempoolAnswer {
    pub(super) txs: Vec<Hash>,
}

fn difficulty(text: &str) -> Result<Difficulty, String> {
    text.parse().map_err(|error| format!("{error}"))
}
