//! Blocks and transactions as the daemon describes them.

use std::sync::Arc;

use raftpool_chain::Hash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Block, Chain};
use crate::transaction::{Transaction, address_text};

/// An executed transaction with what it paid: the record tests compare payouts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedTransaction {
    /// blake3 of its bytes.
    pub hash: Hash,
    /// Address of the sender.
    pub source: String,
    /// Nonce it used up.
    pub nonce: u64,
    /// Fee in atomic units.
    pub fee_atomic: u64,
    /// Addresses and amounts in atomic units, in order.
    pub payments: Vec<(String, u64)>,
    /// The executing block.
    pub block_hash: Hash,
    /// Its place in the order.
    pub topoheight: u64,
    /// Whether that place is final.
    pub is_stable: bool,
}

impl Chain {
    /// A block as `get_block_by_hash` answers; none when it is not known.
    #[must_use]
    pub fn block_json(&self, hash: &Hash, include_transactions: bool) -> Option<Value> {
        let block = self.block(hash)?;
        let header = &block.header;
        let mut answer = json!({
            "block_type": self.block_type(hash),
            "cumulative_difficulty": block.cumulative_difficulty.to_string(),
            "difficulty": block.difficulty.to_string(),
            "extra_nonce": hex::encode(header.extra_nonce),
            "hash": hash.to_string(),
            "height": header.height,
            "miner": address_text(&header.miner_key, self.rules.network),
            "nonce": header.nonce,
            "timestamp": header.timestamp_ms,
            "tips": texts(&header.tips),
            "total_size_in_bytes": self.size_of(block),
            "txs_hashes": texts(&header.transactions),
            "version": header.version,
        });
        if let Some(topoheight) = self.topoheight_of(hash)
            && let Some(placed) = self.placed(topoheight)
        {
            answer["topoheight"] = json!(topoheight);
            answer["reward"] = json!(placed.reward.total_atomic);
            answer["miner_reward"] = json!(placed.reward.miner_atomic);
            answer["dev_reward"] = json!(placed.reward.dev_atomic);
            answer["supply"] = json!(placed.supply_atomic);
            answer["total_fees"] = json!(placed.fees_atomic);
            answer["total_fees_burned"] = json!(0);
        }
        if include_transactions {
            let transactions: Vec<Value> = header
                .transactions
                .iter()
                .filter_map(|transaction| self.transactions.get(transaction))
                .map(|transaction| transaction.to_json(self.rules.network))
                .collect();
            answer["transactions"] = Value::Array(transactions);
        }
        Some(answer)
    }

    /// A transaction as `get_transaction` answers; none when it is not known.
    #[must_use]
    pub fn transaction_json(&self, hash: &Hash) -> Option<Value> {
        let in_blocks = self.blocks_of_transaction.get(hash);
        let waiting = self.mempool.get(hash);
        // The official daemon knows a transaction once it was in a block, or while it waits.
        if in_blocks.is_none() && waiting.is_none() {
            return None;
        }
        let transaction: &Arc<Transaction> = self.transactions.get(hash)?;
        let mut answer = transaction.to_json(self.rules.network);
        let executed_in = self.executor_of(hash);
        if executed_in.is_some() {
            answer["fee_paid"] = json!(transaction.draft.fee_atomic);
            answer["fee_refund"] = json!(0);
        }
        answer["blocks"] = match in_blocks {
            Some(blocks) => json!(texts(blocks)),
            None => Value::Null,
        };
        answer["executed_in_block"] = json!(executed_in.map(|block| block.to_string()));
        // Stored blocks are looked at first: what is in any block is never shown as waiting.
        let shown_waiting = waiting.filter(|_| in_blocks.is_none());
        answer["in_mempool"] = json!(shown_waiting.is_some());
        answer["first_seen"] = json!(shown_waiting.map(|waiting| waiting.first_seen_s));
        Some(answer)
    }

    /// Whether a transaction is executed in this very block.
    #[must_use]
    pub fn is_executed_in(&self, transaction: &Hash, block: &Hash) -> bool {
        self.executor_of(transaction)
            .is_some_and(|executor| executor == *block)
    }

    /// Every executed transaction in the order of execution.
    #[must_use]
    pub fn executed_transactions(&self) -> Vec<ExecutedTransaction> {
        let mut list = Vec::new();
        for (topoheight, placed) in self.order.iter().enumerate() {
            for hash in &placed.executed {
                let Some(transaction) = self.transactions.get(hash) else {
                    continue;
                };
                list.push(self.describe_execution(transaction, placed.hash, topoheight as u64));
            }
        }
        list
    }

    /// Number of executed transactions.
    #[must_use]
    pub fn executed_count(&self) -> usize {
        self.executed_in.len()
    }

    fn describe_execution(
        &self,
        transaction: &Transaction,
        block_hash: Hash,
        topoheight: u64,
    ) -> ExecutedTransaction {
        let network = self.rules.network;
        let draft = &transaction.draft;
        let payments = draft
            .payments
            .iter()
            .map(|payment| {
                (
                    address_text(&payment.destination, network),
                    payment.amount_atomic,
                )
            })
            .collect();
        ExecutedTransaction {
            hash: transaction.hash,
            source: address_text(&draft.source, network),
            nonce: draft.nonce,
            fee_atomic: draft.fee_atomic,
            payments,
            block_hash,
            topoheight,
            is_stable: topoheight <= self.stable_topoheight,
        }
    }

    fn size_of(&self, block: &Block) -> usize {
        let carried: usize = block
            .header
            .transactions
            .iter()
            .filter_map(|hash| self.transactions.get(hash))
            .map(|transaction| transaction.bytes.len())
            .sum();
        block.header.encode().len() + carried
    }
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}
