//! How long a new node takes to catch up with a cluster that has a large ledger, while the cluster
//! goes on, beside how long a plain copy of as many bytes takes on the same disk.
//!
//! Three nodes in one process, over mutual TLS on loopback, with the usual limits but for a short log; the ledger is
//! made of workers with a record each until its database has `RAFTPOOL_BENCH_STATE_MIB` (1024).

#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::cluster::{Nodes, insist, wait_until};
use common::command;
use raftpool_ledger::testing::{credit_shares, sample_share};
use raftpool_raft::RaftNode;

/// Shares of one batch, each of another worker.
const SHARES: u64 = 1_000;
/// Batches on their way at the same time.
const PROPOSERS: usize = 8;
/// The ledger keeps so many workers of one miner apart.
const WORKERS_PER_MINER: u64 = 10_000;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let wanted_mib: u64 = match std::env::var("RAFTPOOL_BENCH_STATE_MIB") {
        Ok(text) => text.parse().expect("RAFTPOOL_BENCH_STATE_MIB is a number"),
        Err(_) => 1_024,
    };
    // A short log, so that a small ledger needs a snapshot as well.
    let mut nodes = Nodes::form_with(&[1, 2, 3], |config| {
        config.log_policy.snapshot_bytes = 64 << 20;
        config.log_policy.entries_kept = 100;
    })
    .await;
    let leader = nodes.get(nodes.leader().await);
    let next = Arc::new(AtomicU64::new(1));
    let started = Instant::now();
    fill(&leader, &next, wanted_mib << 20).await;
    let shares = next.load(Ordering::Relaxed) * SHARES;
    let bytes = leader.status().state.database_bytes;
    println!(
        "three nodes in one process, ledger of {} MiB made by {shares} shares of as many workers in {:.0} s",
        bytes >> 20,
        started.elapsed().as_secs_f64(),
    );
    // A new node must get the ledger as a snapshot, because the log does not reach back.
    wait_until("the log is short", async || {
        leader.status().purged_index.is_some() && leader.status().snapshot_index.is_some()
    })
    .await;

    let quiet = latency_under_load(&leader, &next, Duration::from_secs(5), async || {}).await;
    let new = nodes.start(4).await;
    let begin = Instant::now();
    let took = Arc::new(AtomicU64::new(0));
    let busy = latency_under_load(&leader, &next, Duration::ZERO, async || {
        nodes.add(&leader, 4).await;
        let target = leader.status().last_log_index;
        let deadline = Duration::from_secs(1_200);
        let reached = async {
            while new.status().applied_index < target {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(deadline, reached).await.unwrap();
        took.store(begin.elapsed().as_millis() as u64, Ordering::Relaxed);
    })
    .await;
    let received = new.status().state.database_bytes;
    println!(
        "a new node caught up in {:.1} s with {} MiB; a plain copy with fsync of as much took {:.1} s",
        took.load(Ordering::Relaxed) as f64 / 1_000.0,
        received >> 20,
        copy_seconds(nodes.root.path(), received),
    );
    println!(
        "one batch after the other meanwhile: p50 {} us, p99 {} us; before: p50 {} us, p99 {} us",
        busy.0, busy.1, quiet.0, quiet.1
    );
}

/// Adds workers until the database has so many bytes.
async fn fill(leader: &Arc<RaftNode>, next: &Arc<AtomicU64>, bytes: u64) {
    let proposers = (0..PROPOSERS).map(|_| {
        let (leader, next) = (leader.clone(), next.clone());
        tokio::spawn(async move {
            while leader.status().state.database_bytes < bytes {
                for _ in 0..20 {
                    propose(&leader, &next).await;
                }
            }
        })
    });
    for proposer in proposers.collect::<Vec<_>>() {
        proposer.await.unwrap();
    }
}

async fn propose(leader: &RaftNode, next: &AtomicU64) {
    let sequence = next.fetch_add(1, Ordering::Relaxed);
    let share = |number: u64| {
        let worker = sequence * SHARES + number;
        let miner = worker / WORKERS_PER_MINER;
        let mut share = sample_share(&format!("xel:miner-{miner:056}"), 1_000, 1 << 40);
        // Names that cannot be compressed away.
        share.worker = format!(
            "{:032x}",
            u128::from(worker).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        );
        share
    };
    let batch = credit_shares(sequence, (0..SHARES).map(share).collect());
    insist(leader, &command(batch)).await;
}

/// Proposes one batch after the other while `work` runs, and for `at_least` so long; returns p50
/// and p99 in microseconds.
async fn latency_under_load(
    leader: &Arc<RaftNode>,
    next: &Arc<AtomicU64>,
    at_least: Duration,
    work: impl AsyncFnOnce(),
) -> (u64, u64) {
    let stop = Arc::new(AtomicBool::new(false));
    let proposer = {
        let (leader, next, stop) = (leader.clone(), next.clone(), stop.clone());
        tokio::spawn(async move {
            let mut took = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begin = Instant::now();
                propose(&leader, &next).await;
                took.push(begin.elapsed().as_micros() as u64);
            }
            took
        })
    };
    let begin = Instant::now();
    work().await;
    tokio::time::sleep(at_least.saturating_sub(begin.elapsed())).await;
    stop.store(true, Ordering::Relaxed);
    let mut took = proposer.await.unwrap();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    (at(50), at(99))
}

/// Writes as many bytes into one file and syncs it.
fn copy_seconds(directory: &Path, bytes: u64) -> f64 {
    let begin = Instant::now();
    let mut file = File::create(directory.join("copy")).unwrap();
    let block: Vec<u8> = (0..1_u32 << 18)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    for _ in 0..bytes >> 20 {
        file.write_all(&block).unwrap();
    }
    file.sync_all().unwrap();
    begin.elapsed().as_secs_f64()
}
