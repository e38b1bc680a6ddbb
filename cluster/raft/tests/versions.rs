//! Versions of commands in a cluster whose nodes are upgraded one after the other. Nodes that say of
//! themselves that they know less stand in for older programs.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::cluster::{Nodes, wait_until};
use common::{command, credit};
use raftpool_ledger::cluster::ProposeError;
use raftpool_ledger::command::FinalizeVersion;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::{COMMAND_VERSION, Cluster, FIRST_COMMAND_VERSION};
use raftpool_raft::{ChangeError, RaftNode, RaftNodeConfig, RaftNodeError};

/// Nodes 3 and 4 are of the version before.
fn late_nodes_are_old(config: &mut RaftNodeConfig) {
    if config.identity.node_id >= 3 {
        config.command_version = FIRST_COMMAND_VERSION;
    }
}

fn in_time(config: &mut RaftNodeConfig) {
    config.finalize_after = Some(Duration::from_millis(400));
}

fn late_nodes_are_old_and_in_time(config: &mut RaftNodeConfig) {
    late_nodes_are_old(config);
    in_time(config);
}

async fn finalize(node: &RaftNode) -> Result<(), ChangeError> {
    node.finalize(COMMAND_VERSION, "otto", "all are upgraded")
        .await
}

fn refused(result: Result<(), ChangeError>, expected: &str) {
    match result {
        Err(ChangeError::Refused(reason)) => {
            assert!(reason.contains(expected), "{reason}");
        }
        other => panic!("{other:?} instead of a refusal with `{expected}`"),
    }
}

fn finalized(node: &RaftNode) -> u32 {
    let finalized = node.finalized_version().unwrap().version;
    assert_eq!(node.status().finalized_version, finalized);
    finalized
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_finalized_only_when_every_member_answers_that_it_knows_it() {
    let mut nodes = Nodes::form_with(&[1, 2, 3], late_nodes_are_old).await;
    for node in [nodes.get(1), nodes.get(2)] {
        refused(
            finalize(&node).await,
            "node 3 knows commands up to version 1",
        );
    }
    refused(
        finalize(&nodes.get(3)).await,
        "node 3 knows commands up to version 1",
    );
    let one = nodes.get(1);
    let unknown = one.finalize(COMMAND_VERSION + 1, "otto", "-").await;
    refused(unknown, "node 1 knows commands up to version 2");

    nodes.stop(3).await;
    refused(finalize(&nodes.get(1)).await, "node 3 is not reachable");
    assert_eq!(finalized(&nodes.get(1)), FIRST_COMMAND_VERSION);

    nodes.adjust = |_| {};
    nodes.start(3).await;
    let follower = nodes.get(nodes.follower().await);
    finalize(&follower).await.unwrap();
    nodes.assert_alike().await;
    for node in nodes.all() {
        assert_eq!(finalized(node), COMMAND_VERSION);
        let told = node.finalized_version().unwrap();
        assert_eq!(
            (told.author.as_str(), told.reason.as_str()),
            ("otto", "all are upgraded")
        );
        // Once more is as good, and leaves the first one's word.
        finalize(node).await.unwrap();
        assert_eq!(node.finalized_version().unwrap(), told);
    }
    credit(&follower, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_counts_and_an_older_program_neither_joins_nor_comes_back() {
    let mut nodes = Nodes::form(&[1]).await;
    let one = nodes.get(1);
    nodes.adjust = late_nodes_are_old;
    nodes.start(3).await;
    nodes.add(&one, 3).await;
    refused(
        finalize(&one).await,
        "node 3 knows commands up to version 1",
    );
    // Else it would have to be added once more.
    nodes.assert_alike().await;
    nodes.stop(3).await;
    nodes.adjust = |_| {};
    nodes.start(3).await;
    wait_until("the learner answers", async || finalize(&one).await.is_ok()).await;

    nodes.adjust = late_nodes_are_old;
    nodes.start(4).await;
    let added = one.add_learner(4, &nodes.address(4)).await;
    refused(added, "node 4 knows commands up to version 1");
    nodes.stop(4).await;
    wait_until("the learner has it", async || {
        finalized(&nodes.get(3)) == COMMAND_VERSION
    })
    .await;
    nodes.stop(3).await;
    match nodes.try_start(3).await.map(drop) {
        Err(error @ RaftNodeError::NewerCommands { .. }) => {
            assert!(error.to_string().contains("run the newer program again"));
        }
        other => panic!("{other:?}"),
    }
    nodes.adjust = |_| {};
    nodes.start(4).await;
    nodes.add(&one, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_finalizes_a_version_without_asking() {
    let nodes = Nodes::form(&[1]).await;
    let one = nodes.get(1);
    for version in [FIRST_COMMAND_VERSION, COMMAND_VERSION] {
        assert_eq!(finalized(&one), version);
        let body = Body::FinalizeVersion(FinalizeVersion {
            version: COMMAND_VERSION,
            reason: "because".to_owned(),
            term: one.leadership().term,
        });
        match one.propose(command(body)).await {
            Err(ProposeError::NotAccepted(reason)) => {
                assert!(reason.contains("which asks every member"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        finalize(&one).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_finalizes_by_itself_what_every_member_has_known_long_enough() {
    let mut nodes = Nodes::form_with(&[1, 2, 3], late_nodes_are_old_and_in_time).await;
    let before = tokio::time::Instant::now();
    let mut sequence = 0;
    while before.elapsed() < Duration::from_millis(1_200) {
        sequence += 1;
        credit(&nodes.get(1), sequence).await.unwrap();
        assert_eq!(finalized(&nodes.get(1)), FIRST_COMMAND_VERSION);
    }
    nodes.stop(3).await;
    nodes.adjust = in_time;
    nodes.start(3).await;
    wait_until("it is finalized", async || {
        nodes.all().all(|node| finalized(node) == COMMAND_VERSION)
    })
    .await;
    let told = nodes.get(2).finalized_version().unwrap();
    assert!(told.author.starts_with("node "), "{told:?}");
    nodes.assert_alike().await;
}
