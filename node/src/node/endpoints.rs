//! Where miners connect to this node, as they are told.

use std::net::SocketAddr;

use raftpool_ledger::view::scheme_name;
use raftpool_proto::node::MinerEndpoint;
use raftpool_stratum::{Encryption, Listener, Speaks};

use crate::config::{Config, ConfigError};

/// The listeners for miners, in the order of the configuration, and getwork of the API's listener.
///
/// # Errors
/// When a listener names an unknown scheme.
pub(super) fn of(
    config: &Config,
    addresses: &[SocketAddr],
) -> Result<Vec<MinerEndpoint>, ConfigError> {
    let host = config.raw.public.miner_host.as_deref();
    let starting_difficulty = config.raw.stratum.starting_difficulty;
    let listeners = config.raw.stratum.listeners()?.into_iter();
    let endpoint = |(listener, address): (Listener, &SocketAddr)| MinerEndpoint {
        protocol: match listener.speaks {
            Speaks::Stratum => "stratum",
            Speaks::Xatum => "xatum",
            Speaks::Getwork => "getwork",
        }
        .into(),
        host: host_of(host, address),
        port: address.port().into(),
        encryption: match listener.encryption {
            Encryption::Plain => "plain",
            Encryption::Tls => "tls",
            Encryption::Both => "both",
        }
        .into(),
        starting_difficulty: listener.starting_difficulty.unwrap_or(starting_difficulty),
        default_scheme: listener.default_scheme.map_or("", scheme_name).into(),
    };
    Ok(listeners.zip(addresses).map(endpoint).collect())
}

/// An address that stands for all is no address to connect to.
fn host_of(host: Option<&str>, address: &SocketAddr) -> String {
    match host {
        Some(host) => host.to_owned(),
        None if address.ip().is_unspecified() => String::new(),
        None => address.ip().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn miners_are_told_a_host_only_where_there_is_one() {
        let everywhere = "0.0.0.0:5077".parse().unwrap();
        let one = "192.0.2.7:5077".parse().unwrap();
        assert_eq!(host_of(None, &everywhere), "");
        assert_eq!(host_of(None, &one), "192.0.2.7");
        assert_eq!(host_of(Some("eu.pool.example"), &one), "eu.pool.example");
    }
}
