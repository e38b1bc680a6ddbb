//! The nodes that the pool's name can point to, and in which order they are told.
//!
//! Most resolvers and miners take the first address, so whoever comes first gets the miner. The
//! order is drawn anew for each answer: the chance of a node to come first is in proportion to
//! `1 / (connections + 10)`. The 10 keeps an empty node from getting everybody at once.

use std::net::IpAddr;
use std::time::SystemTime;

use rand::Rng;

/// Connections that every node is taken to have besides its own.
const CONNECTIONS_ASSUMED: u64 = 10;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Its id.
    pub(crate) id: u64,
    /// Where miners reach it; empty when that is not known.
    pub(crate) addresses: Vec<IpAddr>,
    /// Whether miners are to be sent to it.
    pub(crate) is_ready: bool,
    /// Miners' connections.
    pub(crate) connections: u64,
}

/// All members at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    hosts: Vec<Host>,
    /// Serial number of the zone: seconds since the Unix epoch when this was first so.
    pub(super) serial: u32,
}

impl Default for Roster {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Roster {
    /// The members as of now.
    pub(crate) fn new(hosts: Vec<Host>) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        Self {
            hosts,
            // Serial numbers wrap around by definition.
            serial: (seconds & u64::from(u32::MAX)) as u32,
        }
    }

    /// The addresses of one family that the pool's name points to, in the order to tell them. When
    /// nobody is ready they are those of all: some of them may be wrong about that, and nowhere to
    /// go is no better.
    pub(super) fn addresses(&self, is_family: fn(&IpAddr) -> bool) -> Vec<IpAddr> {
        let has_ready = self
            .hosts
            .iter()
            .any(|host| host.is_ready && !host.addresses.is_empty());
        let mut drawn: Vec<(f64, &Host)> = self
            .hosts
            .iter()
            .filter(|host| host.is_ready || !has_ready)
            .map(|host| (draw(host.connections), host))
            .collect();
        drawn.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let addresses = drawn.iter().flat_map(|(_, host)| &host.addresses);
        addresses.copied().filter(is_family).collect()
    }

    /// Whether nothing is known to point to.
    pub(super) fn is_blank(&self) -> bool {
        self.hosts.iter().all(|host| host.addresses.is_empty())
    }

    /// The addresses of one node, ready or not; `None` when there is no such node.
    pub(super) fn addresses_of(&self, id: u64) -> Option<&[IpAddr]> {
        let host = self.hosts.iter().find(|host| host.id == id)?;
        Some(&host.addresses)
    }
}

/// A waiting time until a node's turn, exponentially distributed: of several, each is the shortest
/// with a chance in proportion to its rate.
fn draw(connections: u64) -> f64 {
    let uniform: f64 = rand::rng().random();
    -(1.0 - uniform).ln() * connections.saturating_add(CONNECTIONS_ASSUMED) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(id: u8, is_ready: bool, connections: u64) -> Host {
        Host {
            id: id.into(),
            addresses: vec![IpAddr::from([192, 0, 2, id])],
            is_ready,
            connections,
        }
    }

    fn last_bytes(roster: &Roster) -> Vec<u8> {
        let bytes = roster.addresses(IpAddr::is_ipv4).into_iter();
        let last = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        };
        bytes.map(last).collect()
    }

    #[test]
    fn only_ready_nodes_are_told_and_all_when_there_are_none() {
        let roster = Roster::new(vec![host(1, false, 0), host(2, true, 0)]);
        assert_eq!(last_bytes(&roster), [2]);
        let roster = Roster::new(vec![host(1, false, 0), host(2, false, 0)]);
        let mut told = last_bytes(&roster);
        told.sort_unstable();
        assert_eq!(told, [1, 2]);
        assert!(roster.addresses(IpAddr::is_ipv6).is_empty());
        assert_eq!(roster.addresses_of(1).map(<[_]>::len), Some(1));
        assert_eq!(roster.addresses_of(3), None);
    }

    #[test]
    fn a_node_with_fewer_connections_comes_first_more_often() {
        // Rates 1/10 and 1/90: nine of ten.
        let roster = Roster::new(vec![host(1, true, 0), host(2, true, 80)]);
        let firsts = (0..4_000).filter(|_| last_bytes(&roster)[0] == 1).count();
        assert!((3_450..3_750).contains(&firsts), "{firsts} of 4000");
    }
}
