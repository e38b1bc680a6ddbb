//! What an operator does to a running pool from the command line, and what a stopped one answers.

use anyhow::{Context, Result, ensure};
use raftpool_tests::command::holds;
use raftpool_tests::processes::{MINERS, Pool};
use raftpool_tests::story::{
    atomic, audit_payouts, find_block, hashing_options, mine_until, mine_until_quiet,
};
use serde_json::{Value, json};

/// Every command that needs a running node.
const COMMANDS: [&[&str]; 7] = [
    &["payout", "status"],
    &["payout", "pause"],
    &["payout", "resume"],
    &["payout", "release"],
    &["block", "list-stray"],
    &["pool", "show"],
    &["pool", "apply"],
];

#[tokio::test(flavor = "multi_thread")]
async fn paused_payouts_wait_and_resumed_ones_are_paid_once() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let status = node.tell(&["payout", "status"], &[])?;
    ensure!(status.starts_with("payouts   running\n"), "{status}");

    let reason = "the wallet moves to another machine";
    node.tell(&["payout", "pause"], &["--reason", reason])?;
    let hash = find_block(&pool).await?;
    mine_until(
        &pool,
        "the block settles",
        &format!("/api/v1/blocks/{hash}"),
        |block| (block["status"] == json!("settled")).then_some(()),
    )
    .await?;
    // The payouts have looked at the mature balance, and the pause was what held them.
    mine_until(&pool, "payouts wait", "/api/v1/pool", |answer| {
        let threshold = atomic(&answer["settings"]["payout_threshold_atomic"])?;
        let is_payable = atomic(&answer["accounts"]["balances_atomic"])? >= threshold;
        let status = answer["node"]["payout_status"].as_str()?;
        (is_payable && status.contains(reason)).then_some(())
    })
    .await?;
    pool.control("produce_blocks", json!({"count": 10})).await?;
    let payouts = pool.api("/api/v1/payouts").await?;
    ensure!(
        payouts["items"] == json!([]),
        "paid though paused: {payouts}"
    );

    let status = node.tell_json(&["payout", "status"], &[])?;
    ensure!(status["payouts_paused_reason"] == json!(reason), "{status}");
    ensure!(status["changes"][0]["author"] == json!("otto"), "{status}");
    let status = node.tell(&["payout", "status"], &[])?;
    holds(&status, &format!("payouts   paused: {reason}\n"))?;

    node.tell(&["payout", "resume"], &[])?;
    mine_until_quiet(&pool).await?;
    ensure!(audit_payouts(&pool).await? == 1, "one payout was due");
    let miner = pool.api(&format!("/api/v1/miners/{}", MINERS[0])).await?;
    ensure!(atomic(&miner["paid_atomic"]) > Some(0), "{miner}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_payout_is_not_released_and_is_shown_with_its_transaction() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let nothing = node.refusal(&["payout", "release"], &[])?;
    holds(&nothing, "no payout is open")?;

    pool.control("stall_execution", json!({"on": true})).await?;
    find_block(&pool).await?;
    mine_until(&pool, "a payout is signed", "/api/v1/pool", |answer| {
        (answer["payouts"]["open"]["status"] == json!("signed")).then_some(())
    })
    .await?;
    let refused = node.refusal(&["payout", "release"], &["--reason", "a try"])?;
    holds(
        &refused,
        "payout 1 has a signed transaction that may have been sent",
    )?;
    let status = node.tell_json(&["payout", "status"], &[])?;
    let tx_hash = status["open_payout"]["variants"][0]["tx_hash"].as_str();
    let text = node.tell(&["payout", "status"], &[])?;
    holds(&text, tx_hash.context("no transaction")?)?;

    pool.control("stall_execution", json!({"on": false}))
        .await?;
    mine_until_quiet(&pool).await?;
    audit_payouts(&pool).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_nobody_recorded_is_shown_until_it_is_acknowledged_and_never_booked() -> Result<()>
{
    let mut pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    let settings = pool.api("/api/v1/pool").await?["settings"].clone();
    let address = &settings["pool_address"];
    pool.control("produce_blocks", json!({"count": 1, "miner": address}))
        .await?;
    // More than a sample of stable blocks.
    pool.control("produce_blocks", json!({"count": 150}))
        .await?;
    let fees = pool
        .api_until("a sample is published", "/api/v1/network/fees", |fees| {
            fees["last_topoheight"].is_u64().then(|| fees.clone())
        })
        .await?;
    ensure!(fees["items"][0]["blocks"] == json!(120), "{fees}");
    ensure!(fees["items"][0]["first_topoheight"] == json!(0), "{fees}");
    let status = node.tell(&["payout", "status"], &[])?;
    holds(&status, "\nstrays    1 blocks")?;
    let strays = node.tell_json(&["block", "list-stray"], &[])?;
    let stray = &strays["blocks"][0];
    ensure!(stray["topoheight"] == json!(1), "{strays}");
    ensure!(atomic(&stray["amount_atomic"]) > Some(0), "{strays}");
    let is_alarmed = |answer: &Value| {
        let alarms = answer["node"]["payout_alarms"].to_string();
        alarms.contains("stray_blocks").then_some(())
    };
    pool.api_until("the alarm stands", "/api/v1/pool", is_alarmed)
        .await?;

    let hash = stray["hash"].as_str().context("no hash")?;
    let command = ["block", "acknowledge"];
    let wrong = node.refusal(&command, &[&"ab".repeat(32), "--reason", "a try"])?;
    holds(&wrong, "no stray block abab")?;
    node.tell(&command, &[hash, "--reason", "of the old pool"])?;
    let text = node.tell(&["block", "list-stray"], &[])?;
    holds(&text, "acknowledged by otto")?;
    holds(&text, "of the old pool")?;
    pool.api_until("the alarm is over", "/api/v1/pool", |answer| {
        is_alarmed(answer).is_none().then_some(())
    })
    .await?;
    let books = pool.api("/api/v1/pool").await?;
    ensure!(books["accounts"]["income_atomic"] == json!("0"), "{books}");
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    pool.verify_books()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_applied_fee_is_shown_and_holds_for_the_next_found_block() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    let node = &pool.node;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let unchanged = node.tell(&["pool", "apply"], &[])?;
    holds(&unchanged, "nothing to change")?;
    let before = find_block(&pool).await?;

    let original = std::fs::read_to_string(pool.config_file())?;
    let write = |text: String| std::fs::write(pool.config_file(), text);
    write(original.replace("pplns_fee_bps = 100", "pplns_fee_bps = 300"))?;
    let unasked = node.refusal(&["pool", "apply"], &[])?;
    holds(&unasked, "confirm with --yes")?;
    ensure!(
        fee_bps(&pool).await? == json!(100),
        "changed without asking"
    );

    let told = node.tell(
        &["pool", "apply"],
        &["--yes", "--reason", "a new wallet costs"],
    )?;
    let difference = "- settings.pplns_fee_bps = 100\n+ settings.pplns_fee_bps = 300\n";
    ensure!(told.starts_with(difference), "{told}");
    ensure!(fee_bps(&pool).await? == json!(300), "not changed");
    let shown = node.tell(&["pool", "show"], &[])?;
    holds(&shown, "\nsettings.pplns_fee_bps = 300\n")?;
    let status = node.tell_json(&["payout", "status"], &[])?;
    ensure!(
        status["changes"][0]["reason"] == json!("a new wallet costs"),
        "{status}"
    );

    let after = find_block(&pool).await?;
    for (hash, bps) in [(before, 100), (after, 300)] {
        let path = format!("/api/v1/blocks/{hash}");
        let block = mine_until(&pool, "the block settles", &path, |block| {
            (block["status"] == json!("settled")).then(|| block.clone())
        })
        .await?;
        let amount = atomic(&block["amount_atomic"]).context("amount")?;
        ensure!(
            atomic(&block["fee_atomic"]) == Some(amount * bps / 10_000),
            "not {bps}: {block}"
        );
    }

    // What can never change is refused, and the file that was applied is the one in force.
    let applied = std::fs::read_to_string(pool.config_file())?;
    write(applied.replace(&pool.network.addresses.pool_address, MINERS[1]))?;
    let refused = node.refusal(&["pool", "apply"], &["--yes"])?;
    holds(&refused, "cannot be changed to")?;
    write(applied)?;
    mine_until_quiet(&pool).await?;
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    pool.verify_books()?;
    pool.start_node(&[]).await?;
    ensure!(fee_bps(&pool).await? == json!(300), "forgotten");
    ensure!(
        !pool.node_log().contains("[settings] differ"),
        "a warning about nothing"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_to_a_node_that_does_not_run_say_so() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    let socket = pool.config_file().with_file_name("data").join("admin.sock");
    ensure!(socket.exists(), "no socket while the node runs");
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    ensure!(!socket.exists(), "a socket after a clean stop");
    check_not_running(&pool)?;

    pool.start_node(&[]).await?;
    pool.kill_node().await;
    ensure!(socket.exists(), "a killed node cannot clean up");
    check_not_running(&pool)?;

    // The next start takes the place of the dead socket.
    pool.start_node(&[]).await?;
    pool.node.tell(&["payout", "status"], &[])?;
    Ok(())
}

fn check_not_running(pool: &Pool) -> Result<()> {
    for command in COMMANDS {
        let error = pool.node.refusal(command, &[])?;
        ensure!(
            error.contains("the node is not running: nobody listens at")
                && error.contains("start it with `raftpool run"),
            "{command:?}: {error}"
        );
    }
    Ok(())
}

async fn fee_bps(pool: &Pool) -> Result<Value> {
    let pool = pool.api("/api/v1/pool").await?;
    Ok(pool["settings"]["schemes"][0]["fee_bps"].clone())
}
