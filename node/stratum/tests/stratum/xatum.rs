//! The Xatum dialect: what its miners need, and what a share may be.

use raftpool_chain::MinerWork;
use raftpool_stratum::{Encryption, Speaks, StratumConfig};
use tokio::net::TcpStream;

use crate::harness::xatum::*;
use crate::harness::*;

/// Nonces count up from the job's, no other byte is touched, and it mines on after a hit.
#[tokio::test]
async fn the_reference_miner_mines_over_tls() {
    let pool = XatumPool::start().await;
    let mut client = pool.miner("x").await;
    let job = client.job.clone().unwrap();
    let template = template(100);
    assert_eq!((&*job.algorithm, job.difficulty), ("xel/2", 1));
    assert_eq!(job.work.work_hash, template.work_hash.0);
    assert_eq!(job.work.timestamp_ms, template.header.timestamp_ms);
    assert_eq!(job.work.miner_key, template.header.miner_key);
    for nonce in 1..=5 {
        let (work, hash) = job.solve(1, true, nonce);
        assert_eq!(client.submit(&work, &hash).await, Ok(()));
    }
    assert_eq!(pool.pool.ledger_worker(MINER, "x").unwrap().shares, 5);
    let session = &pool.pool.server.sessions()[0];
    assert_eq!((&*session.agent, session.accepted), ("XelMiner ALPHA", 5));
    assert_eq!(pool.pool.metric("arrivals_total", Some("tls")), 1.0);
}

/// It writes its hash backwards, and forgets the word before its shares.
#[tokio::test]
async fn tnn_miner_mines() {
    let pool = XatumPool::start().await;
    let mut client = pool.connect().await;
    client
        .send(&format!(
            r#"shake~{{"addr":"{MINER}+256","work":"tnn","agent":"tnn-miner 0.5","algos":["xel/1","xel/v3"]}}"#
        ))
        .await;
    // The network must be harder than the difficulty, which it otherwise bounds.
    let job = client.next_job().await;
    assert_eq!((&*job.algorithm, job.difficulty), ("xel/v3", 256));
    let (work, mut hash) = job.solve(256, true, 0);
    hash.reverse();
    let line = submission(&work, &hash);
    client.send(line.strip_prefix("submit~").unwrap()).await;
    assert_eq!(client.answer().await, Ok(()));
    assert_eq!(pool.pool.ledger_worker(MINER, "tnn").unwrap().shares, 1);
}

