//! Placing blocks in the order and taking them out again: rewards, fees, nonces and balances.

use std::sync::Arc;

use raftpool_chain::Hash;
use serde_json::json;

use super::{Chain, DEV_KEY, Placed, mempool::Waiting, order::Unexecuted};
use crate::{emission, transaction::Transaction};

impl Chain {
    /// Appends a block to the order and executes what it carries.
    pub(super) fn place(&mut self, hash: Hash) {
        let Some(block) = self.blocks.get(&hash) else {
            return;
        };
        let (miner, height) = (block.header.miner_key, block.header.height);
        let carried = block.header.transactions.clone();
        let topoheight = self.order.len() as u64;
        let supply_before = self.supply_atomic();
        let reward = emission::reward(supply_before, height);
        let mut placed = Placed {
            hash,
            reward,
            supply_atomic: supply_before + reward.total_atomic,
            fees_atomic: 0,
            executed: Vec::new(),
            touched: vec![DEV_KEY, miner],
        };
        self.accounts.credit(DEV_KEY, reward.dev_atomic, topoheight);
        self.accounts.credit(miner, reward.miner_atomic, topoheight);
        for transaction in carried {
            self.execute(transaction, topoheight, &mut placed);
        }
        if placed.fees_atomic > 0 {
            self.accounts.credit(miner, placed.fees_atomic, topoheight);
        }
        self.topoheights.insert(hash, topoheight);
        self.order.push(placed);
    }

    /// Takes every block from `topoheight` on out of the order, the last one first.
    pub(super) fn unplace_from(&mut self, topoheight: usize) -> Vec<(u64, Placed)> {
        let mut removed = Vec::new();
        while self.order.len() > topoheight {
            let Some(placed) = self.order.pop() else {
                break;
            };
            let at = self.order.len() as u64;
            for key in &placed.touched {
                self.accounts.undo_from(key, at);
            }
            for transaction in &placed.executed {
                self.executed_in.remove(transaction);
            }
            self.topoheights.remove(&placed.hash);
            removed.push((at, placed));
        }
        removed.reverse();
        removed
    }

    /// Deals with the transactions of removed blocks, and drops from the mempool what was overtaken.
    pub(super) fn settle_unexecuted(&mut self, removed: &[(u64, Placed)], fate: Unexecuted) {
        let lost: Vec<Arc<Transaction>> = removed
            .iter()
            .flat_map(|(_, placed)| &placed.executed)
            .filter(|hash| !self.executed_in.contains_key(*hash))
            .filter_map(|hash| self.transactions.get(hash).cloned())
            .collect();
        for transaction in lost {
            let fields = transaction.to_json(self.rules.network);
            self.tell("transaction_orphaned", fields);
            if fate == Unexecuted::ReturnToMempool {
                self.return_to_mempool(transaction);
            }
        }
        let accounts = &self.accounts;
        self.mempool.drop_used(|key| accounts.next_nonce(key));
    }

    fn return_to_mempool(&mut self, transaction: Arc<Transaction>) {
        let draft = &transaction.draft;
        let is_taken = self
            .mempool
            .of_account(&draft.source)
            .is_some_and(|nonces| nonces.contains_key(&draft.nonce));
        if !is_taken && draft.nonce >= self.accounts.next_nonce(&draft.source) {
            let first_seen_s = self.now_ms() / 1_000;
            self.mempool.add(Waiting {
                transaction,
                first_seen_s,
            });
        }
    }

    /// Executes a transaction if its nonce is next and its sender can pay; else leaves it alone.
    fn execute(&mut self, hash: Hash, topoheight: u64, placed: &mut Placed) {
        let Some(transaction) = self.transactions.get(&hash).cloned() else {
            return;
        };
        let draft = &transaction.draft;
        let spent_atomic = draft.spent_atomic();
        if self.executed_in.contains_key(&hash)
            || self.accounts.next_nonce(&draft.source) != draft.nonce
            || self.accounts.balance_atomic(&draft.source) < spent_atomic
        {
            return;
        }
        self.accounts.spend(draft.source, spent_atomic, topoheight);
        placed.touched.push(draft.source);
        for payment in &draft.payments {
            self.accounts
                .credit(payment.destination, payment.amount_atomic, topoheight);
            placed.touched.push(payment.destination);
        }
        placed.fees_atomic += draft.fee_atomic;
        placed.executed.push(hash);
        self.executed_in.insert(hash, placed.hash);
        self.mempool.remove(&hash);
        let fields = json!({
            "block_hash": placed.hash.to_string(),
            "topoheight": topoheight,
            "tx_hash": hash.to_string(),
        });
        self.tell("transaction_executed", fields);
    }
}
