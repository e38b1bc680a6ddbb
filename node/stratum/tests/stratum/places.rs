//! Who keeps a place on a node that is full, and what those are told who do not.

use raftpool_stratum::StratumConfig;

use crate::harness::attack::{Attack, Attackers, Honest};
use crate::harness::*;

/// Ten places.
fn small() -> StratumConfig {
    StratumConfig {
        connections_max: 10,
        reserve_for_known_percent: 0,
        ..config()
    }
}

async fn works(client: &mut Client, nonce: u64) {
    let job = client.job.clone().unwrap();
    assert!(is_accepted(&client.submit(&job.id, nonce).await));
}

/// A worker the ledger knows from then on, and that is not connected.
async fn make_known(pool: &Pool, name: &str) {
    let mut client = pool.miner(&format!("{MINER}.{name}"), "x").await;
    works(&mut client, 1).await;
    drop(client);
    until("it is gone", || pool.server.connections() == 0).await;
}

#[tokio::test]
async fn who_never_authorizes_makes_room_the_oldest_first_and_is_told() {
    let pool = Pool::with(small()).await;
    let mut silent = Vec::new();
    for number in 1..=10 {
        silent.push(pool.connect().await);
        until("it is taken", || pool.server.connections() == number).await;
    }
    let mut miner = pool.miner(MINER, "x").await;
    works(&mut miner, 1).await;
    let words = silent[0].last_words().await.unwrap();
    assert!(words.contains("has not authorized makes room"), "{words}");
    assert_eq!(pool.metric("shed_total", Some("unauthorized")), 1.0);
    assert_eq!(pool.metric("disconnects_total", Some("shed")), 1.0);
    // The others are still there.
    silent[1].login(MINER, "x").await;
    assert_eq!(pool.server.connections(), 10);
}

#[tokio::test]
async fn a_known_worker_finds_a_place_on_a_node_full_of_new_ones_and_then_keeps_it() {
    let pool = Pool::with(small()).await;
    make_known(&pool, "known").await;
    let mut strangers = Vec::new();
    for number in 0..10 {
        strangers.push(pool.miner(&format!("{MINER}.new{number}"), "x").await);
    }
    let mut known = pool.miner(&format!("{MINER}.known"), "x").await;
    works(&mut known, 2).await;
    let words = strangers[0].last_words().await.unwrap();
    assert!(
        words.contains("keeps its places for known workers"),
        "{words}"
    );
    assert_eq!(pool.metric("shed_total", Some("new")), 1.0);
    for client in strangers.iter_mut().skip(1) {
        works(client, 3).await;
    }
    let words = pool.connect().await.last_words().await.unwrap();
    assert!(words.contains("as many connections as it may"), "{words}");
    assert_eq!(
        pool.metric("connections_refused_total", Some("too_many")),
        1.0
    );
    works(&mut known, 4).await;
}

#[tokio::test]
async fn a_known_name_without_work_makes_room_for_one_that_comes_to_work() {
    let pool = Pool::with(small()).await;
    make_known(&pool, "known").await;
    let mut borrowed = Vec::new();
    for _ in 0..10 {
        borrowed.push(pool.miner(&format!("{MINER}.known"), "x").await);
    }
    let mut known = pool.miner(&format!("{MINER}.known"), "x").await;
    works(&mut known, 2).await;
    let words = borrowed[0].last_words().await.unwrap();
    assert!(words.contains("had no share accepted"), "{words}");
    assert_eq!(pool.metric("shed_total", Some("known")), 1.0);
}

/// Connections that say half a request come from everywhere, as many as there are places and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_workers_come_back_while_a_node_is_full_of_connections_that_never_authorize() {
    const HONEST: u8 = 4;
    let pool = Pool::with(StratumConfig {
        connections_max: 60,
        connections_per_ip_max: 4,
        connects_per_minute_per_ip_max: 30,
        // Time-outs shall not help.
        hello_timeout_ms: 600_000,
        ..config()
    })
    .await;
    let mut honest = Vec::new();
    for number in 0..HONEST {
        honest.push(Honest::connect(pool.address(), number).await);
    }
    let attackers = Attackers::start(pool.address(), Attack::SlowLoris, 100, 2);
    until("the node is full", || {
        pool.metric("shed_total", Some("unauthorized")) > 0.0
    })
    .await;
    for miner in &mut honest {
        miner.share().await.unwrap();
    }
    drop(honest);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    for number in 0..HONEST {
        loop {
            assert!(tokio::time::Instant::now() < deadline, "locked out");
            // Its connection may be the oldest of all while it says who it is.
            if let Some(mut miner) = Honest::try_connect(pool.address(), number).await {
                miner.share().await.unwrap();
                break;
            }
        }
    }
    assert!(pool.server.connections() <= 60);
    drop(attackers);
}
