//! What lies between a connection and its first line: a proxy's word for whom it brings, and TLS.
//!
//! Nothing here is trusted. A header is read to its own length and no further, a greeting is only
//! looked at until it is told apart, and everything together must fit into the hello time-out;
//! what does not costs one socket and one task (promise P9, tried by `tests/stratum/arrivals.rs`).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ppp::v2::{Addresses, Command, Header, PROTOCOL_PREFIX};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::listener::{Encryption, Listener, Terms};

/// A connection that is ready for lines. TLS is boxed: its state is far larger than a socket.
pub(crate) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Bytes of a header up to and including its length.
const PROXY_PREFIX_BYTES: usize = 16;
/// Longest rest of a header: addresses, and extensions such as a certificate's name.
pub(crate) const PROXY_REST_BYTES_MAX: usize = 2_048;
/// First byte of a TLS handshake record (RFC 8446, 5.1); no line of text begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// A listening address as its connections see it.
pub(crate) struct Port {
    pub(crate) listener: Listener,
    pub(crate) terms: Arc<Terms>,
    /// `None`: it has no certificate.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// From the connection until the miner has said who it is, whatever is in between.
    pub(crate) hello: Duration,
}

/// Who has come.
pub(crate) struct Arrived {
    pub(crate) stream: Stream,
    /// The miner's own address, not its proxy's.
    pub(crate) remote: SocketAddr,
    pub(crate) is_encrypted: bool,
}

impl Port {
    pub(crate) fn is_proxy(&self, remote: SocketAddr) -> bool {
        self.listener.is_proxy(remote.ip())
    }

    /// Whether a line of text can be said to somebody who has not spoken yet.
    pub(crate) fn may_speak_first(&self) -> bool {
        self.listener.encryption != Encryption::Tls
    }

    /// Gets a connection ready.
    ///
    /// # Errors
    /// Why it is to be closed: one of a small set of words.
    pub(crate) async fn receive(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        until: Instant,
    ) -> Result<Arrived, &'static str> {
        let received = tokio::time::timeout_at(until, self.receive_in_time(stream, remote));
        received.await.unwrap_or(Err("hello"))
    }

    async fn receive_in_time(
        &self,
        mut stream: TcpStream,
        socket: SocketAddr,
    ) -> Result<Arrived, &'static str> {
        let remote = match self.is_proxy(socket) {
            true => read_proxy_header(&mut stream).await?.unwrap_or(socket),
            false => socket,
        };
        let is_encrypted = match self.listener.encryption {
            Encryption::Plain => false,
            Encryption::Tls => match begins_with_tls(&stream).await? {
                true => true,
                false => {
                    // Its own words are not read, so that the answer may be lost; it is a courtesy.
                    let farewell = self.listener.speaks.farewell("this port wants TLS");
                    let _ = stream.write_all(&farewell).await;
                    return Err("plain_on_tls");
                }
            },
            Encryption::Both => begins_with_tls(&stream).await?,
        };
        let stream = match self.tls.as_ref().filter(|_| is_encrypted) {
            None => Stream::Left(stream),
            Some(config) => {
                let accepted = TlsAcceptor::from(config.clone()).accept(stream).await;
                Stream::Right(Box::new(accepted.map_err(|error| tls_failure(&error))?))
            }
        };
        Ok(Arrived {
            stream,
            remote,
            is_encrypted,
        })
    }
}

/// What a handshake failed of. A client that does not trust the certificate says so in an alert,
/// and is none that sends garbage.
fn tls_failure(error: &io::Error) -> &'static str {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::AlertReceived(_)) => "tls_alert",
        Some(_) => "tls",
        None => "client",
    }
}

async fn begins_with_tls(stream: &TcpStream) -> Result<bool, &'static str> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1..) => Ok(first[0] == TLS_HANDSHAKE),
        Ok(0) | Err(_) => Err("client"),
    }
}

/// Reads the header (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2)
/// and nothing after it. `None`: the proxy speaks for itself, as health checks do.
pub(crate) async fn read_proxy_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, &'static str> {
    let mut header = vec![0; PROXY_PREFIX_BYTES];
    stream.read_exact(&mut header).await.map_err(|_| "client")?;
    if !header.starts_with(PROTOCOL_PREFIX) {
        return Err("no_proxy_header");
    }
    let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if rest > PROXY_REST_BYTES_MAX {
        return Err("proxy_header");
    }
    header.resize(PROXY_PREFIX_BYTES + rest, 0);
    let read = stream.read_exact(&mut header[PROXY_PREFIX_BYTES..]).await;
    read.map_err(|_| "client")?;
    proxied(&header)
}

/// Whom a complete header names.
fn proxied(header: &[u8]) -> Result<Option<SocketAddr>, &'static str> {
    let header = Header::try_from(header).map_err(|_| "proxy_header")?;
    Ok(match (header.command, header.addresses) {
        (Command::Local, _) => None,
        (Command::Proxy, Addresses::IPv4(pair)) => {
            Some((pair.source_address, pair.source_port).into())
        }
        (Command::Proxy, Addresses::IPv6(pair)) => {
            Some((pair.source_address, pair.source_port).into())
        }
        (Command::Proxy, Addresses::Unspecified | Addresses::Unix(_)) => None,
    })
}

#[cfg(test)]
mod tests {
    use ppp::v2::{Builder, IPv4, Protocol, Version};

    use super::*;

    #[test]
    fn a_header_names_the_miner_or_nobody_and_never_panics() {
        let addresses = IPv4::new([203, 0, 113, 7], [127, 0, 0, 1], 4_444, 5_077);
        let header =
            Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, addresses);
        let header = header.build().unwrap();
        let miner: SocketAddr = ([203, 0, 113, 7], 4_444).into();
        assert_eq!(proxied(&header), Ok(Some(miner)));

        let mut local = header.clone();
        local[12] = 0x20;
        assert_eq!(proxied(&local), Ok(None));
        for length in 0..header.len() {
            assert!(proxied(&header[..length]).is_err(), "cut to {length}");
        }
        for position in 0..header.len() {
            for value in 0..=u8::MAX {
                let mut spoiled = header.clone();
                spoiled[position] = value;
                let _ = proxied(&spoiled);
            }
        }
    }
}
