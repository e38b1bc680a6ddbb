//! Shares that are blocks.

use std::sync::atomic::Ordering;

use raftpool_ledger::command::command::Body;
use raftpool_ledger::testing::Fault;
use raftpool_stratum::StratumConfig;

use crate::harness::*;

#[tokio::test]
async fn a_block_is_submitted_and_recorded_once() {
    let pool = Pool::start().await;
    pool.new_template(template_of(101, 2));
    let mut client = pool.miner(MINER, "x").await;
    let job = loop {
        let job = client.job.clone().unwrap();
        if job.work_hash == template_of(101, 2).work_hash.0 {
            break job;
        }
        client.next_job().await;
    };
    let nonce = client.find_nonce(&job, 2, true, 0);
    assert!(is_accepted(&client.submit(&job.id, nonce).await));
    until("it is submitted", || pool.daemon.blocks.lock().len() == 1).await;
    let work = client.work(&job, nonce);
    let header = pool.daemon.blocks.lock()[0].clone();
    assert_eq!(header.block_hash(), work.block_hash());
    assert_eq!((header.miner_work(), header.height), (work, 101));
    let block = pool.read(|view| view.block(&work.block_hash().0)).unwrap();
    assert_eq!(
        (block.miner.as_str(), block.height, block.heights_late),
        (MINER, 101, 0)
    );
    assert_eq!(
        pool.ledger_miner(MINER).unwrap().shares,
        1,
        "the share is booked with the block"
    );

    assert_eq!(refusal(&client.submit(&job.id, nonce).await).0, 22);
    assert_eq!(pool.daemon.blocks.lock().len(), 1);
    assert_eq!(pool.totals().blocks, 1);
}

#[tokio::test]
async fn shares_and_blocks_carry_what_their_template_says_that_its_block_pays() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    assert!(is_accepted(&client.submit(&job.id, 1).await));
    let richer = raftpool_chain::Template {
        miner_reward_atomic: EXPECTED_REWARD_ATOMIC + 1,
        ..template_of(101, 1)
    };
    pool.new_template(richer);
    let job = client_job_at(&mut client, 101, 1).await;
    assert!(is_accepted(&client.submit(&job.id, 2).await));
    let mut rewards = Vec::new();
    for command in pool.cluster.memory.proposals() {
        match command.body {
            Some(Body::CreditShares(batch)) => {
                let shares = batch.shares.iter();
                rewards.extend(shares.map(|share| share.expected_reward_atomic));
            }
            Some(Body::RecordBlock(block)) => {
                rewards.extend(block.share.map(|share| share.expected_reward_atomic));
            }
            _ => {}
        }
    }
    assert_eq!(
        rewards,
        [EXPECTED_REWARD_ATOMIC, EXPECTED_REWARD_ATOMIC + 1]
    );
}

#[tokio::test]
async fn a_block_is_submitted_before_it_is_booked_and_without_a_quorum() {
    let pool = Pool::with(StratumConfig {
        no_quorum_wait_ms: 200,
        ..config()
    })
    .await;
    pool.new_template(template_of(101, 1));
    let mut client = pool.connect().await;
    client.login(MINER, "x").await;
    let job = client_job_at(&mut client, 101, 1).await;
    pool.cluster.close();
    let share = client.send_share(&job.id, 7).await;
    until("it is submitted", || pool.daemon.blocks.lock().len() == 1).await;
    let (code, message) = refusal(&client.answer(share).await);
    assert!(code == 20 && message.contains("quorum"), "{message}");
    assert_eq!(pool.totals().blocks, 0);
    pool.cluster.open();
    until("it is recorded", || pool.totals().blocks == 1).await;
    assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1);
}

#[tokio::test]
async fn recording_is_repeated_until_it_is_stored() {
    for fault in [
        Fault::NotAccepted,
        Fault::UnknownApplied,
        Fault::UnknownLost,
    ] {
        let pool = Pool::start().await;
        pool.new_template(template_of(101, 1));
        let mut client = pool.connect().await;
        client.login(MINER, "x").await;
        let job = client_job_at(&mut client, 101, 1).await;
        pool.cluster.memory.fail_next(3, fault);
        assert!(is_accepted(&client.submit(&job.id, 7).await), "{fault:?}");
        assert_eq!(pool.totals().blocks, 1, "{fault:?}");
        assert_eq!(pool.ledger_miner(MINER).unwrap().shares, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_submission_no_daemon_took_is_tried_again() {
    let pool = Pool::start().await;
    pool.new_template(template_of(101, 1));
    let mut client = pool.connect().await;
    client.login(MINER, "x").await;
    let job = client_job_at(&mut client, 101, 1).await;
    pool.daemon.failures.store(2, Ordering::Relaxed);
    assert!(is_accepted(&client.submit(&job.id, 7).await));
    until("it is submitted", || pool.daemon.blocks.lock().len() == 1).await;
    assert_eq!(pool.metric("block_submissions_total", Some("failed")), 2.0);
}

#[tokio::test]
async fn a_block_counts_however_late_it_is() {
    let pool = Pool::start().await;
    pool.new_template(template_of(101, 2));
    let mut client = pool.connect().await;
    client.login(MINER, "x").await;
    let job = client_job_at(&mut client, 101, 2).await;
    pool.new_template(template(110));
    client.next_job().await;
    let low = client.find_nonce(&job, 2, false, 0);
    assert_eq!(
        refusal(&client.submit(&job.id, low).await).0,
        21,
        "no block, and too late"
    );
    let nonce = client.find_nonce(&job, 2, true, 0);
    assert!(is_accepted(&client.submit(&job.id, nonce).await));
    until("it is submitted", || pool.daemon.blocks.lock().len() == 1).await;
    let hash = client.work(&job, nonce).block_hash();
    assert_eq!(
        pool.read(|view| view.block(&hash.0)).unwrap().heights_late,
        9
    );
    let late = pool.read(|view| view.lateness());
    assert_eq!((late.blocks, late.fates[9].maturing), (1, 1));
}

#[tokio::test]
async fn no_share_is_harder_than_a_block() {
    let pool = Pool::start().await;
    pool.new_template(template_of(101, 2));
    let mut client = pool.connect().await;
    client.login(MINER, "d=1000").await;
    let job = client_job_at(&mut client, 101, 2).await;
    assert_eq!(job.difficulty, 2);
    pool.new_template(template(102));
    assert_eq!(client.next_job().await.difficulty, 1_000);
}

/// Waits for the job of a certain template.
async fn client_job_at(client: &mut Client, height: u64, difficulty: u64) -> ClientJob {
    loop {
        let job = client.next_job().await;
        if job.work_hash == template_of(height, difficulty).work_hash.0 {
            return job;
        }
    }
}
