//! Where miners may knock, and on which terms each door lets them in.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use ipnet::IpNet;
use raftpool_ledger::command::Scheme;

use crate::{protocol, xatum};

/// Longest time from a connection to the handshake of Xatum.
const XATUM_HELLO: Duration = Duration::from_secs(5);

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

/// What miners speak on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaks {
    /// Stratum, or Xatum when a miner's first line is one of Xatum.
    #[default]
    Stratum,
    /// Xatum alone, with the short patience it asks for.
    Xatum,
    /// The daemon's getwork WebSocket, at `/getwork/{address}/{worker}`.
    Getwork,
}

impl Speaks {
    /// How long a miner may take to say who it is, where that is less than elsewhere.
    pub(crate) fn hello_max(self) -> Option<Duration> {
        match self {
            Self::Xatum => Some(XATUM_HELLO),
            Self::Stratum | Self::Getwork => None,
        }
    }

    /// What is said to a miner that cannot be served and may have said nothing yet.
    pub(crate) fn farewell(self, message: &str) -> BytesMut {
        let mut out = BytesMut::new();
        match self {
            Self::Stratum => protocol::write_print(&mut out, message),
            Self::Xatum => xatum::write_farewell(&mut out, message),
            Self::Getwork => out.extend_from_slice(
                format!(
                    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n{message}",
                    message.len()
                )
                .as_bytes(),
            ),
        }
        out
    }
}

/// One listening address.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// What is spoken on it.
    pub speaks: Speaks,
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
            speaks: Speaks::Stratum,
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
