//! The getwork dialect: what the official miner and tnn-miner need, and what a share may be.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use futures_util::SinkExt;
use raftpool_chain::MinerWork;
use raftpool_stratum::{StratumConfig, getwork_router};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::getwork::{GetworkClient, Said};
use crate::harness::*;

#[tokio::test]
async fn the_first_job_is_what_the_daemon_would_send() {
    let pool = Pool::start().await;
    let client = pool.getwork_miner(&format!("{MINER}+7"), "rig1").await;
    let job = client.job.unwrap();
    let template = template(100);
    assert_eq!(
        (job.height, job.topoheight, job.difficulty),
        (100, 100, 7),
        "real heights, the share's difficulty"
    );
    assert_eq!(job.algorithm, template.algorithm);
    assert_eq!(job.work.work_hash, template.work_hash.0);
    assert_eq!(job.work.timestamp_ms, template.header.timestamp_ms);
    assert_eq!(job.work.miner_key, template.header.miner_key);
    assert_eq!(
        (job.work.nonce, &job.work.extra_nonce[28..]),
        (0, &[0; 4][..])
    );
    let session = &pool.server.sessions()[0];
    assert_eq!(
        (
            &*session.address,
            &*session.worker,
            session.difficulty,
            &*session.agent
        ),
        (MINER, "rig1", 7, "getwork")
    );
    assert_eq!(pool.metric("workers", None), 1.0);
    assert_eq!(pool.server.connections(), 1);
}

