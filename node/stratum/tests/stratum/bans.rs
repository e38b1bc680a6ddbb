//! Bans by the ratio of bad shares: who gets them, what they are told, and what never counts.

use std::time::Duration;

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{BanWorker, LiftBan};
use raftpool_ledger::{Outcome, compose};
use raftpool_stratum::{BanConfig, LocalBanOf, StratumConfig};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::harness::*;

/// A difficulty no share of a test meets.
const TOO_HARD: &str = "d=1000000000";

fn with_bans(change: impl FnOnce(&mut BanConfig)) -> StratumConfig {
    let mut config = config();
    config.bans.shares_min = 10;
    change(&mut config.bans);
    config
}

fn worker(name: &str) -> String {
    format!("{MINER}.{name}")
}

/// Sends shares that do not meet their difficulty until one brings a ban; its answer, and the last
/// line.
async fn flood(client: &mut Client) -> (Value, String) {
    let job = client.job.clone().unwrap();
    for nonce in 0..200 {
        let line = format!(
            "{{\"id\":{},\"method\":\"mining.submit\",\"params\":[\"w\",\"{}\",\"{nonce:x}\"]}}\n",
            1_000 + nonce,
            job.id
        );
        if client.writer.write_all(line.as_bytes()).await.is_err() {
            break;
        }
        match client.raw_line().await {
            None => break,
            Some(line) if line.contains("banned for") => {
                let last = client.last_words().await.unwrap();
                return (serde_json::from_str(&line).unwrap(), last);
            }
            Some(_) => {}
        }
    }
    panic!("no ban");
}

fn ban_of(pool: &Pool, name: &str) -> Option<raftpool_ledger::view::Ban> {
    pool.read(|view| view.ban(MINER, name, 0))
}

fn lift(pool: &Pool, name: &str) -> Outcome {
    let lift = Body::LiftBan(LiftBan {
        miner: MINER.into(),
        worker: name.into(),
        reason: "test".into(),
    });
    let lifted = pool.cluster.memory.propose_now(compose("otto", 1, lift));
    lifted.unwrap().outcome
}

/// What an authorize request is told that must be refused.
async fn refused(pool: &Pool, name: &str) -> (i64, String) {
    let mut client = pool.connect().await;
    client
        .send(r#"{"id":1,"method":"mining.subscribe","params":["test/1.0"]}"#)
        .await;
    let user = worker(name);
    client
        .send(&format!(
            r#"{{"id":2,"method":"mining.authorize","params":["{user}","x"]}}"#
        ))
        .await;
    let answer = client.answer(2).await;
    assert_eq!(client.raw_line().await, None, "closed at once");
    refusal(&answer)
}

#[tokio::test]
async fn a_worker_of_bad_shares_is_told_why_closed_and_refused_and_others_are_not() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let mut honest = pool.miner(&worker("honest"), "x").await;
    let mut bad = pool.miner(&worker("bad"), TOO_HARD).await;
    let mut twin = pool.miner(&worker("bad"), "x").await;
    let (answer, last) = flood(&mut bad).await;
    let (code, message) = refusal(&answer);
    assert_eq!(code, 23);
    for part in [
        "low difficulty",
        "banned for another 600 s",
        "10 of its 10 shares",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(last.contains("banned for another"), "{last}");
    // Its other connection ends as well, with the reason.
    let words = twin.last_words().await.unwrap();
    assert!(words.contains("10 of its 10 shares"), "{words}");
    until("both are counted", || {
        pool.metric("disconnects_total", Some("banned")) == 2.0
    })
    .await;

    let (code, message) = refused(&pool, "bad").await;
    assert_eq!(code, 24);
    assert!(message.contains("banned for another"), "{message}");
    assert_eq!(pool.metric("banned_refusals_total", Some("worker")), 1.0);
    assert_eq!(pool.metric("bans_total", Some("worker")), 1.0);
    assert_eq!(pool.metric("bans_total", Some("ip")), 0.0);

    let job = honest.job.clone().unwrap();
    assert!(is_accepted(&honest.submit(&job.id, 1).await));
    let mut other = pool.miner(&worker("other"), "x").await;
    assert!(is_accepted(&other.submit(&job.id, 2).await));
    until("the ledger has the ban", || ban_of(&pool, "bad").is_some()).await;
    let ban = ban_of(&pool, "bad").unwrap();
    assert_eq!(ban.author, "node 1");
    until("it is no longer this node's alone", || {
        pool.server.local_bans().is_empty()
    })
    .await;
}

#[tokio::test]
async fn garbage_on_an_old_job_counts_like_any_other() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let mut bad = pool.miner(&worker("bad"), TOO_HARD).await;
    pool.new_template(template(110));
    until("the new template is out", || {
        pool.metric("jobs_sent_total", None) > 1.0
    })
    .await;
    let job = bad.job.clone().unwrap();
    let (code, message) = refusal(&bad.submit(&job.id, 1_000).await);
    assert!(
        code == 23 && message.contains("low difficulty"),
        "{message}"
    );
    bad.job = Some(job);
    let (_, last) = flood(&mut bad).await;
    assert!(last.contains("10 of its 10 shares"), "{last}");
}

