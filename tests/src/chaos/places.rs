//! At which node each miner has its shares accepted, and since when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The places of all miners; every copy is the same.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Mutex<BTreeMap<u64, Stay>>>);

#[derive(Debug, Clone, Copy)]
struct Stay {
    node: SocketAddr,
    /// The first accepted share there.
    since: Instant,
}

impl Places {
    /// A miner had a share accepted.
    pub fn note(&self, miner: u64, node: SocketAddr) {
        let now = Instant::now();
        let mut places = self.lock();
        let stay = places.entry(miner).or_insert(Stay { node, since: now });
        if stay.node != node {
            *stay = Stay { node, since: now };
        }
    }

    /// Who mines at a node, as far as shares tell.
    pub fn at(&self, node: IpAddr) -> BTreeSet<u64> {
        let places = self.lock();
        let there = places.iter().filter(|(_, stay)| stay.node.ip() == node);
        there.map(|(miner, _)| *miner).collect()
    }

    /// When the last of these miners had a share accepted elsewhere than at `node`, counted from
    /// `start`; `None` while one of them has not.
    pub fn moved(&self, miners: &BTreeSet<u64>, node: IpAddr, start: Instant) -> Option<Duration> {
        let places = self.lock();
        let mut longest = Duration::ZERO;
        for miner in miners {
            let stay = places.get(miner)?;
            if stay.node.ip() == node || stay.since < start {
                return None;
            }
            longest = longest.max(stay.since - start);
        }
        Some(longest)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Stay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
