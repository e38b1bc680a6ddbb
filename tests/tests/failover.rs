//! What miners notice when nodes die (promises P5, P6 and P7), and that every node works with the
//! daemons of all.
//!
//! How long an interruption takes is measured by the benchmark of clusters; here only its kind is
//! checked, with slower timing than usual, because all processes share few cores.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{DEADLINE, MINERS, PoolOptions};
use raftpool_tests::wait;
use serde_json::{Value, json};

/// New jobs come this often.
const BLOCK_EVERY_MS: u64 = 150;
/// For one message of the pool.
const PATIENCE: Duration = Duration::from_secs(30);

async fn three_nodes(pool: PoolOptions) -> Result<std::sync::Arc<ClusterPool>> {
    let pool = ClusterPool::start(ClusterOptions {
        pool,
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await?;
    let moving = json!({"every_ms": BLOCK_EVERY_MS});
    pool.network.control("auto_mine", moving).await?;
    Ok(pool)
}

async fn connect(pool: &ClusterPool, node: u64, worker: &str) -> Result<ScriptedMiner> {
    let stratum = pool.member(node)?.process.stratum();
    let stratum = stratum.context("the node serves no miners")?;
    ScriptedMiner::connect(stratum, MINERS[0], worker, "x").await
}

/// The difficulty of the worker "mover", as a node knows it.
async fn stored_difficulty(pool: &ClusterPool, node: u64) -> Result<u64> {
    let path = format!("/api/v1/miners/{}/workers", MINERS[0]);
    let workers = pool.member(node)?.process.api(&path).await?;
    let workers = workers["items"].as_array().context("items")?;
    let mover = workers
        .iter()
        .find(|worker| worker["name"] == json!("mover"));
    let difficulty = mover.and_then(|worker| worker["difficulty"].as_str()?.parse().ok());
    Ok(difficulty.unwrap_or(0))
}

/// Sends one share for the newest job, and counts the jobs that come before its answer.
async fn jobs_until_answered(miner: &mut ScriptedMiner) -> Result<usize> {
    // What came while nobody read is old.
    while miner
        .read_within(Duration::from_millis(20))
        .await?
        .is_some()
    {}
    miner.submit_fresh(1).await?;
    let mut jobs = 0;
    while miner.unanswered() > 0 {
        let message = miner.read_one(PATIENCE).await?;
        jobs += usize::from(message["method"] == json!("mining.notify"));
    }
    Ok(jobs)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_the_others_hand_out_jobs_all_the_while() -> Result<()> {
    let pool = three_nodes(PoolOptions::default()).await?;
    let leader = pool.leader().await?;
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    let mut miners = Vec::new();
    for node in &others {
        let mut miner = connect(&pool, *node, "patient").await?;
        jobs_until_answered(&mut miner).await?;
        miners.push(miner);
    }
    pool.member(leader)?.process.kill().await;
    for (node, miner) in others.iter().zip(&mut miners) {
        let jobs = jobs_until_answered(miner).await?;
        ensure!(miner.accepted == 2, "node {node}: {:?}", miner.refused);
        println!("node {node}: {jobs} jobs until the next share was accepted");
        // The first of the two waits out the election.
        ensure!(*node != others[0] || jobs >= 2, "node {node}: {jobs} jobs");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_jobs_go_on_and_shares_are_told_what_is_the_matter() -> Result<()> {
    let pool = three_nodes(PoolOptions::default()).await?;
    let mut miner = connect(&pool, 1, "lonely").await?;
    jobs_until_answered(&mut miner).await?;
    for node in [2, 3] {
        pool.member(node)?.process.kill().await;
    }
    let jobs = jobs_until_answered(&mut miner).await?;
    ensure!(jobs >= 10, "{jobs} jobs");
    let refused = miner.refused.last().context("a refusal")?;
    ensure!(refused.contains("no quorum"), "{refused}");
    let ready = pool.member(1)?.process.api("/readyz").await;
    ensure!(ready.is_err(), "nobody is to be sent here: {ready:?}");

    for node in [2, 3] {
        pool.member(node)?.process.start(&[]).await?;
    }
    pool.wait_healthy(HEALING_DEADLINE).await?;
    jobs_until_answered(&mut miner).await?;
    ensure!(miner.accepted == 2, "{:?}", miner.refused);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_with_its_difficulty_and_a_nonce_of_its_own_on_any_node() -> Result<()> {
    let pool = three_nodes(PoolOptions::default()).await?;
    let mut nonces = BTreeSet::new();
    let mut miner = connect(&pool, 1, "mover").await?;
    let first = miner.difficulty;
    // Without hashing, shares come as fast as they are sent: the difficulty rises.
    while miner.difficulty < 4 * first {
        miner.submit_fresh(20).await?;
        miner.read_answers().await?;
        miner.read_within(Duration::from_millis(50)).await?;
    }
    let reached = miner.difficulty;
    // The report of a difficulty follows the share within seconds, and is then on all nodes.
    wait::until("the difficulty is in the ledger", DEADLINE, || async {
        Ok((stored_difficulty(&pool, 2).await? >= reached).then_some(()))
    })
    .await?;
    nonces.insert(miner.extra_nonce.clone());
    drop(miner);
    pool.member(1)?.process.kill().await;
    for node in [2, 3] {
        let miner = connect(&pool, node, "mover").await?;
        ensure!(
            miner.difficulty >= reached,
            "node {node} begins with {}, node 1 had reached {reached}",
            miner.difficulty
        );
        ensure!(
            nonces.insert(miner.extra_nonce),
            "an extra nonce was given twice"
        );
    }
    // Also after a restart no nonce comes again.
    pool.member(1)?.process.start(&[]).await?;
    pool.wait_healthy(HEALING_DEADLINE).await?;
    let again = connect(&pool, 1, "mover").await?;
    ensure!(
        nonces.insert(again.extra_nonce),
        "an extra nonce was given twice"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_daemons_mines_and_finds_blocks_with_those_of_the_others() -> Result<()> {
    const NETWORK_DIFFICULTY: u64 = 24;
    let pool = three_nodes(PoolOptions {
        network_difficulty: NETWORK_DIFFICULTY,
        stable_depth: 6,
        share_difficulty: 4,
        hashing: true,
        ..PoolOptions::default()
    })
    .await?;
    let cut_off = pool.member(3)?;
    ensure!(cut_off.process.stop().await, "node 3 did not stop cleanly");
    let file = cut_off.process.config_file();
    let text = std::fs::read_to_string(&file)?;
    let own = &pool.network.addresses.daemon;
    ensure!(text.contains(own), "node 3 has another daemon");
    std::fs::write(&file, text.replace(own, "http://127.0.0.1:1"))?;
    cut_off.process.start(&[]).await?;
    wait::until("node 3 serves miners", DEADLINE, || async {
        Ok(cut_off.process.stratum())
    })
    .await?;

    let mut miner = connect(&pool, 3, "remote").await?;
    let nonce = miner.solve(NETWORK_DIFFICULTY)?;
    miner.submit(nonce).await?;
    miner.read_answers().await?;
    ensure!(miner.accepted == 1, "{:?}", miner.refused);
    let settled = wait::until("the block is settled", DEADLINE, || async {
        let blocks = pool
            .member(1)?
            .process
            .api("/api/v1/blocks?limit=1")
            .await?;
        let block: &Value = &blocks["items"][0];
        Ok((block["status"] == json!("settled")).then(|| block.clone()))
    })
    .await?;
    ensure!(settled["height"].is_u64(), "{settled}");
    let status = pool.health().await?.status;
    let problems = status["problems"].to_string();
    ensure!(
        problems.contains("none of its daemons can be used"),
        "{problems}"
    );
    Ok(())
}
