//! Reads: from this node's daemons, else from another node's, and what is no answer.

use std::time::Duration;

use raftpool_chain::{ChainError, Daemon, Hash, SubmitBlockAnswer, SubmitTransactionAnswer};
use tokio::time::Instant;

use super::fakes::{block, execution, header, ordered_blocks, pool, template};
use super::world::{Link, World, eventually, soon};

const HASH: Hash = Hash([5; 32]);

#[tokio::test(start_paused = true)]
async fn a_node_without_daemons_works_from_another_nodes_templates_until_its_own_are_back() {
    let world = World::start(3);
    let daemons = world.cluster_daemons(1);
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(101));
    assert!(daemons.reads_locally());

    world.switch(1, false).await;
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(201));
    assert!(!daemons.reads_locally());

    // The next one is asked when that one cannot help, and then stays the first.
    world.switch(2, false).await;
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(301));
    world.switch(2, true).await;
    eventually("node 2 is heard again", || daemons.opinions().len() == 2).await;
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(301));
    assert_eq!(world.asked_by(1, "template"), [2, 2, 3, 3]);

    world.switch(1, true).await;
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(101));
    assert!(daemons.reads_locally());
}

#[tokio::test(start_paused = true)]
async fn own_daemons_that_hang_do_not_keep_the_others_answers_away() {
    let world = World::start(2);
    let daemons = world.cluster_daemons(1);
    world.switch(1, true).await;
    world.daemons[&1].hold(Some("template"));
    let before = Instant::now();
    let answer = soon("a template", daemons.template(&pool())).await;
    assert_eq!(answer.unwrap(), template(201));
    assert_eq!(before.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hangs_is_left_after_the_deadline_and_asked_last_from_then_on() {
    let world = World::start(3);
    let daemons = world.cluster_daemons(1);
    eventually("all nodes have answered", || daemons.opinions().len() == 3).await;
    world.switch(1, false).await;
    world.link(2, Link::Silent);
    let before = Instant::now();
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(301));
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    let before = Instant::now();
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(301));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn all_reads_fail_over_to_another_node() {
    let world = World::start(2);
    let daemons = world.cluster_daemons(1);
    world.switch(1, false).await;
    assert_eq!(daemons.info().await.unwrap().height, 200);
    assert_eq!(daemons.sync_status().await.unwrap().our_topoheight, 210);
    assert_eq!(daemons.nonce(&pool()).await.unwrap(), 1_200);
    assert_eq!(daemons.stable_nonce(&pool()).await.unwrap(), 1_199);
    assert_eq!(daemons.block(HASH).await.unwrap(), Some(block(HASH)));
    assert_eq!(daemons.execution(HASH).await.unwrap(), Some(execution()));
    assert!(daemons.is_pending(HASH).await.unwrap());
    let blocks = daemons.ordered_blocks(7, 9).await.unwrap();
    assert_eq!(blocks, ordered_blocks(7, 9));
}

#[tokio::test(start_paused = true)]
async fn what_another_node_does_not_know_is_no_answer() {
    let world = World::start(3);
    let daemons = world.cluster_daemons(1);
    world.switch(1, false).await;
    world.daemons[&2].set(|state| state.knows = false);
    assert_eq!(daemons.block(HASH).await.unwrap(), Some(block(HASH)));
    assert_eq!(daemons.execution(HASH).await.unwrap(), Some(execution()));
    assert!(daemons.is_pending(HASH).await.unwrap());

    world.daemons[&3].set(|state| state.knows = false);
    let errors = [
        daemons.block(HASH).await.map(drop),
        daemons.execution(HASH).await.map(drop),
        daemons.is_pending(HASH).await.map(drop),
    ];
    for error in errors {
        assert!(
            matches!(error, Err(ChainError::NoHealthyDaemon { .. })),
            "{error:?}"
        );
    }

    // Said by this node's own daemon it is one, as ever.
    world.daemons[&1].set(|state| state.knows = false);
    world.switch(1, true).await;
    assert_eq!(daemons.block(HASH).await.unwrap(), None);
    assert_eq!(daemons.execution(HASH).await.unwrap(), None);
    assert!(!daemons.is_pending(HASH).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn when_nobody_answers_the_error_is_that_of_the_own_daemons() {
    let world = World::start(3);
    let daemons = world.cluster_daemons(1);
    world.switch(1, false).await;
    world.link(2, Link::Down);
    world.link(3, Link::Refuses);
    let error = daemons.info().await.expect_err("nobody answers");
    assert!(error.to_string().contains("it is off"), "{error}");
}

/// Two nodes without daemons would otherwise ask each other in circles.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_asked_asks_nobody_else() {
    let world = World::start(3);
    let all = [1, 2, 3].map(|id| world.cluster_daemons(id));
    world.switch(1, false).await;
    world.switch(2, false).await;
    assert_eq!(all[0].template(&pool()).await.unwrap(), template(301));
    all[0].submit_block(&header(301)).await.unwrap();
    eventually("the block went to both", || {
        let mut asked = world.asked_by(1, "submit_block");
        asked.sort_unstable();
        asked == [2, 3]
    })
    .await;
    for node_id in [2, 3] {
        assert!(world.asked_by(node_id, "template").is_empty());
        assert!(world.asked_by(node_id, "submit_block").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_that_answered_lately_have_an_opinion_and_those_that_fail_lose_it() {
    let world = World::start(3);
    let daemons = world.cluster_daemons(1);
    let names = || {
        let mut names: Vec<String> = daemons.opinions().iter().map(|it| it.name()).collect();
        names.sort();
        names
    };
    eventually("all have an opinion", || {
        names() == ["fake", "node 2", "node 3"]
    })
    .await;

    world.link(2, Link::Silent);
    eventually("node 2 has none", || names() == ["fake", "node 3"]).await;
    world.link(2, Link::Works);
    eventually("node 2 has one again", || names().len() == 3).await;

    world.switch(3, false).await;
    eventually("node 3 has none", || names() == ["fake", "node 2"]).await;
    world.switch(1, false).await;
    eventually("only node 2 has one", || names() == ["node 2"]).await;
    let opinions = daemons.opinions();
    world.daemons[&2].set(|state| state.knows = false);
    assert_eq!(opinions[0].block(HASH).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn members_that_come_and_go_are_noticed() {
    let world = World::start(3);
    *world.members.lock() = vec![1, 2];
    let daemons = world.cluster_daemons(1);
    eventually("node 2 is heard", || daemons.opinions().len() == 2).await;
    world.switch(1, false).await;
    assert_eq!(daemons.info().await.unwrap().height, 200);

    *world.members.lock() = vec![1, 3];
    assert_eq!(daemons.opinions().len(), 0, "node 3 was not heard yet");
    assert_eq!(daemons.info().await.unwrap().height, 300);
    daemons.submit_block(&header(301)).await.unwrap();
    eventually("node 3 has the block", || {
        world.daemons[&3].finished("submit_block") == 1
    })
    .await;
    assert_eq!(world.daemons[&2].begun("submit_block"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_is_its_own_daemons_and_nothing_else() {
    let world = World::start(1);
    let daemons = world.cluster_daemons(1);
    assert_eq!(daemons.name(), "fake");
    assert_eq!(daemons.template(&pool()).await.unwrap(), template(101));
    assert_eq!(daemons.nonce(&pool()).await.unwrap(), 1_100);
    let answer = daemons.submit_block(&header(101)).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    let answer = daemons.submit_transaction(&[1]).await.unwrap();
    assert_eq!(answer, SubmitTransactionAnswer::Accepted);
    assert_eq!(daemons.opinions().len(), 1);
    world.daemons[&1].set(|state| state.knows = false);
    assert_eq!(daemons.block(HASH).await.unwrap(), None);

    // No deadline but the daemon client's own.
    world.daemons[&1].hold(Some("template"));
    let long = Duration::from_secs(60);
    let waited = tokio::time::timeout(long, daemons.template(&pool())).await;
    assert!(waited.is_err(), "{waited:?}");
    world.daemons[&1].hold(None);

    world.switch(1, false).await;
    let errors = [
        daemons.template(&pool()).await.map(drop),
        daemons.block(HASH).await.map(drop),
    ];
    for error in errors {
        assert!(
            matches!(error, Err(ChainError::NoHealthyDaemon { .. })),
            "{error:?}"
        );
    }
    assert!(daemons.reads_locally());
    assert!(daemons.opinions().is_empty());
}
