//! Ledgers are compared: a node that differs stops, and nodes that agree say so.

#![allow(clippy::unwrap_used)]

mod common;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use common::batch;
use common::cluster::{Nodes, insist, wait_until};
use futures_util::future::join_all;
use raftpool_raft::{LogPolicy, RaftNode, RaftNodeConfig, Role};
use raftpool_store::Fault;

/// Between two checkpoints, and after a cluster is formed.
const SPOILED_INDEX: u64 = 70;

/// A memory in which a bit flips once.
struct Spoils;

impl Fault for Spoils {
    fn spoils(&self, index: u64) -> bool {
        index == SPOILED_INDEX
    }
}

type Adjust = fn(&mut RaftNodeConfig);

fn sound(config: &mut RaftNodeConfig) {
    config.digest_interval = Duration::from_millis(30);
}

fn spoiled<const ID: u64>(config: &mut RaftNodeConfig) {
    sound(config);
    if config.identity.node_id == ID {
        config.fault = Some(Arc::new(Spoils));
    }
}

/// Proposes batches, some side by side, until each is acknowledged.
async fn load(node: &RaftNode, sequences: RangeInclusive<u64>) {
    let sequences: Vec<_> = sequences.collect();
    for some in sequences.chunks(10) {
        let commands: Vec<_> = some.iter().map(|sequence| batch(*sequence)).collect();
        join_all(commands.iter().map(|command| insist(node, command))).await;
    }
}

async fn wait_stopped(node: &RaftNode) -> String {
    wait_until("the node stops", async || node.status().stopped.is_some()).await;
    node.status().stopped.unwrap()
}

async fn wait_compared(node: &RaftNode, index: u64) {
    wait_until("all nodes are compared", async || {
        node.status().compared_index >= Some(index)
    })
    .await;
}

fn assert_sound(node: &RaftNode) {
    let status = node.status();
    assert_eq!((status.divergence, status.stopped), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_with_a_spoiled_ledger_stops_and_says_so_and_the_others_go_on() {
    // Node 1 has founded the cluster and leads it, node 3 follows.
    let cases: [(u64, Adjust, &str); 2] = [
        (1, spoiled::<1>, "nodes 2 and 3"),
        (3, spoiled::<3>, "nodes 1 and 2"),
    ];
    for (id, adjust, others) in cases {
        let mut nodes = Nodes::form_with(&[1, 2, 3], adjust).await;
        let wrong = nodes.get(id);
        let through = nodes.get(2);
        load(&through, 1..=150).await;
        let reason = wait_stopped(&wrong).await;
        let directory = nodes.directory(id).display().to_string();
        let first = format!("the ledger of node {id} differs: at index 128 its digest is");
        for part in [&first, others, &directory, "raftpool cluster replace"] {
            assert!(reason.contains(part), "`{part}` is not in `{reason}`");
        }
        assert!(!reason.contains('\n'), "one line");
        assert_eq!(wrong.status().divergence, Some(reason));
        assert_eq!(wrong.status().role, Role::Stopped);

        load(&through, 151..=300).await;
        for other in [1, 2, 3].iter().filter(|other| **other != id) {
            wait_compared(&nodes.get(*other), 256).await;
            assert_sound(&nodes.get(*other));
        }

        // What it has on its disk is as wrong as before.
        drop(wrong);
        nodes.stop(id).await;
        nodes.adjust = sound;
        let again = nodes.start(id).await;
        let reason = wait_stopped(&again).await;
        assert!(reason.contains("differs: at index"), "{reason}");
        load(&through, 301..=310).await;
    }
}

fn short_log(config: &mut RaftNodeConfig) {
    sound(config);
    config.log_policy = LogPolicy {
        snapshot_entries: 20,
        snapshot_bytes: u64::MAX,
        entries_kept: 5,
        check_interval: Duration::from_millis(5),
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_nodes_agree_under_load_over_snapshots_and_after_restarts() {
    let mut nodes = Nodes::form_with(&[1, 2, 3], short_log).await;
    let away = nodes.follower().await;
    let through = nodes.get(nodes.leader().await);
    load(&through, 1..=100).await;
    for node in nodes.all() {
        wait_compared(node, 64).await;
    }
    nodes.stop(away).await;
    load(&through, 101..=300).await;
    wait_until("the log is purged", async || {
        through.status().purged_index > Some(250)
    })
    .await;
    wait_compared(&through, 256).await;

    let back = nodes.start(away).await;
    assert_eq!(back.status().compared_index, None);
    nodes.start(4).await;
    nodes.add(&through, 4).await;
    // What a snapshot covers has no checkpoints where it was installed.
    nodes.assert_alike().await;
    for id in [away, 4] {
        let snapshot_index = nodes.get(id).status().snapshot_index;
        assert!(snapshot_index > Some(200), "{snapshot_index:?}");
    }
    load(&through, 301..=450).await;
    for node in nodes.all() {
        wait_compared(node, 448).await;
    }
    for node in nodes.all() {
        assert_sound(node);
    }
    nodes.assert_alike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_differ_go_on_and_say_so_until_a_third_decides() {
    let mut nodes = Nodes::form_with(&[1, 2, 3], spoiled::<3>).await;
    nodes.stop(2).await;
    let (right, wrong) = (nodes.get(1), nodes.get(3));
    load(&right, 1..=150).await;
    for node in [&right, &wrong] {
        wait_until("the difference is told", async || {
            node.status().divergence.is_some()
        })
        .await;
        let text = node.status().divergence.unwrap();
        assert!(text.contains("nobody can say which one is right"), "{text}");
        assert!(text.contains("at index"), "{text}");
    }
    load(&right, 151..=160).await;
    for node in [&right, &wrong] {
        assert_eq!(node.status().stopped, None);
        assert_eq!(node.status().compared_index, Some(64));
    }

    nodes.start(2).await;
    let reason = wait_stopped(&wrong).await;
    assert!(reason.contains("nodes 1 and 2, more than half"), "{reason}");
    wait_until("nothing differs any more", async || {
        right.status().divergence.is_none()
    })
    .await;
    load(&right, 161..=170).await;
    assert_sound(&nodes.get(2));
}
