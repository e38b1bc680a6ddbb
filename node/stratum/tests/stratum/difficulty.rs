//! Difficulty as miners see it.

use raftpool_stratum::StratumConfig;

use crate::harness::*;

fn quick(interval_ms: u64) -> StratumConfig {
    StratumConfig {
        target_share_interval_ms: interval_ms,
        job_refresh_ms: 20,
        starting_difficulty: 64,
        ..config()
    }
}

#[tokio::test]
async fn a_silent_miner_is_lowered_and_told_right_before_its_next_job() {
    let pool = Pool::with(quick(10)).await;
    let mut client = pool.miner(MINER, "x").await;
    assert_eq!(client.difficulty, 64);
    let mut previous = String::new();
    loop {
        let line = client.line().await;
        let method = line["method"].as_str().unwrap().to_owned();
        if previous == "mining.set_difficulty" {
            assert_eq!(
                method, "mining.notify",
                "nothing comes between a difficulty and its job"
            );
        }
        if line["params"] == serde_json::json!([1]) {
            break;
        }
        previous = method;
    }
}

#[tokio::test]
async fn difficulty_continues_after_a_reconnect() {
    let cluster = GatedCluster::new();
    let slow_to_judge = StratumConfig {
        starting_difficulty: 1,
        ..quick(60_000)
    };
    let pool = Pool::over(slow_to_judge.clone(), cluster.clone(), 1).await;
    let mut client = pool.miner(&format!("{MINER}.rig1"), "x").await;
    let job = client.job.clone().unwrap();
    for nonce in 0..12 {
        assert!(is_accepted(&client.submit(&job.id, nonce).await));
    }
    while client.difficulty == 1 {
        client.next_job().await;
    }
    let raised = client.difficulty;
    let stored = || {
        pool.ledger_worker(MINER, "rig1")
            .map_or(0, |worker| worker.difficulty)
    };
    until("the ledger knows the difficulty", || stored() >= raised).await;
    let stored = stored();
    drop(client);
    pool.server.shutdown().await;

    // Another process, as after a restart or on another node.
    let next = Pool::over(slow_to_judge, cluster, 2).await;
    let client = next.miner(&format!("{MINER}.rig1"), "x").await;
    assert_eq!(client.difficulty, stored);
    let stranger = next.miner(&format!("{MINER}.rig2"), "x").await;
    assert_eq!(stranger.difficulty, 1);
}

#[tokio::test]
async fn shares_are_paid_by_the_difficulty_their_job_was_sent_with() {
    let pool = Pool::with(quick(10)).await;
    let mut client = pool.miner(MINER, "x").await;
    let first = client.job.clone().unwrap();
    while client.difficulty == 64 {
        client.next_job().await;
    }
    let nonce = client.find_nonce(&first, 64, true, 0);
    assert!(is_accepted(&client.submit(&first.id, nonce).await));
    assert_eq!(pool.ledger_miner(MINER).unwrap().work, 64);
    let low = client.find_nonce(&first, 64, false, 0);
    assert_eq!(refusal(&client.submit(&first.id, low).await).0, 23);
}

#[tokio::test]
async fn a_requested_difficulty_stays_within_bounds() {
    let bounds = StratumConfig {
        minimum_difficulty: 10,
        maximum_difficulty: 100,
        ..quick(60_000)
    };
    let pool = Pool::with(bounds).await;
    assert_eq!(pool.miner(MINER, "d=1").await.difficulty, 10);
    assert_eq!(pool.miner(MINER, "d=50").await.difficulty, 50);
    assert_eq!(
        pool.miner(&format!("{MINER}+100000"), "x").await.difficulty,
        100
    );
    assert_eq!(pool.miner(MINER, "sd=70").await.difficulty, 70);
}
