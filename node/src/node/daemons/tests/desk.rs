//! What a node does for others: everything its own daemons can do, within bounds.

use std::sync::Arc;

use raftpool_chain::{ChainError, Daemon, Hash, SubmitBlockAnswer, SubmitTransactionAnswer};
use raftpool_proto::node::daemon_request::Call;
use raftpool_proto::node::daemon_response::Answer;
use raftpool_proto::node::{DaemonRequest, DaemonResponse, Nothing, TopoheightRange};
use tokio::task::JoinSet;

use super::fakes::{block, execution, header, info, ordered_blocks, pool, template};
use super::world::{Link, World, eventually, soon};
use crate::node::daemons::peer::PeerDaemon;
use crate::node::daemons::standing::Standing;

/// Node 2's daemons as node 1 sees them.
fn peer(world: &Arc<World>) -> (PeerDaemon, Arc<Standing>) {
    let standing = Arc::<Standing>::default();
    let network = raftpool_chain::Network::Devnet;
    let peer = PeerDaemon::new(2, network, world.peers(1), standing.clone());
    (peer, standing)
}

fn range(first_topoheight: u64, last_topoheight: u64) -> TopoheightRange {
    TopoheightRange {
        first_topoheight,
        last_topoheight,
    }
}

async fn asked(world: &World, from_node: u64, call: Call) -> Result<DaemonResponse, String> {
    let request = DaemonRequest { call: Some(call) };
    world.desks[&2].answer(from_node, request).await
}

