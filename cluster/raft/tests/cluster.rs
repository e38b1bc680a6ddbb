//! Several nodes: forming a cluster, proposing anywhere, losing nodes, catching up, changing
//! members.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::cluster::{Nodes, insist, wait_until};
use common::{batch, credit, credited, summary};
use raftpool_ledger::cluster::{ProposeError, read};
use raftpool_ledger::command::Command;
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Clock, Cluster, Outcome};
use raftpool_raft::{ChangeError, LogPolicy, RaftNode, RaftNodeConfig, Role};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_of_one_grows_to_three_and_every_node_takes_proposals_and_reads() {
    let nodes = Nodes::form(&[1, 2, 3]).await;
    for (sequence, node) in (1..).zip(nodes.all()) {
        let committed = credit(node, sequence).await.unwrap();
        assert!(matches!(
            committed.outcome,
            Outcome::SharesCredited { credited: 1, .. }
        ));
        // It is applied on the node that proposed it.
        assert_eq!(credited(node, sequence), 1);
    }
    for node in nodes.all() {
        let index = node.linearize().await.unwrap();
        assert!(node.status().applied_index >= Some(index));
        assert_eq!(summary(node).1, 3);
        let status = node.status();
        assert_eq!(status.voters, [1, 2, 3]);
        assert!(status.joined);
        let members = node.members().await;
        assert_eq!(members.len(), 3);
        assert!(members.iter().all(|member| member.is_voter));
        assert!(members.iter().all(|member| member.lag.is_some()));
        assert_eq!(members.iter().filter(|member| member.is_leader).count(), 1);
    }
    nodes.assert_alike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_repeated_through_other_nodes_is_credited_once() {
    let nodes = Nodes::form(&[1, 2, 3]).await;
    let mut first = 0;
    for node in nodes.all() {
        for _ in 0..3 {
            match credit(node, 1).await.unwrap().outcome {
                Outcome::SharesCredited { credited, .. } => first += credited,
                outcome => assert_eq!(outcome, Outcome::AlreadyCredited),
            }
        }
    }
    assert_eq!(first, 1);
    for node in nodes.all() {
        node.linearize().await.unwrap();
        assert_eq!(summary(node).1, 1);
    }
}

/// What is proposed through one node, one after the other, and the longest time without an
/// acknowledgement.
async fn load(node: Arc<RaftNode>, first: u64, stop: Arc<AtomicBool>) -> (Vec<u64>, Duration) {
    let (mut acknowledged, mut gap) = (Vec::new(), Duration::ZERO);
    let mut sequence = first;
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        insist(&node, &batch(sequence)).await;
        gap = gap.max(started.elapsed());
        acknowledged.push(sequence);
        sequence += 1;
    }
    (acknowledged, gap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_leader_is_followed_by_another_and_nothing_acknowledged_is_lost() {
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    let leader = nodes.leader().await;
    let stop = Arc::new(AtomicBool::new(false));
    // Sequences of one node lie close together: the ledger's window of known batches is bounded.
    let survivors: Vec<_> = (1..=3).filter(|id| *id != leader).collect();
    let loads: Vec<_> = survivors
        .iter()
        .zip([1, 400])
        .map(|(id, first)| tokio::spawn(load(nodes.get(*id), first, stop.clone())))
        .collect();
    let witness = nodes.get(survivors[0]);
    let has = |count| {
        let witness = witness.clone();
        async move || summary(&witness).1 >= count
    };
    wait_until("shares are credited", has(20)).await;
    nodes.stop(leader).await;
    let before = summary(&witness).1;
    wait_until("shares are credited again", has(before + 20)).await;
    stop.store(true, Ordering::Relaxed);
    let mut gaps = Vec::new();
    for load in loads {
        let (acknowledged, gap) = load.await.unwrap();
        // What was acknowledged by another node may not be applied on this one yet.
        witness.linearize().await.unwrap();
        for sequence in acknowledged {
            assert_eq!(credited(&witness, sequence), 1, "batch {sequence}");
        }
        gaps.push(gap.as_millis());
    }
    println!("leader lost: longest time without an acknowledgement {gaps:?} ms");
    let next = nodes.leader().await;
    assert_ne!(next, leader);
    nodes.assert_alike().await;

    // The lost one comes back and has everything.
    nodes.start(leader).await;
    nodes.assert_alike().await;
    assert_eq!(nodes.leader().await, next, "who comes back disturbs nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_over_under_load_without_losing_anything() {
    let nodes = Nodes::form(&[1, 2, 3]).await;
    let leader = nodes.leader().await;
    let follower = nodes.follower().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(load(nodes.get(follower), 1, stop.clone()));
    let witness = nodes.get(follower);
    wait_until("shares are credited", async || summary(&witness).1 >= 10).await;
    // Through a node that does not lead.
    let started = Instant::now();
    nodes.get(follower).transfer(follower).await.unwrap();
    let took_ms = started.elapsed().as_millis();
    assert_eq!(nodes.leader().await, follower);
    nodes.get(leader).transfer(follower).await.unwrap();
    let before = summary(&witness).1;
    wait_until("shares are credited again", async || {
        summary(&witness).1 >= before + 10
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let (acknowledged, gap) = load.await.unwrap();
    let gap_ms = gap.as_millis();
    println!("leadership handed over in {took_ms} ms; without an acknowledgement {gap_ms} ms");
    for sequence in acknowledged {
        assert_eq!(credited(&witness, sequence), 1);
    }
    assert!(nodes.get(follower).hand_over().await);
    assert_ne!(nodes.leader().await, follower);
    nodes.assert_alike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_that_was_away_catches_up_by_the_log() {
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    let away = nodes.follower().await;
    nodes.stop(away).await;
    let leader = nodes.get(nodes.leader().await);
    for sequence in 1..=50 {
        credit(&leader, sequence).await.unwrap();
    }
    let node = nodes.start(away).await;
    assert!(node.wait_until_current(Duration::from_secs(30)).await);
    nodes.assert_alike().await;
    assert_eq!(credited(&node, 50), 1);
    assert_eq!(node.status().snapshot_index, None);
}

fn short_log(config: &mut RaftNodeConfig) {
    config.log_policy = LogPolicy {
        snapshot_entries: 20,
        snapshot_bytes: u64::MAX,
        entries_kept: 5,
        check_interval: Duration::from_millis(5),
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_node_and_one_that_was_away_for_long_catch_up_by_a_snapshot() {
    let mut nodes = Nodes::form_with(&[1, 2, 3], short_log).await;
    let away = nodes.follower().await;
    nodes.stop(away).await;
    let leader = nodes.get(nodes.leader().await);
    for sequence in 1..=200 {
        credit(&leader, sequence).await.unwrap();
    }
    wait_until("the log is purged", async || {
        leader.status().purged_index > Some(150)
    })
    .await;
    let started = Instant::now();
    let new = nodes.start(4).await;
    assert_eq!(new.status().role, Role::Learner);
    assert!(!new.status().joined);
    nodes.add(&leader, 4).await;
    wait_until("the new node has caught up", async || {
        credited(&new, 200) == 1
    })
    .await;
    println!(
        "caught up by a snapshot in {} ms",
        started.elapsed().as_millis()
    );
    wait_until("the new node knows what it is", async || {
        let status = new.status();
        status.snapshot_index.is_some() && status.joined && status.learners == [4]
    })
    .await;
    assert_eq!(new.status().role, Role::Learner);
    // A learner takes proposals like any other node.
    credit(&new, 201).await.unwrap();

    let back = nodes.start(away).await;
    wait_until("the returned node has caught up", async || {
        credited(&back, 201) == 1
    })
    .await;
    nodes.assert_alike().await;
    // What was received is installed, and gone from where it was received.
    for id in [4, away] {
        let directory = nodes.directory(id).join("snapshots");
        wait_until("nothing half received is left", async || {
            let mut names = std::fs::read_dir(&directory).unwrap();
            names.all(|name| {
                let name = name.unwrap().file_name();
                name.to_string_lossy().starts_with("snap-")
            })
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_nothing_is_acknowledged_and_service_returns_with_it() {
    let mut nodes = Nodes::form_with(&[1, 2, 3], |config| {
        config.propose_timeout = Duration::from_millis(1_500);
        config.linearize_timeout = Duration::from_millis(1_500);
    })
    .await;
    let leader = nodes.leader().await;
    let others: Vec<_> = (1..=3).filter(|id| *id != leader).collect();
    for id in &others {
        nodes.stop(*id).await;
    }
    let alone = nodes.get(leader);
    let before = summary(&alone);
    for sequence in 1..=3 {
        let error = credit(&alone, sequence).await.unwrap_err();
        assert!(
            matches!(
                error,
                ProposeError::NotAccepted(_) | ProposeError::Unknown(_)
            ),
            "{error}"
        );
    }
    alone.linearize().await.unwrap_err();
    assert_eq!(
        summary(&alone),
        before,
        "reads go on, and nothing has happened"
    );

    nodes.start(others[0]).await;
    for sequence in 1..=3 {
        insist(&nodes.get(others[0]), &batch(sequence)).await;
    }
    alone.linearize().await.unwrap();
    assert_eq!(summary(&alone).1, 3);
    nodes.start(others[1]).await;
    nodes.assert_alike().await;
}

fn refused(result: Result<(), ChangeError>, expected: &str) {
    match result {
        Err(ChangeError::Refused(reason)) => {
            assert!(reason.contains(expected), "{reason}");
        }
        other => panic!("{other:?} instead of a refusal with `{expected}`"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_can_be_repeated_and_what_costs_the_majority_is_refused() {
    let mut nodes = Nodes::new();
    let one = nodes.start(1).await;
    common::found(&one).await;
    refused(one.remove(1, true).await, "only voter");
    refused(one.promote(&[2], false).await, "not a member");
    nodes.start(2).await;
    nodes.add(&one, 2).await;
    nodes.add(&one, 2).await;
    refused(one.add_learner(2, "localhost:1").await, "already, at");
    refused(one.add_learner(3, "localhost").await, "host and a port");
    refused(one.add_learner(3, &nodes.address(2)).await, "node 2 is at");
    refused(one.transfer(2).await, "has no vote");
    wait_until("node 2 has caught up", async || {
        let members = one.members().await;
        members.iter().all(|member| member.lag == Some(0))
    })
    .await;
    refused(one.promote(&[2], false).await, "two voters");

    nodes.start(3).await;
    nodes.add(&one, 3).await;
    nodes.promote(&one, &[2, 3]).await;
    one.promote(&[2, 3], false).await.unwrap();
    refused(one.remove(2, false).await, "two voters");
    refused(one.transfer(9).await, "not a member");

    // Replacement: first one more, then one less; the leader hands over before it goes.
    nodes.start(4).await;
    nodes.add(&nodes.get(3), 4).await;
    nodes.promote(&nodes.get(2), &[4]).await;
    let leader = nodes.leader().await;
    let through = nodes.get(nodes.follower().await);
    through.remove(leader, false).await.unwrap();
    through.remove(leader, false).await.unwrap();
    nodes.stop(leader).await;
    wait_until("three voters are left", async || {
        let voters = through.status().voters;
        voters.len() == 3 && !voters.contains(&leader)
    })
    .await;
    credit(&through, 1).await.unwrap();
    nodes.assert_alike().await;

    // One silent voter: removing another one would leave a single one that answers.
    let silent = nodes.follower().await;
    nodes.stop(silent).await;
    let through = nodes.get(nodes.leader().await);
    let healthy = nodes.follower().await;
    wait_until("the silence is noticed", async || {
        let members = through.members().await;
        members
            .iter()
            .any(|member| member.node_id == silent && member.silent_ms > Some(1_100))
    })
    .await;
    refused(through.remove(healthy, true).await, "only 1 answer");
    through.remove(silent, true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_was_removed_stops_and_says_so() {
    let mut nodes = Nodes::form_with(&[1, 2, 3, 4], |config| {
        config.digest_interval = Duration::from_millis(30);
    })
    .await;
    let leader = nodes.leader().await;
    let [voter, absent]: [u64; 2] = {
        let mut others = (1..=4).filter(|id| *id != leader);
        [others.next().unwrap(), others.next().unwrap()]
    };
    // One that hears of it only after a restart, and one that runs.
    nodes.stop(absent).await;
    for id in [absent, voter] {
        let through = nodes.get(leader);
        through.remove(id, true).await.unwrap();
    }
    let late = nodes.start(absent).await;
    for (id, node) in [(voter, nodes.get(voter)), (absent, late)] {
        wait_until("the node stops", async || node.status().stopped.is_some()).await;
        let reason = node.status().stopped.unwrap();
        assert!(
            reason.contains(&format!("node {id} was removed")),
            "{reason}"
        );
    }
    credit(&nodes.get(leader), 1).await.unwrap();
    assert_eq!(nodes.get(leader).status().stopped, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn id_of_a_removed_node_is_never_given_again() {
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    let one = nodes.get(1);
    nodes.start(7).await;
    nodes.add(&one, 7).await;
    one.remove(7, false).await.unwrap();
    nodes.stop(7).await;
    // Nobody has it any more, and whoever knew may be gone.
    nodes.get(nodes.leader().await).hand_over().await;
    std::fs::remove_dir_all(nodes.directory(7)).unwrap();
    nodes.start(7).await;
    let again = nodes.get(2).add_learner(7, &nodes.address(7)).await;
    refused(again, "never used again");
    nodes.start(5).await;
    let smaller = nodes.get(2).add_learner(5, &nodes.address(5)).await;
    refused(smaller, "use 8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_lost_its_disk_takes_part_in_nothing_under_its_old_id() {
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    let lost = [2, 3][usize::from(nodes.leader().await == 2)];
    nodes.stop(lost).await;
    std::fs::remove_dir_all(nodes.directory(lost)).unwrap();
    let empty = nodes.start(lost).await;
    let through = nodes.get(1);
    for sequence in 1..=10 {
        credit(&through, sequence).await.unwrap();
    }
    assert_eq!(empty.status().last_log_index, None);
    assert!(!empty.status().joined);
    let again = through.add_learner(lost, &nodes.address(lost)).await;
    refused(again, "lost its disk");
    assert_eq!(summary(&through).1, 10);

    nodes.stop(lost).await;
    nodes.start(4).await;
    nodes.add(&through, 4).await;
    nodes.promote(&through, &[4]).await;
    through.remove(lost, false).await.unwrap();
    nodes.assert_alike().await;
}

/// A clock that stands at a second past the epoch.
struct StandingClock;

impl Clock for StandingClock {
    fn now_ms(&self) -> u64 {
        1_000
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_far_ahead_is_told_so_and_does_not_move_the_ledgers_time() {
    let nodes = Nodes::form_with(&[1, 2, 3], |config| {
        config.clock = Some(Arc::new(StandingClock));
    })
    .await;
    let node = nodes.get(nodes.follower().await);
    let at = |sequence, proposed_at_ms| Command {
        proposed_at_ms,
        ..batch(sequence)
    };
    node.propose(at(1, 601_000)).await.unwrap();
    let refused = node.propose(at(2, 601_001)).await.unwrap_err();
    assert!(
        matches!(&refused, ProposeError::NotAccepted(reason) if reason.contains("600 s ahead")),
        "{refused}"
    );
    let time_ms = read(node.as_ref(), |state| LedgerView::new(state).time_ms());
    assert_eq!(time_ms.unwrap(), 601_000);
}
