//! Counts open connections, in all and by address, and says who may come in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open connections.
#[derive(Clone)]
pub(crate) struct Connections {
    counts: Arc<Mutex<Counts>>,
    open_max: usize,
    per_ip_max: usize,
}

#[derive(Default)]
struct Counts {
    open: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// One open connection; it is counted until this is dropped.
pub(crate) struct Slot {
    counts: Arc<Mutex<Counts>>,
    ip: IpAddr,
}

impl Connections {
    /// No connections, with limits for all and for each address.
    pub(crate) fn new(open_max: usize, per_ip_max: usize) -> Self {
        Self {
            counts: Arc::default(),
            open_max,
            per_ip_max,
        }
    }

    /// Counts a connection in, unless a limit is reached.
    pub(crate) fn admit(&self, ip: IpAddr) -> Option<Slot> {
        let mut counts = lock(&self.counts);
        let of_ip = counts.by_ip.get(&ip).copied().unwrap_or(0);
        if counts.open >= self.open_max || of_ip >= self.per_ip_max {
            return None;
        }
        counts.open += 1;
        counts.by_ip.insert(ip, of_ip + 1);
        Some(Slot {
            counts: Arc::clone(&self.counts),
            ip,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.open -= 1;
        match counts.by_ip.get_mut(&self.ip) {
            Some(of_ip) if *of_ip > 1 => *of_ip -= 1,
            _ => {
                counts.by_ip.remove(&self.ip);
            }
        }
    }
}

/// The counts are never left half changed, so a panic elsewhere does not spoil them.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_for_all_and_for_each_address_and_are_given_back() {
        let connections = Connections::new(3, 2);
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = connections.admit(a).unwrap();
        let _second = connections.admit(a).unwrap();
        assert!(connections.admit(a).is_none(), "two of one address");
        let third = connections.admit(b).unwrap();
        assert!(connections.admit(b).is_none(), "three in all");
        drop(first);
        let _fourth = connections.admit(a).unwrap();
        drop(third);
        assert!(
            !lock(&connections.counts).by_ip.contains_key(&b),
            "forgotten when unused"
        );
        assert!(connections.admit(b).is_some());
    }
}
