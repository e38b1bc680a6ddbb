//! Where miners may knock, and on which terms each door lets them in.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use raftpool_ledger::command::Scheme;

/// Whether a listener speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Never.
    #[default]
    Plain,
    /// Always.
    Tls,
    /// As the miner begins: a TLS greeting, or a line of text.
    Both,
}

/// One listening address.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether it speaks TLS; anything but plain needs a certificate.
    pub encryption: Encryption,
    /// Proxies that say in a PROXY protocol v2 header whom they bring. Who comes from one of these
    /// networks must send it; nobody else is believed.
    pub proxied_from: Vec<IpNet>,
    /// Difficulty of a worker the ledger knows nothing about, instead of the pool's.
    pub starting_difficulty: Option<u64>,
    /// Scheme of a miner that names none, instead of the pool's.
    pub default_scheme: Option<Scheme>,
}

impl Listener {
    /// Plain, from anywhere, on the pool's own terms.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            encryption: Encryption::Plain,
            proxied_from: Vec::new(),
            starting_difficulty: None,
            default_scheme: None,
        }
    }

    pub(crate) fn is_proxy(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.proxied_from
            .iter()
            .any(|network| network.contains(&ip))
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms {
            starting_difficulty: self.starting_difficulty,
            default_scheme: self.default_scheme,
        }
    }
}

/// What a miner gets that asks for nothing, where its listener differs from the pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) starting_difficulty: Option<u64>,
    pub(crate) default_scheme: Option<Scheme>,
}
