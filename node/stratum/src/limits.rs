//! How many connections there may be and how fast they may come: in all, from one IP address, and
//! from one network.
//!
//! All of it is decided before a miner has said a word, so an address is all that is known. A farm
//! behind one address reconnects as a whole after a fail-over; as many as may be open may
//! therefore come at once, and only whoever comes again and again is slowed down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use parking_lot::Mutex;
use prometheus::IntCounterVec;
use tokio::time::Instant;

use crate::config::StratumConfig;
use crate::places::{Places, Rank, Ticket};
use crate::strikes::{RefusedAddress, Strikes};

/// What counts as one network: hosts get such prefixes as a whole.
const NETWORK_BITS_V4: u8 = 24;
const NETWORK_BITS_V6: u8 = 64;
/// How many times as fast as one address all addresses of a network may come together.
const NETWORK_RATE_FACTOR: u32 = 4;

/// Requests without authorization for each connection that may come: two or three say who a miner
/// is.
const REQUESTS_PER_CONNECTION: u32 = 4;

/// Part of all places that is left to connections that have not authorized yet.
const HALL_PART: usize = 100;
/// Most connections that were sent away and are not gone yet: they hold a socket without a place.
const LEAVING_MAX: usize = 1_024;

/// How a connection ends that makes room, or is not let in.
pub(crate) const SHED: &str = "shed";
/// How a connection ends that comes or asks too fast.
pub(crate) const TOO_FAST: &str = "too_fast";
/// What whoever makes too many requests without being authorized is told.
pub(crate) const TOO_MANY_REQUESTS: &str =
    "too many requests of this IP address or network without being authorized, wait a minute";

/// What miners of a node are told that lets go of its work.
pub(crate) const DRAINED: &str = "this node is being drained, use another one";

/// Counts open connections, and those that came lately.
pub(crate) struct ConnectionLimits {
    in_all: usize,
    /// Beyond so many authorized connections only known workers are let in.
    for_all: usize,
    /// Places that are left to connections that have not authorized yet.
    hall: usize,
    per_ip: usize,
    per_network: usize,
    rate_of_ip: DefaultKeyedRateLimiter<IpAddr>,
    rate_of_network: DefaultKeyedRateLimiter<IpNet>,
    requests_of_ip: DefaultKeyedRateLimiter<IpAddr>,
    requests_of_network: DefaultKeyedRateLimiter<IpNet>,
    strikes: Arc<Strikes>,
    /// Nobody is let in any more.
    is_drained: AtomicBool,
    /// By rank: connections that were sent away to make room.
    shed: IntCounterVec,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    places: Places,
    by_ip: HashMap<IpAddr, usize>,
    by_network: HashMap<IpNet, usize>,
}

/// Why a connection is not taken; also the label of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    NodeFull,
    /// The node lets go of its work.
    Drained,
    AddressFull,
    NetworkFull,
    TooFast,
    /// For what came from it before.
    Banned {
        reason: &'static str,
        left_s: u64,
    },
}

impl Refused {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NodeFull => "too_many",
            Self::Drained => "drained",
            Self::AddressFull => "too_many_of_address",
            Self::NetworkFull => "too_many_of_network",
            Self::TooFast => TOO_FAST,
            Self::Banned { .. } => "banned",
        }
    }

    pub(crate) fn message(self) -> String {
        let message = match self {
            Self::Banned { reason, left_s } => {
                return format!(
                    "this IP address is refused by this node for another {left_s} s: {reason}"
                );
            }
            Self::NodeFull => "this node has as many connections as it may, use another one",
            Self::Drained => DRAINED,
            Self::AddressFull => "too many connections from this IP address",
            Self::NetworkFull => "too many connections from this network",
            Self::TooFast => {
                "too many new connections from this IP address or network, wait a minute"
            }
        };
        message.to_owned()
    }
}

/// The place of one open connection, given back when it is dropped.
pub(crate) struct Place {
    limits: Arc<ConnectionLimits>,
    ticket: Arc<Ticket>,
    /// `None`: a proxy has not said yet whom it brings.
    ip: Option<IpAddr>,
}

impl ConnectionLimits {
    pub(crate) fn new(
        config: &StratumConfig,
        strikes: Arc<Strikes>,
        shed: IntCounterVec,
    ) -> Arc<Self> {
        let (per_ip, per_network) = (
            config.connections_per_ip_max,
            config.connections_per_network_max,
        );
        let rate = config.connects_per_minute_per_ip_max;
        let network_rate = rate.saturating_mul(NETWORK_RATE_FACTOR);
        Arc::new(Self {
            in_all: config.connections_max,
            for_all: config.connections_for_all(),
            hall: (config.connections_max / HALL_PART).max(1),
            per_ip,
            per_network,
            rate_of_ip: RateLimiter::keyed(quota(rate, per_ip, 1)),
            rate_of_network: RateLimiter::keyed(quota(network_rate, per_network, 1)),
            requests_of_ip: RateLimiter::keyed(quota(rate, per_ip, REQUESTS_PER_CONNECTION)),
            requests_of_network: RateLimiter::keyed(quota(
                network_rate,
                per_network,
                REQUESTS_PER_CONNECTION,
            )),
            strikes,
            is_drained: AtomicBool::new(false),
            shed,
            open: Mutex::new(Open::default()),
        })
    }