#[tokio::test]
async fn a_proxy_may_change_the_time_and_the_end_of_the_extra_nonce_and_nothing_else() {
    let pool = XatumPool::start().await;
    let mut client = pool.miner("w").await;
    let other = pool.miner("w").await.job.unwrap().work;
    let work = client.job.clone().unwrap().work;
    let mut free = work;
    free.timestamp_ms += 1_000;
    free.extra_nonce[28..].fill(0xff);
    assert_eq!(client.submit(&free, &hash_of(&free)).await, Ok(()));

    type Change = fn(&mut MinerWork);
    let cases: [(&str, Change); 5] = [
        ("job not found", |work| work.work_hash[3] ^= 1),
        ("another key", |work| work.miner_key[0] ^= 1),
        ("extra nonce", |work| work.extra_nonce[27] ^= 1),
        ("before those of the block's parents", |work| {
            work.timestamp_ms -= 1
        }),
        ("ahead of the daemon's clock", |work| {
            work.timestamp_ms += 30_000
        }),
    ];
    for (word, change) in cases {
        let mut work = work;
        change(&mut work);
        let reason = client.submit(&work, &hash_of(&work)).await.unwrap_err();
        assert!(reason.contains(word), "{reason}");
    }
    let foreign = MinerWork {
        extra_nonce: other.extra_nonce,
        ..work
    };
    let reason = client
        .submit(&foreign, &hash_of(&foreign))
        .await
        .unwrap_err();
    assert!(reason.contains("extra nonce"), "{reason}");
    assert_eq!(pool.pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn a_claimed_hash_never_speaks_for_a_share() {
    let pool = XatumPool::start().await;
    let mut client = pool.connect().await;
    client.shake(&format!("{MINER}+4"), "w").await;
    let job = client.next_job().await;
    let (low, low_hash) = job.solve(4, false, 0);
    let (good, good_hash) = job.solve(4, true, 0);
    let refused = Err("low difficulty share: its job asks for 4".to_owned());

    // It says itself that it is low, so it is not hashed.
    let low_hash_both_ways = {
        let mut hash = low_hash;
        hash[31] |= 0xc0;
        hash
    };
    assert_eq!(client.submit(&low, &low_hash_both_ways).await, refused);
    assert_eq!(pool.pool.histogram("hash_seconds"), 0);
    // Whatever it says, it is hashed.
    assert_eq!(client.submit(&low, &[0; 32]).await, refused);
    assert_eq!(client.submit(&low, &good_hash).await, refused);
    assert_eq!(client.submit(&good, &good_hash).await, Ok(()));
    let duplicate = Err("duplicate share".to_owned());
    assert_eq!(client.submit(&good, &good_hash).await, duplicate);
    assert_eq!(pool.pool.ledger_miner(MINER).unwrap().shares, 1);
    assert_eq!(
        pool.pool.metric("shares_total", Some("low_difficulty")),
        3.0
    );
    // A hash that is none is nothing but left out.
    let (again, _) = job.solve(4, true, good.nonce + 1);
    let line = submission(&again, &[0; 32]).replace(&"00".repeat(32), "none");
    client.send(&line).await;
    assert_eq!(client.answer().await, Ok(()));
}

#[tokio::test]
async fn late_shares_count_within_the_grace_and_are_stale_beyond() {
    let pool = XatumPool::start().await;
    let mut client = pool.miner("w").await;
    let old = client.job.clone().unwrap().work;
    for (height, is_taken) in [(103, true), (104, false), (125, false)] {
        let newest = template(height);
        pool.pool.new_template(newest.clone());
        while client.job.as_ref().unwrap().work.work_hash != newest.work_hash.0 {
            client.next_job().await;
        }
        let share = MinerWork {
            nonce: height,
            ..old
        };
        match (client.submit(&share, &hash_of(&share)).await, is_taken) {
            (Ok(()), true) => {}
            (Err(reason), false) if height == 104 => assert!(reason.contains("4 heights")),
            (Err(reason), false) => assert!(reason.contains("at least 25 heights old"), "{reason}"),
            (answer, _) => panic!("{height}: {answer:?}"),
        }
    }
    assert_eq!(pool.pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn a_share_that_is_a_block_goes_to_the_daemon_as_the_miner_changed_it() {
    let pool = XatumPool::start().await;
    let mut client = pool.miner("w").await;
    pool.pool.new_template(template_of(101, 2));
    let mut job = client.next_job().await;
    job.work.timestamp_ms += 200;
    let (block, hash) = job.solve(2, true, 0);
    assert_eq!(client.submit(&block, &hash).await, Ok(()));
    until("it is submitted", || {
        pool.pool.daemon.blocks.lock().len() == 1
    })
    .await;
    let header = pool.pool.daemon.blocks.lock()[0].clone();
    assert_eq!((header.miner_work(), header.height), (block, 101));
    assert_eq!(pool.pool.totals().blocks, 1);
}

#[tokio::test]
async fn the_handshake_comes_first_and_there_is_one_try() {
    let pool = XatumPool::start().await;
    let share = submission(&MinerWork::from_bytes(&[0; 112]), &[0; 32]);
    let wrong = MINER.replacen("sfv", "sfw", 1);
    for (line, word) in [
        (&*share, "the handshake comes first"),
        ("ping~{}", "the handshake comes first"),
        ("shake~[]", "needs an object"),
        ("shake~{\"work\":\"w\"}", "`addr`"),
        (&format!(r#"shake~{{"addr":"{wrong}"}}"#), "invalid address"),
        (
            &format!(r#"shake~{{"addr":"{MINER}","algos":["rx/0","xel/1"]}}"#),
            "this pool mines xel/v3",
        ),
        (
            &format!(r#"shake~{{"addr":"{MINER}","pass":"scheme=prop"}}"#),
            "unknown scheme",
        ),
    ] {
        let mut client = pool.connect().await;
        client.send(line).await;
        // It goes on as if it had been let in.
        client.send(&share).await;
        let (text, level) = client.last_words().await.unwrap();
        assert!(text.contains(word) && level == 3, "{line}: {text}");
    }
    assert_eq!(pool.pool.server.sessions(), []);
    assert_eq!(pool.pool.metric("shares_total", None), 0.0);
}

#[tokio::test]
async fn a_handshake_says_what_stratum_miners_say_in_user_and_password() {
    let pool = XatumPool::start().await;
    pool.pool.new_template(template_of(101, 1_000));
    let mut client = pool.connect().await;
    client
        .send(&format!(
            r#"shake~{{"addr":"{MINER}.rig1+9","pass":"scheme=solo"}}"#
        ))
        .await;
    let job = client.next_job().await;
    assert_eq!((&*job.algorithm, job.difficulty), ("xel/2", 9));
    let (work, hash) = job.solve(9, true, 0);
    assert_eq!(client.submit(&work, &hash).await, Ok(()));
    let miner = pool.pool.ledger_miner(MINER).unwrap();
    assert_eq!((miner.shares, miner.window_score), (1, 0), "solo");
    assert_eq!(&*pool.pool.server.sessions()[0].worker, "rig1");
}

#[tokio::test]
async fn stratum_and_xatum_share_a_port_with_and_without_tls() {
    let pool = XatumPool::start().await;
    let mut stratum = pool.pool.miner(OTHER_MINER, "x").await;
    let mut encrypted = pool.miner("tls").await;
    // As behind a proxy that ends TLS.
    let stream = TcpStream::connect(pool.pool.address()).await.unwrap();
    let mut plain = XatumClient::over(stream);
    plain.send("").await;
    plain.shake(MINER, "plain").await;
    plain.next_job().await;
    let job = stratum.job.clone().unwrap();
    assert!(is_accepted(&stratum.submit(&job.id, 1).await));
    for client in [&mut encrypted, &mut plain] {
        let (work, hash) = client.job.clone().unwrap().solve(1, true, 0);
        assert_eq!(client.submit(&work, &hash).await, Ok(()));
    }
    // No connection changes its dialect.
    stratum.send("ping~{}").await;
    assert_eq!(refusal(&stratum.line().await).0, 20);
}

#[tokio::test]
async fn a_port_for_xatum_alone_is_short_with_who_says_nothing() {
    let pool = XatumPool::with(|config| {
        config.listeners[0].speaks = Speaks::Xatum;
        config.connections_per_ip_max = 3;
    })
    .await;
    let mut miner = pool.miner("w").await;
    let mut stratum = pool.connect().await;
    stratum
        .send(r#"{"id":1,"method":"mining.subscribe"}"#)
        .await;
    let (text, _) = stratum.last_words().await.unwrap();
    assert!(
        text.contains("share needs") || text.contains("handshake"),
        "{text}"
    );
    // Everywhere else there is time until the test gives up.
    let mut silent = pool.connect().await;
    let (text, level) = silent.last_words().await.unwrap();
    assert!(text.contains("took too long") && level == 3, "{text}");
    let (work, hash) = miner.job.clone().unwrap().solve(1, true, 0);
    assert_eq!(miner.submit(&work, &hash).await, Ok(()));

    let _more = [pool.connect().await, pool.connect().await];
    let stream = TcpStream::connect(pool.pool.address()).await.unwrap();
    let (text, level) = XatumClient::over(stream).last_words().await.unwrap();
    assert!(
        text.contains("too many connections") && level == 3,
        "{text}"
    );
}

#[tokio::test]
async fn rubbish_costs_the_connection_and_nobody_else() {
    let pool = XatumPool::start().await;
    let mut honest = pool.miner("honest").await;
    let mut client = pool.miner("w").await;
    let deep = format!("submit~{}", "[".repeat(15_000));
    // What is only unknown is no rubbish.
    for line in ["hashrate~{\"h\":1}", "", "pong~{}", "pong~", "print~7"] {
        client.send(line).await;
    }
    for line in [
        "hello",
        "~",
        "submit~{",
        &deep,
        "submit~{\"data\":7}",
        "shake~{\"addr\":\"x\"}",
        "[1]",
        "SUBMIT~{}",
    ] {
        client.send(line).await;
        let said = client.said().await;
        assert!(matches!(said, Said::Print(_, 2)), "{line:.20}: {said:?}");
    }
    assert_eq!(client.said().await, Said::Closed);

    let mut client = pool.miner("w").await;
    for data in ["", "zz", "?"] {
        client.send(&format!(r#"submit~{{"data":"{data}"}}"#)).await;
        assert!(client.answer().await.unwrap_err().contains("112 bytes"));
    }
    client.send(&"a".repeat(20 * 1024)).await;
    let (text, level) = client.last_words().await.unwrap_or(("long".into(), 3));
    assert!(text.contains("long") && level == 3, "{text}");
    let mut client = pool.miner("w").await;
    client.send_bytes(b"submit~\xff\xfe\n").await;
    let (text, _) = client.last_words().await.unwrap();
    assert!(text.contains("not text"), "{text}");
    for reason in ["malformed", "oversized", "binary"] {
        until("it is counted", || {
            pool.pool.metric("disconnects_total", Some(reason)) == 1.0
        })
        .await;
    }
    let (work, hash) = honest.job.clone().unwrap().solve(1, true, 0);
    assert_eq!(honest.submit(&work, &hash).await, Ok(()));
}

#[tokio::test]
async fn a_miner_is_pinged_and_closed_when_it_went_silent() {
    let pool = XatumPool::with(|config| {
        config.idle_timeout_ms = 400;
        config.ping_interval_ms = 100;
    })
    .await;
    let mut alive = pool.miner("alive").await;
    let silent = pool.miner("silent").await;
    let answer = async {
        loop {
            match alive.said().await {
                Said::Ping => alive.send("pong~{}").await,
                Said::Job(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::select! {
        () = answer => {}
        () = until("the other is closed", || {
            pool.pool.metric("disconnects_total", Some("idle")) == 1.0
        }) => {}
    }
    drop(silent);
    assert_eq!(pool.pool.server.sessions()[0].worker, "alive");
    alive.send("ping~{}").await;
}

#[tokio::test]
async fn a_share_under_way_is_answered_before_the_shutdown() {
    let XatumPool { pool, files } = XatumPool::start().await;
    let stream = TcpStream::connect(pool.address()).await.unwrap();
    let stream = tls::handshake(stream, &files.trusted).await.unwrap();
    let mut client = XatumClient::over(stream);
    client.shake(MINER, "w").await;
    let (work, hash) = client.next_job().await.solve(1, true, 0);
    pool.cluster.close();
    let before = pool.cluster.arrived();
    client.send(&submission(&work, &hash)).await;
    until("it is proposed", || pool.cluster.arrived() > before).await;
    let (cluster, shutdown) = (pool.cluster.clone(), tokio::spawn(pool.server.shutdown()));
    cluster.open();
    assert_eq!(client.answer().await, Ok(()));
    let (words, level) = client.last_words().await.unwrap();
    assert!(
        words.contains("this node is stopping") && level == 3,
        "{words}"
    );
    tokio::time::timeout(DEADLINE, shutdown)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_plain_miner_is_told_by_a_tls_port_for_xatum_what_it_wants() {
    let pool = XatumPool::with(|config: &mut StratumConfig| {
        config.listeners[0].speaks = Speaks::Xatum;
        config.listeners[0].encryption = Encryption::Tls;
    })
    .await;
    let stream = TcpStream::connect(pool.pool.address()).await.unwrap();
    let mut plain = XatumClient::over(stream);
    plain.shake(MINER, "w").await;
    let words = plain.last_words().await;
    assert!(words.is_none_or(|(text, _)| text.contains("wants TLS")));
    let counted = pool.pool.metric("disconnects_total", Some("plain_on_tls"));
    assert_eq!(counted, 1.0);
}
