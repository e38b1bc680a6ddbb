//! Shares and the answers they deserve.

use raftpool_ledger::command::RejectReason;
use raftpool_stratum::{StratumConfig, Verification};

use crate::harness::*;

#[tokio::test]
async fn an_accepted_share_is_in_the_ledger() {
    let pool = Pool::start().await;
    let mut client = pool.miner(&format!("{MINER}.rig1"), "d=4").await;
    let job = client.job.clone().unwrap();
    assert_eq!(job.difficulty, 4);
    let nonce = client.find_nonce(&job, 4, true, 0);
    let answer = client.submit(&job.id, nonce).await;
    assert!(is_accepted(&answer), "{answer}");
    let worker = pool.ledger_worker(MINER, "rig1").unwrap();
    assert_eq!((worker.shares, worker.work), (1, 4));
    let session = &pool.server.sessions()[0];
    assert_eq!((session.accepted, session.rejected), (1, 0));
    assert_eq!(pool.metric("shares_total", Some("accepted")), 1.0);
    assert_eq!(pool.metric("accepted_work_total", None), 4.0);
}

#[tokio::test]
async fn a_share_below_its_difficulty_is_refused_each_time() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "d=4").await;
    let job = client.job.clone().unwrap();
    let nonce = client.find_nonce(&job, 4, false, 0);
    let first = refusal(&client.submit(&job.id, nonce).await);
    assert_eq!(first.0, 23);
    assert!(first.1.contains('4'), "{}", first.1);
    assert_eq!(refusal(&client.submit(&job.id, nonce).await), first);
    assert!(pool.ledger_miner(MINER).is_none());
    assert_eq!(pool.metric("shares_total", Some("low_difficulty")), 2.0);
    assert_eq!(
        pool.metric("hash_seconds", None),
        0.0,
        "a histogram is neither counter nor gauge"
    );
}

#[tokio::test]
async fn a_share_sent_twice_is_credited_once() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    // Both at once, before the first is judged, and once more after it.
    let ids = [
        client.send_share(&job.id, 5).await,
        client.send_share(&job.id, 5).await,
    ];
    let answers = [client.line().await, client.line().await];
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| answer["error"]["code"].as_i64())
        .collect();
    assert!(
        codes.contains(&None) && codes.contains(&Some(22)),
        "{codes:?} for {ids:?}"
    );
    assert_eq!(refusal(&client.submit(&job.id, 5).await).0, 22);
    // Another spelling of the same nonce is the same share.
    client
        .send(&format!(
            r#"{{"id":9,"method":"mining.submit","params":["w","{}","0x5"]}}"#,
            job.id
        ))
        .await;
    assert_eq!(refusal(&client.answer(9).await).0, 22);
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn the_same_nonce_is_another_share_on_another_job_and_another_connection() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let mut other = pool.miner(MINER, "x").await;
    let first = client.job.clone().unwrap();
    assert!(is_accepted(&client.submit(&first.id, 5).await));
    assert!(is_accepted(&other.submit(&first.id, 5).await));
    pool.new_template(template(101));
    let second = client.next_job().await;
    assert!(is_accepted(&client.submit(&second.id, 5).await));
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 3);
}

#[tokio::test]
async fn late_shares_count_within_the_grace_and_are_stale_beyond() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let old = client.job.clone().unwrap();
    for height in 101..=103 {
        pool.new_template(template(height));
        client.next_job().await;
        let answer = client.submit(&old.id, height).await;
        assert!(
            is_accepted(&answer),
            "{} heights late: {answer}",
            height - 100
        );
    }
    pool.new_template(template(104));
    client.next_job().await;
    let (code, message) = refusal(&client.submit(&old.id, 104).await);
    assert_eq!(code, 21);
    assert!(message.contains("4 heights"), "{message}");
    // The same share later: older by one height, and not hashed again.
    pool.new_template(template(105));
    client.next_job().await;
    let hashed = pool.histogram("hash_seconds");
    let (code, message) = refusal(&client.submit(&old.id, 104).await);
    assert_eq!(code, 21);
    assert!(message.contains("5 heights"), "{message}");
    assert_eq!(pool.histogram("hash_seconds"), hashed);
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 3);
    for (class, accepted, stale) in [("0", 0.0, 0.0), ("2", 1.0, 0.0), ("4", 0.0, 1.0)] {
        let metric = |name| pool.metric(name, Some(class));
        assert_eq!(metric("accepted_shares_by_lateness_total"), accepted);
        assert_eq!(metric("stale_shares_by_lateness_total"), stale);
    }
    assert_eq!(pool.metric("accepted_work_by_lateness_total", None), 3.0);
}

#[tokio::test]
async fn the_grace_may_be_none_and_reaches_eight_heights() {
    for (grace_heights, latest) in [(0, 100), (8, 108)] {
        let pool = Pool::with(StratumConfig {
            grace_heights,
            ..config()
        })
        .await;
        let mut client = pool.miner(MINER, "x").await;
        let old = client.job.clone().unwrap();
        if latest > 100 {
            pool.new_template(template(latest));
            client.next_job().await;
        }
        assert!(is_accepted(&client.submit(&old.id, 1).await));
        pool.new_template(template(latest + 1));
        client.next_job().await;
        let (code, message) = refusal(&client.submit(&old.id, 2).await);
        assert_eq!(code, 21);
        let age = format!("{} heights old", grace_heights + 1);
        assert!(message.contains(&age), "{message}");
    }
}

