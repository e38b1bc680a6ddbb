//! The books of a real node from outside: paid work, exports that add up, and how a block is shared.

use anyhow::{Context, Result, ensure};
use raftpool_tests::command::{holds, refusal, tell};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, Pool, PoolOptions};
use raftpool_tests::story::{atomic, find_block, hashing_options, mine_until};
use serde_json::{Value, json};

/// Offers PPS and fills its reserve.
fn offer_pps(pool: &Pool) -> Result<()> {
    pool.node
        .apply("schemes = [\"pplns\", \"solo\", \"pps\"]\npps_fee_bps = 200")?;
    let options = [
        "--from=deposits",
        "--to=reserve",
        "--amount=20000000000",
        "--reason=sent from the cold wallet",
    ];
    let moved = pool.node.tell(&["pool", "move"], &options)?;
    holds(&moved, "200.00000000 XEL moved")
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
    let file = pool.directory().join(name).display().to_string();
    pool.node
        .tell(&["ledger", "export"], &["--output", &file])?;
    let replayed = tell(&["ledger", "replay", &file])?;
    holds(&replayed, "every balance is the sum")?;
    Ok(std::fs::read_to_string(&file)?)
}

/// Parts of the journal by account, miner and time, the same from a node that runs or is stopped.
fn selections(pool: &Pool, reason: &str) -> Result<()> {
    let select = |options: &[&str]| {
        let csv = [&["--format=csv"], options].concat();
        pool.node.tell(&["ledger", "export"], &csv)
    };
    let deposits = select(&["--account=deposits"])?;
    ensure!(deposits.lines().count() == 2, "{deposits}");
    holds(&deposits, reason)?;
    let miner = format!("--miner={}", MINERS[1]);
    let paid = select(&["--account=mature", &miner, "--since=2026-01-01"])?;
    let rows: Vec<_> = paid.lines().skip(1).collect();
    let is_theirs = |row: &&str| row.contains("work_paid") && row.contains(MINERS[1]);
    ensure!(rows.iter().all(is_theirs) && !rows.is_empty(), "{paid}");
    let none = select(&["--until=2026-01-01"])?;
    ensure!(none.lines().count() == 1, "{none}");
    let file = pool.directory().join("part.jsonl").display().to_string();
    pool.node
        .tell(&["ledger", "export"], &["--block=1", "--output", &file])?;
    refusal(&["ledger", "replay", &file]).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn paid_work_is_in_the_journal_and_exports_add_up_running_or_stopped() -> Result<()> {
    // Nobody is paid while the books are looked at: a payout would be entries of its own.
    let mut pool = Pool::start(PoolOptions {
        payout_threshold_atomic: 1_000_000_000_000,
        ..hashing_options()
    })
    .await?;
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

    let exported = export(&pool, "running.jsonl")?;
    let verified = pool.node.tell(&["ledger", "verify"], &[])?;
    holds(&verified, "every invariant holds")?;
    let csv = pool.node.tell(&["ledger", "export"], &["--format=csv"])?;
    ensure!(
        csv.starts_with("index,kind,time_ms,author,reason,"),
        "{csv}"
    );
    holds(&csv, "sent from the cold wallet")?;
    selections(&pool, "sent from the cold wallet")?;
    let accounts = pool.node.tell(&["pool", "accounts"], &[])?;
    holds(&accounts, "reserve of PPS and FPPS: safe")?;

    // One unit more in one line of a miner.
    let spoilt = pool.directory().join("spoilt.jsonl").display().to_string();
    let right = format!("\"mature\":\"{earned}\"");
    let wrong = format!("\"mature\":\"{}\"", earned + 1);
    std::fs::write(&spoilt, exported.replacen(&right, &wrong, 1))?;
    ensure!(exported.contains(&right), "{exported}");
    refusal(&["ledger", "replay", &spoilt])?;

    ensure!(pool.stop_node().await, "the node does not end cleanly");
    export(&pool, "stopped.jsonl")?;
    selections(&pool, "sent from the cold wallet")?;
    pool.verify_books()
}

/// What cannot be done is said by name, and nothing moves.
#[tokio::test(flavor = "multi_thread")]
async fn money_moves_only_where_it_may() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
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
        let options = ["--amount=5", &from, &to, "--reason=x"];
        let refused = pool.node.refusal(&["pool", "move"], &options)?;
        holds(&refused, complaint)?;
    }
    for line in ["", "{}", "{\"row\":\"head\"}"] {
        let file = pool.directory().join("no-export").display().to_string();
        std::fs::write(&file, line)?;
        refusal(&["ledger", "replay", &file]).with_context(|| format!("{line:?} is replayed"))?;
    }
    Ok(())
}