#[tokio::test]
async fn a_ban_made_by_one_node_holds_on_another_and_is_lifted_on_both() {
    let first = Pool::with(with_bans(|_| {})).await;
    let second = Pool::over(with_bans(|_| {}), first.cluster.clone(), 2).await;
    let mut there = second.miner(&worker("bad"), "x").await;
    let mut bad = first.miner(&worker("bad"), TOO_HARD).await;
    flood(&mut bad).await;
    let words = there.last_words().await.unwrap();
    assert!(words.contains("10 of its 10 shares"), "{words}");
    for pool in [&first, &second] {
        let (_, message) = refused(pool, "bad").await;
        assert!(message.contains("banned for another"), "{message}");
    }
    assert_eq!(lift(&first, "bad"), Outcome::BanLifted);
    for pool in [&first, &second] {
        until("the lifting is known", || {
            pool.metric("bans_lifted_total", Some("worker")) == 1.0
        })
        .await;
        pool.miner(&worker("bad"), "x").await;
    }
}

#[tokio::test]
async fn a_ban_ends_by_itself() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let now_ms = 1_700_000_000_000;
    let ban = Body::BanWorker(BanWorker {
        miner: MINER.into(),
        worker: "rig".into(),
        reason: "by hand".into(),
        until_ms: now_ms + 200,
    });
    let banned = pool
        .cluster
        .memory
        .propose_now(compose("otto", now_ms, ban));
    assert_eq!(banned.unwrap().outcome, Outcome::WorkerBanned);
    let (_, message) = refused(&pool, "rig").await;
    assert!(message.contains("by hand"), "{message}");
    // The clock of the tests moves by a millisecond with each look, and not otherwise.
    loop {
        let mut client = pool.connect().await;
        client.ask_in(&worker("rig"), "x").await;
        if client.next_job_or_end().await {
            return;
        }
    }
}

#[tokio::test]
async fn without_a_quorum_a_ban_is_this_nodes_alone_and_can_be_lifted_there() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let mut bad = pool.miner(&worker("bad"), TOO_HARD).await;
    pool.cluster.close();
    flood(&mut bad).await;
    let (_, message) = refused(&pool, "bad").await;
    assert!(message.contains("banned"), "{message}");
    let bans = pool.server.local_bans();
    let who = LocalBanOf::Worker {
        address: MINER.into(),
        worker: "bad".into(),
    };
    assert!(bans.len() == 1 && bans[0].who == who, "{bans:?}");
    assert!(pool.server.lift_local_ban(&who));
    assert!(!pool.server.lift_local_ban(&who));
    pool.miner(&worker("bad"), "x").await;
    pool.cluster.open();
}

