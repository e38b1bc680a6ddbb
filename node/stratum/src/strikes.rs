//! IP addresses that bring nothing but trouble: the last step, after their workers.
//!
//! An address may stand for a farm or a whole provider. So it is refused only when several of its
//! workers were banned, or many of its connections brought garbage, and when it has fewer miners
//! whose shares were accepted than that. It is refused new connections, for a limited time, by
//! this node alone; miners that are connected stay.
//!
//! Hosts of IPv6 get a /64 each, which counts as one address.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::BanConfig;

/// Most addresses that something is remembered of; further ones are not, until others are
/// forgotten.
const ADDRESSES_MAX: usize = 65_536;

/// Banned workers of one address that are told apart: more good miners than that outweigh them.
const WORKERS_KEPT: usize = 64;

/// What an address is refused for.
pub(crate) const OF_WORKERS: &str = "several of its workers were banned";
pub(crate) const OF_GARBAGE: &str = "many of its connections sent what no miner sends";

/// Bounds of what is borne.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a strike is remembered, from the first one on.
    pub(crate) window: Duration,
    /// Banned workers that are too many; 0: any number is borne.
    pub(crate) workers: usize,
    /// Connections with garbage that are too many; 0: any number is borne.
    pub(crate) garbage: usize,
    pub(crate) ban: Duration,
}

impl Patience {
    pub(crate) fn of(config: &BanConfig) -> Self {
        Self {
            window: Duration::from_millis(config.window_ms),
            workers: config.workers_per_ip,
            garbage: config.garbage_per_ip,
            ban: Duration::from_millis(config.ip_duration_ms),
        }
    }
}

/// Strikes against addresses, and the refusals that follow.
pub(crate) struct Strikes {
    patience: Patience,
    table: Mutex<HashMap<IpAddr, Record>>,
    /// Connections of each address that had a share accepted.
    good: Mutex<HashMap<IpAddr, usize>>,
}

struct Record {
    first: Instant,
    /// By a hash of their names.
    workers: BTreeSet<u64>,
    garbage: usize,
    refused: Option<RefusedAddress>,
}

/// An address that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusedAddress {
    pub(crate) until: Instant,
    pub(crate) reason: &'static str,
}

impl Strikes {
    pub(crate) fn new(patience: Patience) -> Self {
        Self {
            patience,
            table: Mutex::default(),
            good: Mutex::default(),
        }
    }

    /// Notes that a worker was banned for what came from this address; returns whether the
    /// address is refused from now on.
    pub(crate) fn worker_banned(&self, ip: IpAddr, address: &str, worker: &str) -> bool {
        let limit = self.patience.workers;
        self.strike(source_of(ip), |record| {
            if record.workers.len() < WORKERS_KEPT.max(limit) {
                record.workers.insert(hash_of(address, worker));
            }
            (record.workers.len(), limit, OF_WORKERS)
        })
    }

    /// Notes a connection that sent garbage before it was authorized; returns whether the address
    /// is refused from now on.
    pub(crate) fn garbage(&self, ip: IpAddr) -> bool {
        let limit = self.patience.garbage;
        self.strike(source_of(ip), |record| {
            record.garbage = record.garbage.saturating_add(1);
            (record.garbage, limit, OF_GARBAGE)
        })
    }

    fn strike(
        &self,
        ip: IpAddr,
        note: impl FnOnce(&mut Record) -> (usize, usize, &'static str),
    ) -> bool {
        let good = self.good.lock().get(&ip).copied().unwrap_or_default();
        let now = Instant::now();
        let mut table = self.table.lock();
        if table.len() >= ADDRESSES_MAX && !table.contains_key(&ip) {
            return false;
        }
        let record = table.entry(ip).or_insert_with(|| Record::new(now));
        if record.refused.is_none() && now >= record.first + self.patience.window {
            *record = Record::new(now);
        }
        let (count, limit, reason) = note(record);
        if limit == 0 || count < limit || count <= good || record.refused.is_some() {
            return false;
        }
        let until = now + self.patience.ban;
        record.refused = Some(RefusedAddress { until, reason });
        true
    }

    /// Whether the address is refused now.
    pub(crate) fn refused(&self, ip: IpAddr) -> Option<RefusedAddress> {
        let refused = self.table.lock().get(&source_of(ip))?.refused?;
        (Instant::now() < refused.until).then_some(refused)
    }

    /// Every address that is refused now.
    pub(crate) fn all_refused(&self) -> Vec<(IpAddr, RefusedAddress)> {
        let now = Instant::now();
        let table = self.table.lock();
        let refused = table
            .iter()
            .filter_map(|(ip, record)| Some((*ip, record.refused?)));
        refused.filter(|(_, refused)| now < refused.until).collect()
    }

    /// Lets an address in again; whether it was refused.
    pub(crate) fn lift(&self, ip: IpAddr) -> bool {
        let was_refused = self.refused(ip).is_some();
        if was_refused {
            self.table.lock().remove(&source_of(ip));
        }
        was_refused
    }

    /// A connection had a share accepted; only the first one counts.
    pub(crate) fn good_arrived(&self, ip: IpAddr, presence: &Presence) {
        if presence.get() != Presence::NEW {
            return;
        }
        let mut good = self.good.lock();
        if presence.get() == Presence::NEW {
            presence.set(Presence::GOOD);
            *good.entry(source_of(ip)).or_default() += 1;
        }
    }

    /// A connection is gone; its last shares may be accepted later.
    pub(crate) fn good_left(&self, ip: IpAddr, presence: &Presence) {
        let ip = source_of(ip);
        let mut good = self.good.lock();
        let was_good = presence.get() == Presence::GOOD;
        presence.set(Presence::LEFT);
        if was_good && let Some(count) = good.get_mut(&ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                good.remove(&ip);
            }
        }
    }

