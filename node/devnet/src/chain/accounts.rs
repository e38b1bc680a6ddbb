//! Balances and nonces with their history by topoheight, so that any reorder can be undone.

use std::collections::BTreeMap;

/// One entry of an account's nonce history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceVersion {
    /// Next nonce the account may use.
    pub nonce: u64,
    /// Topoheight at which it became so.
    pub topoheight: u64,
    /// Topoheight of the entry before.
    pub previous_topoheight: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    nonces: Vec<(u64, u64)>,
    balances: Vec<(u64, u64)>,
}

/// All accounts.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    // Ordered, so that listings are the same in every run.
    by_key: BTreeMap<[u8; 32], Account>,
}

impl Accounts {
    /// The newest nonce entry; none for an account that does not exist.
    #[must_use]
    pub fn nonce(&self, key: &[u8; 32]) -> Option<NonceVersion> {
        let nonces = &self.by_key.get(key)?.nonces;
        version_at(nonces, nonces.len().checked_sub(1)?)
    }

    /// The nonce entry written at exactly this topoheight.
    #[must_use]
    pub fn nonce_at(&self, key: &[u8; 32], topoheight: u64) -> Option<NonceVersion> {
        let nonces = &self.by_key.get(key)?.nonces;
        version_at(nonces, nonces.iter().position(|(at, _)| *at == topoheight)?)
    }

    /// The next nonce at the top; 0 for an account that does not exist.
    #[must_use]
    pub fn next_nonce(&self, key: &[u8; 32]) -> u64 {
        self.nonce(key).map_or(0, |version| version.nonce)
    }

    /// Balance at the top, in atomic units.
    #[must_use]
    pub fn balance_atomic(&self, key: &[u8; 32]) -> u64 {
        self.balance_at(key, u64::MAX)
    }

    /// Balance after the block at `topoheight`, in atomic units.
    #[must_use]
    pub fn balance_at(&self, key: &[u8; 32], topoheight: u64) -> u64 {
        self.by_key.get(key).map_or(0, |account| {
            value_at(&account.balances, topoheight).unwrap_or(0)
        })
    }

    /// Whether the account existed after the block at `topoheight`.
    #[must_use]
    pub fn is_registered_at(&self, key: &[u8; 32], topoheight: u64) -> bool {
        self.by_key
            .get(key)
            .and_then(|account| account.nonces.first())
            .is_some_and(|(at, _)| *at <= topoheight)
    }

    /// Every account: key, next nonce, balance.
    pub fn iter(&self) -> impl Iterator<Item = ([u8; 32], u64, u64)> {
        self.by_key
            .keys()
            .map(|key| (*key, self.next_nonce(key), self.balance_atomic(key)))
    }

    /// Number of accounts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn credit(&mut self, key: [u8; 32], amount_atomic: u64, topoheight: u64) {
        let balance = self.balance_atomic(&key).saturating_add(amount_atomic);
        let account = self.by_key.entry(key).or_default();
        if account.nonces.is_empty() {
            account.nonces.push((topoheight, 0));
        }
        put(&mut account.balances, topoheight, balance);
    }

    /// Takes the amount and uses up one nonce.
    pub(super) fn spend(&mut self, key: [u8; 32], amount_atomic: u64, topoheight: u64) {
        let balance = self.balance_atomic(&key).saturating_sub(amount_atomic);
        let nonce = self.next_nonce(&key) + 1;
        let account = self.by_key.entry(key).or_default();
        put(&mut account.balances, topoheight, balance);
        put(&mut account.nonces, topoheight, nonce);
    }

    /// Forgets what happened to an account at `topoheight` and later.
    pub(super) fn undo_from(&mut self, key: &[u8; 32], topoheight: u64) {
        let Some(account) = self.by_key.get_mut(key) else {
            return;
        };
        account.balances.retain(|(at, _)| *at < topoheight);
        account.nonces.retain(|(at, _)| *at < topoheight);
        if account.nonces.is_empty() {
            self.by_key.remove(key);
        }
    }
}

fn put(history: &mut Vec<(u64, u64)>, topoheight: u64, value: u64) {
    match history.last_mut() {
        Some((at, last)) if *at == topoheight => *last = value,
        _ => history.push((topoheight, value)),
    }
}

fn value_at(history: &[(u64, u64)], topoheight: u64) -> Option<u64> {
    let after = history.partition_point(|(at, _)| *at <= topoheight);
    history.get(after.checked_sub(1)?).map(|(_, value)| *value)
}

fn version_at(history: &[(u64, u64)], index: usize) -> Option<NonceVersion> {
    let (topoheight, nonce) = *history.get(index)?;
    let previous_topoheight = index.checked_sub(1).map(|before| history[before].0);
    Some(NonceVersion {
        nonce,
        topoheight,
        previous_topoheight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];

    #[test]
    fn nonce_history_walks_back_and_undoes() {
        let mut accounts = Accounts::default();
        accounts.credit(KEY, 100, 1);
        accounts.credit(KEY, 100, 5);
        accounts.spend(KEY, 30, 7);
        accounts.spend(KEY, 30, 9);
        let version = accounts.nonce(&KEY).unwrap();
        assert_eq!(
            (
                version.nonce,
                version.topoheight,
                version.previous_topoheight
            ),
            (2, 9, Some(7))
        );
        let version = accounts.nonce_at(&KEY, 7).unwrap();
        assert_eq!((version.nonce, version.previous_topoheight), (1, Some(1)));
        assert_eq!(accounts.nonce_at(&KEY, 8), None);
        assert_eq!(
            (accounts.balance_at(&KEY, 6), accounts.balance_atomic(&KEY)),
            (200, 140)
        );

        accounts.undo_from(&KEY, 9);
        assert_eq!(
            (accounts.next_nonce(&KEY), accounts.balance_atomic(&KEY)),
            (1, 170)
        );
        accounts.undo_from(&KEY, 1);
        assert_eq!(accounts.len(), 0);
        assert!(!accounts.is_registered_at(&KEY, 100));
    }
}
