//! Which connections work for which miner: asked for whenever somebody looks at a miner's page, so
//! that going through all connections would cost too much.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::miner::Miner;

/// By the number of the connection.
type Connections = BTreeMap<u64, Arc<Miner>>;

/// The connections of each miner that gets jobs.
#[derive(Default)]
pub(crate) struct Roll(Mutex<HashMap<Arc<str>, Connections>>);

impl Roll {
    /// Lists a connection, which has an account, until the answer is dropped.
    pub(crate) fn enter(self: &Arc<Self>, miner: &Arc<Miner>) -> Listed {
        if let Some(account) = miner.account.get() {
            let mut roll = self.0.lock();
            let of_address = roll.entry(account.address.clone()).or_default();
            of_address.insert(miner.id, miner.clone());
        }
        Listed {
            roll: self.clone(),
            miner: miner.clone(),
        }
    }

    /// The connections of a miner, in order of connecting.
    pub(crate) fn of(&self, address: &str) -> Vec<Arc<Miner>> {
        let roll = self.0.lock();
        let of_address = roll.get(address).into_iter().flatten();
        of_address.map(|(_, miner)| miner.clone()).collect()
    }
}

/// A connection's line in the roll.
pub(crate) struct Listed {
    roll: Arc<Roll>,
    miner: Arc<Miner>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let Some(account) = self.miner.account.get() else {
            return;
        };
        let mut roll = self.roll.0.lock();
        if let Some(of_address) = roll.get_mut(&account.address) {
            of_address.remove(&self.miner.id);
            if of_address.is_empty() {
                roll.remove(&account.address);
            }
        }
    }
}
