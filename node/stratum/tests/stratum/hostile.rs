//! Bad input and bad manners cost the connection they come from, and nobody else's (promise P9).

use std::time::Duration;

use raftpool_stratum::StratumConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::*;

/// A share of an honest miner goes through.
async fn assert_alive(pool: &Pool) {
    let mut honest = pool.miner(OTHER_MINER, "x").await;
    let job = honest.job.clone().unwrap();
    assert!(is_accepted(&honest.submit(&job.id, 1).await));
}

#[tokio::test]
async fn an_oversized_line_is_refused_and_the_connection_closed() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    let line = vec![b'a'; 64 * 1024];
    let _ = client.writer.write_all(&line).await;
    let last = client.last_words().await;
    assert!(
        last.is_none_or(|last| last.contains("too long")),
        "closed with data unread"
    );
    until("it is gone", || {
        pool.metric("disconnects_total", Some("oversized")) == 1.0
    })
    .await;
    assert_alive(&pool).await;
}

#[tokio::test]
async fn a_line_at_the_limit_is_read() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    let head = r#"{"id":1,"method":"mining.ping","params":[""#;
    let padding = "p".repeat(16 * 1024 - head.len() - 3);
    client.send(&format!("{head}{padding}\"]}}")).await;
    assert_eq!(client.line().await["method"], "mining.pong");
}

#[tokio::test]
async fn binary_data_is_refused_with_a_hint() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    client
        .send_bytes(b"\x16\x03\x01\x02\x00\x01\xfc\xff\xfe\n")
        .await;
    assert!(client.last_words().await.unwrap().contains("TLS"));
    until("it is gone", || {
        pool.metric("disconnects_total", Some("binary")) == 1.0
    })
    .await;
    assert_alive(&pool).await;
}

#[tokio::test]
async fn lines_that_are_no_requests_end_the_connection_after_some() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    let deep = format!(r#"{{"id":1,"method":"m","params":{}"#, "[".repeat(15_000));
    for line in [
        "hello",
        "{}x",
        "[1,2,3]",
        "GET / HTTP/1.1",
        &deep,
        "\0",
        "42",
        "\"text\"",
    ] {
        client.send(line).await;
        assert_eq!(refusal(&client.line().await).0, 20, "{line:.40}");
    }
    assert_eq!(client.raw_line().await, None);
    until("it is gone", || {
        pool.metric("disconnects_total", Some("malformed")) == 1.0
    })
    .await;
    assert_alive(&pool).await;
}

#[tokio::test]
async fn random_bytes_never_do_more_than_close_the_connection() {
    let mut config = config();
    // So much garbage of one address would have it refused.
    config.bans.garbage_per_ip = 0;
    let pool = Pool::with(config).await;
    let seed = 0x5eed_u64;
    println!("seed {seed}");
    let mut random = seed;
    for round in 0..40 {
        let mut bytes = Vec::new();
        while bytes.len() < 400 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            let pieces: [&[u8]; 8] = [
                b"{\"id\":",
                b"\"method\":\"mining.submit\"",
                b"\"params\":[",
                b"\n",
                b"}",
                b"null,",
                b"\"\\ud800\"",
                &random.to_be_bytes(),
            ];
            bytes.extend_from_slice(pieces[usize::try_from((random >> 40) % 8).unwrap()]);
        }
        let mut client = pool.connect().await;
        let _ = client.writer.write_all(&bytes).await;
        let _ = client.writer.shutdown().await;
        client.last_words().await;
        assert_eq!(
            pool.metric("shares_total", Some("accepted")),
            0.0,
            "round {round}"
        );
    }
    until("all are gone", || pool.server.connections() == 0).await;
    assert_alive(&pool).await;
}

