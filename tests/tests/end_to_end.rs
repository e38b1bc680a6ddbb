//! From a share to a confirmed payout, through real processes, and on after a restart.

use anyhow::{Context, Result, ensure};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{DEADLINE, MINERS, Pool};
use raftpool_tests::story::{
    atomic, audit_payouts, find_block, hashing_options, mine_until, mine_until_quiet,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_share_becomes_a_confirmed_payout_and_a_restart_goes_on() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;

    // A second miner has work in the window, so that the block is shared.
    let mut other = ScriptedMiner::connect(pool.stratum(), MINERS[1], "other", "x").await?;
    let nonce = other.solve(other.difficulty)?;
    other.submit(nonce).await?;
    other.read_answers().await?;
    ensure!(other.accepted == 1, "refused: {:?}", other.refused);

    let hash = find_block(&pool).await?;
    let path = format!("/api/v1/blocks/{hash}");
    let settled = mine_until(&pool, "the block settles", &path, |block| {
        (block["status"] == json!("settled")).then(|| block.clone())
    })
    .await?;
    let on_chain = rpc(&pool, "get_block_by_hash", json!({"hash": hash})).await?;
    let amount = on_chain["miner_reward"].as_u64().context("miner_reward")?
        + on_chain["total_fees"].as_u64().context("total_fees")?;
    ensure!(
        atomic(&settled["amount_atomic"]) == Some(amount.into()),
        "{settled}"
    );

    mine_until_quiet(&pool).await?;
    ensure!(audit_payouts(&pool).await? >= 1, "nothing was paid");
    for address in MINERS {
        let miner = pool.api(&format!("/api/v1/miners/{address}")).await?;
        ensure!(
            atomic(&miner["paid_atomic"]) > Some(0),
            "{address} got nothing: {miner}"
        );
    }

    let before = pool.api("/api/v1/pool").await?;
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    pool.verify_books()?;
    pool.start_node(&[]).await?;
    let after = pool.api("/api/v1/pool").await?;
    for part in ["totals", "accounts", "digest"] {
        ensure!(before[part] == after[part], "{part} changed over a restart");
    }
    find_block(&pool).await?;
    mine_until_quiet(&pool).await?;
    audit_payouts(&pool).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solo_block_pays_its_finder_alone_and_an_orphan_pays_nobody() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let mut solo = ScriptedMiner::connect(pool.stratum(), MINERS[1], "w", "scheme=solo").await?;
    let nonce = solo.solve(24)?;
    solo.submit(nonce).await?;
    solo.read_answers().await?;
    ensure!(solo.accepted == 1, "refused: {:?}", solo.refused);
    let blocks = pool.api("/api/v1/blocks").await?;
    ensure!(blocks["items"][0]["scheme"] == json!("solo"), "{blocks}");
    mine_until_quiet(&pool).await?;
    let finder = pool.api(&format!("/api/v1/miners/{}", MINERS[1])).await?;
    ensure!(atomic(&finder["paid_atomic"]) > Some(0), "{finder}");

    let lost = find_block(&pool).await?;
    // The books may have it a moment before the network does.
    raftpool_tests::wait::until("the network has the block", DEADLINE, || async {
        Ok(pool.control("orphan", json!({"hash": lost})).await.ok())
    })
    .await?;
    let path = format!("/api/v1/blocks/{lost}");
    mine_until(&pool, "the block is given up", &path, |block| {
        (block["status"] == json!("orphaned")).then_some(())
    })
    .await?;
    let earned = pool.api(&format!("/api/v1/miners/{}", MINERS[0])).await?;
    ensure!(
        atomic(&earned["earned_atomic"]) == Some(0),
        "an orphan paid: {earned}"
    );
    audit_payouts(&pool).await?;
    Ok(())
}

async fn rpc(pool: &Pool, method: &str, params: serde_json::Value) -> Result<serde_json::Value> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let url = format!("{}/json_rpc", pool.network.addresses.daemon);
    let answer = reqwest::Client::new()
        .post(url)
        .json(&request)
        .send()
        .await?;
    let answer: serde_json::Value = answer.json().await?;
    ensure!(answer["error"].is_null(), "{answer}");
    Ok(answer["result"].clone())
}
