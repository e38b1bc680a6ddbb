//! What an operator decides about payouts of a running pool, from the command line.

use anyhow::{Result, ensure};
use raftpool_tests::command::holds;
use raftpool_tests::processes::{MINERS, Pool};
use raftpool_tests::story::{
    atomic, audit_payouts, find_block, hashing_options, mine_until, mine_until_quiet,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_waits_for_its_approval_and_the_history_tells_of_it() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let difference = node.apply("payout_approval_above_atomic = 0")?;
    holds(
        &difference,
        "- settings.payout_approval_above_atomic = never\n",
    )?;
    holds(&difference, "+ settings.payout_approval_above_atomic = 0\n")?;

    find_block(&pool).await?;
    let waits = |answer: &serde_json::Value| {
        let open = &answer["payouts"]["open"];
        (open["awaits_approval"] == json!(true)).then_some(())
    };
    mine_until(&pool, "a payout waits", "/api/v1/pool", waits).await?;
    let status = node.tell(&["payout", "status"], &[])?;
    holds(&status, "waits   for an operator's approval")?;

    // Rejected, it does not come again before payouts are resumed.
    node.tell(&["payout", "reject"], &["--reason", "a rehearsal"])?;
    let simulated = node.tell(&["payout", "simulate"], &[])?;
    holds(&simulated, "payout 1 was rejected: a rehearsal")?;
    holds(&simulated, "it would wait for an operator's approval")?;
    holds(&simulated, &format!("pay {}", MINERS[0]))?;
    node.tell(&["payout", "resume"], &[])?;
    mine_until(&pool, "it waits again", "/api/v1/pool", waits).await?;
    node.tell(&["payout", "approve"], &["--reason", "looked at"])?;
    let status = node.tell(&["payout", "status"], &[])?;
    holds(&status, "approved by otto")?;
    mine_until_quiet(&pool).await?;
    ensure!(audit_payouts(&pool).await? == 1, "one payout was approved");

    let history = node.tell(&["payout", "history"], &["--payees"])?;
    holds(&history, "payout 2, confirmed")?;
    holds(&history, "stable confirmations")?;
    holds(&history, &format!("to {}", MINERS[0]))?;
    holds(&history, "payout 1, released")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_address_is_not_paid_and_a_threshold_of_its_own_is_shown() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let unknown = node.refusal(&["payout", "hold"], &[MINERS[0]])?;
    holds(&unknown, "has no accepted work here")?;
    let hash = find_block(&pool).await?;
    node.tell(
        &["payout", "hold"],
        &[MINERS[0], "--reason", "a key was lost"],
    )?;
    let block = format!("/api/v1/blocks/{hash}");
    mine_until(&pool, "the block settles", &block, |block| {
        (block["status"] == json!("settled")).then_some(())
    })
    .await?;
    mine_until(&pool, "nothing is payable", "/api/v1/pool", |answer| {
        let status = answer["node"]["payout_status"].as_str()?;
        status.contains("no balance reaches").then_some(())
    })
    .await?;
    let miner = format!("/api/v1/miners/{}", MINERS[0]);
    let public = pool.api(&miner).await?;
    ensure!(public["on_hold"] == json!(true), "{public}");
    let simulated = node.tell(&["payout", "simulate"], &[])?;
    holds(&simulated, "held: a key was lost")?;
    holds(&node.tell(&["payout", "holds"], &[])?, "a key was lost")?;

    let options = [
        MINERS[0],
        "--threshold-atomic",
        "20000000",
        "--scheme",
        "solo",
    ];
    let shown = node.tell(&["miner", "set"], &options)?;
    holds(&shown, "threshold 0.20000000 XEL, its own")?;
    holds(&shown, "scheme    solo, its own")?;
    let options = [MINERS[0], "--scheme", "default"];
    let shown = node.tell(&["miner", "set"], &options)?;
    holds(&shown, "threshold 0.20000000 XEL, its own")?;
    let shown = node.tell(&["miner", "show"], &[MINERS[0]])?;
    holds(&shown, "scheme    pplns, the pool's")?;
    holds(&shown, "held      by otto")?;
    node.tell(&["payout", "unhold"], &[MINERS[0]])?;
    mine_until_quiet(&pool).await?;
    let paid = pool.api(&miner).await?;
    ensure!(atomic(&paid["paid_atomic"]) > Some(0), "{paid}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_that_may_execute_is_not_given_up() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    pool.control("stall_execution", json!({"on": true})).await?;
    find_block(&pool).await?;
    mine_until(&pool, "a payout is signed", "/api/v1/pool", |answer| {
        (answer["payouts"]["open"]["status"] == json!("signed")).then_some(())
    })
    .await?;
    node.tell(&["payout", "pause"], &[])?;
    let refused = node.refusal(&["payout", "abandon"], &[])?;
    holds(&refused, "The payout may still execute")?;
    node.tell(&["payout", "resume"], &[])?;
    pool.control("stall_execution", json!({"on": false}))
        .await?;
    mine_until_quiet(&pool).await?;
    ensure!(audit_payouts(&pool).await? == 1, "paid once");
    Ok(())
}