/// Promise P7: whatever a lost node or a lost quorum leads to is nobody's fault.
#[tokio::test]
async fn what_a_failover_brings_along_counts_against_nobody() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let mut miner = pool.miner(&worker("rig"), "x").await;
    let job = miner.job.clone().unwrap();
    // Jobs of the node it came from.
    for nonce in 0..30 {
        let (code, _) = refusal(&miner.submit("00000bad00000001", nonce).await);
        assert_eq!(code, 21);
    }
    // Shares that wait for a quorum and are sent again and again meanwhile.
    pool.cluster.close();
    let waiting = miner.send_share(&job.id, 1).await;
    until("the share waits for the quorum", || {
        pool.cluster.arrived() > 0
    })
    .await;
    for _ in 0..30 {
        let (code, _) = refusal(&miner.submit(&job.id, 1).await);
        assert_eq!(code, 22);
    }
    pool.cluster.open();
    assert!(is_accepted(&miner.answer(waiting).await));
    // Shares that are too late.
    pool.new_template(template(110));
    until("the new template is out", || {
        pool.metric("jobs_sent_total", None) > 1.0
    })
    .await;
    for nonce in 100..130 {
        let (code, message) = refusal(&miner.submit(&job.id, nonce).await);
        assert!(code == 21 && message.contains("stale"), "{message}");
    }
    let job = miner.job.clone().unwrap();
    assert!(is_accepted(&miner.submit(&job.id, 2).await));
    assert_eq!(pool.metric("bans_total", None), 0.0);
}

