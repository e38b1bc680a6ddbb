//! Taking a place in a cluster: founding once, never under a used id, and swapping places.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::cluster::{Nodes, wait_until};
use common::credit;
use raftpool_ledger::cluster::BoxFuture;
use raftpool_raft::{AskError, ChangeError, PeerService, RaftNodeError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_founded_once() {
    let mut nodes = Nodes::new();
    let one = nodes.start(1).await;
    one.found_cluster().await.unwrap();
    common::found(&one).await;
    nodes.seeds = vec![nodes.address(1)];
    let two = nodes.start(2).await;
    assert!(!two.status().joined, "a new node founds nothing by itself");
    match two.found_cluster().await {
        Err(ChangeError::Refused(reason)) => {
            assert!(
                reason.contains("node 1") && reason.contains("cluster add"),
                "{reason}"
            );
        }
        other => panic!("{other:?} instead of a refusal"),
    }
    nodes.add(&one, 2).await;
    wait_until("node 2 has joined", async || two.status().joined).await;
    two.found_cluster().await.unwrap();
    assert_eq!(one.other_members(), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_directory_does_not_start_under_its_old_id_and_names_the_command() {
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    // Any node may be asked: it names the leader.
    nodes.seeds = vec![nodes.address(1), "localhost:1".to_owned()];
    let lost = [2, 3][usize::from(nodes.leader().await == 2)];
    nodes.stop(lost).await;
    std::fs::remove_dir_all(nodes.directory(lost)).unwrap();
    let error = nodes.try_start(lost).await.err().unwrap();
    assert!(
        matches!(
            error,
            RaftNodeError::IdInUse {
                is_member: true,
                ..
            }
        ),
        "{error}"
    );
    let error = error.to_string();
    assert!(
        error.contains(&format!("raftpool cluster replace CONFIG {lost} 4 ADDRESS")),
        "{error}"
    );

    // Replaced as the message says; then the old id is told apart as one that was removed.
    let through = nodes.get(1);
    nodes.start(4).await;
    nodes.add(&through, 4).await;
    swap(&nodes, lost, 4).await;
    wait_until("the swap is known", async || {
        !through.other_members().contains(&lost)
    })
    .await;
    std::fs::remove_dir_all(nodes.directory(lost)).unwrap();
    let error = nodes.try_start(lost).await.err().unwrap();
    assert!(
        matches!(
            error,
            RaftNodeError::IdInUse {
                is_member: false,
                ..
            }
        ),
        "{error}"
    );
    nodes.assert_alike().await;
}

/// Swaps as soon as the new node has caught up.
async fn swap(nodes: &Nodes, old: u64, new: u64) {
    wait_until("the new node has the vote", async || {
        match nodes.get(1).swap(old, new).await {
            Ok(()) => true,
            Err(error) => {
                let error = error.to_string();
                assert!(
                    error.contains("behind") || error.contains("answer"),
                    "{error}"
                );
                false
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_gives_its_place_to_a_new_node_in_one_step() {
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    nodes.get(2).transfer(2).await.unwrap();
    nodes.start(4).await;
    nodes.add(&nodes.get(1), 4).await;
    let refused = nodes.get(1).swap(2, 9).await;
    assert!(
        matches!(refused, Err(ChangeError::Refused(_))),
        "{refused:?}"
    );
    swap(&nodes, 2, 4).await;
    // Asked again, it is done already.
    nodes.get(1).swap(2, 4).await.unwrap();
    nodes.stop(2).await;
    let leader = nodes.get(nodes.leader().await);
    wait_until("three voters", async || leader.status().voters == [1, 3, 4]).await;
    credit(&leader, 1).await.unwrap();
    nodes.assert_alike().await;
    assert_eq!(leader.ids_up_to(), 4);
}

/// Answers with what it was asked, and by whom; refuses what is empty.
struct Echo;

impl PeerService for Echo {
    fn answer(&self, from_node: u64, request: Bytes) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            match request.is_empty() {
                true => Err("nothing was asked".to_owned()),
                false => Ok([&[from_node as u8], &request[..]].concat().into()),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_ask_each_other_and_nobody_else_may() {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let mut nodes = Nodes::form(&[1, 2, 3]).await;
    let (one, three) = (nodes.get(1), nodes.get(3));
    let question = || Bytes::from_static(b"how are you");
    let early = one.ask(3, question(), TIMEOUT).await.unwrap_err();
    assert!(
        early.to_string().contains("not finished starting"),
        "{early}"
    );
    three.serve_peers(Arc::new(Echo));
    let answer = one.ask(3, question(), TIMEOUT).await.unwrap();
    assert_eq!(&answer[..], b"\x01how are you");
    let refused = one.ask(3, Bytes::new(), TIMEOUT).await.unwrap_err();
    assert!(matches!(&refused, AskError::Refused(why) if why.contains("nothing was asked")));
    let unknown = one.ask(9, question(), TIMEOUT).await.unwrap_err();
    assert!(matches!(unknown, AskError::NotSent(_)), "{unknown}");

    let four = nodes.start(4).await;
    let stranger = four.ask(3, question(), TIMEOUT).await.unwrap_err();
    assert!(
        matches!(stranger, AskError::NotSent(_)),
        "it knows no members: {stranger}"
    );
    let survey = one.survey().await;
    assert_eq!(survey.len(), 3);
    assert!(
        survey.iter().all(|(_, status)| status.is_ok()),
        "{survey:?}"
    );
    nodes.stop(3).await;
    let survey = one.survey().await;
    let silent = survey
        .iter()
        .find(|(member, _)| member.node_id == 3)
        .unwrap();
    assert!(silent.1.is_err(), "{silent:?}");
    let gone = one.ask(3, question(), TIMEOUT).await.unwrap_err();
    assert!(!matches!(gone, AskError::Refused(_)), "{gone}");
}
