//! Accepted shares per second through a whole node, as real processes on this machine.
//!
//! Prints, as medians over rounds in one run: shares per second without hashing (the price of the
//! line codec, the session, the Raft log with its fsync, and the answer), with the latency of an
//! answer; and with hashing on one verifier thread, beside the bare hash rate of one thread in the
//! same run. Load is bounded: a fixed number of connections, rounds and seconds, on loopback.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use raftpool_pow::{Algorithm, Hasher, WORK_SIZE};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, Pool, PoolOptions};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);

/// Shares answered in one round, and how long each took.
struct Round {
    shares_per_second: f64,
    latencies_us: Vec<u64>,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(without_hashing())?;
    runtime.block_on(with_hashing())
}

async fn without_hashing() -> Result<()> {
    println!(
        "accepted shares per second without hashing, one node, fsync on, load from the same machine"
    );
    let options = PoolOptions {
        share_difficulty: 1_000_000,
        ..PoolOptions::default()
    };
    let pool = Pool::start(options).await?;
    for (connections, depth) in [(1, 1), (1, 64), (8, 64), (64, 16)] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(measure(&pool, connections, depth, "x").await?);
        }
        report(
            &format!("{connections} connections, {depth} shares in flight each"),
            &rounds,
        );
    }
    Ok(())
}

async fn with_hashing() -> Result<()> {
    println!("accepted shares per second with v3 hashing, one verifier thread");
    // At difficulty 1 every hash is a share, so that the load costs nothing to make.
    let options = PoolOptions {
        share_difficulty: 1,
        hashing: true,
        ..PoolOptions::default()
    };
    let pool = Pool::start(options).await?;
    let (mut rounds, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = tokio::task::spawn_blocking(bare_hash_rate).await?;
        let round = measure(&pool, 4, 32, "d=1").await?;
        ratios.push(round.shares_per_second / bare);
        rounds.push(round);
    }
    report("4 connections, 32 shares in flight each", &rounds);
    println!(
        "  ratio to the bare hash rate of one thread, measured before each round: median {:.3}",
        median(&mut ratios)
    );
    Ok(())
}

fn bare_hash_rate() -> f64 {
    let mut hasher = Hasher::new();
    let mut work = [0; WORK_SIZE];
    let (start, mut hashes) = (Instant::now(), 0u64);
    while start.elapsed() < ROUND / 2 {
        work[40..48].copy_from_slice(&hashes.to_be_bytes());
        if hasher.hash(Algorithm::V3, &work).is_ok() {
            hashes += 1;
        }
    }
    hashes as f64 / start.elapsed().as_secs_f64()
}

async fn measure(
    pool: &Pool,
    connections: usize,
    depth: u64,
    password: &'static str,
) -> Result<Round> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|n| {
            tokio::spawn(send_shares(
                pool.stratum(),
                format!("bench{n}"),
                password,
                depth,
                start + ROUND,
            ))
        })
        .collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await.context("a miner's task")??);
    }
    let shares_per_second = latencies_us.len() as f64 / start.elapsed().as_secs_f64();
    Ok(Round {
        shares_per_second,
        latencies_us,
    })
}

/// Keeps `depth` shares in flight until `end`, and returns the answers' latencies.
async fn send_shares(
    pool: std::net::SocketAddr,
    worker: String,
    password: &str,
    depth: u64,
    end: Instant,
) -> Result<Vec<u64>> {
    let mut miner = ScriptedMiner::connect(pool, MINERS[0], &worker, password).await?;
    let mut sent = std::collections::HashMap::new();
    let mut latencies_us = Vec::new();
    let mut nonce = 0;
    while Instant::now() < end || !sent.is_empty() {
        while Instant::now() < end && miner.unanswered() < depth {
            nonce += 1;
            sent.insert(miner.submit(nonce).await?, Instant::now());
        }
        if sent.is_empty() {
            break;
        }
        let message = miner.read_one(Duration::from_secs(20)).await?;
        if let Some(at) = message["id"].as_u64().and_then(|id| sent.remove(&id)) {
            latencies_us.push(at.elapsed().as_micros() as u64);
        }
    }
    anyhow::ensure!(
        miner.refused.is_empty(),
        "refused: {:?}",
        miner.refused.first()
    );
    Ok(latencies_us)
}

fn report(what: &str, rounds: &[Round]) {
    let mut rates: Vec<f64> = rounds.iter().map(|round| round.shares_per_second).collect();
    let mut latencies: Vec<u64> = rounds
        .iter()
        .flat_map(|round| round.latencies_us.clone())
        .collect();
    latencies.sort_unstable();
    let at = |per_mille: usize| latencies[(latencies.len() - 1) * per_mille / 1000] as f64 / 1000.0;
    println!(
        "  {what}: median {:.0} per second over {} rounds; answer p50 {:.1} ms, p99 {:.1} ms",
        median(&mut rates),
        rounds.len(),
        at(500),
        at(990),
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