#[tokio::test]
async fn a_job_on_other_transactions_of_the_same_height_does_not_make_the_old_one_late() {
    let pool = Pool::with(StratumConfig {
        same_tips_interval_ms: 10,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let old = client.job.clone().unwrap();
    let mut changed = template(100);
    changed.header.transactions = vec![raftpool_chain::Hash([5; 32])];
    changed.work_hash = changed.header.work_hash();
    pool.new_template(changed.clone());
    assert_eq!(client.next_job().await.work_hash, changed.work_hash.0);
    assert!(is_accepted(&client.submit(&old.id, 1).await));
}

#[tokio::test]
async fn jobs_beyond_the_depth_of_stability_and_foreign_jobs_are_unknown() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let old = client.job.clone().unwrap();
    pool.new_template(template(110));
    client.next_job().await;
    pool.new_template(template(125));
    let present = client.next_job().await;
    let (code, message) = refusal(&client.submit(&old.id, 1).await);
    assert_eq!(code, 21);
    assert!(message.contains("at least 25 heights old"), "{message}");
    let next = u64::from_str_radix(&present.id, 16).unwrap() + 1;
    assert_eq!(refusal(&client.submit(&format!("{next:x}"), 1).await).0, 21);
    let (code, message) = refusal(&client.submit("ffffffffffffffff", 1).await);
    assert_eq!(code, 21);
    assert!(message.contains("another node"), "{message}");
    assert_eq!(pool.metric("shares_total", Some("job_not_found")), 2.0);
    assert_eq!(pool.metric("shares_total", Some("stale")), 1.0);
}

#[tokio::test]
async fn a_job_sent_before_the_connection_was_there_is_unknown_to_it() {
    let pool = Pool::start().await;
    let mut early = pool.miner(MINER, "x").await;
    let old = early.job.clone().unwrap();
    pool.new_template(template(101));
    early.next_job().await;
    let mut late = pool.miner(MINER, "x").await;
    assert_eq!(refusal(&late.submit(&old.id, 1).await).0, 21);
}

#[tokio::test]
async fn shares_without_authorization_are_refused() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    assert_eq!(refusal(&client.submit("1", 1).await).0, 24);
    client
        .send(r#"{"id":1,"method":"mining.subscribe","params":[]}"#)
        .await;
    client.answer(1).await;
    assert_eq!(refusal(&client.submit("1", 1).await).0, 24);
    assert_eq!(pool.metric("shares_total", Some("unauthorized")), 2.0);
}

#[tokio::test]
async fn malformed_shares_say_what_is_wrong_with_them() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap().id;
    for (params, word) in [
        ("[]".to_owned(), "three parameters"),
        (format!(r#"["w","{job}"]"#), "three parameters"),
        (format!(r#"["w","{job}","xyz"]"#), "nonce"),
        (format!(r#"["w","{job}","00000000000000001"]"#), "nonce"),
        (r#"["w",{},"1"]"#.to_owned(), "job"),
    ] {
        client
            .send(&format!(
                r#"{{"id":9,"method":"mining.submit","params":{params}}}"#
            ))
            .await;
        let (code, message) = refusal(&client.answer(9).await);
        assert!(code == 20 && message.contains(word), "{params}: {message}");
    }
    assert_eq!(pool.metric("shares_total", Some("malformed")), 5.0);
}

#[tokio::test]
async fn refused_shares_are_counted_in_the_ledger_once_the_worker_is_known() {
    let pool = Pool::start().await;
    let mut client = pool.miner(&format!("{MINER}.rig1"), "d=4").await;
    let job = client.job.clone().unwrap();
    let low = client.find_nonce(&job, 4, false, 0);
    client.submit(&job.id, low).await;
    assert!(
        pool.ledger_worker(MINER, "rig1").is_none(),
        "a stranger leaves no trace"
    );
    let good = client.find_nonce(&job, 4, true, 0);
    client.submit(&job.id, good).await;
    client.submit(&job.id, good).await;
    let good = client.find_nonce(&job, 4, true, good + 1);
    client.submit(&job.id, good).await;
    let worker = pool.ledger_worker(MINER, "rig1").unwrap();
    let duplicates = worker.rejects.get(&RejectReason::Duplicate.into());
    assert_eq!((worker.shares, duplicates), (2, Some(&1)));
}

#[tokio::test]
async fn without_hashing_every_well_formed_share_counts_once() {
    let config = StratumConfig {
        verification: Verification::WithoutHashing,
        starting_difficulty: 1_000_000,
        ..config()
    };
    let pool = Pool::with(config).await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    for nonce in 0..50 {
        assert!(is_accepted(&client.submit(&job.id, nonce).await));
    }
    assert_eq!(refusal(&client.submit(&job.id, 7).await).0, 22);
    assert_eq!(pool.ledger_miner(MINER).unwrap().work, 50_000_000);
    assert!(pool.daemon.blocks.lock().is_empty());
}
