//! A small TCP proxy on every link between nodes: delay, stalls, and cuts in one or both
//! directions.
//!
//! Every node advertises the address of its front, a listener of this process, which carries each
//! connection on to the node's own listener. Who connects is told by the source address: node `i`
//! connects from `127.0.0.(10 + i)`. Bytes from node `i` to node `j` pass the way `(i, j)`,
//! whichever of the two opened the connection; so a cut of one way strikes the requests of one
//! node and the answers of the other, as a broken wire would.
//!
//! Surprising: a held way loses nothing. TCP repeats what was lost, so bytes wait until the way
//! is open again, or until one end gives the connection up.

mod connection;
mod ways;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub use ways::{Passage, Way, Ways};

/// Added to a node's id in the last byte of the address it connects from.
const SOURCE_OFFSET: u64 = 10;

/// Says where a node listens at present, if it does.
pub type Backend = Arc<dyn Fn() -> Option<SocketAddr> + Send + Sync>;

/// The address from which a node connects to others.
///
/// # Panics
/// When the id is larger than 245, more than any test has nodes.
pub fn source_address(node_id: u64) -> IpAddr {
    let last = u8::try_from(SOURCE_OFFSET + node_id).expect("tests have few nodes");
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// The listener in front of one node. Dropping it ends it and all its connections.
pub struct Front {
    address: SocketAddr,
    strangers: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Front {
    /// Opens a listener for connections to `node_id`, which are carried on to `backend`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn open(ways: Ways, node_id: u64, backend: Backend) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let strangers = Arc::new(AtomicU64::new(0));
        let accepting = accept(listener, ways, node_id, backend, strangers.clone());
        Ok(Self {
            address,
            strangers,
            accepting: tokio::spawn(accepting),
        })
    }

    /// Where the others find the node.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that came from no node's address. Their links could not be cut, so a test that
    /// sees one proves nothing.
    pub fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    ways: Ways,
    to: u64,
    backend: Backend,
    strangers: Arc<AtomicU64>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Ok((incoming, source)) = accepted else {
            continue;
        };
        let Some(from) = node_of(source) else {
            strangers.fetch_add(1, Ordering::Relaxed);
            reset(incoming);
            continue;
        };
        connections.spawn(connection::carry(
            ways.clone(),
            (from, to),
            incoming,
            backend.clone(),
        ));
    }
}

fn node_of(source: SocketAddr) -> Option<u64> {
    let IpAddr::V4(address) = source.ip() else {
        return None;
    };
    let [127, 0, 0, last] = address.octets() else {
        return None;
    };
    u64::from(last)
        .checked_sub(SOURCE_OFFSET)
        .filter(|node_id| *node_id > 0)
}

/// Closes a connection so that its other end notices at once.
fn reset(stream: TcpStream) {
    // Without it the system would close in order, as a peer that has finished.
    let _ = stream.set_zero_linger();
}
