//! A miner against a scripted pool, with real version 3 hashing.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod pool;

use std::collections::HashSet;
use std::time::Duration;

use pool::{Peer, Pool, config, wait_for};
use raftpool_miner::{Miner, MinerEvent, MinerStats};
use serde_json::json;

/// Longest time anything may take.
const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn shares_meet_the_target_and_come_once() {
    let pool = Pool::bind().await;
    let miner = Miner::start(config(&[&pool])).unwrap();
    let mut peer = pool.accept().await;
    peer.welcome(4).await;
    let mut nonces = HashSet::new();
    for _ in 0..20 {
        let share = peer.read_share().await;
        assert!(peer.is_valid(&share, 4), "{share:?}");
        assert_eq!(share.worker, "rig");
        assert!(nonces.insert(share.nonce), "a nonce came twice");
        peer.accept_share(&share).await;
    }
    wait_for("the answers", || miner.stats().accepted == 20).await;
    let stats = miner.stats();
    assert!(
        stats.connected && stats.hashrate > 0.0 && stats.hashes >= 20,
        "{stats:?}"
    );
    assert_eq!(stats.difficulty.unwrap().to_string(), "4");
    assert_eq!(stats.pool, Some(pool.address()));
    assert_eq!(stats.rejected_total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_shares_are_counted_by_the_pools_words() {
    let pool = Pool::bind().await;
    let miner = Miner::start(config(&[&pool])).unwrap();
    let mut peer = pool.accept().await;
    peer.welcome(1).await;
    for answer in [
        json!({"code": 23, "message": "Low difficulty share", "data": null}),
        json!([21, "Stale", null]),
        json!({"code": 23, "message": "Low difficulty share"}),
    ] {
        let share = peer.read_share().await;
        peer.send(json!({"id": share.id, "result": null, "error": answer}))
            .await;
    }
    wait_for("the answers", || miner.stats().rejected_total() == 3).await;
    let MinerStats {
        rejected, accepted, ..
    } = miner.stats();
    assert_eq!(rejected["Low difficulty share"], 2);
    assert_eq!(rejected["Stale"], 1);
    assert_eq!(accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_job_replaces_the_old_one() {
    let pool = Pool::bind().await;
    let _miner = Miner::start(config(&[&pool])).unwrap();
    let mut peer = pool.accept().await;
    peer.welcome(1).await;
    peer.read_share().await;
    peer.set_difficulty(2).await;
    peer.notify("second").await;
    let mut share = peer.read_share().await;
    // What was on its way may still belong to the first job.
    while share.job_id == "first" {
        share = peer.read_share().await;
    }
    // A thread may still have been at its last hash of the first job when another one had already
    // found something for the second.
    let mut late = 0;
    let mut found = 0;
    while found < 10 {
        if share.job_id == "first" {
            late += 1;
            assert!(
                late <= config(&[&pool]).threads,
                "the first job is mined on"
            );
        } else {
            assert_eq!(share.job_id, "second");
            assert!(peer.is_valid(&share, 2), "{share:?}");
            found += 1;
        }
        share = peer.read_share().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_answered() {
    let pool = Pool::bind().await;
    let _miner = Miner::start(config(&[&pool])).unwrap();
    let mut peer = pool.accept().await;
    peer.welcome(1_000_000).await;
    for id in [json!(1), json!("seven")] {
        peer.send(json!({"id": id, "method": "mining.ping"})).await;
        assert_eq!(
            peer.read().await,
            json!({"id": id, "method": "mining.pong"})
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_does_not_stop_mining() {
    let pool = Pool::bind().await;
    let miner = Miner::start(config(&[&pool])).unwrap();
    let mut events = miner.events();
    let mut peer = pool.accept().await;
    peer.welcome(8).await;
    peer.read_share().await;
    peer.send_bytes(b"\xff\xfe\x00\x01\n\n\r\n{\"id\":\n[]\nping~{}\n")
        .await;
    peer.send_bytes(&[&[b'x'; 100_000][..], b"\n"].concat())
        .await;
    peer.send(json!({"id": 99, "method": "mining.dance", "params": ["x"]}))
        .await;
    peer.send(json!({"method": "mining.set_difficulty", "params": [0]}))
        .await;
    peer.send(json!({"method": "mining.notify", "params": ["bad", "zz"]}))
        .await;
    peer.send(json!({"id": 123_456, "result": true})).await;
    peer.send(json!({"method": "mining.print", "params": [1, "be careful"]}))
        .await;
    peer.notify("after").await;
    let mut share = peer.read_share().await;
    while share.job_id != "after" {
        share = peer.read_share().await;
    }
    assert!(
        peer.is_valid(&share, 8),
        "a difficulty of zero changes nothing"
    );
    assert_eq!(miner.stats().difficulty.unwrap().to_string(), "8");

    let (mut ignored, mut printed) = (0, false);
    while let Ok(event) = events.try_recv() {
        match event {
            MinerEvent::Ignored { .. } => ignored += 1,
            MinerEvent::PoolMessage { text, .. } => printed |= text == "be careful",
            _ => {}
        }
    }
    assert!(printed);
    assert_eq!(ignored, 9, "each senseless line is reported");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_pool_takes_over_and_the_first_gets_the_miner_back() {
    let first = Pool::bind().await;
    let second = Pool::bind().await;
    let first_address = first.address();
    let miner = Miner::start(config(&[&first, &second])).unwrap();

    let mut peer = first.accept().await;
    peer.welcome(1).await;
    let share = peer.read_share().await;
    peer.accept_share(&share).await;
    wait_for("a credited share", || miner.stats().accepted >= 1).await;
    drop((peer, first));

    let mut peer = second.accept().await;
    peer.welcome(1).await;
    let share = peer.read_share().await;
    peer.accept_share(&share).await;
    wait_for("a share at the second pool", || miner.stats().accepted >= 2).await;
    assert_eq!(miner.stats().pool, Some(second.address()));

    let first = Pool::bind_to(&first_address).await;
    let mut returned = first.accept().await;
    returned.welcome(1).await;
    let share = returned.read_share().await;
    returned.accept_share(&share).await;
    wait_for("a share at the first pool", || {
        miner.stats().pool == Some(first.address())
    })
    .await;
    assert!(miner.stats().accepted >= 2, "changing pools resets nothing");
    peer.expect_end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_refuses_the_miner_is_left() {
    let first = Pool::bind().await;
    let second = Pool::bind().await;
    let miner = Miner::start(config(&[&first, &second])).unwrap();
    let mut peer = first.accept().await;
    peer.read_handshake().await;
    peer.answer_subscription().await;
    let error = json!({"code": 24, "message": "unknown address"});
    peer.send(json!({"id": 2, "result": null, "error": error}))
        .await;
    let mut peer = second.accept().await;
    peer.welcome(1).await;
    peer.read_share().await;
    let stats = miner.stats();
    assert_eq!(
        stats.last_error.as_deref(),
        Some("not authorized: unknown address")
    );
    assert_eq!(stats.pool, Some(second.address()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_pool_is_left() {
    let first = Pool::bind().await;
    let second = Pool::bind().await;
    let mut config = config(&[&first, &second]);
    config.timing.handshake_timeout = Duration::from_millis(50);
    let miner = Miner::start(config).unwrap();
    let _silent = first.accept().await;
    let mut peer = second.accept().await;
    peer.welcome(1).await;
    peer.read_share().await;
    assert_eq!(
        miner.stats().last_error.as_deref(),
        Some("no job within 50ms")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_waits_for_the_last_answers() {
    let pool = Pool::bind().await;
    let miner = Miner::start(config(&[&pool])).unwrap();
    let mut peer = pool.accept().await;
    peer.welcome(1).await;
    let share = peer.read_share().await;
    let shutdown = tokio::spawn(miner.shutdown());
    peer.accept_share(&share).await;
    answer_until_the_end(&mut peer).await;
    let stats = tokio::time::timeout(DEADLINE, shutdown)
        .await
        .unwrap()
        .unwrap();
    assert!(stats.accepted >= 1 && !stats.connected, "{stats:?}");
    assert_eq!(stats.lost, 0, "every share that was sent has its answer");
}

async fn answer_until_the_end(peer: &mut Peer) {
    while let Some(message) = peer.try_read().await {
        peer.send(json!({"id": message["id"], "result": true}))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_without_a_pool_is_quick() {
    let pool = Pool::bind().await;
    let config = config(&[&pool]);
    drop(pool);
    let miner = Miner::start(config).unwrap();
    wait_for("a failure", || miner.stats().last_error.is_some()).await;
    let stats = tokio::time::timeout(DEADLINE, miner.shutdown())
        .await
        .unwrap();
    assert_eq!(stats.hashes, 0);
    assert!(!stats.connected);
}
