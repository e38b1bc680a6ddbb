//! Many miners on one node, as real processes on this machine: how fast they come, what each costs
//! the node in memory, and how long a new job takes to the last of them. Prints numbers.
//!
//! The miners are `raftpool loadgen` in a process of its own, so that the memory is the node's
//! alone; it shares the node's cores, and its own cost is printed, with a warning where it may have
//! been what was slow. Each round has a fresh node, because memory that was given back would be used
//! again, and what is printed are medians over the rounds. `RAFTPOOL_BENCH_IDLE` (50,000),
//! `RAFTPOOL_BENCH_CONNECTIONS` (10,000) and `RAFTPOOL_BENCH_ROUNDS` (3) set how many miners and
//! rounds there are; what the system's limit on open files does not allow is cut, and said.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use raftpool_miner::load::LoadReport;
use raftpool_tests::environment::number;
use raftpool_tests::loadgen::Loadgen;
use raftpool_tests::processes::{MINERS, Pool, PoolOptions};
use serde_json::json;

/// New jobs, of which the medians are printed.
const JOBS: usize = 15;
/// Time for the miners to become quiet between two jobs, and between two looks at the node.
const PAUSE: Duration = Duration::from_millis(700);
/// Longest time until all miners are connected.
const CONNECT_DEADLINE: Duration = Duration::from_secs(300);
/// Open files of a node or a load besides connections.
const OTHER_FILES: usize = 300;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let many = count("RAFTPOOL_BENCH_CONNECTIONS", 10_000)?;
    let idle = count("RAFTPOOL_BENCH_IDLE", 50_000)?;
    let rounds = number("RAFTPOOL_BENCH_ROUNDS", 3)?.max(1);
    for (has_tls, protection) in [(false, "plain"), (true, "TLS")] {
        let name = format!("{many} miners, {protection}");
        // So many that all of them are there after ten seconds, as after a fail-over.
        let rate = format!("--connects-per-second={}", many as f64 / 10.0);
        let mut measured = Vec::new();
        for _ in 0..rounds {
            measured.push(measure(many, has_tls, &[&rate]).await?);
        }
        print(&name, many, &measured);
        let name = format!("{idle} miners, {protection}, as fast as they come");
        let mut measured = Vec::new();
        for _ in 0..rounds {
            measured.push(measure(idle, has_tls, &[]).await?);
        }
        print(&name, idle, &measured);
    }
    Ok(())
}

/// What one round has found.
struct Round {
    /// Memory of the node that came with the miners.
    grown_bytes: u64,
    report: LoadReport,
}

async fn measure(count: usize, has_tls: bool, arguments: &[&str]) -> Result<Round> {
    let pool = Pool::start(PoolOptions {
        has_tls,
        // A node keeps its last places for workers it knows, and these are all new.
        connections_max: count + count / 10,
        ..PoolOptions::default()
    })
    .await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let before = pool.node.resident_bytes().await?;
    let connections = format!("--connections={count}");
    let mut all = vec![&*connections, "--duration=3600", "--connect-timeout=60"];
    all.extend(arguments);
    if has_tls {
        all.extend(["--tls", "--tls-insecure"]);
    }
    let load = Loadgen::start(&[pool.stratum()], MINERS[0], &all)?;
    wait_for_miners(&pool, count).await?;
    let grown_bytes = pool.node.resident_bytes().await?.saturating_sub(before);
    for _ in 0..JOBS {
        tokio::time::sleep(PAUSE).await;
        pool.control("produce_blocks", json!({"count": 1})).await?;
    }
    tokio::time::sleep(PAUSE).await;
    let report = load.stop().await?;
    ensure!(pool.node.id().await.is_some(), "the node has ended");
    Ok(Round {
        grown_bytes,
        report,
    })
}

/// Asks rarely: an answer costs the node as much as many connections.
async fn wait_for_miners(pool: &Pool, count: usize) -> Result<()> {
    let started = Instant::now();
    loop {
        let connected = pool.node.metric("raftpool_stratum_workers").await?;
        if connected >= count as f64 {
            break;
        }
        ensure!(
            started.elapsed() < CONNECT_DEADLINE,
            "only {connected} of {count} miners are connected in time"
        );
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Prints medians over the rounds, and every warning of the load about itself.
fn print(name: &str, count: usize, rounds: &[Round]) {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let failures = of(|round| round.report.connect_failures.values().sum::<u64>() as f64);
    println!("{name} (medians of {} rounds)", rounds.len());
    println!(
        "  connected in {:.1} s, {failures:.0} failed; to the first job p50 {:.0} ms, p99 {:.0} ms, last {:.0} ms",
        of(|round| round.report.connecting_s),
        of(|round| round.report.connects.p50_ms),
        of(|round| round.report.connects.p99_ms),
        of(|round| round.report.connects.max_ms),
    );
    println!(
        "  memory of the node for each connection {:.1} KiB",
        of(|round| round.grown_bytes as f64) / count as f64 / 1_024.0
    );
    println!(
        "  new job, from the first miner to half {:.0} ms, to 99 % {:.0} ms, to the last {:.0} ms (each a median of {JOBS} jobs)",
        of(|round| round.report.fan_out.p50_ms),
        of(|round| round.report.fan_out.p99_ms),
        of(|round| round.report.fan_out.last_ms),
    );
    println!(
        "  the load itself: {:.1} KiB for each miner, {:.1} s of processor time, {:.1} s waiting for a core",
        of(|round| round.report.own.memory_per_connection_bytes as f64) / 1_024.0,
        of(|round| round.report.own.cpu_s),
        of(|round| round.report.own.waited_for_core_s),
    );
    for (number, round) in rounds.iter().enumerate() {
        for warning in &round.report.warnings {
            println!("  warning in round {}: {warning}", number + 1);
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many miners, cut to what the system allows.
fn count(variable: &str, usual: u64) -> Result<usize> {
    let wanted = usize::try_from(number(variable, usual)?)?;
    // Children inherit it.
    let files = (wanted + OTHER_FILES) as u64;
    match raftpool::system::allow_open_files(files) {
        Ok(()) => Ok(wanted),
        Err(allowed) => {
            let possible = usize::try_from(allowed)?.saturating_sub(OTHER_FILES);
            println!(
                "{possible} instead of {wanted} miners: the system allows {allowed} open files"
            );
            Ok(possible)
        }
    }
}
