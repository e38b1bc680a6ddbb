//! What the next block looks like: its tips, its difficulty, its transactions.

use raftpool_chain::{BlockHeader, Hash};
use raftpool_pow::Difficulty;
use rand::RngCore;
use serde_json::{Value, json};

use super::{Chain, MAX_TIPS};
use crate::config::DifficultyRule;

/// A tip must have more than this share of the best tip's difficulty, in percent.
pub(super) const TIP_DIFFICULTY_PERCENT: u128 = 91;
/// Blocks the retarget looks back.
const RETARGET_BLOCKS: u64 = 20;
/// Most bytes of transactions in one block.
const BLOCK_TRANSACTION_BYTES: usize = 1_200_000;

/// Something to mine on.
#[derive(Debug, Clone)]
pub struct Work {
    /// The header to solve.
    pub header: BlockHeader,
    /// Difficulty to meet.
    pub difficulty: u128,
    /// Proof of work to use.
    pub algorithm: raftpool_pow::Algorithm,
    /// Topoheight of the chain when it was made.
    pub topoheight: u64,
}

impl Work {
    /// The fields of `get_block_template`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "algorithm": self.algorithm.to_string(),
            "difficulty": self.difficulty.to_string(),
            "height": self.header.height,
            "template": hex::encode(self.header.encode()),
            "topoheight": self.topoheight,
        })
    }

    /// The fields of `get_miner_work` and of a getwork job.
    #[must_use]
    pub fn to_miner_json(&self) -> Value {
        json!({
            "algorithm": self.algorithm.to_string(),
            "difficulty": self.difficulty.to_string(),
            "height": self.header.height,
            "miner_work": hex::encode(self.header.miner_work().to_bytes()),
            "topoheight": self.topoheight,
        })
    }
}

impl Chain {
    /// A template on the best tips with the waiting transactions.
    pub fn next_work(&mut self, miner_key: [u8; 32]) -> Work {
        let tips = self.mergeable_tips();
        let transactions = if self.execution_is_stalled {
            Vec::new()
        } else {
            self.transactions_to_carry()
        };
        self.work_on(tips, transactions, miner_key)
    }

    /// A template on given tips; they must be known.
    pub(super) fn work_on(
        &mut self,
        mut tips: Vec<Hash>,
        transactions: Vec<Hash>,
        miner_key: [u8; 32],
    ) -> Work {
        self.sort_best_first(&mut tips);
        let height = tips
            .iter()
            .map(|tip| self.height_of(tip))
            .max()
            .map_or(0, |height| height + 1);
        let mut extra_nonce = [0; 32];
        self.random.fill_bytes(&mut extra_nonce);
        let header = BlockHeader {
            version: self.rules.block_version(),
            height,
            timestamp_ms: self.now_ms().max(self.newest_timestamp_ms(&tips)),
            nonce: 0,
            extra_nonce,
            transactions,
            miner_key,
            tips,
        };
        Work {
            difficulty: self.difficulty_on(&header.tips),
            algorithm: self.rules.algorithm,
            topoheight: self.topoheight(),
            header,
        }
    }

    /// Difficulty of a block on these tips.
    #[must_use]
    pub fn difficulty_on(&self, tips: &[Hash]) -> u128 {
        match self.rules.difficulty {
            DifficultyRule::Fixed(difficulty) => difficulty.max(1),
            DifficultyRule::Retarget { start, minimum } => {
                self.retargeted(tips, start).max(minimum).max(1)
            }
        }
    }

    /// Difficulty of the next block.
    #[must_use]
    pub fn next_difficulty(&self) -> u128 {
        self.difficulty_on(&self.mergeable_tips())
    }

    /// Milliseconds per block over the last blocks of the order.
    #[must_use]
    pub fn average_block_time_ms(&self) -> u64 {
        let count = self.topoheight().min(50);
        let timestamp_ms = |topoheight: u64| {
            self.placed(topoheight)
                .and_then(|placed| self.block(&placed.hash))
                .map_or(0, |block| block.header.timestamp_ms)
        };
        let elapsed_ms =
            timestamp_ms(self.topoheight()).saturating_sub(timestamp_ms(self.topoheight() - count));
        elapsed_ms.checked_div(count).unwrap_or(0)
    }

    /// The newest timestamp among blocks.
    pub(super) fn newest_timestamp_ms(&self, hashes: &[Hash]) -> u64 {
        hashes
            .iter()
            .filter_map(|hash| self.blocks.get(hash))
            .map(|block| block.header.timestamp_ms)
            .max()
            .unwrap_or(0)
    }

    /// The best tip and up to two others near it.
    pub(super) fn mergeable_tips(&self) -> Vec<Hash> {
        let mut tips = self.usable_tips();
        let Some(best) = tips.first().and_then(|tip| self.blocks.get(tip)) else {
            return tips;
        };
        tips.retain(|tip| {
            let Some(block) = self.blocks.get(tip) else {
                return false;
            };
            block.hash == best.hash
                || (block.header.height + self.rules.merge_depth > best.header.height
                    && is_near(block.difficulty, best.difficulty))
        });
        tips.truncate(MAX_TIPS);
        tips
    }

    fn transactions_to_carry(&self) -> Vec<Hash> {
        let mut carried = Vec::new();
        let mut bytes = 0;
        let mut expected: Option<([u8; 32], u64)> = None;
        for waiting in self.mempool.iter() {
            let draft = &waiting.transaction.draft;
            let next = match expected {
                Some((source, next)) if source == draft.source => next,
                _ => self.accounts.next_nonce(&draft.source),
            };
            bytes += waiting.transaction.bytes.len();
            if draft.nonce == next && bytes <= BLOCK_TRANSACTION_BYTES {
                carried.push(waiting.transaction.hash);
                expected = Some((draft.source, next + 1));
            }
        }
        carried
    }

    fn retargeted(&self, tips: &[Hash], start: u128) -> u128 {
        let mut sorted = tips.to_vec();
        self.sort_best_first(&mut sorted);
        let Some(best) = sorted.first().and_then(|tip| self.blocks.get(tip)) else {
            return start;
        };
        if best.header.height == 0 {
            return start;
        }
        let mut oldest = best;
        let mut count = 0_u64;
        while count < RETARGET_BLOCKS
            && let Some(parent) = oldest
                .header
                .tips
                .first()
                .and_then(|tip| self.blocks.get(tip))
            && parent.header.height > 0
        {
            oldest = parent;
            count += 1;
        }
        let elapsed_ms = best
            .header
            .timestamp_ms
            .saturating_sub(oldest.header.timestamp_ms);
        let work = best.cumulative_difficulty - oldest.cumulative_difficulty;
        if count == 0 {
            return best.difficulty;
        }
        let wanted =
            work.saturating_mul(self.rules.block_time_ms.into()) / u128::from(elapsed_ms.max(1));
        let step = (best.difficulty / 10).max(1);
        wanted.clamp(
            best.difficulty - step.min(best.difficulty - 1),
            best.difficulty + step,
        )
    }
}

/// Whether a tip's difficulty is near enough to the best one's to be merged with it.
pub(super) fn is_near(difficulty: u128, best: u128) -> bool {
    difficulty.saturating_mul(100) > best.saturating_mul(TIP_DIFFICULTY_PERCENT)
}

/// The difficulty as the proof of work wants it.
pub(super) fn checked_difficulty(difficulty: u128) -> Option<Difficulty> {
    Difficulty::from_u128(difficulty).ok()
}