/// Each of its threads writes its number into the extra nonce, begins a job with its nonce, moves
/// the timestamp on, and stops after a hit until the next job comes.
#[tokio::test]
async fn the_official_miner_mines_with_all_its_threads() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(&format!("{MINER}+3"), "rig1").await;
    let (threads, rounds) = (3, 4);
    for round in 0..rounds {
        let job = client.job.take().expect("the threads would wait for ever");
        for thread in 0..threads {
            let mut job = job.clone();
            // A hit may come before the timestamp was moved on.
            job.work.timestamp_ms += round % 2;
            let share = job.solve(thread, job.difficulty, true, job.work.nonce);
            client.send_work(&share).await;
        }
        let mut answers = 0;
        while answers < threads || client.job.is_none() {
            match client.said().await {
                Said::Accepted => {
                    answers += 1;
                    client.job = None;
                }
                Said::Job(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let shares = u64::from(threads) * rounds;
    let work = u128::from(3 * shares);
    let worker = pool.ledger_worker(MINER, "rig1").unwrap();
    assert_eq!((worker.shares, worker.work), (shares, work));
    assert_eq!(pool.server.sessions()[0].accepted, shares);
}

/// It writes its nonces from the other end, calls the work by its older name, ends its messages
/// with a line feed, mines on after a hit, and ignores jobs by comparing heights with a counter.
#[tokio::test]
async fn tnn_miner_mines() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(&format!("{MINER}+1"), "tnn").await;
    let mut counter = 0;
    let mut job = client.job.clone().unwrap();
    for share in 1..=5_u64 {
        if job.height != counter {
            counter += 1;
        } else {
            panic!("the job would be ignored");
        }
        let mut work = job.work;
        work.nonce = (share << 24 | 5).swap_bytes();
        let message = json!({"block_template": hex::encode(work.to_bytes())});
        client.send(format!("{message}\n")).await;
        assert_eq!(client.said().await, Said::Accepted);
        job = client.next_job().await;
    }
    assert_eq!(pool.ledger_worker(MINER, "tnn").unwrap().shares, 5);
}

#[tokio::test]
async fn every_job_has_work_of_its_own() {
    let pool = Pool::start().await;
    let http = pool.serve_http().await;
    let path = format!("/getwork/{MINER}/w");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..2 {
        let mut client = GetworkClient::connect(http, &path).await.unwrap();
        for _ in 0..3 {
            let job = client.next_job().await;
            assert!(seen.insert(job.work.extra_nonce), "the same work twice");
            client.send_work(&job.work).await;
        }
    }
    assert!(seen.insert(pool.miner(MINER, "x").await.extra_nonce));
}

#[tokio::test]
async fn a_repeated_share_is_credited_once() {
    let pool = Pool::with(StratumConfig {
        job_refresh_ms: 50,
        ..config()
    })
    .await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    let work = client.job.clone().unwrap().work;
    client.send_work(&work).await;
    client.send_work(&work).await;
    let answers = [client.answer().await, client.answer().await];
    assert!(answers.contains(&Ok(())), "{answers:?}");
    assert!(
        answers.contains(&Err("duplicate share".into())),
        "{answers:?}"
    );
    // Also when the same work hash went out anew, with another timestamp.
    while client.job.as_ref().unwrap().work.timestamp_ms == work.timestamp_ms {
        client.next_job().await;
    }
    assert_eq!(client.submit(&work).await, Err("duplicate share".into()));
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn a_share_below_its_difficulty_is_refused_with_the_difficulty() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(&format!("{MINER}+4"), "w").await;
    let job = client.job.clone().unwrap();
    let low = job.solve(0, 4, false, 0);
    for _ in 0..2 {
        let reason = client.submit(&low).await.unwrap_err();
        assert_eq!(reason, "low difficulty share: its job asks for 4");
    }
    assert!(pool.ledger_miner(MINER).is_none());
    assert_eq!(pool.metric("shares_total", Some("low_difficulty")), 2.0);
}

#[tokio::test]
async fn late_shares_count_within_the_grace_and_are_stale_beyond() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    let old = client.job.clone().unwrap().work;
    for (height, is_taken) in [(103, true), (104, false), (125, false)] {
        pool.new_template(template(height));
        while client.job.as_ref().unwrap().height != height {
            client.next_job().await;
        }
        let share = MinerWork {
            nonce: height,
            ..old
        };
        match (client.submit(&share).await, is_taken) {
            (Ok(()), true) => {}
            (Err(reason), false) if height == 104 => assert!(reason.contains("4 heights")),
            (Err(reason), false) => assert!(reason.contains("at least 25 heights old"), "{reason}"),
            (answer, _) => panic!("{height}: {answer:?}"),
        }
    }
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

type Change = fn(&mut MinerWork);

#[tokio::test]
async fn work_that_is_not_a_sent_jobs_is_refused_with_the_reason() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    let other = pool.getwork_miner(MINER, "w").await.job.unwrap().work;
    let work = client.job.clone().unwrap().work;
    let cases: [(&str, Change); 6] = [
        ("job not found", |work| work.work_hash[3] ^= 1),
        ("another key", |work| work.miner_key[0] ^= 1),
        ("extra nonce", |work| work.extra_nonce[27] ^= 1),
        ("extra nonce", |work| work.extra_nonce[0] ^= 1),
        ("before those of the block's parents", |work| {
            work.timestamp_ms -= 1
        }),
        // The test has a deadline below this.
        ("ahead of the daemon's clock", |work| {
            work.timestamp_ms += 30_000
        }),
    ];
    for (word, change) in cases {
        let mut work = work;
        change(&mut work);
        let reason = client.submit(&work).await.unwrap_err();
        assert!(reason.contains(word), "{reason}");
    }
    let foreign = MinerWork {
        extra_nonce: other.extra_nonce,
        ..work
    };
    let reason = client.submit(&foreign).await.unwrap_err();
    assert!(reason.contains("extra nonce"), "{reason}");
    for (text, word) in [("zz", "224"), (&"zz".repeat(112), "hexadecimal")] {
        client.send(json!({"miner_work": text}).to_string()).await;
        let reason = client.answer().await.unwrap_err();
        assert!(reason.contains(word), "{reason}");
    }
    assert!(pool.ledger_miner(MINER).is_none());
    let mut free = work;
    free.timestamp_ms += 1_000;
    free.extra_nonce[28..].fill(0xff);
    assert_eq!(client.submit(&free).await, Ok(()));
}

#[tokio::test]
async fn a_clock_behind_the_daemons_is_right_as_long_as_it_is_ahead_of_the_parents() {
    let pool = Pool::without_template(config(), GatedCluster::new(), 1).await;
    let template = template(100);
    let tips_ms = template.header.timestamp_ms - 1_000;
    pool.daemon.tips_ms.store(tips_ms, Ordering::Relaxed);
    pool.new_template(template);
    let mut client = pool.getwork_miner(MINER, "w").await;
    let mut work = client.job.clone().unwrap().work;
    work.timestamp_ms = tips_ms;
    // The daemon is asked beside everything else.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while client.submit(&work).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "never accepted");
        work.nonce += 1;
    }
    work.timestamp_ms -= 1;
    let reason = client.submit(&work).await.unwrap_err();
    assert!(reason.contains("1 ms before"), "{reason}");
}

