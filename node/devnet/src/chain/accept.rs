//! Whether a submitted block joins the graph, and what it does there.

use raftpool_chain::{BlockHeader, Hash};

use super::{Chain, MAX_TIPS, order::Unexecuted, template};

/// How far a block's timestamp may be ahead of the daemon's clock.
pub const TIMESTAMP_IN_FUTURE_LIMIT_MS: u64 = 2_000;
/// A tip may be at most this many heights below the block.
const TIP_DISTANCE_LIMIT: u64 = 8;

/// How a block shows its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its proof-of-work hash, computed by the caller.
    Hash([u8; 32]),
    /// None needed: a block of the control interface.
    Waived,
}

/// Why a block is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockRefusal {
    /// The same block was taken before.
    #[error("Block is already in chain")]
    AlreadyInChain,
    /// The hash is above the target.
    #[error("Invalid difficulty")]
    InvalidDifficulty,
    /// The block's height is at or below the stable one.
    #[error("Block height is in stable height which is not allowed")]
    HeightIsStable,
    /// The timestamp is too far ahead.
    #[error("Timestamp {timestamp_ms} is greater than current time {now_ms}")]
    TimestampInFuture {
        /// The block's.
        timestamp_ms: u64,
        /// The daemon's.
        now_ms: u64,
    },
    /// The timestamp is before that of a tip.
    #[error("Timestamp {timestamp_ms} is less than parent")]
    TimestampLessThanParent {
        /// The block's.
        timestamp_ms: u64,
    },
    /// The height is not one above the highest tip.
    #[error("Block height mismatch, expected {expected}, got {actual}.")]
    InvalidHeight {
        /// One above the highest tip.
        expected: u64,
        /// The block's.
        actual: u64,
    },
    /// The version is not that of the chain.
    #[error("Invalid block version")]
    InvalidVersion,
    /// No tips, too many, or one twice.
    #[error("Invalid tips count")]
    InvalidTipsCount,
    /// A tip is not known.
    #[error("Invalid tips: {tip} not found")]
    UnknownTip {
        /// The unknown one.
        tip: Hash,
    },
    /// The tips are not in the order of their work.
    #[error("Invalid tips order")]
    InvalidTipsOrder,
    /// A tip's difficulty is too far below the best one's.
    #[error("Invalid tips difficulty")]
    InvalidTipsDifficulty,
    /// A tip, or the branch it stands on, is too far from the ordered chain.
    #[error("Block deviates too much from the chain")]
    Deviation,
    /// A listed transaction is not known.
    #[error("Transaction {transaction} not found")]
    UnknownTransaction {
        /// The unknown one.
        transaction: Hash,
    },
    /// The miner key is no point of the curve.
    #[error("Invalid miner key")]
    InvalidMinerKey,
}

impl BlockRefusal {
    /// The error kind of the daemon's answer.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AlreadyInChain => "ALREADY_IN_CHAIN",
            Self::InvalidDifficulty => "INVALID_DIFFICULTY",
            Self::HeightIsStable => "INVALID_BLOCK_HEIGHT_STABLE_HEIGHT",
            Self::TimestampInFuture { .. } => "TIMESTAMP_IS_IN_FUTURE",
            Self::TimestampLessThanParent { .. } => "TIMESTAMP_IS_LESS_THAN_PARENT",
            Self::InvalidHeight { .. } => "INVALID_BLOCK_HEIGHT",
            Self::InvalidVersion => "INVALID_BLOCK_VERSION",
            Self::InvalidTipsCount => "INVALID_TIPS_COUNT",
            Self::UnknownTip { .. } => "INVALID_TIPS_NOT_FOUND",
            Self::InvalidTipsOrder => "INVALID_TIPS_ORDER",
            Self::InvalidTipsDifficulty => "INVALID_TIPS_DIFFICULTY",
            Self::Deviation => "BLOCK_DEVIATION",
            Self::UnknownTransaction { .. } => "TX_NOT_FOUND",
            Self::InvalidMinerKey => "INVALID_PUBLIC_KEY",
        }
    }
}

impl Chain {
    /// Takes a block into the graph and brings the order up to date.
    ///
    /// # Errors
    /// The first rule of the network that the block breaks; nothing has changed then.
    pub fn add_block(&mut self, header: BlockHeader, proof: Proof) -> Result<Hash, BlockRefusal> {
        let hash = header.block_hash();
        if self.blocks.contains_key(&hash) {
            return Err(BlockRefusal::AlreadyInChain);
        }
        self.check_tips(&header)?;
        self.check_place(&header)?;
        self.check_content(&header)?;
        let difficulty = self.difficulty_on(&header.tips);
        if let Proof::Hash(pow_hash) = proof
            && !template::checked_difficulty(difficulty)
                .is_some_and(|difficulty| difficulty.target().is_met_by(&pow_hash))
        {
            return Err(BlockRefusal::InvalidDifficulty);
        }
        let before = self.marks();
        let cumulative_difficulty = self.cumulative_on(&header.tips) + difficulty;
        let tips = header.tips.clone();
        self.insert(header, difficulty, cumulative_difficulty);
        if tips.iter().any(|tip| self.abandoned.contains(tip)) {
            self.abandoned.insert(hash);
        } else {
            self.tips.retain(|tip| !tips.contains(tip));
            self.tips.push(hash);
        }
        self.reorganize(Unexecuted::of(self.rules.returns_to_mempool));
        self.tell_new_block(&hash);
        self.tell_new_template();
        self.tell_changes_since(&before);
        Ok(hash)
    }

