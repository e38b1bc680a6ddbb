//! A node that runs alone: proposing, reading, watching, restarting, failing.

#![allow(clippy::unwrap_used)]

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{batch, command, config, credit, credited, found, start, summary};
use futures_util::StreamExt;
use futures_util::future::join_all;
use raftpool_ledger::cluster::{ClusterEvent, ProposeError};
use raftpool_ledger::command::Command;
use raftpool_ledger::testing::{change_settings, sample_settings};
use raftpool_ledger::{Cluster, Outcome};
use raftpool_raft::{Identity, LogPolicy, RaftNode, RaftNodeError, Role};
use raftpool_store::Fault;

const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until a condition holds.
async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, polled)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn proposed_command_is_applied_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    assert!(node.leadership().is_leader());
    found(&node).await;
    let committed = credit(&node, 1).await.unwrap();
    assert!(matches!(
        committed.outcome,
        Outcome::SharesCredited { credited: 1, .. }
    ));
    assert_eq!(committed.term, node.leadership().term);
    assert!(node.linearize().await.unwrap() >= committed.index);
    assert_eq!(credited(&node, 1), 1);
    let again = credit(&node, 1).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyCredited);
    assert_eq!(summary(&node).1, 1);

    let status = node.status();
    assert_eq!(status.role, Role::Leader);
    assert_eq!(status.voters, [1]);
    assert_eq!(status.proposals.committed, 3);
    assert_eq!(status.in_flight, 0);
    assert!(
        status.log.sync.count >= 3 && status.log.entries >= 3,
        "{status:?}"
    );
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_node_has_the_ledger_and_still_knows_repeated_batches() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    found(&node).await;
    for sequence in 1..=20 {
        credit(&node, sequence).await.unwrap();
    }
    let (before, term) = (summary(&node), node.leadership().term);
    node.shutdown().await;
    assert_eq!(node.status().role, Role::Stopped);
    let refused = credit(&node, 21).await.unwrap_err();
    assert!(matches!(refused, ProposeError::Stopped(_)), "{refused}");
    assert!(node.linearize().await.is_err());

    // The old handle is still there; the directory must be free all the same.
    let restarted = start(directory.path()).await;
    assert_eq!(summary(&restarted), before);
    assert!(restarted.leadership().term > term);
    assert_eq!(
        credit(&restarted, 7).await.unwrap().outcome,
        Outcome::AlreadyCredited
    );
    let next = credit(&restarted, 21).await.unwrap();
    assert!(matches!(
        next.outcome,
        Outcome::SharesCredited { credited: 1, .. }
    ));
    restarted.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_was_lost_is_replayed_from_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    found(&node).await;
    for sequence in 1..=20 {
        credit(&node, sequence).await.unwrap();
    }
    let before = summary(&node);
    node.shutdown().await;
    // What a power cut may do to writes that were never synced.
    std::fs::remove_dir_all(directory.path().join("state")).unwrap();
    let restarted = start(directory.path()).await;
    assert_eq!(summary(&restarted), before);
    restarted.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watcher_is_told_the_present_and_then_what_is_applied() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    found(&node).await;
    let mut events = node.watch();
    let first = events.next().await.unwrap();
    assert!(matches!(first, ClusterEvent::Leadership(leadership) if leadership.is_leader()));
    let second = events.next().await.unwrap();
    let ClusterEvent::Applied { index: present } = second else {
        panic!("{second:?}")
    };
    let mut last = present;
    for sequence in 1..=30 {
        last = credit(&node, sequence).await.unwrap().index;
    }
    let mut seen = present;
    while seen < last {
        match tokio::time::timeout(DEADLINE, events.next())
            .await
            .unwrap()
            .unwrap()
        {
            ClusterEvent::Applied { index } => {
                assert!(index > seen);
                seen = index;
            }
            ClusterEvent::Leadership(leadership) => assert!(leadership.is_leader()),
        }
    }
    node.shutdown().await;
    while tokio::time::timeout(DEADLINE, events.next())
        .await
        .unwrap()
        .is_some()
    {}
}

#[tokio::test(flavor = "multi_thread")]
async fn command_no_node_could_apply_is_not_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (mut config, fatal) = config(directory.path());
    config.command_bytes_max = 2_000;
    let node = RaftNode::start(config).await.unwrap();
    let good = command(change_settings(sample_settings()));
    let too_large = Command {
        author: "x".repeat(2_000),
        ..good.clone()
    };
    for bad in [
        Command {
            format: 77,
            ..good.clone()
        },
        Command { body: None, ..good },
        too_large,
    ] {
        let refused = node.propose(bad).await.unwrap_err();
        assert!(matches!(refused, ProposeError::NotAccepted(_)), "{refused}");
    }
    found(&node).await;
    assert!(fatal.lock().unwrap().is_empty());
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_of_another_node_or_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    let refused = RaftNode::start(config(directory.path()).0)
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, RaftNodeError::Store(_)), "{refused}");
    node.shutdown().await;
    let mut other = config(directory.path()).0;
    other.identity = Identity {
        node_id: 2,
        ..other.identity
    };
    let refused = RaftNode::start(other).await.err().unwrap();
    assert!(
        std::error::Error::source(&refused)
            .unwrap()
            .to_string()
            .contains("node 1")
    );
    start(directory.path()).await.shutdown().await;
}

/// A disk that fails or hangs on demand.
#[derive(Default)]
struct Disk {
    fails: AtomicBool,
    hangs: AtomicBool,
    state_fails: AtomicBool,
}

impl Fault for Disk {
    fn before_log_sync(&self) -> io::Result<()> {
        while self.hangs.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        match self.fails.load(Ordering::SeqCst) {
            true => Err(io::Error::other("input/output error")),
            false => Ok(()),
        }
    }