#[tokio::test]
async fn who_may_not_come_in_is_told_by_http() {
    let pool = Pool::with(StratumConfig {
        connections_per_ip_max: 1,
        ..config()
    })
    .await;
    let http = pool.serve_http().await;
    let (long, longest) = ("w".repeat(33), "w".repeat(32));
    let wrong_network = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
    for (path, status, word) in [
        (format!("/getwork/{MINER}x/w"), 400, "invalid address"),
        (format!("/getwork/{wrong_network}/w"), 400, "xet"),
        (format!("/getwork/{MINER}/{long}"), 400, "32 characters"),
        (format!("/getwork/{MINER}"), 404, ""),
        (format!("/getwork/{MINER}/"), 404, ""),
    ] {
        let refused = GetworkClient::connect(http, &path).await.err().unwrap();
        assert_eq!(refused.0, status, "{path}: {refused:?}");
        assert!(refused.1.contains(word), "{path}: {refused:?}");
    }
    let path = format!("/getwork/{MINER}/{longest}");
    let mut first = GetworkClient::connect(http, &path).await.unwrap();
    first.next_job().await;
    let refused = GetworkClient::connect(http, &path).await.err().unwrap();
    assert!(
        refused.0 == 503 && refused.1.contains("too many"),
        "{refused:?}"
    );
    let mut stratum = pool.connect().await;
    let refused = stratum.last_words().await.unwrap();
    assert!(
        refused.contains("too many"),
        "one limit for both: {refused}"
    );
    drop(first);
    until("the place is free", || pool.server.connections() == 0).await;
    assert!(GetworkClient::connect(http, &path).await.is_ok());
}

