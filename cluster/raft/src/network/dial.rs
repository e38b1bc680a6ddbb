//! From a peer's address to a TCP connection.
//!
//! An address is `HOST:PORT`, where the host may be a name with A or AAAA records, or a service
//! name such as `_raftpool._tcp.node-2.pool.example`, whose SRV records say host and port. Names
//! are looked up again for every connection, so that a node that moves is found under its name.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::net::{TcpSocket, TcpStream};

/// For one address; a host that is there answers a first packet in this time.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// For a name.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a peer is, as operators write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    host: String,
    /// `None` for a service name.
    port: Option<u16>,
}

/// A text is no address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a host and a port (`node-2.pool.example:5078`), nor a service name (`_raftpool._tcp.node-2.pool.example`)"
)]
pub struct InvalidAddress {
    text: String,
}

impl FromStr for PeerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress {
            text: text.to_owned(),
        };
        let is_name = |host: &str| {
            !host.is_empty()
                && host.len() <= 253
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if text.starts_with('_') && !text.contains(':') {
            let host = text.to_owned();
            let is_service = is_name(&host) && host.contains("._tcp.");
            return is_service
                .then_some(Self { host, port: None })
                .ok_or_else(invalid);
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port = Some(port.parse().map_err(|_| invalid())?);
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(invalid()),
            None if is_name(host) => host,
            None => return Err(invalid()),
        };
        let host = host.to_owned();
        Ok(Self { host, port })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    #[error("look up `{name}`")]
    Resolve {
        name: String,
        #[source]
        source: NetError,
    },
    #[error("look up `{name}`: no answer within {} ms", RESOLVE_TIMEOUT.as_millis())]
    ResolveTimeout { name: String },
    #[error("`{name}` has no address")]
    NoAddress { name: String },
    #[error("connect to {address}")]
    Connect {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// An address of a peer stands for nothing; the text says why.
#[derive(Debug, thiserror::Error)]
#[error("look up {address}")]
pub struct UnknownPeer {
    address: String,
    #[source]
    source: DialError,
}

/// What a peer's address stands for now, by the system's name servers and hosts file, as a node
/// would find it.
///
/// # Errors
/// When it is no address, or has none.
pub async fn look_up_peer(address: &str) -> Result<Vec<SocketAddr>, UnknownPeer> {
    let unknown = |source| UnknownPeer {
        address: address.to_owned(),
        source,
    };
    let dialer = Dialer::new(None).map_err(|source| {
        unknown(DialError::Resolve {
            name: address.to_owned(),
            source,
        })
    })?;
    let found = dialer.look_up(address).await.map_err(unknown)?;
    match found.is_empty() {
        true => Err(unknown(DialError::NoAddress {
            name: address.to_owned(),
        })),
        false => Ok(found),
    }
}

/// Makes connections.
pub(crate) struct Dialer {
    resolver: TokioResolver,
    connect_from: Option<IpAddr>,
}

impl Dialer {
    /// With the system's name servers and hosts file; without name servers there are only the
    /// hosts file and plain addresses.
    pub(crate) fn new(connect_from: Option<IpAddr>) -> Result<Self, NetError> {
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name servers are configured, only the hosts file is used");
            let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        });
        Ok(Self {
            resolver: builder.build()?,
            connect_from,
        })
    }

    /// Connects to the first address that answers.
    pub(crate) async fn dial(&self, address: &str) -> Result<TcpStream, DialError> {
        let mut failure = DialError::NoAddress {
            name: address.to_owned(),
        };
        for address in self.look_up(address).await? {
            match self.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(source) => failure = DialError::Connect { address, source },
            }
        }
        // The records may be old: the next try asks again.
        self.resolver.clear_cache();
        Err(failure)
    }

    /// What an address stands for now.
    async fn look_up(&self, address: &str) -> Result<Vec<SocketAddr>, DialError> {
        let PeerAddress { host, port } = address.parse()?;
        match port {
            Some(port) => self.addresses_of(&host, port).await,
            None => self.addresses_of_service(&host).await,
        }
    }

    async fn addresses_of(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found = within(host, self.resolver.lookup_ip(host)).await?;
        Ok(found
            .iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    /// Those of the service's hosts in order of priority; of equal priority, the heaviest first.
    async fn addresses_of_service(&self, name: &str) -> Result<Vec<SocketAddr>, DialError> {
        let found = within(name, self.resolver.lookup(name, RecordType::SRV)).await?;
        let mut services: Vec<_> = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(service) => Some(service.clone()),
                _ => None,
            })
            .collect();
        services.sort_by_key(|service| (service.priority, u16::MAX - service.weight));
        let mut addresses = Vec::new();
        let mut failure = None;
        for service in services {
            match self
                .addresses_of(&service.target.to_utf8(), service.port)
                .await
            {
                Ok(found) => addresses.extend(found),
                Err(error) => failure = Some(error),
            }
        }
        match (addresses.is_empty(), failure) {
            (true, Some(error)) => Err(error),
            _ => Ok(addresses),
        }
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = self.connect_from
            && from.is_ipv4() == address.is_ipv4()
        {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, socket.connect(address));
        let stream = connecting.await.map_err(|_| io::ErrorKind::TimedOut)??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn within<T>(
    name: &str,
    lookup: impl Future<Output = Result<T, NetError>>,
) -> Result<T, DialError> {
    let name = name.to_owned();
    match tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(source)) => Err(DialError::Resolve { name, source }),
        Err(_) => Err(DialError::ResolveTimeout { name }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig};
    use hickory_resolver::proto::op::{Message, MessageType, OpCode};
    use hickory_resolver::proto::rr::rdata::{A, SRV};
    use hickory_resolver::proto::rr::{Name, Record};
    use parking_lot::Mutex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};

    use super::*;

    type Zone = Arc<Mutex<Vec<(&'static str, RecordType, RData)>>>;

    /// A name server of one zone, on loopback.
    async fn name_server(zone: Zone) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 2_048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else {
                    continue;
                };
                let query = question.queries[0].clone();
                let mut answer =
                    Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
                answer.add_query(query.clone());
                for (name, kind, data) in zone.lock().iter() {
                    let name = Name::from_ascii(name).unwrap();
                    if name == query.name && *kind == query.query_type {
                        // A time to live that nobody could wait for.
                        answer.add_answer(Record::from_rdata(name, 86_400, data.clone()));
                    }
                }
                let _ = socket.send_to(&answer.to_vec().unwrap(), from).await;
            }
        });
        address
    }

    fn dialer(name_server: SocketAddr, connect_from: Option<IpAddr>) -> Dialer {
        let mut connection = ConnectionConfig::new(ProtocolConfig::Udp);
        connection.port = name_server.port();
        let server = NameServerConfig::new(name_server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Dialer {
            resolver: builder.build().unwrap(),
            connect_from,
        }
    }

    /// A listener that tells everybody who it is, and what address they come from.
    async fn listener(ip: [u8; 4], greeting: u8) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::from(ip), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                let IpAddr::V4(from) = from.ip() else { return };
                let _ = stream
                    .write_all(&[&[greeting], &from.octets()[..]].concat())
                    .await;
            }
        });
        address
    }

    async fn greeting_of(dialer: &Dialer, address: &str) -> (u8, [u8; 4]) {
        let mut stream = dialer.dial(address).await.unwrap();
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).await.unwrap();
        let [who, from @ ..] = greeting;
        (who, from)
    }

    #[tokio::test]
    async fn a_service_name_leads_to_the_host_and_port_of_its_records() {
        let zone = Zone::default();
        let dialer = dialer(name_server(zone.clone()).await, None);
        let address = listener([127, 0, 0, 1], 7).await;
        let target = Name::from_ascii("host.pool.example.").unwrap();
        zone.lock().extend([
            (
                "_raftpool._tcp.node-2.pool.example.",
                RecordType::SRV,
                RData::SRV(SRV::new(1, 1, address.port(), target)),
            ),
            (
                "host.pool.example.",
                RecordType::A,
                RData::A(A(Ipv4Addr::LOCALHOST)),
            ),
        ]);
        let (who, _) = greeting_of(&dialer, "_raftpool._tcp.node-2.pool.example").await;
        assert_eq!(who, 7);
        let missing = dialer.dial("_raftpool._tcp.node-3.pool.example").await;
        let missing = missing.unwrap_err().to_string();
        assert!(missing.contains("node-3"), "{missing}");
    }

    #[tokio::test]
    async fn a_node_that_moves_is_found_under_its_name() {
        let zone = Zone::default();
        let dialer = dialer(name_server(zone.clone()).await, None);
        let before = listener([127, 0, 0, 1], 1).await;
        let point_to = |ip: [u8; 4]| {
            *zone.lock() = vec![(
                "node-2.pool.example.",
                RecordType::A,
                RData::A(A(Ipv4Addr::from(ip))),
            )];
        };
        point_to([127, 0, 0, 1]);
        let name = format!("node-2.pool.example:{}", before.port());
        assert_eq!(greeting_of(&dialer, &name).await.0, 1);
        // The old records are remembered for a day, but nobody answers there any more.
        point_to([127, 0, 0, 9]);
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = gone.local_addr().unwrap().port();
        drop(gone);
        let name = format!("node-2.pool.example:{port}");
        dialer.dial(&name).await.unwrap_err();
        let after = TcpListener::bind((Ipv4Addr::from([127, 0, 0, 9]), port))
            .await
            .unwrap();
        dialer.dial(&name).await.unwrap();
        drop(after);
    }

    #[tokio::test]
    async fn connections_come_from_the_configured_address() {
        let from = Ipv4Addr::new(127, 0, 0, 12);
        let dialer = dialer(name_server(Zone::default()).await, Some(from.into()));
        let address = listener([127, 0, 0, 1], 1).await;
        let (_, seen) = greeting_of(&dialer, &address.to_string()).await;
        assert_eq!(seen, from.octets());
    }

    #[test]
    fn addresses_are_hosts_with_ports_or_service_names() {
        for good in [
            "node-2.pool.example:5078",
            "10.0.0.1:1",
            "[::1]:5078",
            "_raftpool._tcp.node-2.pool.example",
        ] {
            good.parse::<PeerAddress>().unwrap();
        }
        for bad in [
            "",
            "node-2",
            ":5078",
            "node-2:",
            "node-2:70000",
            "http://node-2:1",
            "[x]:1",
            "a b:1",
            "_raftpool._udp.node-2",
            "::1:5078",
        ] {
            let error = bad.parse::<PeerAddress>().unwrap_err().to_string();
            assert!(error.contains("not a host and a port"), "{bad}: {error}");
        }
    }
}
