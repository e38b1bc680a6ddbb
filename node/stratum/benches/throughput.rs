//! Measures what the miners' side adds to hashing. Prints numbers, asserts nothing.
//!
//! `cargo bench -p raftpool-stratum`; the miners and the ledger (in memory) run in the same
//! process and on the same cores as the server.

// The harness is that of the tests, of which only a part is needed here.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../tests/stratum/harness/mod.rs"]
mod harness;

use std::time::{Duration, Instant};

use harness::{Client, MINER, Pool, config, is_accepted};
use raftpool_pow::{Algorithm, Hasher};
use raftpool_stratum::{StratumConfig, Verification};

const ROUND: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    // In turns, so that whatever else the machine does weighs on both.
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let bare = bare_hash_rate();
        let full = shares_per_second(Verification::Full, 4, 8).await;
        ratios.push((full / bare, full, bare));
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, full, bare) = ratios[ratios.len() / 2];
    println!(
        "shares with hashing, 1 verifier    {full:>10.0} per second, {:.1} % of {bare:.0} bare hashes per second (median of {})",
        100.0 * ratio,
        ratios.len()
    );
    let without = shares_per_second(Verification::WithoutHashing, 50, 16).await;
    println!("shares without hashing             {without:>10.0} per second, 50 connections");
}

fn bare_hash_rate() -> f64 {
    let mut hasher = Hasher::new();
    let (started, mut hashes) = (Instant::now(), 0_u64);
    let mut work = [0; raftpool_pow::WORK_SIZE];
    while started.elapsed() < ROUND {
        work[40..48].copy_from_slice(&hashes.to_be_bytes());
        hasher.hash(Algorithm::V3, &work).unwrap();
        hashes += 1;
    }
    hashes as f64 / started.elapsed().as_secs_f64()
}

async fn shares_per_second(verification: Verification, clients: u64, window: u64) -> f64 {
    let pool = Pool::with(StratumConfig {
        verification,
        ..config()
    })
    .await;
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let client = pool.miner(MINER, "d=1").await;
        tasks.push(tokio::spawn(submit_until(
            client,
            window,
            Instant::now() + ROUND,
        )));
    }
    let started = Instant::now();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.unwrap();
    }
    accepted as f64 / started.elapsed().as_secs_f64()
}

async fn submit_until(mut client: Client, window: u64, end: Instant) -> u64 {
    let job = client.job.clone().unwrap();
    let (mut nonce, mut open, mut accepted) = (0, 0, 0);
    while open > 0 || Instant::now() < end {
        while open < window && Instant::now() < end {
            client.send_share(&job.id, nonce).await;
            (nonce, open) = (nonce + 1, open + 1);
        }
        let line = client.line().await;
        if line["method"].is_null() {
            open -= 1;
            accepted += u64::from(is_accepted(&line));
        }
    }
    accepted
}
