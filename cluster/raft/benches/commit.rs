//! How fast a node that runs alone commits, beside how fast its disk syncs.
//!
//! Every committed command is on the disk: nothing is switched off.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::testing::{change_settings, credit_shares, sample_settings, sample_share};
use raftpool_ledger::{Cluster, Outcome, compose};
use raftpool_raft::{Identity, RaftNode, RaftNodeConfig};
use std::sync::atomic::{AtomicU64, Ordering};

const TIME: Duration = Duration::from_secs(3);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (syncs, sync_us) = bare_syncs(directory.path());
    println!(
        "bare write and fdatasync of 4 KiB in a preallocated file: {syncs} per second, p50 {sync_us} us\n"
    );
    println!("proposers  shares  commands/s   shares/s  per bare sync   p50 us   p99 us  syncs/s");
    for shares in [1, 100] {
        for proposers in [1, 8, 64] {
            let result = runtime.block_on(measure(proposers, shares));
            let ratio_hundredths = result.commands * 100 / syncs.max(1);
            println!(
                "{proposers:>9}  {shares:>6}  {:>10}  {:>9}  {:>10}.{:02}  {:>7}  {:>7}  {:>7}",
                result.commands,
                result.commands * shares,
                ratio_hundredths / 100,
                ratio_hundredths % 100,
                result.p50_us,
                result.p99_us,
                result.syncs,
            );
        }
    }
}

/// Writes and syncs into a file that has its blocks already, as RocksDB's write-ahead log does,
/// without anything around it.
fn bare_syncs(directory: &Path) -> (u64, u64) {
    let mut file = File::create(directory.join("bare")).unwrap();
    file.write_all(&vec![0; 64 << 20]).unwrap();
    file.sync_all().unwrap();
    file.rewind().unwrap();
    let mut took = Vec::new();
    let start = Instant::now();
    while start.elapsed() < TIME {
        let begin = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        took.push(begin.elapsed());
    }
    let per_second = took.len() as u64 / TIME.as_secs();
    (per_second, percentile(&mut took, 50))
}

struct Measured {
    commands: u64,
    syncs: u64,
    p50_us: u64,
    p99_us: u64,
}

async fn measure(proposers: u64, shares: u64) -> Measured {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity {
        cluster_id: [1; 16],
        node_id: 1,
    };
    let on_fatal = |reason: &str| panic!("the node stopped: {reason}");
    let config = RaftNodeConfig::new(directory.path(), identity, Arc::new(on_fatal));
    let node = RaftNode::start(config).await.unwrap();
    propose(&node, change_settings(sample_settings())).await;
    let sequence = AtomicU64::new(1);
    let syncs_before = node.status().log.sync.count;
    let start = Instant::now();
    let took = join_all((0..proposers).map(|_| async {
        let node = node.clone();
        let mut took = Vec::new();
        while start.elapsed() < TIME {
            let sequence = sequence.fetch_add(1, Ordering::Relaxed);
            let batch = batch(sequence, shares);
            let begin = Instant::now();
            propose(&node, batch).await;
            took.push(begin.elapsed());
        }
        took
    }))
    .await;
    let elapsed = start.elapsed();
    let syncs = node.status().log.sync.count - syncs_before;
    node.shutdown().await;
    let mut took: Vec<_> = took.into_iter().flatten().collect();
    let per_second = |count: u64| count * 1_000 / elapsed.as_millis() as u64;
    Measured {
        commands: per_second(took.len() as u64),
        syncs: per_second(syncs),
        p50_us: percentile(&mut took, 50),
        p99_us: percentile(&mut took, 99),
    }
}

/// Shares of fifty miners, as a node of a busy pool collects them.
fn batch(sequence: u64, shares: u64) -> Body {
    let share = |number: u64| {
        let miner = (sequence * shares + number) % 50;
        sample_share(
            &format!("xel:miner-with-an-address-as-long-as-real-ones-{miner:016}"),
            1_000,
            1 << 40,
        )
    };
    credit_shares(sequence, (0..shares).map(share).collect())
}

async fn propose(node: &RaftNode, body: Body) {
    let outcome = node
        .propose(compose("bench", 1, body))
        .await
        .unwrap()
        .outcome;
    assert!(!matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
}

fn percentile(took: &mut [Duration], percent: usize) -> u64 {
    took.sort();
    let position = (took.len() * percent / 100).min(took.len().saturating_sub(1));
    took.get(position).map_or(0, |took| took.as_micros() as u64)
}
