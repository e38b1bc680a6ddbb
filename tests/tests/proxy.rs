//! The proxies between nodes do what the fault tests rely on: delay, hold one way, break, refuse.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use raftpool_tests::proxy::{Front, Way, Ways, source_address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Bytes that have to come, come within this time.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes that must not come would come within this time on loopback.
const SILENCE: Duration = Duration::from_millis(300);
/// Far above what loopback takes, also on a busy machine.
const SLOW_MS: u64 = 500;

/// A link from node 1 to node 2, with both ends in the hands of the test.
struct Link {
    ways: Ways,
    front: Front,
    listener: TcpListener,
}

impl Link {
    async fn new() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let behind = listener.local_addr()?;
        let ways = Ways::new(1);
        let front = Front::open(ways.clone(), 2, Arc::new(move || Some(behind))).await?;
        Ok(Self {
            ways,
            front,
            listener,
        })
    }

    /// A connection of node 1, from its own end.
    async fn dial(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source_address(1), 0))?;
        Ok(socket.connect(self.front.address()).await?)
    }

    /// Both ends of a new connection.
    async fn connect(&self) -> Result<(TcpStream, TcpStream)> {
        let one = self.dial().await?;
        let accepted = tokio::time::timeout(DEADLINE, self.listener.accept()).await;
        Ok((one, accepted.context("nobody connects")??.0))
    }
}

/// What arrives next; empty when the connection has ended.
async fn receive(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 64];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut bytes)).await;
    // A reset is an end as well.
    let count = read.context("nothing arrives")?.unwrap_or(0);
    bytes.truncate(count);
    Ok(bytes)
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 64];
    let read = tokio::time::timeout(SILENCE, stream.read(&mut bytes));
    read.await.is_err()
}

#[tokio::test]
async fn bytes_pass_both_ways_and_the_end_of_one_end_reaches_the_other() -> Result<()> {
    let link = Link::new().await?;
    let (mut one, mut two) = link.connect().await?;
    one.write_all(b"question").await?;
    ensure!(receive(&mut two).await? == b"question");
    two.write_all(b"answer").await?;
    ensure!(receive(&mut one).await? == b"answer");
    one.write_all(b"last words").await?;
    drop(one);
    ensure!(receive(&mut two).await? == b"last words");
    ensure!(receive(&mut two).await?.is_empty(), "no end");
    Ok(())
}

#[tokio::test]
async fn a_slow_way_delays_what_goes_that_way_and_keeps_the_order() -> Result<()> {
    let link = Link::new().await?;
    let (mut one, mut two) = link.connect().await?;
    let slow = Way {
        delay_ms: SLOW_MS,
        jitter_ms: 60,
        ..Way::default()
    };
    link.ways.set(1, 2, slow);
    let started = Instant::now();
    let mut received = Vec::new();
    for byte in 0..20_u8 {
        one.write_all(&[byte]).await?;
        tokio::task::yield_now().await;
    }
    while received.len() < 20 {
        received.extend(receive(&mut two).await?);
    }
    ensure!(
        started.elapsed() >= Duration::from_millis(SLOW_MS),
        "no delay"
    );
    ensure!(received == (0..20).collect::<Vec<u8>>(), "{received:?}");
    let started = Instant::now();
    two.write_all(b"back").await?;
    ensure!(receive(&mut one).await? == b"back");
    ensure!(
        started.elapsed() < Duration::from_millis(SLOW_MS),
        "the way back is slow as well"
    );
    Ok(())
}

#[tokio::test]
async fn a_lost_piece_stalls_all_that_follow() -> Result<()> {
    let link = Link::new().await?;
    let (mut one, mut two) = link.connect().await?;
    let lossy = Way {
        stalls_per_mille: 1_000,
        stall_ms: 150,
        ..Way::default()
    };
    link.ways.set(1, 2, lossy);
    let started = Instant::now();
    one.write_all(b"late").await?;
    ensure!(receive(&mut two).await? == b"late");
    ensure!(started.elapsed() >= Duration::from_millis(150), "no stall");
    Ok(())
}

#[tokio::test]
async fn a_way_that_is_held_passes_nothing_while_the_other_way_is_open() -> Result<()> {
    let link = Link::new().await?;
    let (mut one, mut two) = link.connect().await?;
    link.ways.set(1, 2, Way::HELD);
    one.write_all(b"unheard").await?;
    ensure!(is_silent(&mut two).await, "a held way passes bytes");
    two.write_all(b"heard").await?;
    ensure!(receive(&mut one).await? == b"heard");
    // Nothing is lost: when the way is open again everything arrives.
    link.ways.heal();
    ensure!(receive(&mut two).await? == b"unheard");
    Ok(())
}

#[tokio::test]
async fn a_connection_over_a_held_way_comes_about_when_it_is_open_again() -> Result<()> {
    let link = Link::new().await?;
    link.ways.set(2, 1, Way::HELD);
    let mut one = link.dial().await?;
    one.write_all(b"hello").await?;
    let accepted = tokio::time::timeout(SILENCE, link.listener.accept()).await;
    ensure!(accepted.is_err(), "connected over a held way");
    link.ways.heal();
    let (mut two, _) = link.listener.accept().await?;
    ensure!(receive(&mut two).await? == b"hello");
    Ok(())
}

#[tokio::test]
async fn a_broken_link_ends_connections_and_refuses_new_ones() -> Result<()> {
    let link = Link::new().await?;
    let (mut one, mut two) = link.connect().await?;
    let mut other = link.connect().await?;
    link.ways.set_both(1, 2, Way::BROKEN);
    ensure!(receive(&mut one).await?.is_empty(), "one end is open");
    ensure!(receive(&mut two).await?.is_empty(), "the other end is open");
    ensure!(
        receive(&mut other.0).await?.is_empty(),
        "another connection is open"
    );
    let mut refused = link.dial().await?;
    ensure!(receive(&mut refused).await?.is_empty(), "not refused");
    link.ways.heal();
    let (mut one, mut two) = link.connect().await?;
    one.write_all(b"again").await?;
    ensure!(receive(&mut two).await? == b"again");
    Ok(())
}

#[tokio::test]
async fn a_way_between_others_does_not_matter() -> Result<()> {
    let link = Link::new().await?;
    link.ways.set_both(1, 3, Way::BROKEN);
    link.ways.set_both(3, 2, Way::HELD);
    let (mut one, mut two) = link.connect().await?;
    one.write_all(b"ours").await?;
    ensure!(receive(&mut two).await? == b"ours");
    Ok(())
}

#[tokio::test]
async fn who_connects_from_no_nodes_address_is_refused_and_counted() -> Result<()> {
    let link = Link::new().await?;
    let mut stranger = TcpStream::connect(link.front.address()).await?;
    ensure!(
        receive(&mut stranger).await?.is_empty(),
        "a stranger was let in"
    );
    ensure!(link.front.strangers() == 1, "not counted");
    link.connect().await?;
    ensure!(link.front.strangers() == 1, "a node is no stranger");
    Ok(())
}

#[tokio::test]
async fn a_node_that_does_not_listen_refuses_connections() -> Result<()> {
    let front = Front::open(Ways::new(1), 2, Arc::new(|| None)).await?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source_address(1), 0))?;
    let mut refused = socket.connect(front.address()).await?;
    ensure!(receive(&mut refused).await?.is_empty(), "somebody answers");
    Ok(())
}
