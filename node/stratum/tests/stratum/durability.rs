//! What an answer is worth: promises P1, P2 and P6.

use std::collections::BTreeSet;

use raftpool_ledger::command::command::Body;
use raftpool_ledger::testing::Fault;
use raftpool_stratum::StratumConfig;

use crate::harness::*;

/// Ids of all batches with shares that were proposed, one per attempt.
fn batch_ids(pool: &Pool) -> Vec<(u64, u64, u64)> {
    let id = |command: raftpool_ledger::command::Command| match command.body {
        Some(Body::CreditShares(credit)) if !credit.shares.is_empty() => {
            credit.batch.map(|id| (id.node_id, id.epoch, id.sequence))
        }
        _ => None,
    };
    pool.cluster
        .memory
        .proposals()
        .into_iter()
        .filter_map(id)
        .collect()
}

#[tokio::test]
async fn nothing_is_accepted_before_it_is_committed() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let before = pool.cluster.arrived();
    let share = client.send_share(&job.id, 1).await;
    until("the share is proposed", || pool.cluster.arrived() > before).await;
    // Whatever is written comes in order: a pong that overtakes proves the share is unanswered.
    client.send(r#"{"id":7,"method":"mining.ping"}"#).await;
    assert_eq!(client.line().await["method"], "mining.pong");
    assert!(pool.ledger_miner(MINER).is_none());
    pool.cluster.open();
    assert!(is_accepted(&client.answer(share).await));
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_credited_once() {
    for fault in [
        Fault::UnknownApplied,
        Fault::UnknownLost,
        Fault::NotAccepted,
    ] {
        let pool = Pool::start().await;
        let mut client = pool.miner(MINER, "x").await;
        let job = client.job.clone().unwrap();
        pool.cluster.memory.fail_next(3, fault);
        assert!(is_accepted(&client.submit(&job.id, 1).await), "{fault:?}");
        assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1, "{fault:?}");
        let ids = batch_ids(&pool);
        assert_eq!(ids.len(), 4, "{fault:?}");
        assert_eq!(
            ids.iter().collect::<BTreeSet<_>>().len(),
            1,
            "the same id each time"
        );

        assert!(is_accepted(&client.submit(&job.id, 2).await));
        assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 2);
    }
}

#[tokio::test]
async fn without_a_quorum_shares_get_an_error_and_jobs_go_on() {
    let pool = Pool::with(StratumConfig {
        no_quorum_wait_ms: 300,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let share = client.send_share(&job.id, 1).await;
    pool.new_template(template(101));
    let next = client.next_job().await;
    assert_eq!(next.work_hash, template(101).work_hash.0);
    let (code, message) = refusal(&client.answer(share).await);
    assert!(code == 20 && message.contains("quorum"), "{message}");

    // Whether it was stored is not known, so it is not taken again.
    assert_eq!(refusal(&client.submit(&job.id, 1).await).0, 20);
    pool.cluster.open();
    assert!(is_accepted(&client.submit(&next.id, 2).await));
    assert_eq!(pool.metric("batches_total", Some("no_quorum")), 1.0);
}

#[tokio::test]
async fn a_share_that_was_certainly_not_stored_may_be_sent_again() {
    let pool = Pool::with(StratumConfig {
        no_quorum_wait_ms: 200,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.memory.fail_next(1_000, Fault::NotAccepted);
    assert_eq!(refusal(&client.submit(&job.id, 1).await).0, 20);
    pool.cluster.memory.heal();
    assert!(is_accepted(&client.submit(&job.id, 1).await));
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn under_random_faults_accepted_shares_are_in_the_ledger_and_none_twice() {
    const SHARES: u64 = 40;
    for (seed, faults) in [(3_u64, 20), (77, 45), (2_024, 60)] {
        println!("seed {seed}, {faults} faults");
        let one_by_one = StratumConfig {
            no_quorum_wait_ms: 150,
            batch_shares_max: 1,
            ..config()
        };
        let pool = Pool::with(one_by_one).await;
        let mut client = pool.miner(MINER, "x").await;
        let job = client.job.clone().unwrap();
        let mut random = seed;
        for _ in 0..faults {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let faults = [
                Fault::NotAccepted,
                Fault::UnknownApplied,
                Fault::UnknownLost,
            ];
            let fault = faults[usize::try_from((random >> 33) % 3).unwrap()];
            pool.cluster.memory.fail_next(1, fault);
        }
        let mut accepted = 0;
        // Twice, as a miner that was told that its share may not count.
        for round in 0..2 {
            for nonce in 0..SHARES {
                client.send_share(&job.id, nonce).await;
            }
            for _ in 0..SHARES {
                let answer = client.line().await;
                match is_accepted(&answer) {
                    true => accepted += 1,
                    false => assert!([20, 22].contains(&refusal(&answer).0), "{answer}"),
                }
            }
            println!("{accepted} accepted after round {round}");
            pool.cluster.memory.heal();
        }
        let credited = pool.ledger_miner(MINER).unwrap().shares;
        assert!(
            (accepted..=SHARES).contains(&credited),
            "{accepted} accepted, {credited} credited"
        );
        assert!(accepted > 0);
    }
}

#[tokio::test]
async fn waiting_for_a_verifier_is_not_waiting_for_a_quorum() {
    let pool = Pool::with(StratumConfig {
        no_quorum_wait_ms: 50,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    // More hashing than fits into the wait for a quorum.
    for nonce in 0..60 {
        client.send_share(&job.id, nonce).await;
    }
    for _ in 0..60 {
        let answer = client.line().await;
        assert!(is_accepted(&answer), "{answer}");
    }
}

#[tokio::test]
async fn many_shares_become_few_batches() {
    let pool = Pool::with(StratumConfig {
        batch_linger_ms: 20,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let mut ids = BTreeSet::new();
    for nonce in 0..60 {
        ids.insert(client.send_share(&job.id, nonce).await);
    }
    until("all are hashed", || {
        pool.metric("verification_queue", None) == 0.0
    })
    .await;
    pool.cluster.open();
    for _ in 0..60 {
        let answer = client.line().await;
        assert!(is_accepted(&answer), "{answer}");
        assert!(ids.remove(&answer["id"].as_u64().unwrap()));
    }
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 60);
    assert!(batch_ids(&pool).len() < 60);
}
