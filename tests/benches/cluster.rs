//! What a cluster of three costs and how fast it fails over, as real processes on this machine,
//! without hashing, with fsync, and with the load from the same machine.
//!
//! Prints, in one run: accepted shares per second and the latency of an answer with one node and
//! with three, in rounds that take turns, so that other load on the machine hits both; the time
//! from kill -9 of the leader to the next accepted share; the same for a planned transfer; and the
//! lag and memory of the nodes while load goes on. The usual timing is used, not that of the tests.
//!
//! `RAFTPOOL_BENCH_KILLS` (50), `RAFTPOOL_BENCH_TRANSFERS` (50) and `RAFTPOOL_BENCH_LOAD_SECONDS`
//! (60) bound it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE, Member};
use raftpool_tests::environment::number;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, PoolOptions};
use raftpool_tests::wait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);
/// Shares of one connection without an answer.
const DEPTH: u64 = 64;
/// For one answer; a cluster without a leader gives up after 10 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let one = ClusterPool::start(options(1)).await?;
    let three = ClusterPool::start(options(3)).await?;
    compare(&one, &three).await?;
    for member in one.members() {
        member.process.stop().await;
    }
    // Before the kills, after which a node that starts again does not serve miners at once.
    steady(&three, number("RAFTPOOL_BENCH_LOAD_SECONDS", 60)?).await?;
    transfers(&three, number("RAFTPOOL_BENCH_TRANSFERS", 50)?).await?;
    kills(&three, number("RAFTPOOL_BENCH_KILLS", 50)?).await
}

fn options(nodes: u64) -> ClusterOptions {
    ClusterOptions {
        nodes,
        pool: PoolOptions {
            share_difficulty: 1_000_000,
            ..PoolOptions::default()
        },
        heartbeat_ms: 100,
        election_timeout_ms: 250,
        snapshot_entries: 100_000,
        log_entries_kept: 50_000,
        is_plain: true,
        ..ClusterOptions::default()
    }
}

/// One node against three, in turns.
async fn compare(one: &Arc<ClusterPool>, three: &Arc<ClusterPool>) -> Result<()> {
    println!("accepted shares per second without hashing, and the time of an answer");
    for (connections, depth) in [(3, 1), (24, 8), (24, DEPTH)] {
        let (mut alone, mut cluster) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(measure(one, connections, depth).await?);
            cluster.push(measure(three, connections, depth).await?);
        }
        let what = format!("{connections} connections, {depth} shares in flight each");
        let alone = report(&format!("one node,    {what}"), alone);
        let cluster = report(&format!("three nodes, {what}"), cluster);
        println!(
            "  three nodes against one: {:.2} times the rate",
            cluster / alone
        );
    }
    Ok(())
}

/// Rate of one round, and how long each answer took.
async fn measure(pool: &ClusterPool, connections: usize, depth: u64) -> Result<(f64, Vec<u64>)> {
    let nodes = serving(pool)?;
    let start = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|n| {
            let node = nodes[n % nodes.len()];
            tokio::spawn(send_shares(node, format!("bench{n}"), depth, start + ROUND))
        })
        .collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await.context("a miner's task")??);
    }
    let rate = latencies_us.len() as f64 / start.elapsed().as_secs_f64();
    Ok((rate, latencies_us))
}

fn serving(pool: &ClusterPool) -> Result<Vec<SocketAddr>> {
    let members = pool.members();
    let nodes = members.iter().map(|member| member.process.stratum());
    let nodes: Option<Vec<_>> = nodes.collect();
    nodes.context("a node does not serve miners")
}

/// Keeps `depth` shares in flight until `end`, and returns the answers' latencies.
async fn send_shares(
    node: SocketAddr,
    worker: String,
    depth: u64,
    end: Instant,
) -> Result<Vec<u64>> {
    let mut miner = ScriptedMiner::connect(node, MINERS[0], &worker, "x").await?;
    let (mut sent, mut latencies_us, mut nonce) = (HashMap::new(), Vec::new(), 0);
    loop {
        while Instant::now() < end && miner.unanswered() < depth {
            nonce += 1;
            sent.insert(miner.submit(nonce).await?, Instant::now());
        }
        if sent.is_empty() {
            break;
        }
        let message = miner.read_one(ANSWER_TIMEOUT).await?;
        if let Some(at) = message["id"].as_u64().and_then(|id| sent.remove(&id)) {
            latencies_us.push(at.elapsed().as_micros() as u64);
        }
    }
    ensure!(
        miner.refused.is_empty(),
        "refused: {:?}",
        miner.refused.first()
    );
    Ok(latencies_us)
}

fn report(what: &str, rounds: Vec<(f64, Vec<u64>)>) -> f64 {
    let (mut rates, latencies): (Vec<f64>, Vec<Vec<u64>>) = rounds.into_iter().unzip();
    rates.sort_by(f64::total_cmp);
    let median = rates[rates.len() / 2];
    let (p50, p99, _) = percentiles(latencies.concat());
    println!("  {what}: median {median:.0} per second; answer p50 {p50:.1} ms, p99 {p99:.1} ms");
    median
}

/// p50, p99 and the largest, in milliseconds.
fn percentiles(mut values_us: Vec<u64>) -> (f64, f64, f64) {
    values_us.sort_unstable();
    let last = values_us.len().saturating_sub(1);
    let at = |per_mille: usize| {
        let value = values_us.get(last * per_mille / 1_000);
        value.map_or(0.0, |value| *value as f64 / 1_000.0)
    };
    (at(500), at(990), at(1_000))
}

