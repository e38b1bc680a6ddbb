//! Blocks and transactions: to all nodes at once, and one answer made of theirs.

use std::sync::Arc;
use std::time::Duration;

use raftpool_chain::{Daemon, SubmitBlockAnswer, SubmitTransactionAnswer};
use tokio::time::{self, Instant};

use super::fakes::header;
use super::world::{Link, World, eventually};
use crate::node::daemons::ClusterDaemons;

async fn three() -> (Arc<World>, Arc<ClusterDaemons>) {
    let world = World::start(3);
    let daemons = world.cluster_daemons(1);
    eventually("all nodes have answered", || daemons.opinions().len() == 3).await;
    (world, daemons)
}

fn refused() -> SubmitBlockAnswer {
    SubmitBlockAnswer::Refused {
        kind: "INVALID_TIPS".into(),
        message: "no such tip".into(),
    }
}

fn refused_transaction() -> SubmitTransactionAnswer {
    SubmitTransactionAnswer::Refused {
        kind: "INVALID_TX_FEE".into(),
        message: "too low".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_goes_to_all_nodes_at_once_and_the_slow_ones_still_get_it() {
    let (world, daemons) = three().await;
    for slow in [1, 2] {
        world.daemons[&slow].hold(Some("submit_block"));
    }
    let before = Instant::now();
    let answer = daemons.submit_block(&header(101)).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    assert_eq!(
        before.elapsed(),
        Duration::ZERO,
        "nobody waited for anybody"
    );
    eventually("all have begun", || {
        world
            .daemons
            .values()
            .all(|it| it.begun("submit_block") == 1)
    })
    .await;
    assert_eq!(world.daemons[&3].finished("submit_block"), 1);
    assert_eq!(world.daemons[&1].finished("submit_block"), 0);
    for slow in [1, 2] {
        world.daemons[&slow].hold(None);
    }
    eventually("all have it", || {
        world
            .daemons
            .values()
            .all(|it| it.finished("submit_block") == 1)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_others_get_a_block_also_when_nobody_waits_for_the_answer() {
    let (world, daemons) = three().await;
    let given_up = time::timeout(Duration::ZERO, daemons.submit_block(&header(101))).await;
    drop(given_up);
    eventually("all have it", || {
        world
            .daemons
            .values()
            .all(|it| it.finished("submit_block") == 1)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_block_is_accepted_when_any_node_accepts_it() {
    let (world, daemons) = three().await;
    world.daemons[&1].set(|state| state.block_answer = Some(refused()));
    world.link(2, Link::Down);
    let answer = daemons.submit_block(&header(101)).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::Accepted);

    world.daemons[&3].set(|state| state.block_answer = Some(SubmitBlockAnswer::AlreadyInChain));
    let answer = daemons.submit_block(&header(101)).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::AlreadyInChain);

    world.daemons[&3].set(|state| state.block_answer = Some(refused()));
    let answer = daemons.submit_block(&header(101)).await.unwrap();
    assert_eq!(answer, refused(), "a node that is down says nothing");
}

#[tokio::test(start_paused = true)]
async fn a_block_whose_fate_is_open_on_one_node_is_not_refused() {
    let (world, daemons) = three().await;
    for daemon in world.daemons.values() {
        daemon.set(|state| state.block_answer = Some(refused()));
    }
    for link in [Link::AnswerLost, Link::Silent] {
        world.link(2, link);
        let error = daemons.submit_block(&header(101)).await.expect_err("open");
        assert!(error.is_ambiguous(), "{error}");
    }
    world.link(2, Link::Works);
    world.daemons[&3].set(|state| state.block_answer = None);
    let error = daemons.submit_block(&header(101)).await.expect_err("open");
    assert!(error.is_ambiguous(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_fate_is_open_on_a_trusted_node_is_not_refused() {
    let (world, daemons) = three().await;
    for daemon in world.daemons.values() {
        daemon.set(|state| state.transaction_answer = Some(refused_transaction()));
    }
    world.link(2, Link::AnswerLost);
    let error = daemons.submit_transaction(&[1]).await.expect_err("open");
    assert!(error.is_ambiguous(), "{error}");
    // It is not trusted any more, so the others' answer counts.
    let answer = daemons.submit_transaction(&[1]).await.unwrap();
    assert_eq!(answer, refused_transaction());
    assert_eq!(world.daemons[&2].finished("submit_transaction"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_daemons_submits_through_the_others() {
    let (world, daemons) = three().await;
    world.switch(1, false).await;
    let answer = daemons.submit_block(&header(101)).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    let answer = daemons.submit_transaction(&[1]).await.unwrap();
    assert_eq!(answer, SubmitTransactionAnswer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn nodes_whose_daemons_cannot_be_trusted_do_not_hide_what_the_others_say() {
    let (world, daemons) = three().await;
    for id in [1, 2] {
        let daemon = &world.daemons[&id];
        daemon.set(|state| state.transaction_answer = Some(refused_transaction()));
    }
    // Node 3 answers nothing but submissions.
    world.daemons[&3].hold(Some("info"));
    eventually("node 3 is not heard any more", || {
        daemons.opinions().len() == 2
    })
    .await;
    let answer = daemons.submit_transaction(&[1]).await.unwrap();
    assert_eq!(answer, refused_transaction());
    let gone_to = world.daemons[&3].finished("submit_transaction");
    assert_eq!(gone_to, 1, "it may still pass it on");
}