#[tokio::test]
async fn who_says_nothing_is_closed_with_a_reason() {
    let pool = Pool::with(StratumConfig {
        hello_timeout_ms: 100,
        ..config()
    })
    .await;
    let mut silent = pool.connect().await;
    let mut half = pool.connect().await;
    half.send(r#"{"id":1,"method":"mining.subscribe","params":[]}"#)
        .await;
    let mut slow = pool.connect().await;
    slow.send_bytes(b"{\"id\":1,\"meth").await;
    for client in [&mut silent, &mut half, &mut slow] {
        assert!(client.last_words().await.unwrap().contains("took too long"));
    }
    until("they are counted", || {
        pool.metric("disconnects_total", Some("hello")) == 3.0
    })
    .await;
}

#[tokio::test]
async fn a_miner_that_went_silent_is_closed() {
    let pool = Pool::with(StratumConfig {
        idle_timeout_ms: 150,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let words = client.last_words().await.unwrap();
    assert!(words.contains("nothing came from the miner for"), "{words}");
    until("it is counted", || {
        pool.metric("disconnects_total", Some("idle")) == 1.0
    })
    .await;
    assert_eq!(pool.server.connections(), 0);
}

#[tokio::test]
async fn miners_of_a_node_that_stops_are_told_so() {
    let pool = Pool::start().await;
    let mut miner = pool.miner(MINER, "x").await;
    let mut new = pool.connect().await;
    until("both are taken", || pool.server.connections() == 2).await;
    pool.server.shutdown().await;
    for client in [&mut miner, &mut new] {
        let words = client.last_words().await.unwrap();
        assert!(words.contains("this node is stopping"), "{words}");
    }
}

#[tokio::test]
async fn a_slow_reader_does_not_block_others() {
    let pool = Pool::with(StratumConfig {
        write_timeout_ms: 300,
        stranger_requests_per_second: 1_000_000,
        ..config()
    })
    .await;
    let slow = pool.miner(MINER, "x").await;
    let mut writer = slow.writer;
    // It asks and asks and reads nothing, until both directions are full.
    let flood = tokio::spawn(async move {
        let line = format!(
            "{{\"id\":\"{}\",\"method\":\"mining.ping\"}}\n",
            "x".repeat(200)
        )
        .repeat(50);
        while writer.write_all(line.as_bytes()).await.is_ok() {}
    });
    assert_alive(&pool).await;
    let mut honest = pool.miner(OTHER_MINER, "x").await;
    pool.new_template(template(101));
    assert_eq!(honest.next_job().await.work_hash, template(101).work_hash.0);
    until("it is dropped", || {
        pool.metric("disconnects_total", Some("slow")) == 1.0
    })
    .await;
    flood.await.unwrap();
}

#[tokio::test]
async fn a_flood_does_not_keep_others_from_their_answers() {
    let pool = Pool::with(StratumConfig {
        shares_in_flight_per_connection: 500,
        stranger_requests_per_second: 1_000_000,
        ..config()
    })
    .await;
    let mut flooder = pool.miner(MINER, "d=1000000").await;
    let job = flooder.job.clone().unwrap();
    let mut honest = pool.miner(OTHER_MINER, "x").await;
    let mut lines = String::new();
    for nonce in 0..400 {
        lines += &format!(
            "{{\"id\":{nonce},\"method\":\"mining.submit\",\"params\":[\"w\",\"{}\",\"{nonce:x}\"]}}\n",
            job.id
        );
    }
    flooder.send_bytes(lines.as_bytes()).await;
    until("the flood is there", || {
        pool.metric("verification_queue", None) > 300.0
    })
    .await;
    let job = honest.job.clone().unwrap();
    assert!(is_accepted(&honest.submit(&job.id, 1).await));
    assert!(
        pool.metric("verification_queue", None) > 100.0,
        "served before the flood was through"
    );
}

#[tokio::test]
async fn a_stranger_is_read_slowly_and_a_miner_that_works_is_not() {
    let pool = Pool::with(StratumConfig {
        stranger_requests_per_second: 2,
        ..config()
    })
    .await;
    let mut worker = pool.miner(MINER, "x").await;
    let job = worker.job.clone().unwrap();
    let mut stranger = pool.miner(OTHER_MINER, "x").await;
    let pings = |count| "{\"id\":1,\"method\":\"mining.ping\"}\n".repeat(count);
    // Two requests were said, ten may come at once: the rest would take a minute.
    stranger.send_bytes(pings(130).as_bytes()).await;
    assert!(is_accepted(&worker.submit(&job.id, 1).await));
    worker.send_bytes(pings(130).as_bytes()).await;
    for nonce in 2..40 {
        assert!(is_accepted(&worker.submit(&job.id, nonce).await));
    }
    let mut answered = 0;
    while answered < 8 {
        answered += u32::from(stranger.line().await["method"] == "mining.pong");
    }
    let late = stranger.send_share(&job.id, 1).await;
    let answer = tokio::time::timeout(Duration::from_millis(300), stranger.answer(late)).await;
    assert!(
        answer.is_err(),
        "it waits behind the stranger's own requests"
    );
}

#[tokio::test]
async fn too_many_shares_of_one_connection_at_once_are_refused_unseen() {
    let pool = Pool::with(StratumConfig {
        shares_in_flight_per_connection: 3,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let mut ids = Vec::new();
    for nonce in 0..4 {
        ids.push(client.send_share(&job.id, nonce).await);
    }
    let (code, message) = refusal(&client.answer(ids[3]).await);
    assert!(code == 20 && message.contains("too many"), "{message}");
    pool.cluster.open();
    for id in &ids[..3] {
        assert!(is_accepted(&client.answer(*id).await));
    }
    assert!(
        is_accepted(&client.submit(&job.id, 3).await),
        "unseen, so it may come again"
    );
}

#[tokio::test]
async fn connections_are_limited_per_address_and_the_refused_are_told() {
    let pool = Pool::with(StratumConfig {
        connections_per_ip_max: 2,
        ..config()
    })
    .await;
    let first = pool.miner(MINER, "x").await;
    let _second = pool.miner(MINER, "x").await;
    let mut third = pool.connect().await;
    assert!(
        third
            .last_words()
            .await
            .unwrap()
            .contains("too many connections")
    );
    drop(first);
    until("a place is free", || pool.server.connections() == 1).await;
    assert_alive(&pool).await;
}

#[tokio::test]
async fn who_only_talks_and_never_authorizes_is_closed() {
    let pool = Pool::with(StratumConfig {
        requests_before_authorization_max: 5,
        ..config()
    })
    .await;
    let mut talker = pool.connect().await;
    for _ in 0..6 {
        talker.send(r#"{"id":1,"method":"mining.ping"}"#).await;
    }
    let words = talker.last_words().await.unwrap();
    assert!(words.contains("without being authorized"), "{words}");
    // A miner that is authorized may say as much as it likes.
    let mut miner = pool.miner(MINER, "x").await;
    for id in 10..30 {
        let request = format!(r#"{{"id":{id},"method":"mining.hashrate","params":[1]}}"#);
        miner.send(&request).await;
        assert_eq!(miner.answer(id).await["result"], true);
    }
}

#[tokio::test]
async fn who_only_talks_over_many_connections_is_closed_too() {
    let pool = Pool::with(StratumConfig {
        connections_per_ip_max: 3,
        connects_per_minute_per_ip_max: 1,
        ..config()
    })
    .await;
    // Four requests for each connection that may be open; this one has made two.
    let mut honest = pool.miner(MINER, "x").await;
    let ping = r#"{"id":1,"method":"mining.ping"}"#;
    let mut talkers = [pool.connect().await, pool.connect().await];
    for talker in &mut talkers {
        for _ in 0..5 {
            talker.send(ping).await;
            assert_eq!(talker.line().await["method"], "mining.pong");
        }
    }
    talkers[0].send(ping).await;
    let words = talkers[0].last_words().await.unwrap();
    assert!(words.contains("wait a minute"), "{words}");
    let job = honest.job.clone().unwrap();
    for id in 10..30 {
        honest.send(ping).await;
        assert!(is_accepted(&honest.submit(&job.id, id).await));
    }
    until("it is counted", || {
        pool.metric("disconnects_total", Some("too_fast")) == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_reconnecting_storm_is_slowed_down_and_told() {
    let pool = Pool::with(StratumConfig {
        connections_per_ip_max: 4,
        connects_per_minute_per_ip_max: 1,
        ..config()
    })
    .await;
    let mut honest = pool.miner(MINER, "x").await;
    for _ in 0..3 {
        drop(pool.connect().await);
    }
    until("they are gone", || pool.server.connections() == 1).await;
    let words = pool.connect().await.last_words().await.unwrap();
    assert!(words.contains("wait a minute"), "{words}");
    assert_eq!(
        pool.metric("connections_refused_total", Some("too_fast")),
        1.0
    );
    let job = honest.job.clone().unwrap();
    assert!(is_accepted(&honest.submit(&job.id, 1).await));
}

#[tokio::test]
async fn connections_that_open_and_close_leave_nothing_behind() {
    let pool = Pool::start().await;
    for _ in 0..200 {
        drop(TcpStream::connect(pool.address()).await.unwrap());
    }
    until("all are gone", || {
        pool.metric("disconnects_total", Some("client")) == 200.0 && pool.server.connections() == 0
    })
    .await;
    assert!(pool.server.sessions().is_empty());
    assert_alive(&pool).await;
}

#[tokio::test]
async fn a_share_of_a_miner_that_left_is_still_credited() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let before = pool.cluster.arrived();
    client.send_share(&job.id, 1).await;
    until("it is proposed", || pool.cluster.arrived() > before).await;
    drop(client);
    until("it is gone", || pool.server.connections() == 0).await;
    pool.cluster.open();
    until("it is credited", || {
        pool.ledger_miner(MINER)
            .is_some_and(|miner| miner.shares == 1)
    })
    .await;
    tokio::time::timeout(Duration::from_secs(10), pool.server.shutdown())
        .await
        .unwrap();
}
