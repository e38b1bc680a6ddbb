//! Thousands of open streams of events on one node: what each costs in memory, and what all of them
//! cost while nothing and while something happens.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use raftpool_tests::loadgen::Loadgen;
use raftpool_tests::processes::{MINERS, Pool};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::cpu_time;

/// Streams from one address of loopback: visitors have addresses of their own.
pub const PER_ADDRESS: usize = 200;
/// Streams that are opened at once.
const AT_ONCE: usize = 100;
/// How long the node's processor time is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Longest time for news to come to everybody.
const DEADLINE: Duration = Duration::from_secs(30);

/// Opens so many streams, and prints what they cost.
pub async fn measure(pool: &Pool, count: usize) -> Result<()> {
    let address = pool.node.addresses().context("the node's addresses")?.api;
    let before = pool.node.resident_bytes().await?;
    let started = Instant::now();
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let first = streams.len();
        let next = first..count.min(first + AT_ONCE);
        streams.extend(try_join_all(next.map(|number| open(address, number))).await?);
    }
    let opened = started.elapsed();
    let grown = pool.node.resident_bytes().await?.saturating_sub(before);
    println!(
        "\n{count} streams of events opened in {:.1} s; memory of the node for each {:.1} KiB",
        opened.as_secs_f64(),
        grown as f64 / count as f64 / 1_024.0
    );
    println!("  nothing happens: {:.1} % of a core", load(pool).await?);
    // Without a chain there is no work, and no share.
    let blocks = serde_json::json!({"count": 2});
    pool.control("produce_blocks", blocks).await?;
    let arguments = ["--connections=100", "--duration=3600"];
    let miners = Loadgen::start(&[pool.stratum()], MINERS[0], &arguments)?;
    let (first, last) = hear(&mut streams).await?;
    println!(
        "  shares come: the first hears of the pool's news, the last one {:.0} ms later",
        1_000.0 * (last - first).as_secs_f64()
    );
    println!("  shares come: {:.1} % of a core", load(pool).await?);
    drop(streams);
    println!(
        "  the same shares without streams: {:.1} % of a core",
        load(pool).await?
    );
    miners.stop().await?;
    Ok(())
}

/// Opens a stream and reads its beginning.
async fn open(address: SocketAddr, number: usize) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let visitor = u8::try_from(1 + number / PER_ADDRESS)?;
    socket.bind(SocketAddr::from(([127, 0, 1, visitor], 0)))?;
    let mut stream = socket.connect(address).await?;
    let request = "GET /api/v1/events?topics=pool,blocks,payouts HTTP/1.1\r\nhost: bench\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    let wanted: &[u8] = b"event: pool";
    while !read.windows(wanted.len()).any(|part| part == wanted) {
        let count = stream.read_buf(&mut read).await?;
        ensure!(count > 0, "closed: {}", String::from_utf8_lossy(&read));
    }
    Ok(stream)
}

/// When the first and the last stream got news of the pool; signs of life and other topics are none.
async fn hear(streams: &mut [TcpStream]) -> Result<(Instant, Instant)> {
    for stream in streams.iter() {
        // What came before is no news.
        let mut waste = [0; 16_384];
        while stream.try_read(&mut waste).is_ok_and(|count| count > 0) {}
    }
    let heard = streams
        .iter_mut()
        .map(|stream| async { tokio::time::timeout(DEADLINE, news(stream)).await? });
    let heard = try_join_all(heard).await?;
    let first = heard.iter().min().context("streams")?;
    let last = heard.iter().max().context("streams")?;
    Ok((*first, *last))
}

/// Reads lines until one begins an event of the pool.
async fn news(stream: &mut TcpStream) -> Result<Instant> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(lines.read_line(&mut line).await? > 0, "a stream was closed");
        if line.trim_end() == "event: pool" {
            return Ok(Instant::now());
        }
    }
}

/// The node's part of a core, in hundredths.
async fn load(pool: &Pool) -> Result<f64> {
    let process_id = pool.node.id().await.context("the node runs")?;
    let before = cpu_time(process_id)?;
    tokio::time::sleep(LOOK).await;
    let spent = cpu_time(process_id)?.saturating_sub(before);
    Ok(100.0 * spent.as_secs_f64() / LOOK.as_secs_f64())
}
