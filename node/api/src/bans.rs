//! What one node refuses by itself, as the binary tells it to the API. What all nodes refuse is in
//! the ledger.

use std::net::IpAddr;

/// The bans that only this process knows.
///
/// Every method is called from the network runtime: it answers from memory and never waits.
pub trait LocalBans: Send + Sync + 'static {
    /// Who is refused by this node and by no other.
    fn list(&self) -> Vec<LocalBan>;

    /// Ends such a ban; whether there was one.
    fn lift(&self, who: &LocalBanOf) -> bool;
}

/// Somebody one node refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalBan {
    /// Who.
    pub who: LocalBanOf,
    /// Why.
    pub reason: String,
    /// When it is over, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// Whom a ban of one node hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalBanOf {
    /// A worker whose ban could not be stored.
    Worker {
        /// The miner's address.
        miner: String,
        /// The worker's name.
        worker: String,
    },
    /// An IP address, or a /64 of IPv6 by its first address.
    Ip(IpAddr),
}