    /// Admits somebody who is not known yet; who has shown least makes room, if need be.
    ///
    /// # Errors
    /// When there are too many in all, and all of them work.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Place, Refused> {
        self.take_place(&mut self.open.lock())
    }

    /// Admits somebody from a known address.
    ///
    /// # Errors
    /// When there are too many in all that work, or of the same address or network, when they come too fast,
    /// or when the address is banned.
    pub(crate) fn admit_from(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Refused> {
        // The same host must not count twice for reaching a dual-stack socket both ways.
        let ip = ip.to_canonical();
        let mut open = self.open.lock();
        // Nobody makes room for one who is not taken.
        self.check(&open, ip)?;
        let mut place = self.take_place(&mut open)?;
        open.count(ip);
        place.ip = Some(ip);
        Ok(place)
    }

    fn take_place(self: &Arc<Self>, open: &mut Open) -> Result<Place, Refused> {
        if open.places.taken() >= self.in_all {
            let may_evict = open.places.leaving() < LEAVING_MAX;
            let evicted = may_evict.then(|| open.places.evict(self.hall)).flatten();
            let (rank, ticket) = evicted.ok_or(Refused::NodeFull)?;
            self.shed.with_label_values(&[rank.label()]).inc();
            let message = rank.farewell().to_owned();
            ticket.dismissal.dismiss(SHED, message);
        }
        open.next += 1;
        let ticket = Ticket::new(open.next, self.clone());
        open.places.enter(ticket.clone());
        Ok(Place {
            limits: self.clone(),
            ticket,
            ip: None,
        })
    }

    /// Whether somebody from this address may come.
    fn check(&self, open: &Open, ip: IpAddr) -> Result<(), Refused> {
        let network = network_of(ip);
        if self.is_drained.load(Ordering::Relaxed) {
            return Err(Refused::Drained);
        }
        if let Some(RefusedAddress { until, reason }) = self.strikes.refused(ip) {
            let left = until.saturating_duration_since(Instant::now());
            return Err(Refused::Banned {
                reason,
                left_s: left.as_secs().saturating_add(1),
            });
        }
        let of_ip = open.by_ip.get(&ip).copied().unwrap_or_default();
        let of_network = open.by_network.get(&network).copied().unwrap_or_default();
        if of_ip >= self.per_ip {
            return Err(Refused::AddressFull);
        }
        if of_network >= self.per_network {
            return Err(Refused::NetworkFull);
        }
        let is_slow = self.rate_of_ip.check_key(&ip).is_ok()
            && self.rate_of_network.check_key(&network).is_ok();
        match is_slow {
            true => Ok(()),
            false => Err(Refused::TooFast),
        }
    }

    /// Whether nobody is let in any more.
    pub(crate) fn set_drained(&self, is_drained: bool) {
        self.is_drained.store(is_drained, Ordering::Relaxed);
    }

    /// Connections with a place.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().places.taken()
    }

    /// See [`Ticket::settle`]. One that has no place any more is about to be told so.
    pub(crate) fn settle(&self, number: u64, is_known: bool) -> bool {
        let places = &mut self.open.lock().places;
        let may_stay = is_known || places.authorized() < self.for_all;
        if may_stay {
            let rank = if is_known { Rank::Known } else { Rank::New };
            places.raise(number, rank);
        }
        may_stay
    }

    pub(crate) fn raise(&self, number: u64, rank: Rank) {
        self.open.lock().places.raise(number, rank);
    }

    /// Whether somebody who is not authorized may make one more request. Each connection has a
    /// bound of its own, which many short ones would get around.
    pub(crate) fn may_ask(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.requests_of_ip.check_key(&ip).is_ok()
            && self.requests_of_network.check_key(&network_of(ip)).is_ok()
    }

    /// Forgets addresses that have not come for long; to be called now and then.
    pub(crate) fn forget_idle(&self) {
        self.rate_of_ip.retain_recent();
        self.rate_of_network.retain_recent();
        self.requests_of_ip.retain_recent();
        self.requests_of_network.retain_recent();
    }
}

impl Place {
    /// Whose place it is; only the first call counts.
    ///
    /// # Errors
    /// When there are too many of the same address or network, when they come too fast, or when
    /// the address is banned.
    pub(crate) fn claim(&mut self, ip: IpAddr) -> Result<(), Refused> {
        if self.ip.is_some() {
            return Ok(());
        }
        let ip = ip.to_canonical();
        let mut open = self.limits.open.lock();
        self.limits.check(&open, ip)?;
        open.count(ip);
        self.ip = Some(ip);
        Ok(())
    }

    pub(crate) fn ticket(&self) -> &Arc<Ticket> {
        &self.ticket
    }
}

impl Open {
    fn count(&mut self, ip: IpAddr) {
        *self.by_ip.entry(ip).or_default() += 1;
        *self.by_network.entry(network_of(ip)).or_default() += 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock();
        open.places.leave(self.ticket.number);
        if let Some(ip) = self.ip {
            give_back(&mut open.by_ip, &ip);
            give_back(&mut open.by_network, &network_of(ip));
        }
    }
}

fn give_back<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn network_of(ip: IpAddr) -> IpNet {
    let bits = match ip {
        IpAddr::V4(_) => NETWORK_BITS_V4,
        IpAddr::V6(_) => NETWORK_BITS_V6,
    };
    // Both lengths fit their kind of address.
    IpNet::new(ip, bits).map_or_else(|_| ip.into(), |network| network.trunc())
}

/// As many at once as may be open, then so many a minute; `each` of them counts so often.
fn quota(per_minute: u32, open_max: usize, each: u32) -> Quota {
    let burst = u32::try_from(open_max).unwrap_or(u32::MAX).max(per_minute);
    let counted =
        |count: u32| NonZeroU32::new(count.saturating_mul(each)).unwrap_or(NonZeroU32::MIN);
    Quota::per_minute(counted(per_minute)).allow_burst(counted(burst))
}

#[cfg(test)]
mod tests;