#[tokio::test]
async fn a_pool_that_is_not_there_yet_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = listener.local_addr().unwrap();
    let service = getwork_router(|| None).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let path = format!("/getwork/{MINER}/w");
    let refused = GetworkClient::connect(http, &path).await.err().unwrap();
    assert!(
        refused.0 == 503 && refused.1.contains("use another"),
        "{refused:?}"
    );

    let pool = Pool::without_template(config(), GatedCluster::unset(), 1).await;
    let http = pool.serve_http().await;
    let refused = GetworkClient::connect(http, &path).await.err().unwrap();
    assert!(
        refused.0 == 503 && refused.1.contains("not set up"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_share_that_is_a_block_goes_to_the_daemon_as_the_miner_changed_it() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    pool.new_template(template_of(101, 2));
    let job = loop {
        let job = client.next_job().await;
        if job.height == 101 {
            break job;
        }
    };
    let mut job = job;
    job.work.timestamp_ms += 200;
    let block = job.solve(513, 2, true, 0);
    assert_eq!(client.submit(&block).await, Ok(()));
    until("it is submitted", || pool.daemon.blocks.lock().len() == 1).await;
    let header = pool.daemon.blocks.lock()[0].clone();
    assert_eq!((header.miner_work(), header.height), (block, 101));
    assert_eq!(pool.totals().blocks, 1);
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
    assert_eq!(client.submit(&block).await, Err("duplicate share".into()));
    assert_eq!(pool.daemon.blocks.lock().len(), 1);
}

#[tokio::test]
async fn messages_that_are_no_submissions_get_no_answer_and_end_the_connection_after_some() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    let share = client.job.clone().unwrap().work;
    for message in ["hello", "[]", "{\"foo\":1}", "\"block_accepted\"", "", "7"] {
        client.send(message).await;
    }
    client
        .socket
        .send(Message::Binary(vec![0; 112].into()))
        .await
        .unwrap();
    client.send_work(&share).await;
    assert_eq!(client.said().await, Said::Accepted, "the first answer");
    client.send("once too often").await;
    assert_eq!(client.last_words().await, "malformed");
    until("it is counted", || {
        pool.metric("disconnects_total", Some("malformed")) == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    client.send("x".repeat(4 * 1024)).await;
    client.send("x".repeat(4 * 1024 + 1)).await;
    client.last_words().await;
    until("it is counted", || {
        pool.metric("disconnects_total", Some("oversized")) == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_miner_is_pinged_and_closed_when_it_went_silent() {
    let pool = Pool::with(StratumConfig {
        idle_timeout_ms: 400,
        ping_interval_ms: 100,
        ..config()
    })
    .await;
    // One that answers pings is alive; the library answers while it is read from.
    let mut alive = pool.getwork_miner(MINER, "alive").await;
    let silent = pool.getwork_miner(MINER, "silent").await;
    tokio::select! {
        _ = alive.last_words() => panic!("it answered"),
        () = until("the other is closed", || {
            pool.metric("disconnects_total", Some("idle")) == 1.0
        }) => {}
    }
    drop(silent);
    assert!(alive.pings > 0);
    assert_eq!(pool.server.sessions()[0].worker, "alive");
}

#[tokio::test]
async fn a_share_under_way_is_answered_before_the_shutdown() {
    let pool = Pool::start().await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    let share = client.job.clone().unwrap().work;
    pool.cluster.close();
    let before = pool.cluster.arrived();
    client.send_work(&share).await;
    until("it is proposed", || pool.cluster.arrived() > before).await;
    let (cluster, shutdown) = (pool.cluster.clone(), tokio::spawn(pool.server.shutdown()));
    cluster.open();
    assert_eq!(client.said().await, Said::Accepted);
    let words = client.last_words().await;
    assert!(words.contains("this node is stopping"), "{words}");
    tokio::time::timeout(DEADLINE, shutdown)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_shutdown_waits_until_the_connection_has_ended() {
    let pool = Pool::start().await;
    // It does not read, so it does not say goodbye either.
    let _client = pool.getwork_miner(MINER, "w").await;
    let registry = pool.registry.clone();
    tokio::time::timeout(DEADLINE, pool.server.shutdown())
        .await
        .unwrap();
    let families = registry.gather();
    let open = families
        .iter()
        .find(|family| family.name() == "raftpool_stratum_connections")
        .unwrap();
    assert_eq!(open.get_metric()[0].get_gauge().get_value(), 0.0);
}

#[tokio::test]
async fn difficulty_follows_the_miner_and_is_told_with_each_job() {
    let pool = Pool::with(StratumConfig {
        target_share_interval_ms: 60_000,
        ..config()
    })
    .await;
    let mut client = pool.getwork_miner(MINER, "w").await;
    let mut difficulty = 1;
    for _ in 0..50 {
        let job = client.job.clone().unwrap();
        difficulty = job.difficulty;
        if difficulty > 1 {
            break;
        }
        assert_eq!(client.submit(&job.work).await, Ok(()));
    }
    assert!(difficulty > 1, "it never rose");
    assert_eq!(pool.server.sessions()[0].difficulty, difficulty);
}

#[tokio::test]
async fn a_slow_reader_is_dropped_and_others_notice_nothing() {
    let mut config = StratumConfig {
        write_timeout_ms: 300,
        stranger_requests_per_second: 1_000_000,
        ..config()
    };
    // What it sends would have it banned before anything is full.
    config.bans.bad_percent = 0;
    let pool = Pool::with(config).await;
    let mut slow = pool.getwork_miner(MINER, "slow").await;
    // It sends shares and reads no answer, until both directions are full.
    let flood = tokio::spawn(async move {
        let share = Message::text(json!({"miner_work": "zz"}).to_string());
        while slow.socket.send(share.clone()).await.is_ok() {}
    });
    let mut honest = pool.getwork_miner(OTHER_MINER, "w").await;
    pool.new_template(template(101));
    while honest.next_job().await.height != 101 {}
    let share = honest.job.clone().unwrap().work;
    assert_eq!(honest.submit(&share).await, Ok(()));
    until("it is dropped", || {
        pool.metric("disconnects_total", Some("slow")) == 1.0
    })
    .await;
    flood.await.unwrap();
}