/// Has another node lead, again and again.
async fn transfers(pool: &Arc<ClusterPool>, count: u64) -> Result<()> {
    let mut gaps_us = Vec::new();
    for _ in 0..count {
        let leader = pool.leader().await?;
        let heir = pool
            .members()
            .iter()
            .map(|member| member.id)
            .find(|id| *id != leader);
        let heir = heir.context("another node")?;
        let watchers = watch_all(pool, None).await?;
        pool.insist(&["transfer"], &[&heir.to_string()]).await?;
        gaps_us.extend(longest_gaps(watchers).await?);
    }
    let (p50, p99, max) = percentiles(gaps_us);
    println!(
        "planned transfer, {count} times: longest time without an accepted share on any node, \
         p50 {p50:.0} ms, p99 {p99:.0} ms, longest {max:.0} ms"
    );
    Ok(())
}

/// Kills the leader, again and again.
async fn kills(pool: &Arc<ClusterPool>, count: u64) -> Result<()> {
    let mut gaps_us = Vec::new();
    for _ in 0..count {
        let leader = pool.leader().await?;
        let watchers = watch_all(pool, Some(leader)).await?;
        let member = pool.member(leader)?;
        member.process.kill().await;
        gaps_us.extend(longest_gaps(watchers).await?);
        member.process.start(&[]).await?;
        pool.wait_healthy(HEALING_DEADLINE).await?;
    }
    let (p50, p99, max) = percentiles(gaps_us);
    println!(
        "kill -9 of the leader, {count} times: longest time without an accepted share on either \
         other node, p50 {p50:.0} ms, p99 {p99:.0} ms, longest {max:.0} ms"
    );
    Ok(())
}

/// A miner that sends one share after the other and remembers the longest time between two
/// accepted ones.
struct Watcher {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Duration>>,
}

/// One watcher on every node but one, each after its first accepted shares.
async fn watch_all(pool: &ClusterPool, but: Option<u64>) -> Result<Vec<Watcher>> {
    let members: Vec<Arc<Member>> = pool.members();
    let mut watchers = Vec::new();
    for member in members.iter().filter(|member| Some(member.id) != but) {
        // One that was just started says so a moment after it is a healthy member.
        let node = wait::until("the node serves miners", HEALING_DEADLINE, || async {
            Ok(member.process.stratum())
        })
        .await?;
        let mut miner = ScriptedMiner::connect(node, MINERS[1], "watcher", "x").await?;
        for _ in 0..5 {
            miner.submit_fresh(1).await?;
            miner.read_answers().await?;
        }
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(watch_gaps(miner, stopped));
        watchers.push(Watcher { stop, task });
    }
    Ok(watchers)
}

async fn watch_gaps(mut miner: ScriptedMiner, stopped: watch::Receiver<bool>) -> Result<Duration> {
    let (mut longest, mut last, mut accepted) = (Duration::ZERO, Instant::now(), miner.accepted);
    // The last share is answered after what happened is over.
    loop {
        let is_last = *stopped.borrow();
        miner.submit_fresh(1).await?;
        miner.read_answers().await?;
        if miner.accepted > accepted {
            longest = longest.max(last.elapsed());
            (last, accepted) = (Instant::now(), miner.accepted);
            if is_last {
                return Ok(longest);
            }
        }
    }
}

async fn longest_gaps(watchers: Vec<Watcher>) -> Result<Vec<u64>> {
    let mut gaps_us = Vec::new();
    for watcher in watchers {
        watcher.stop.send_replace(true);
        let gap = watcher.task.await.context("a watcher's task")??;
        gaps_us.push(gap.as_micros() as u64);
    }
    Ok(gaps_us)
}

/// Lag and memory under load.
async fn steady(pool: &Arc<ClusterPool>, seconds: u64) -> Result<()> {
    let nodes = serving(pool)?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let before = resident_mib(pool).await;
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            tokio::spawn(keep_sending(
                nodes[n % nodes.len()],
                format!("load{n}"),
                end,
            ))
        })
        .collect();
    let (mut lags, mut peak) = (Vec::new(), before.clone());
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if let Ok(health) = pool.health().await {
            let nodes = health.status["nodes"].as_array().into_iter().flatten();
            lags.extend(nodes.filter_map(|node| node["lag"].as_u64()));
        }
        for (peak, now) in peak.iter_mut().zip(resident_mib(pool).await) {
            *peak = now.max(*peak);
        }
    }
    let mut shares = 0;
    for task in tasks {
        shares += task.await.context("a miner's task")??;
    }
    lags.sort_unstable();
    let at = |percent: usize| lags.get(lags.len().saturating_sub(1) * percent / 100);
    println!(
        "load for {seconds} s, {shares} shares: lag p50 {} entries, p99 {} entries; resident \
         memory of the nodes before {before:?} MiB, at most {peak:?} MiB",
        at(50).copied().unwrap_or(0),
        at(99).copied().unwrap_or(0),
    );
    Ok(())
}

/// Sends shares over one connection after the other: a node remembers a bounded number of shares of
/// each for the jobs it may still work on, far fewer than come here. Returns how many were accepted.
async fn keep_sending(node: SocketAddr, worker: String, end: Instant) -> Result<usize> {
    let mut shares = 0;
    while Instant::now() < end {
        let until = end.min(Instant::now() + ROUND);
        // Below the limit of a connection, which an answer on its way may still fill.
        shares += send_shares(node, worker.clone(), DEPTH / 2, until)
            .await?
            .len();
    }
    Ok(shares)
}

async fn resident_mib(pool: &ClusterPool) -> Vec<u64> {
    let mut sizes = Vec::new();
    for member in pool.members() {
        let id = member.process.id().await.unwrap_or(0);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        sizes.push(kib.unwrap_or(0) / 1_024);
    }
    sizes
}