#[tokio::test(start_paused = true)]
async fn every_method_says_through_another_node_what_its_daemon_says() {
    let world = World::start(2);
    let (peer, _) = peer(&world);
    let hash = Hash([5; 32]);
    assert_eq!(peer.name(), "node 2");
    assert!(!peer.reads_locally());
    assert_eq!(peer.info().await.unwrap(), info(200));
    let status = peer.sync_status().await.unwrap();
    assert_eq!((status.our_topoheight, status.peers), (210, 3));
    assert_eq!(peer.template(&pool()).await.unwrap(), template(201));
    let answer = peer.submit_block(&header(201)).await.unwrap();
    assert_eq!(answer, SubmitBlockAnswer::Accepted);
    assert_eq!(peer.block(hash).await.unwrap(), Some(block(hash)));
    assert_eq!(peer.nonce(&pool()).await.unwrap(), 1_200);
    assert_eq!(peer.stable_nonce(&pool()).await.unwrap(), 1_199);
    let answer = peer.submit_transaction(&[1]).await.unwrap();
    assert_eq!(answer, SubmitTransactionAnswer::Accepted);
    assert_eq!(peer.execution(hash).await.unwrap(), Some(execution()));
    assert!(peer.is_pending(hash).await.unwrap());
    let blocks = peer.ordered_blocks(60, 79).await.unwrap();
    assert_eq!(blocks, ordered_blocks(60, 79));

    world.daemons[&2].set(|state| state.knows = false);
    assert_eq!(peer.block(hash).await.unwrap(), None);
    assert_eq!(peer.execution(hash).await.unwrap(), None);
    assert!(!peer.is_pending(hash).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_is_open_and_what_was_not_sent_or_refused_is_not() {
    let world = World::start(2);
    let (peer, _) = peer(&world);
    let cases = [
        (Link::Down, false, "the link is down"),
        (Link::Refuses, false, "not today"),
        (Link::AnswerLost, true, "the link broke"),
        (Link::Silent, true, "the deadline passed"),
        (Link::Babbles([0xff].as_slice().into()), true, ""),
        (
            Link::Babbles(bytes::Bytes::new()),
            true,
            "not about daemons",
        ),
    ];
    for (link, is_open, text) in cases {
        world.link(2, link.clone());
        let error = peer.submit_block(&header(201)).await.expect_err("failed");
        assert_eq!(error.is_ambiguous(), is_open, "{link:?}: {error}");
        assert!(error.to_string().contains(text), "{link:?}: {error}");
        let error = peer.submit_transaction(&[1]).await.expect_err("failed");
        assert_eq!(error.is_ambiguous(), is_open, "{link:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_over_there_stays_as_open_as_it_was() {
    let world = World::start(2);
    let (peer, standing) = peer(&world);
    world.daemons[&2].set(|state| state.block_answer = None);
    let error = peer.submit_block(&header(201)).await.expect_err("lost");
    assert!(matches!(error, ChainError::OtherNode { .. }), "{error:?}");
    assert!(error.is_ambiguous(), "{error}");
    assert!(
        error.to_string().contains("did not answer submit_block"),
        "{error}"
    );

    world.switch(2, false).await;
    let error = peer.info().await.expect_err("off");
    assert!(!error.is_ambiguous(), "{error}");
    assert!(error.to_string().contains("no healthy daemon"), "{error}");
    assert!(!standing.has_answered_lately(2));
    world.daemons[&2].set(|state| state.is_off = false);
    assert!(peer.submit_transaction(&[1]).await.is_ok());
    assert!(
        !standing.has_answered_lately(2),
        "submissions also go to daemons that cannot be trusted"
    );
    world.switch(2, true).await;
    assert!(peer.info().await.is_ok());
    assert!(standing.has_answered_lately(2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_question_is_not_taken() {
    use prost::Message;
    use raftpool_proto::node::NodeResponse;
    use raftpool_proto::node::node_response::Response;
    let world = World::start(2);
    let (peer, _) = peer(&world);
    let response = DaemonResponse {
        answer: Some(Answer::StableNonce(7)),
    };
    let response = NodeResponse {
        response: Some(Response::Daemon(response)),
    };
    world.link(2, Link::Babbles(response.encode_to_vec().into()));
    assert_eq!(peer.stable_nonce(&pool()).await.unwrap(), 7);
    let error = peer.nonce(&pool()).await.expect_err("a stable nonce");
    assert!(error.to_string().contains("another question"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_unreadable_is_refused_before_a_daemon_hears_of_it() {
    let world = World::start(2);
    let mut trailing = header(201).encode();
    trailing.push(0);
    for call in [
        Call::SubmitBlock(Vec::new()),
        Call::SubmitBlock(vec![0xff; 100_000]),
        Call::SubmitBlock(trailing),
        Call::SubmitTransaction(Vec::new()),
        Call::SubmitTransaction(vec![1; 1024 * 1024 + 1]),
        Call::Block(vec![1; 31]),
        Call::Execution(vec![1; 33]),
        Call::IsPending(Vec::new()),
        Call::Template("xet:nobody".into()),
        Call::Nonce(String::new()),
        Call::StableNonce("x".repeat(1_000_000)),
        Call::OrderedBlocks(range(5, 4)),
        Call::OrderedBlocks(range(5, 25)),
        Call::OrderedBlocks(range(0, u64::MAX)),
    ] {
        let refused = asked(&world, 1, call).await.expect_err("unreadable");
        assert!(!refused.is_empty() && refused.len() < 500, "{refused}");
    }
    let nothing = world.desks[&2].answer(1, DaemonRequest { call: None });
    assert!(nothing.await.is_err());
    for method in [
        "submit_block",
        "submit_transaction",
        "block",
        "execution",
        "is_pending",
        "template",
        "nonce",
        "stable_nonce",
        "ordered_blocks",
    ] {
        assert_eq!(world.daemons[&2].begun(method), 0, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_asks_too_much_is_told_so_and_the_others_are_served() {
    let world = World::start(2);
    world.switch(2, true).await;
    let daemon = &world.daemons[&2];
    daemon.hold(Some("nonce"));
    let nonce = || Call::Nonce(pool().as_str().to_owned());
    let mut asking = JoinSet::new();
    let mut ask = |from_node: u64| {
        let world = world.clone();
        asking.spawn(async move { asked(&world, from_node, nonce()).await });
    };
    (0..16).for_each(|_| ask(1));
    eventually("sixteen are at work", || daemon.begun("nonce") == 16).await;
    let refused = asked(&world, 1, nonce()).await.expect_err("too many");
    assert!(refused.starts_with("busy"), "{refused}");
    let other = asked(&world, 3, Call::Info(Nothing {})).await;
    assert!(other.is_ok(), "{other:?}");

    for from_node in 3..6 {
        (0..16).for_each(|_| ask(from_node));
    }
    eventually("64 are at work", || daemon.begun("nonce") == 64).await;
    let refused = asked(&world, 9, Call::Info(Nothing {})).await;
    assert!(refused.is_err_and(|refused| refused.starts_with("busy")));

    daemon.hold(None);
    while let Some(answer) = asking.join_next().await {
        assert!(answer.expect("no panic").is_ok());
    }
    assert!(
        asked(&world, 1, nonce()).await.is_ok(),
        "all places are free"
    );
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_hangs_keeps_no_place_beyond_the_deadline() {
    let world = World::start(2);
    world.switch(2, true).await;
    world.daemons[&2].hold(Some("template"));
    let call = Call::Template(pool().as_str().to_owned());
    let answer = soon("the answer", asked(&world, 1, call)).await;
    match answer.expect("an answer").answer {
        Some(Answer::Error(error)) => {
            assert!(error.is_ambiguous);
            assert!(error.text.contains("within 2000 ms"), "{}", error.text);
        }
        other => panic!("{other:?}"),
    }
}

/// A caller that gives up must not leave its place taken.
#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_gave_up_leaves_its_place() {
    let world = World::start(2);
    world.switch(2, true).await;
    world.daemons[&2].hold(Some("nonce"));
    let nonce = || Call::Nonce(pool().as_str().to_owned());
    for _ in 0..20 {
        let short = std::time::Duration::from_millis(10);
        let given_up = tokio::time::timeout(short, asked(&world, 1, nonce())).await;
        assert!(given_up.is_err());
    }
    world.daemons[&2].hold(None);
    assert!(asked(&world, 1, nonce()).await.is_ok());
}
