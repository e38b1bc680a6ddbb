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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
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

/// What a client is told in the middle of nothing: the fatal alert "access denied" (RFC 8446,
/// 6.2), in a record of its own.
const TLS_ACCESS_DENIED: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 49];
/// How long a miner may take to hang up that was told why it is not served. A socket closed over
/// unread input would take back what was written last.
const GOODBYE_WAIT: Duration = Duration::from_millis(500);
/// How long a connection that is not taken may take to show whether it speaks TLS.
const FIRST_BYTE_WAIT: Duration = Duration::from_millis(500);

/// What a miner is told that did not say who it is in time.
pub(crate) const TOO_SLOW: &str = "subscribe and authorize took too long";
/// What miners are told when a node is stopped.
pub(crate) const STOPPING: &str = "this node is stopping, use another one";
const WANTS_TLS: &str = "this port wants TLS";
const NO_PROXY_HEADER: &str =
    "this address is listed as a proxy's and must send a PROXY protocol v2 header first";
const BAD_PROXY_HEADER: &str = "the PROXY protocol v2 header cannot be read";

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

/// Why a connection is closed before it is served.
#[derive(Debug)]
pub(crate) struct Unready {
    /// What its end is counted under: one of a small set of words.
    pub(crate) reason: &'static str,
    /// What the miner is told, if there is anybody to tell.
    pub(crate) message: Option<String>,
}

impl Unready {
    pub(crate) fn new(reason: &'static str, message: &str) -> Self {
        Self {
            reason,
            message: Some(message.to_owned()),
        }
    }

    fn silent(reason: &'static str) -> Self {
        Self {
            reason,
            message: None,
        }
    }
}

/// A connection that is to be closed before it is served.
pub(crate) struct Rejected {
    /// What its end is counted under: one of a small set of words.
    pub(crate) reason: &'static str,
    /// `None`: there is nobody to tell.
    to_tell: Option<(TcpStream, String)>,
}

impl Rejected {
    fn silent(reason: &'static str) -> Self {
        Self {
            reason,
            to_tell: None,
        }
    }
}

impl Port {
    pub(crate) fn is_proxy(&self, remote: SocketAddr) -> bool {
        self.listener.is_proxy(remote.ip())
    }

    /// Gets a connection ready, unless something comes first that ends it.
    ///
    /// # Errors
    /// Why it is to be closed, and whom to tell.
    pub(crate) async fn receive(
        &self,
        mut stream: TcpStream,
        socket: SocketAddr,
        ended: impl Future<Output = Unready>,
    ) -> Result<Arrived, Rejected> {
        let mut ended = std::pin::pin!(ended);
        let looked = tokio::select! {
            looked = self.look(&mut stream, socket) => looked,
            unready = &mut ended => Err(unready),
        };
        let (remote, is_encrypted) = match looked {
            Ok(looked) => looked,
            Err(Unready { reason, message }) => {
                return Err(Rejected {
                    reason,
                    to_tell: message.map(|message| (stream, message)),
                });
            }
        };
        let stream = match self.tls.as_ref().filter(|_| is_encrypted) {
            None => Stream::Left(stream),
            Some(config) => {
                let accept = TlsAcceptor::from(config.clone()).accept(stream);
                // Half-way there is no language to say anything in.
                let accepted = tokio::select! {
                    accepted = accept => accepted,
                    unready = &mut ended => return Err(Rejected::silent(unready.reason)),
                };
                let failed = |error| Rejected::silent(tls_failure(&error));
                Stream::Right(Box::new(accepted.map_err(failed)?))
            }
        };
        Ok(Arrived {
            stream,
            remote,
            is_encrypted,
        })
    }

    /// Whom the connection brings, and whether it begins with TLS.
    async fn look(
        &self,
        stream: &mut TcpStream,
        socket: SocketAddr,
    ) -> Result<(SocketAddr, bool), Unready> {
        let remote = match self.is_proxy(socket) {
            true => read_proxy_header(stream).await.map_err(proxy_failure)?,
            false => None,
        };
        let is_encrypted = match self.listener.encryption {
            Encryption::Plain => false,
            Encryption::Tls | Encryption::Both => {
                begins_with_tls(stream).await.map_err(Unready::silent)?
            }
        };
        if self.listener.encryption == Encryption::Tls && !is_encrypted {
            return Err(Unready::new(PLAIN_ON_TLS, WANTS_TLS));
        }
        Ok((remote.unwrap_or(socket), is_encrypted))
    }

    /// Tells somebody why it is not served.
    pub(crate) async fn tell_rejected(&self, rejected: Rejected) {
        if let Some((stream, message)) = rejected.to_tell {
            let is_plain = rejected.reason == PLAIN_ON_TLS;
            self.tell(stream, is_plain, &message).await;
        }
    }

    /// Tells somebody who has not said a word, or `is_plain`, why it is not served.
    async fn tell(&self, mut stream: TcpStream, is_plain: bool, message: &str) {
        let words = self.unasked(is_plain, message);
        let _ = tokio::time::timeout(GOODBYE_WAIT, async {
            stream.write_all(&words).await?;
            hang_up(&mut stream).await
        })
        .await;
    }

    fn unasked(&self, is_plain: bool, message: &str) -> Vec<u8> {
        match self.listener.encryption {
            Encryption::Tls if !is_plain => TLS_ACCESS_DENIED.to_vec(),
            _ => self.listener.speaks.farewell(message).to_vec(),
        }
    }

    /// Tells somebody who is not taken as much as takes no time: a fresh socket takes some bytes at
    /// once, and if not, nobody waits for it.
    pub(crate) fn tell_at_once(&self, stream: &TcpStream, message: &str) {
        let _: io::Result<usize> = stream.try_write(&self.unasked(false, message));
    }

    /// Tells somebody who is not taken why, over TLS if it speaks that; may take as long as it is
    /// waited for.
    pub(crate) async fn send_away(&self, stream: TcpStream, message: &str) {
        let looked = tokio::time::timeout(FIRST_BYTE_WAIT, begins_with_tls(&stream)).await;
        let config = match (looked, &self.tls) {
            (Ok(Ok(true)), Some(config)) => config,
            (Ok(Ok(_)), _) => return self.tell(stream, true, message).await,
            (Ok(Err(_)), _) => return,
            (Err(_), _) => return self.tell(stream, false, message).await,
        };
        let farewell = self.listener.speaks.farewell(message);
        if let Ok(mut stream) = TlsAcceptor::from(config.clone()).accept(stream).await
            && stream.write_all(&farewell).await.is_ok()
        {
            let _ = hang_up(&mut stream).await;
        }
    }
}

const PLAIN_ON_TLS: &str = "plain_on_tls";

/// Says that nothing more is said, and waits for the other side to do the same.
async fn hang_up(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 256];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

fn proxy_failure(reason: &'static str) -> Unready {
    match reason {
        "no_proxy_header" => Unready::new(reason, NO_PROXY_HEADER),
        "proxy_header" => Unready::new(reason, BAD_PROXY_HEADER),
        _ => Unready::silent(reason),
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