    fn before_state_write(&self) -> io::Result<()> {
        match self.state_fails.load(Ordering::SeqCst) {
            true => Err(io::Error::other("input/output error")),
            false => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_with_a_failed_disk_has_stopped_and_says_so() {
    let switches: [fn(&Disk) -> &AtomicBool; 2] = [|disk| &disk.fails, |disk| &disk.state_fails];
    for fails in switches {
        let directory = tempfile::tempdir().unwrap();
        let (mut config, fatal) = config(directory.path());
        let disk = Arc::new(Disk::default());
        config.fault = Some(disk.clone());
        let node = RaftNode::start(config).await.unwrap();
        found(&node).await;
        credit(&node, 1).await.unwrap();
        fails(&disk).store(true, Ordering::SeqCst);
        let during = credit(&node, 2).await.unwrap_err();
        assert!(matches!(during, ProposeError::Stopped(_)), "{during}");
        fails(&disk).store(false, Ordering::SeqCst);
        let after = credit(&node, 3).await.unwrap_err();
        assert!(matches!(&after, ProposeError::Stopped(why) if why.contains("input/output")));
        assert_eq!(fatal.lock().unwrap().len(), 1, "told once");
        assert!(!node.leadership().is_leader());
        assert!(node.status().stopped.is_some());
        assert_eq!(
            credited(&node, 1),
            1,
            "what was acknowledged can still be read"
        );
        node.shutdown().await;

        let node = start(directory.path()).await;
        assert_eq!(credited(&node, 1), 1);
        assert_eq!(credited(&node, 3), 0);
        let again = credit(&node, 2).await.unwrap().outcome;
        assert!(!matches!(again, Outcome::Rejected(_)), "{again:?}");
        assert_eq!(credited(&node, 2), 1);
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_disk_makes_outcomes_unknown_refuses_overload_and_stops_the_node() {
    let directory = tempfile::tempdir().unwrap();
    let (mut config, fatal) = config(directory.path());
    let disk = Arc::new(Disk::default());
    config.fault = Some(disk.clone());
    config.in_flight_max = 4;
    config.propose_timeout = Duration::from_millis(50);
    config.sync_stall_limit = Duration::from_millis(400);
    let node = RaftNode::start(config).await.unwrap();
    found(&node).await;
    disk.hangs.store(true, Ordering::SeqCst);
    let (first, second) = join_all((1..=8).map(|sequence| credit(&node, sequence)))
        .await
        .into_iter()
        .map(Result::unwrap_err)
        .partition::<Vec<_>, _>(|error| matches!(error, ProposeError::Unknown(_)));
    assert_eq!((first.len(), second.len()), (4, 4), "{first:?} {second:?}");
    for error in second {
        assert!(matches!(&error, ProposeError::NotAccepted(why) if why.starts_with("overloaded")));
    }
    // Those who stopped waiting have freed nothing: their proposals are still in memory.
    assert_eq!(node.status().in_flight, 4);
    wait_until("the hanging fsync is noticed", || {
        node.status().stopped.is_some()
    })
    .await;
    assert!(fatal.lock().unwrap()[0].contains("the disk hangs"));
    disk.hangs.store(false, Ordering::SeqCst);
    wait_until("proposals are given back", || node.status().in_flight == 0).await;
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_stays_bounded_and_what_was_purged_is_not_missed() {
    let directory = tempfile::tempdir().unwrap();
    let (mut config, _) = config(directory.path());
    config.log_policy = LogPolicy {
        snapshot_entries: 50,
        snapshot_bytes: u64::MAX,
        entries_kept: 20,
        check_interval: Duration::from_millis(5),
    };
    let node = RaftNode::start(config.clone()).await.unwrap();
    found(&node).await;
    for sequence in 1..=400 {
        credit(&node, sequence).await.unwrap();
    }
    wait_until("the log is purged", || {
        node.status().purged_index > Some(250)
    })
    .await;
    wait_until("the log is short", || node.status().log.entries < 150).await;
    let before = summary(&node);
    node.shutdown().await;
    let node = RaftNode::start(config).await.unwrap();
    assert_eq!(summary(&node), before);
    assert_eq!(
        credit(&node, 400).await.unwrap().outcome,
        Outcome::AlreadyCredited
    );
    assert_eq!(credited(&node, 3), 1);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_side_by_side_share_their_syncs() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    found(&node).await;
    let before = node.status().log.sync.count;
    let outcomes = join_all((1..=500).map(|sequence| node.propose(batch(sequence)))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let syncs = node.status().log.sync.count - before;
    assert!(syncs < 250, "{syncs} syncs for 500 proposals");
    assert_eq!(summary(&node).1, 500);
    node.shutdown().await;
}

/// Not `tokio::test`: what this looks for blocks threads of the runtime for ever.
#[test]
fn asking_for_the_status_all_the_time_keeps_nothing_from_going_on() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let node = runtime.block_on(async {
        let node = start(directory.path()).await;
        found(&node).await;
        node
    });
    let is_over = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let (node, is_over) = (node.clone(), is_over.clone());
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(node.status().leadership.node_id, 1);
            }
        });
    }
    let (done, ended) = std::sync::mpsc::channel();
    let proposing = node.clone();
    runtime.spawn(async move {
        for sequence in 1..=2_000 {
            credit(&proposing, sequence).await.unwrap();
        }
        done.send(()).unwrap();
    });
    let ended = ended.recv_timeout(DEADLINE);
    is_over.store(true, Ordering::Relaxed);
    if ended.is_ok() {
        runtime.block_on(node.shutdown());
    }
    runtime.shutdown_background();
    assert_eq!(ended, Ok(()), "the node stands still");
}
