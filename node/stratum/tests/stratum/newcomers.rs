//! Workers without an accepted share: their owners see what they were refused, and nothing of it is
//! in the ledger.

use std::collections::BTreeMap;

use raftpool_ledger::command::RejectReason;

use crate::harness::*;

#[tokio::test]
async fn what_a_worker_is_refused_before_its_first_share_is_seen_and_then_booked() {
    let pool = Pool::start().await;
    let mut client = pool.miner(&format!("{MINER}.rig1"), "d=4").await;
    let job = client.job.clone().unwrap();
    let bad = client.find_nonce(&job, 4, false, 0);
    for _ in 0..2 {
        assert_eq!(refusal(&client.submit(&job.id, bad).await).0, 23);
    }
    let (_, words) = refusal(&client.submit("bad", 1).await);
    let [seen] = &pool.server.refused_workers_of(MINER)[..] else {
        panic!("one worker");
    };
    let rejects = BTreeMap::from([
        (RejectReason::LowDifficulty, 2),
        (RejectReason::JobNotFound, 1),
    ]);
    assert_eq!((&*seen.worker, &seen.rejects), ("rig1", &rejects));
    assert_eq!(seen.last_words, words);
    assert!(seen.first_at_ms < seen.last_at_ms && seen.logins.is_empty());
    assert_eq!(pool.server.refused_workers_of(OTHER_MINER), []);
    assert!(pool.ledger_miner(MINER).is_none());
    assert_eq!(pool.metric("refused_newcomers", None), 1.0);

    let [session] = &pool.server.sessions_of(MINER)[..] else {
        panic!("one session");
    };
    assert_eq!(
        (session.protocol.name(), session.is_encrypted),
        ("stratum", false)
    );
    assert_eq!((session.last_share_at_ms, &session.rejects), (0, &rejects));

    let good = client.find_nonce(&job, 4, true, 0);
    assert!(is_accepted(&client.submit(&job.id, good).await));
    assert_eq!(pool.server.refused_workers_of(MINER), []);
    assert_eq!(pool.metric("refused_newcomers", None), 0.0);
    assert!(pool.server.sessions_of(MINER)[0].last_share_at_ms > 0);
    // They are sent along with the next batch.
    let next = client.find_nonce(&job, 4, true, good + 1);
    assert!(is_accepted(&client.submit(&job.id, next).await));
    until("the refusals are booked", || {
        let booked = pool.ledger_worker(MINER, "rig1").unwrap().rejects;
        let of = |reason: RejectReason| booked.get(&i32::from(reason)).copied();
        of(RejectReason::LowDifficulty) == Some(2) && of(RejectReason::JobNotFound) == Some(1)
    })
    .await;
}

#[tokio::test]
async fn a_login_that_is_refused_is_seen_by_the_owner_of_the_address() {
    let pool = Pool::start().await;
    pool.cluster
        .change_settings(|settings| settings.solo_offered = false);
    let mut client = pool.connect().await;
    for number in 0..2 {
        let line = format!(
            r#"{{"id":{number},"method":"mining.authorize","params":["{MINER}.rig1","scheme=solo"]}}"#
        );
        client.send(&line).await;
        assert_eq!(refusal(&client.answer(number).await).0, 24);
    }
    let [seen] = &pool.server.refused_workers_of(MINER)[..] else {
        panic!("one worker");
    };
    assert_eq!(seen.logins, BTreeMap::from([("scheme", 2)]));
    assert!(seen.last_words.contains("solo"), "{}", seen.last_words);
    assert_eq!(pool.server.sessions_of(MINER), []);
}

#[tokio::test]
async fn sessions_of_a_miner_end_with_their_connections() {
    let pool = Pool::start().await;
    let first = pool.miner(&format!("{MINER}.a"), "x").await;
    let second = pool.miner(&format!("{MINER}.b"), "x").await;
    let _other = pool.miner(&format!("{OTHER_MINER}.c"), "x").await;
    let names = || -> Vec<String> {
        let sessions = pool.server.sessions_of(MINER);
        sessions.into_iter().map(|one| one.worker).collect()
    };
    assert_eq!(names(), ["a", "b"]);
    drop(first);
    until("the first one is gone", || names() == ["b"]).await;
    drop(second);
    until("both are gone", || names().is_empty()).await;
}
