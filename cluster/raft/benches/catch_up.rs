//! How long a new node takes to catch up with a large ledger, beside how long a plain copy of as
//! many bytes takes on the same disk.
//!
//! One node fills its ledger with workers, a record each, until its database has
//! `RAFTPOOL_BENCH_STATE_MIB` (1024). Two nodes are then added while nothing else happens, and a
//! fourth one while batches of new workers are proposed without a pause. All of them run in one
//! process, over mutual TLS on loopback, with the usual limits but for a short log.

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
/// Length of a worker's name.
const NAME_BYTES: usize = 120;
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
    // A short log, so that a new node must get the ledger as a snapshot.
    let mut nodes = Nodes::form_with(&[1], |config| {
        config.log_policy.snapshot_entries = 400;
        config.log_policy.entries_kept = 100;
    })
    .await;
    let leader = nodes.get(1);
    let next = Arc::new(AtomicU64::new(1));
    let started = Instant::now();
    fill(&leader, &next, wanted_mib << 20).await;
    println!(
        "a ledger of {} MiB made by {} shares of as many workers in {:.0} s",
        leader.status().state.database_bytes >> 20,
        next.load(Ordering::Relaxed) * SHARES,
        started.elapsed().as_secs_f64(),
    );
    wait_until("the log is short", async || {
        leader.status().purged_index.is_some() && leader.status().snapshot_index.is_some()
    })
    .await;

    for id in [2, 3] {
        let new = nodes.start(id).await;
        let took = catch_up(&nodes, &leader, &new, id).await;
        report_catch_up("while nothing else happened", &nodes, &new, took);
    }
    nodes.promote(&leader, &[2, 3]).await;

    let quiet = latency_under_load(&leader, &next, Duration::from_secs(5), async || {}).await;
    let new = nodes.start(4).await;
    let mut took = Duration::ZERO;
    let busy = latency_under_load(&leader, &next, Duration::ZERO, async || {
        took = catch_up(&nodes, &leader, &new, 4).await;
    })
    .await;
    report_catch_up("under load without a pause", &nodes, &new, took);
    println!(
        "a batch of {SHARES} new workers meanwhile: p50 {} ms, p99 {} ms; before: p50 {} ms, p99 {} ms",
        busy.0, busy.1, quiet.0, quiet.1
    );
    // Before their directories go.
    for id in 1..=4 {
        nodes.stop(id).await;
    }
}

/// Adds a node and waits until it has applied what was in the log by then.
async fn catch_up(nodes: &Nodes, leader: &RaftNode, new: &RaftNode, id: u64) -> Duration {
    let begin = Instant::now();
    nodes.add(leader, id).await;
    let target = leader.status().last_log_index;
    let reached = async {
        while new.status().applied_index < target {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let deadline = Duration::from_secs(1_200);
    tokio::time::timeout(deadline, reached).await.unwrap();
    begin.elapsed()
}

fn report_catch_up(when: &str, nodes: &Nodes, new: &RaftNode, took: Duration) {
    let bytes = new.status().state.database_bytes;
    println!(
        "a new node caught up with {} MiB in {:.1} s {when}; a plain copy with fsync of as much took {:.1} s",
        bytes >> 20,
        took.as_secs_f64(),
        copy_seconds(nodes.root.path(), bytes),
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
        share.worker = incompressible_name(worker);
        share
    };
    let batch = credit_shares(sequence, (0..SHARES).map(share).collect());
    insist(leader, &command(batch)).await;
}

/// A long name of its own for every worker, which the database cannot compress away.
fn incompressible_name(worker: u64) -> String {
    let mut hash = blake3::Hasher::new()
        .update(&worker.to_be_bytes())
        .finalize_xof();
    let mut bytes = [0; NAME_BYTES];
    hash.fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(b'0' + byte % 64))
        .collect()
}

/// Proposes one batch after the other while `work` runs, and for `at_least` so long; returns p50
/// and p99 in milliseconds.
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
                took.push(begin.elapsed().as_millis() as u64);
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
