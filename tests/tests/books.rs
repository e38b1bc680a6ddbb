//! The books of a real node from outside: paid work, exports that add up, and how a block is shared.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, Pool, executable};
use raftpool_tests::story::{atomic, find_block, hashing_options, mine_until};
use serde_json::{Value, json};

/// Runs `raftpool` without a terminal.
fn run(words: &[&str]) -> Result<Output> {
    Command::new(executable()?)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .context("run raftpool")
}

/// What the command printed; it must succeed.
fn tell(words: &[&str]) -> Result<String> {
    let output = run(words)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{words:?}: {errors}{printed}");
    Ok(printed.into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Offers PPS and fills its reserve.
fn offer_pps(pool: &Pool) -> Result<()> {
    let file = std::fs::read_to_string(pool.config_file())?;
    let schemes = "[settings]\nschemes = [\"pplns\", \"solo\", \"pps\"]\npps_fee_bps = 200";
    std::fs::write(pool.config_file(), file.replace("[settings]", schemes))?;
    let config = pool.config_file();
    tell(&["pool", "apply", text(&config), "--yes"])?;
    let moved = tell(&[
        "pool",
        "move",
        text(&config),
        "--from=deposits",
        "--to=reserve",
        "--amount=20000000000",
        "--reason=sent from the cold wallet",
    ])?;
    ensure!(moved.contains("200.00000000 XEL moved"), "{moved}");
    Ok(())
}

/// Shares that are paid at once.
async fn work_for_pps(pool: &Pool, shares: u64) -> Result<()> {
    let mut miner =
        ScriptedMiner::connect(pool.stratum(), MINERS[1], "paid", "scheme=pps,d=4").await?;
    for _ in 0..shares {
        let nonce = miner.solve(4)?;
        miner.submit(nonce).await?;
        miner.read_answers().await?;
    }
    ensure!(miner.accepted == shares, "refused: {:?}", miner.refused);
    Ok(())
}

/// Exports, adds up, and returns the export.
fn export(pool: &Pool, name: &str) -> Result<String> {
    let file = pool.directory().join(name);
    let config = pool.config_file();
    tell(&["ledger", "export", text(&config), "--output", text(&file)])?;
    let replayed = tell(&["ledger", "replay", text(&file)])?;
    ensure!(replayed.contains("every balance is the sum"), "{replayed}");
    Ok(std::fs::read_to_string(&file)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn paid_work_is_in_the_journal_and_exports_add_up_running_or_stopped() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    offer_pps(&pool)?;
    work_for_pps(&pool, 3).await?;
    let hash = find_block(&pool).await?;
    let path = format!("/api/v1/blocks/{hash}");
    let settled = |answer: &Value| (answer["is_handed_out"] == json!(true)).then_some(());
    mine_until(&pool, "the block is settled", &path, settled).await?;

    // A share of 4 on a network of 24 is a sixth of a block, less 2 %.
    let statement = pool
        .api(&format!("/api/v1/miners/{}/statement", MINERS[1]))
        .await?;
    let entries = statement["items"].as_array().context("no statement")?;
    let paid = entries.iter().find(|entry| entry["kind"] == "work_paid");
    let paid = paid.with_context(|| format!("no paid work in {statement}"))?;
    ensure!(paid["shares"] == 3, "{statement}");
    let earned = paid["own_amounts"]["mature"].as_str();
    let earned: u128 = earned.unwrap_or_default().parse().context("no amount")?;
    let reserve = pool.api("/api/v1/reserve").await?;
    let block = atomic(&reserve["reserve"]["expected_income_atomic"]).context("no income")?;
    // The reward falls by a few units with every block of the chain.
    let expected = block * 3 * 4 * 98 / 24 / 100;
    ensure!(
        (expected..expected + 10).contains(&earned),
        "{earned} where {expected} or a little more is due"
    );
    ensure!(reserve["reserve"]["level"] == "safe", "{reserve}");

    // The proof of the block names every part, and they add up.
    let proof = pool.api(&format!("{path}/proof")).await?;
    let parts = proof["items"].as_array().context("no parts")?;
    let sum: u128 = parts
        .iter()
        .filter_map(|part| atomic(&part["amount_atomic"]))
        .sum();
    ensure!(Some(sum) == atomic(&proof["shared_atomic"]), "{proof}");

    let config = pool.config_file();
    let exported = export(&pool, "running.jsonl")?;
    let verified = tell(&["ledger", "verify", text(&config)])?;
    ensure!(verified.contains("every invariant holds"), "{verified}");
    let csv = tell(&["ledger", "export", text(&config), "--format=csv"])?;
    ensure!(
        csv.starts_with("index,kind,time_ms,author,reason,"),
        "{csv}"
    );
    ensure!(csv.contains("sent from the cold wallet"), "{csv}");
    let accounts = tell(&["pool", "accounts", text(&config)])?;
    ensure!(
        accounts.contains("reserve of PPS and FPPS: safe"),
        "{accounts}"
    );

    // One unit more in one line of a miner.
    let spoilt = pool.directory().join("spoilt.jsonl");
    let right = format!("\"mature\":\"{earned}\"");
    let wrong = format!("\"mature\":\"{}\"", earned + 1);
    std::fs::write(&spoilt, exported.replacen(&right, &wrong, 1))?;
    ensure!(exported.contains(&right), "{exported}");
    let output = run(&["ledger", "replay", text(&spoilt)])?;
    ensure!(output.status.code() == Some(1), "{output:?}");

    ensure!(pool.stop_node().await, "the node does not end cleanly");
    export(&pool, "stopped.jsonl")?;
    pool.verify_books()
}

/// What cannot be done is said by name, and nothing moves.
#[tokio::test(flavor = "multi_thread")]
async fn money_moves_only_where_it_may() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    let config = pool.config_file();
    let config = text(&config);
    for (from, to, complaint) in [
        (
            "income",
            "reserve",
            "money moves from deposits to the reserve",
        ),
        ("fees_pplns", "reserve", "fees_pplns holds 0"),
        (
            "petty_cash",
            "reserve",
            "there is no account \"petty_cash\"",
        ),
    ] {
        let (from, to) = (format!("--from={from}"), format!("--to={to}"));
        let words = [
            "pool",
            "move",
            config,
            &from,
            &to,
            "--amount=5",
            "--reason=x",
        ];
        let output = run(&words)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1), "{output:?}");
        ensure!(errors.contains(complaint), "{errors}");
    }
    for line in ["", "{}", "{\"row\":\"head\"}"] {
        let file = pool.directory().join("no-export");
        std::fs::write(&file, line)?;
        let output = run(&["ledger", "replay", text(&file)])?;
        ensure!(output.status.code() == Some(1), "{line}: {output:?}");
    }
    Ok(())
}