    fn check_tips(&self, header: &BlockHeader) -> Result<(), BlockRefusal> {
        let tips = &header.tips;
        let is_repeated = (1..tips.len()).any(|index| tips[..index].contains(&tips[index]));
        if tips.is_empty() || tips.len() > MAX_TIPS || is_repeated {
            return Err(BlockRefusal::InvalidTipsCount);
        }
        if let Some(tip) = tips.iter().find(|tip| !self.blocks.contains_key(*tip)) {
            return Err(BlockRefusal::UnknownTip { tip: *tip });
        }
        let mut sorted = tips.clone();
        self.sort_best_first(&mut sorted);
        if sorted != *tips {
            return Err(BlockRefusal::InvalidTipsOrder);
        }
        let difficulty = |tip: &Hash| self.blocks.get(tip).map_or(0, |block| block.difficulty);
        if tips[1..]
            .iter()
            .any(|tip| !template::is_near(difficulty(tip), difficulty(&tips[0])))
        {
            return Err(BlockRefusal::InvalidTipsDifficulty);
        }
        Ok(())
    }

    fn check_place(&self, header: &BlockHeader) -> Result<(), BlockRefusal> {
        let highest = header
            .tips
            .iter()
            .map(|tip| self.height_of(tip))
            .max()
            .unwrap_or(0);
        if header.height != highest + 1 {
            return Err(BlockRefusal::InvalidHeight {
                expected: highest + 1,
                actual: header.height,
            });
        }
        if header.height <= self.stable_height() {
            return Err(BlockRefusal::HeightIsStable);
        }
        let is_far = |tip: &Hash| header.height - self.height_of(tip) > TIP_DISTANCE_LIMIT;
        if header.tips.iter().any(is_far) || self.stands_below_stable(&header.tips) {
            return Err(BlockRefusal::Deviation);
        }
        Ok(())
    }

    fn check_content(&self, header: &BlockHeader) -> Result<(), BlockRefusal> {
        if header.version != self.rules.block_version() {
            return Err(BlockRefusal::InvalidVersion);
        }
        let (timestamp_ms, now_ms) = (header.timestamp_ms, self.now_ms());
        if timestamp_ms > now_ms.saturating_add(TIMESTAMP_IN_FUTURE_LIMIT_MS) {
            return Err(BlockRefusal::TimestampInFuture {
                timestamp_ms,
                now_ms,
            });
        }
        if timestamp_ms < self.newest_timestamp_ms(&header.tips) {
            return Err(BlockRefusal::TimestampLessThanParent { timestamp_ms });
        }
        if raftpool_chain::Address::from_key(header.miner_key, self.rules.network).is_err() {
            return Err(BlockRefusal::InvalidMinerKey);
        }
        match header
            .transactions
            .iter()
            .find(|hash| !self.transactions.contains_key(*hash))
        {
            Some(transaction) => Err(BlockRefusal::UnknownTransaction {
                transaction: *transaction,
            }),
            None => Ok(()),
        }
    }

    /// Whether a branch that is not ordered reaches down to where the order is final.
    pub(super) fn stands_below_stable(&self, tips: &[Hash]) -> bool {
        let floor = self.stable_height();
        let mut open = tips.to_vec();
        let mut seen = std::collections::HashSet::new();
        while let Some(hash) = open.pop() {
            if self.topoheights.contains_key(&hash) || !seen.insert(hash) {
                continue;
            }
            let Some(block) = self.blocks.get(&hash) else {
                return true;
            };
            if block.header.height <= floor {
                return true;
            }
            open.extend_from_slice(&block.header.tips);
        }
        false
    }

    fn cumulative_on(&self, tips: &[Hash]) -> u128 {
        let Some((best, others)) = tips.split_first() else {
            return 0;
        };
        let own = self
            .blocks
            .get(best)
            .map_or(0, |block| block.cumulative_difficulty);
        let beyond: u128 = self
            .past_beyond_best(best, others)
            .iter()
            .filter_map(|hash| self.blocks.get(hash))
            .map(|block| block.difficulty)
            .sum();
        own + beyond
    }
}