    /// Forgets what is over; to be called now and then.
    pub(crate) fn forget(&self) {
        let now = Instant::now();
        let window = self.patience.window;
        self.table.lock().retain(|_, record| match &record.refused {
            Some(refused) => now < refused.until,
            None => now < record.first + window,
        });
    }
}

/// Whether a connection is counted as one of a good miner. Changes under the lock of the counts.
#[derive(Debug, Default)]
pub(crate) struct Presence(AtomicU8);

impl Presence {
    const NEW: u8 = 0;
    const GOOD: u8 = 1;
    const LEFT: u8 = 2;

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, state: u8) {
        self.0.store(state, Ordering::Relaxed);
    }
}

impl Record {
    fn new(first: Instant) -> Self {
        Self {
            first,
            workers: BTreeSet::new(),
            garbage: 0,
            refused: None,
        }
    }
}

fn hash_of(address: &str, worker: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(address.as_bytes());
    hasher.update(&[0]);
    hasher.update(worker.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// What counts as one address.
pub(crate) fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        window: Duration::from_secs(600),
        workers: 3,
        garbage: 4,
        ban: Duration::from_secs(300),
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_refused_after_several_workers_and_for_a_limited_time() {
        let strikes = Strikes::new(PATIENCE);
        let farm = ip("203.0.113.7");
        assert!(!strikes.worker_banned(farm, "xet:a", "1"));
        for _ in 0..5 {
            assert!(!strikes.worker_banned(farm, "xet:a", "2"), "the same one");
        }
        assert_eq!(strikes.refused(farm), None);
        assert!(strikes.worker_banned(farm, "xet:b", "2"));
        assert_eq!(strikes.refused(farm).unwrap().reason, OF_WORKERS);
        assert!(!strikes.worker_banned(farm, "xet:c", "2"), "it is refused");
        assert_eq!(strikes.refused(ip("203.0.113.8")), None);
        assert_eq!(strikes.all_refused().len(), 1);

        tokio::time::advance(PATIENCE.ban).await;
        assert_eq!(strikes.refused(farm), None);
        strikes.forget();
        assert!(strikes.table.lock().is_empty());
        assert!(!strikes.worker_banned(farm, "xet:a", "1"), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_farm_is_not_refused_for_a_few_of_its_machines() {
        let strikes = Strikes::new(PATIENCE);
        let farm = ip("203.0.113.7");
        let good: [Presence; 4] = Default::default();
        for presence in &good {
            strikes.good_arrived(farm, presence);
            strikes.good_arrived(farm, presence);
        }
        for worker in ["1", "2", "3", "4"] {
            assert!(!strikes.worker_banned(farm, "xet:a", worker), "{worker}");
        }
        for presence in &good {
            strikes.good_left(farm, presence);
            strikes.good_arrived(farm, presence);
        }
        assert!(strikes.good.lock().is_empty());
        assert!(strikes.worker_banned(farm, "xet:a", "5"));
    }

    #[tokio::test(start_paused = true)]
    async fn garbage_is_borne_for_a_while_and_lifting_forgets_it() {
        let strikes = Strikes::new(PATIENCE);
        let host = ip("2001:db8:0:1::1");
        for _ in 0..3 {
            assert!(!strikes.garbage(host));
        }
        tokio::time::advance(PATIENCE.window).await;
        for _ in 0..3 {
            assert!(!strikes.garbage(host), "the first three are forgotten");
        }
        assert!(strikes.garbage(ip("2001:db8:0:1:ffff::9")), "the same /64");
        assert!(strikes.refused(host).is_some());
        assert_eq!(strikes.refused(ip("2001:db8:0:2::1")), None);
        assert!(strikes.lift(host) && !strikes.lift(host));
        assert!(!strikes.garbage(host));
    }

    #[test]
    fn memory_is_bounded() {
        let strikes = Strikes::new(PATIENCE);
        for number in 0..ADDRESSES_MAX as u32 + 10 {
            strikes.garbage(IpAddr::V4(number.into()));
        }
        assert_eq!(strikes.table.lock().len(), ADDRESSES_MAX);
    }
}