/// Promise P7: a pool that is slow is not the miner's fault, and one that waits may ask again.
#[tokio::test]
async fn copies_of_a_share_that_is_still_being_checked_count_against_nobody() {
    let pool = Pool::with(StratumConfig {
        shares_in_flight_per_connection: 500,
        stranger_requests_per_second: 1_000_000,
        ..with_bans(|_| {})
    })
    .await;
    let mut impatient = pool.miner(&worker("rig"), "x").await;
    let mut flooder = pool.miner(OTHER_MINER, "x").await;
    let job = flooder.job.clone().unwrap();
    let share = |id, nonce| {
        format!(
            "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[\"w\",\"{}\",\"{nonce:x}\"]}}\n",
            job.id
        )
    };
    let flood: String = (0..200).map(|nonce| share(7, nonce)).collect();
    flooder.send_bytes(flood.as_bytes()).await;
    until("the verifiers are busy", || {
        pool.metric("verification_queue", None) > 50.0
    })
    .await;
    let copies: String = (1..=30).map(|id| share(id, 1)).collect();
    impatient.send_bytes(copies.as_bytes()).await;
    let mut accepted = 0;
    for _ in 0..30 {
        let answer = impatient.line().await;
        match is_accepted(&answer) {
            true => accepted += 1,
            false => assert_eq!(refusal(&answer).0, 22, "{answer}"),
        }
    }
    assert_eq!(accepted, 1);
    assert_eq!(pool.metric("bans_total", None), 0.0);
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn a_clock_that_is_wrong_counts_against_nobody() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let mut client = pool.getwork_miner(MINER, "rig").await;
    let right = client.job.clone().unwrap().work;
    for nonce in 0..15 {
        for (timestamp_ms, word) in [
            (right.timestamp_ms - 2_000, "before"),
            (right.timestamp_ms + 60_000, "ahead"),
        ] {
            let mut wrong = right;
            (wrong.nonce, wrong.timestamp_ms) = (nonce, timestamp_ms);
            let reason = client.submit(&wrong).await.unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
    }
    assert_eq!(client.submit(&right).await, Ok(()));
    assert_eq!(pool.metric("bans_total", None), 0.0);
}

#[tokio::test]
async fn a_reconnect_washes_nothing_away_and_a_good_ratio_bears_bad_shares() {
    let pool = Pool::with(with_bans(|bans| bans.shares_min = 20)).await;
    let bad_shares = |client: Client, count: u64| async move {
        let mut client = client;
        let job = client.job.clone().unwrap();
        for nonce in 0..count {
            let (code, _) = refusal(&client.submit(&job.id, nonce).await);
            assert_eq!(code, 23);
        }
        client
    };
    drop(bad_shares(pool.miner(&worker("bad"), TOO_HARD).await, 12).await);
    assert_eq!(pool.metric("bans_total", None), 0.0);
    let mut again = pool.miner(&worker("bad"), TOO_HARD).await;
    let (answer, _) = flood(&mut again).await;
    let (_, message) = refusal(&answer);
    assert!(message.contains("20 of its 20 shares"), "{message}");

    // Thirty good ones bear twenty bad ones.
    let mut good = pool.miner(&worker("good"), "x").await;
    let job = good.job.clone().unwrap();
    for nonce in 0..30 {
        assert!(is_accepted(&good.submit(&job.id, nonce).await));
    }
    bad_shares(pool.miner(&worker("good"), TOO_HARD).await, 20).await;
    assert!(is_accepted(&good.submit(&job.id, 31).await));
    assert_eq!(pool.metric("bans_total", None), 1.0);
}

#[tokio::test]
async fn the_address_comes_last_and_not_while_more_of_its_miners_are_good() {
    let pool = Pool::with(with_bans(|bans| bans.workers_per_ip = 2)).await;
    let mut good = Vec::new();
    for number in 0..2 {
        let mut miner = pool.miner(&worker(&format!("good{number}")), "x").await;
        let job = miner.job.clone().unwrap();
        assert!(is_accepted(&miner.submit(&job.id, 1).await));
        good.push(miner);
    }
    for number in 0..2 {
        let mut bad = pool.miner(&worker(&format!("bad{number}")), TOO_HARD).await;
        flood(&mut bad).await;
    }
    assert_eq!(
        pool.metric("bans_total", Some("ip")),
        0.0,
        "as many are good"
    );
    let mut bad = pool.miner(&worker("bad2"), TOO_HARD).await;
    flood(&mut bad).await;
    until("the address is refused", || {
        pool.metric("bans_total", Some("ip")) == 1.0
    })
    .await;
    let words = pool.connect().await.last_words().await.unwrap();
    assert!(words.contains("several of its workers"), "{words}");
    assert_eq!(
        pool.metric("connections_refused_total", Some("banned")),
        1.0
    );
    // Who is connected stays.
    let job = good[0].job.clone().unwrap();
    assert!(is_accepted(&good[0].submit(&job.id, 2).await));
    let ip = LocalBanOf::Ip([127, 0, 0, 1].into());
    assert!(pool.server.local_bans().iter().any(|ban| ban.who == ip));
    assert!(pool.server.lift_local_ban(&ip));
    pool.miner(&worker("good0"), "x").await;
}

#[tokio::test]
async fn an_address_that_only_sends_garbage_is_refused_for_some_time() {
    let pool = Pool::with(with_bans(|bans| bans.garbage_per_ip = 3)).await;
    for round in 0..3 {
        let mut client = pool.connect().await;
        client.send_bytes(b"\xff\xfe\xfd\n").await;
        client.last_words().await;
        until("it is counted", || {
            pool.metric("disconnects_total", Some("binary")) == f64::from(round + 1)
        })
        .await;
    }
    until("the address is refused", || {
        pool.metric("bans_total", Some("ip")) == 1.0
    })
    .await;
    let words = pool.connect().await.last_words().await.unwrap();
    assert!(words.contains("what no miner sends"), "{words}");
}

#[tokio::test]
async fn bans_can_be_off() {
    let pool = Pool::with(with_bans(|bans| bans.bad_percent = 0)).await;
    let mut bad = pool.miner(MINER, TOO_HARD).await;
    let job = bad.job.clone().unwrap();
    for nonce in 0..30 {
        let (code, _) = refusal(&bad.submit(&job.id, nonce).await);
        assert_eq!(code, 23);
    }
    assert_eq!(pool.metric("bans_total", None), 0.0);
}

#[tokio::test]
async fn the_last_places_are_for_workers_the_ledger_knows() {
    let pool = Pool::with(StratumConfig {
        connections_max: 10,
        reserve_for_known_percent: 50,
        ..config()
    })
    .await;
    let mut known = pool.miner(&worker("known"), "x").await;
    let job = known.job.clone().unwrap();
    assert!(is_accepted(&known.submit(&job.id, 1).await));
    drop(known);
    until("it is gone", || pool.server.connections() == 0).await;

    let mut strangers = Vec::new();
    for number in 0..5 {
        strangers.push(pool.miner(&worker(&format!("new{number}")), "x").await);
    }
    let (code, message) = refused(&pool, "late").await;
    assert_eq!(code, 20);
    assert!(
        message.contains("keeps its last places for known workers"),
        "{message}"
    );
    assert_eq!(pool.metric("shed_total", Some("connections")), 1.0);
    let mut known = pool.miner(&worker("known"), "x").await;
    assert!(is_accepted(&known.submit(&job.id, 2).await));
}

#[tokio::test]
async fn a_proxy_is_not_closed_for_a_sub_worker_that_would_not_be_let_in() {
    let pool = Pool::with(StratumConfig {
        connections_max: 10,
        reserve_for_known_percent: 50,
        ..config()
    })
    .await;
    let now_ms = 1_700_000_000_000;
    let ban = Body::BanWorker(BanWorker {
        miner: MINER.into(),
        worker: "bad".into(),
        reason: "by hand".into(),
        until_ms: now_ms + 600_000,
    });
    let banned = pool
        .cluster
        .memory
        .propose_now(compose("otto", now_ms, ban));
    assert_eq!(banned.unwrap().outcome, Outcome::WorkerBanned);
    let mut proxy = pool.miner(&worker("proxy"), "x").await;
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(pool.miner(&worker(&format!("new{number}")), "x").await);
    }
    let _one_more = pool.connect().await;
    until("the node is nearly full", || pool.server.connections() == 6).await;
    let ask = |id: u64, user: &str| {
        format!(r#"{{"id":{id},"method":"mining.authorize","params":["{user}","x"]}}"#)
    };
    proxy.send(&ask(10, &worker("sub"))).await;
    assert_eq!(proxy.answer(10).await["result"], true);
    assert_eq!(pool.metric("shed_total", None), 0.0);
    proxy.send(&ask(11, &worker("bad"))).await;
    let (code, message) = refusal(&proxy.answer(11).await);
    assert!(code == 24 && message.contains("by hand"), "{message}");
    for id in 12..18 {
        proxy.send(&ask(id, "nobody")).await;
        assert_eq!(refusal(&proxy.answer(id).await).0, 24);
    }
    let job = proxy.job.clone().unwrap();
    assert!(is_accepted(&proxy.submit(&job.id, 1).await));
    let sessions = pool.server.sessions();
    assert_eq!(sessions[0].worker, "proxy");
}

#[tokio::test]
async fn while_the_verifiers_are_busy_only_known_workers_are_let_in() {
    let pool = Pool::with(StratumConfig {
        verification_queue_max: 40,
        ..config()
    })
    .await;
    let mut known = pool.miner(&worker("known"), "x").await;
    let job = known.job.clone().unwrap();
    assert!(is_accepted(&known.submit(&job.id, 1).await));
    let mut flooder = pool.miner(OTHER_MINER, "x").await;
    let job = flooder.job.clone().unwrap();
    let mut refused_with = None;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let mut nonce = 0;
    while refused_with.is_none() {
        assert!(tokio::time::Instant::now() < deadline, "never busy");
        let mut lines = String::new();
        for _ in 0..60 {
            nonce += 1;
            lines += &format!(
                "{{\"id\":7,\"method\":\"mining.submit\",\"params\":[\"w\",\"{}\",\"{nonce:x}\"]}}\n",
                job.id
            );
        }
        flooder.send_bytes(lines.as_bytes()).await;
        let mut stranger = pool.connect().await;
        stranger.ask_in(&worker("new"), "x").await;
        if !stranger.next_job_or_end().await {
            refused_with = Some(pool.metric("shed_total", Some("verification")));
        }
    }
    assert!(refused_with.is_some_and(|count| count > 0.0));
    pool.miner(&worker("known"), "x").await;
}

#[tokio::test]
async fn one_address_cannot_fill_the_verifiers_queue() {
    let pool = Pool::with(StratumConfig {
        unverified_shares_per_ip_max: 5,
        ..config()
    })
    .await;
    let mut flooder = pool.miner(MINER, "x").await;
    let job = flooder.job.clone().unwrap();
    let mut lines = String::new();
    for nonce in 0..60 {
        lines += &format!(
            "{{\"id\":{nonce},\"method\":\"mining.submit\",\"params\":[\"w\",\"{}\",\"{nonce:x}\"]}}\n",
            job.id
        );
    }
    flooder.send_bytes(lines.as_bytes()).await;
    let (mut accepted, mut refused) = (0, 0);
    while accepted + refused < 60 {
        let line = flooder.line().await;
        if !line["method"].is_null() {
            continue;
        }
        if is_accepted(&line) {
            accepted += 1;
            continue;
        }
        let (code, message) = refusal(&line);
        assert!(
            code == 20 && message.contains("of this IP address"),
            "{message}"
        );
        refused += 1;
    }
    assert!(accepted >= 5 && refused > 0, "{accepted} accepted");
    let counted = pool.metric("verification_refused_total", Some("ip"));
    assert_eq!(counted, f64::from(refused));
    // What was not looked at may come again.
    assert!(is_accepted(&flooder.submit(&job.id, 1_000).await));
    tokio::time::timeout(Duration::from_secs(10), pool.server.shutdown())
        .await
        .unwrap();
}

/// Names of workers are public. Who takes one and sends rubbish must not have its owner banned.
#[tokio::test]
async fn who_takes_another_ones_name_is_banned_alone() {
    let pool = Pool::with(with_bans(|_| {})).await;
    let mut owner = pool.miner(&worker("rig"), "d=1").await;
    let job = owner.job.clone().unwrap();
    for nonce in 1..=20 {
        assert!(is_accepted(&owner.submit(&job.id, nonce).await));
    }
    let from = |source: [u8; 4]| async move {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        socket
    };
    let elsewhere = [127, 9, 9, 9];
    let stream = from(elsewhere).await.connect(pool.address()).await.unwrap();
    let mut thief = Client::over(stream);
    thief.login(&worker("rig"), TOO_HARD).await;
    thief.next_job().await;
    let (answer, last) = flood(&mut thief).await;
    assert!(
        refusal(&answer).1.contains("of this IP address is banned"),
        "{answer}"
    );
    assert!(last.contains("of this IP address is banned"), "{last}");

    assert_eq!(ban_of(&pool, "rig"), None, "no other node hears of it");
    assert!(is_accepted(&owner.submit(&job.id, 100).await));
    let mut again = pool.miner(&worker("rig"), "d=1").await;
    let job = again.job.clone().unwrap();
    assert!(is_accepted(&again.submit(&job.id, 101).await));
    let stream = from(elsewhere).await.connect(pool.address()).await.unwrap();
    let mut thief = Client::over(stream);
    thief.ask_in(&worker("rig"), "x").await;
    let words = thief.last_words().await.unwrap();
    assert!(words.contains("of this IP address is banned"), "{words}");

    let [local] = &pool.server.local_bans()[..] else {
        panic!("one ban");
    };
    assert!(local.reason.contains("127.9.9.9"), "{}", local.reason);
    let who = LocalBanOf::Worker {
        address: MINER.into(),
        worker: "rig".into(),
    };
    assert!(pool.server.lift_local_ban(&who) && pool.server.local_bans().is_empty());
}
