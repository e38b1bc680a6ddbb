//! Accepted shares per second through a whole node, as real processes on this machine.
//!
//! Prints, as medians over rounds in one run: shares per second without hashing (the price of the
//! line codec, the session, the Raft log with its fsync, and the answer), with the latency of an
//! answer; with hashing on one verifier thread and on as many as there are cores, beside the bare
//! hash rate of as many threads before and after each round, which is the aim of 95 percent; and the
//! latency of an answer when shares come half as fast as that, at random times. The
//! load is `raftpool loadgen`, whose own cost is printed: it shares the machine's cores.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use raftpool_miner::load::LoadReport;
use raftpool_pow::{Algorithm, Hasher, WORK_SIZE};
use raftpool_tests::loadgen::Loadgen;
use raftpool_tests::processes::{MINERS, Pool, PoolOptions};
use serde_json::json;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(without_hashing())?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
        runtime.block_on(with_hashing(threads))?;
    }
    Ok(())
}

async fn start(options: PoolOptions) -> Result<Pool> {
    let pool = Pool::start(options).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    Ok(pool)
}

async fn without_hashing() -> Result<()> {
    println!(
        "accepted shares per second without hashing, one node, fsync on, load from the same machine"
    );
    let pool = start(PoolOptions {
        share_difficulty: 1_000_000,
        ..PoolOptions::default()
    })
    .await?;
    for (connections, depth) in [(1, 1), (1, 64), (8, 64), (64, 16)] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let in_flight = format!("--in-flight={depth}");
            let arguments = ["--saturate", &in_flight, "--difficulty=0"];
            rounds.push(measure(&pool, connections, &arguments).await?);
        }
        print(
            &format!("{connections} connections, {depth} shares in flight each"),
            &rounds,
        );
    }
    Ok(())
}

async fn with_hashing(threads: usize) -> Result<()> {
    println!("accepted shares per second with v3 hashing, {threads} verifier threads");
    // At difficulty 1 every hash is a share, so that the load costs nothing to make.
    let pool = start(PoolOptions {
        share_difficulty: 1,
        hashing: true,
        verifier_threads: threads,
        ..PoolOptions::default()
    })
    .await?;
    let (mut rounds, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // The machine may become slower or faster meanwhile.
        let before = tokio::task::spawn_blocking(move || bare_hash_rate(threads)).await?;
        let round = measure(&pool, 4, &["--saturate", "--in-flight=32"]).await?;
        let after = tokio::task::spawn_blocking(move || bare_hash_rate(threads)).await?;
        ratios.push(round.accepted_per_second / ((before + after) / 2.0));
        rounds.push(round);
    }
    let rate = print("4 connections, 32 shares in flight each", &rounds);
    println!(
        "  ratio to the bare hash rate of {threads} threads, measured around each round: median {:.3} (aim 0.95)",
        median(ratios)
    );
    let half = format!("--shares-per-second={}", rate / 2.0);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(measure(&pool, 100, &[&half]).await?);
    }
    print(
        "100 connections, half of that rate, at random times",
        &rounds,
    );
    Ok(())
}

/// Hashes per second of so many threads together.
fn bare_hash_rate(threads: usize) -> f64 {
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(hash_rate)).collect();
        let rates = all.into_iter().map(|one| one.join().unwrap_or(f64::NAN));
        rates.sum()
    })
}

fn hash_rate() -> f64 {
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

async fn measure(pool: &Pool, connections: usize, arguments: &[&str]) -> Result<LoadReport> {
    let connections = format!("--connections={connections}");
    let duration = format!("--duration={}", ROUND.as_secs());
    let all = [&[&*connections, &*duration], arguments].concat();
    let load = Loadgen::start(&[pool.stratum()], MINERS[0], &all)?;
    let report = load.report_within(ROUND).await?;
    ensure!(report.unexpected() == 0, "{report}");
    Ok(report)
}

/// Prints medians, and returns that of the accepted shares a second.
fn print(what: &str, rounds: &[LoadReport]) -> f64 {
    let of = |figure: fn(&LoadReport) -> f64| median(rounds.iter().map(figure).collect());
    let rate = of(|round| round.accepted_per_second);
    println!(
        "  {what}: {rate:.0} per second (medians of {} rounds); answer p50 {:.1} ms, p99 {:.1} ms; \
         the load itself used {:.2} cores",
        rounds.len(),
        of(|round| round.latency.p50_ms),
        of(|round| round.latency.p99_ms),
        of(|round| round.own.cores_used),
    );
    for (number, round) in rounds.iter().enumerate() {
        for warning in &round.warnings {
            println!("    warning in round {}: {warning}", number + 1);
        }
    }
    rate
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
