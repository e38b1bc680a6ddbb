//! Transactions that wait for a block: at most one per account and nonce.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use raftpool_chain::Hash;

use crate::transaction::Transaction;

/// A waiting transaction.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What waits.
    pub transaction: Arc<Transaction>,
    /// When it came, in seconds since the Unix epoch.
    pub first_seen_s: u64,
}

/// All waiting transactions.
#[derive(Debug, Clone, Default)]
pub struct Mempool {
    by_hash: HashMap<Hash, Waiting>,
    by_account: BTreeMap<[u8; 32], BTreeMap<u64, Hash>>,
}

impl Mempool {
    /// A waiting transaction.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Option<&Waiting> {
        self.by_hash.get(hash)
    }

    /// Waiting transactions of an account by nonce.
    #[must_use]
    pub fn of_account(&self, key: &[u8; 32]) -> Option<&BTreeMap<u64, Hash>> {
        self.by_account.get(key)
    }

    /// Every waiting transaction, each account's in the order of their nonces.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.by_account
            .values()
            .flat_map(BTreeMap::values)
            .filter_map(|hash| self.by_hash.get(hash))
    }

    /// Number of waiting transactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Sum of what an account's waiting transactions spend, in atomic units.
    #[must_use]
    pub fn spent_by_atomic(&self, key: &[u8; 32]) -> u64 {
        self.of_account(key)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter_map(|hash| self.by_hash.get(hash))
            .map(|waiting| waiting.transaction.draft.spent_atomic())
            .sum()
    }

    pub(super) fn add(&mut self, waiting: Waiting) {
        let transaction = &waiting.transaction;
        self.by_account
            .entry(transaction.draft.source)
            .or_default()
            .insert(transaction.draft.nonce, transaction.hash);
        self.by_hash.insert(transaction.hash, waiting);
    }

    pub(super) fn remove(&mut self, hash: &Hash) -> Option<Waiting> {
        let waiting = self.by_hash.remove(hash)?;
        let draft = &waiting.transaction.draft;
        if let Some(nonces) = self.by_account.get_mut(&draft.source) {
            nonces.remove(&draft.nonce);
            if nonces.is_empty() {
                self.by_account.remove(&draft.source);
            }
        }
        Some(waiting)
    }

    pub(super) fn clear(&mut self) {
        self.by_hash.clear();
        self.by_account.clear();
    }

    /// Drops what can no longer execute because the account's nonce has passed it.
    pub(super) fn drop_used(&mut self, next_nonce: impl Fn(&[u8; 32]) -> u64) {
        let used: Vec<Hash> = self
            .by_hash
            .values()
            .filter(|waiting| {
                waiting.transaction.draft.nonce < next_nonce(&waiting.transaction.draft.source)
            })
            .map(|waiting| waiting.transaction.hash)
            .collect();
        for hash in used {
            self.remove(&hash);
        }
    }
}
