//! From an address to a stream of bytes: TCP from a chosen source address, and TLS around it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;

use super::text::without_numbers;
use super::tls::Tls;

/// What an emulated miner talks over: a socket, or TLS.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Why a connection did not come about, or ended: few different texts, which are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost(pub(super) String);

impl Lost {
    pub(super) fn at(stage: &str, error: &io::Error) -> Self {
        // The kind has fewer words than the system's text, and the text is there when it has none.
        let words = match error.kind() {
            io::ErrorKind::Other => error.to_string(),
            kind => kind.to_string(),
        };
        Self(format!("{stage}: {}", without_numbers(&words)))
    }

    pub(super) fn because(text: &str) -> Self {
        Self(without_numbers(text))
    }
}

/// The source address of this number: each in a /24 of its own.
pub(super) fn source_address(number: usize) -> IpAddr {
    // Below 127.1.0.0 live other things; the bound on source addresses keeps both within a byte.
    let [second, third] =
        [1 + number / 250, number % 250].map(|octet| u8::try_from(octet).unwrap_or(u8::MAX));
    Ipv4Addr::new(127, second, third, 1).into()
}

/// Connects.
pub(super) async fn connect(
    pool: SocketAddr,
    source: Option<IpAddr>,
    tls: Option<&Tls>,
) -> Result<Box<dyn Wire>, Lost> {
    let failed = |error: io::Error| Lost::at("connect", &error);
    let socket = match pool {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(failed)?;
    if let Some(source) = source {
        socket.bind((source, 0).into()).map_err(failed)?;
    }
    let stream = socket.connect(pool).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    match tls {
        None => Ok(Box::new(stream)),
        Some(Tls { connector, name }) => {
            let stream = connector.connect(name.clone(), stream).await;
            let stream = stream.map_err(|error| Lost::at("TLS", &error))?;
            Ok(Box::new(stream))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn source_addresses_lie_in_networks_of_their_own() {
        let networks: HashSet<_> = (0..10_000)
            .map(source_address)
            .map(|address| match address {
                IpAddr::V4(address) => {
                    assert!(address.is_loopback());
                    address.octets()[..3].to_vec()
                }
                IpAddr::V6(_) => panic!("{address}"),
            })
            .collect();
        assert_eq!(networks.len(), 10_000);
    }
}
