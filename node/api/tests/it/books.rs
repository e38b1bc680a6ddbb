//! The whole books over the admin socket: exported to the last line or visibly broken off, verified.

use anyhow::Context;
use raftpool_ledger::testing::change_settings;
use raftpool_ledger::view::LedgerView;
use reqwest::Method;
use serde_json::json;

use crate::socket::{AdminSocket, by_otto};
use crate::support::{ALICE, BOB, TestPool};

#[tokio::test]
async fn an_export_begins_with_its_head_and_ends_with_every_miner() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    let lines = socket.lines("/admin/v1/ledger/export").await?;
    let verified = socket.get("/admin/v1/ledger/verify").await?;
    assert_eq!(verified["violations"], json!([]));

    let (head, rest) = lines.split_first().context("nothing")?;
    assert_eq!(head["row"], "head");
    assert_eq!(head["index"], verified["index"]);
    assert_eq!(head["digest"], verified["digest"]);
    let kinds = |row: &str| rest.iter().filter(|line| line["row"] == row).count();
    assert!(kinds("entry") > 0 && kinds("line") > 0, "{rest:?}");
    assert_eq!(kinds("accounts"), 1);
    let [.., accounts, first, last] = rest else {
        anyhow::bail!("only {rest:?}");
    };
    assert_eq!(accounts["row"], "accounts");
    let mut miners = [&first["miner"], &last["miner"]];
    miners.sort_by_key(|miner| miner.as_str());
    assert_eq!(miners, [ALICE, BOB]);
    Ok(())
}

/// Half an export must not look whole.
#[tokio::test]
async fn an_export_whose_reading_fails_is_broken_off() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    pool.cluster.fail_reads("the disk is gone");
    let whole = socket.lines("/admin/v1/ledger/export").await;
    assert!(whole.is_err(), "{whole:?}");
    pool.cluster.heal();
    assert!(!socket.lines("/admin/v1/ledger/export").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn changes_by_hand_go_back_to_the_first_and_those_of_settings_have_the_whole_set()
-> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    let mut settings = LedgerView::new(&pool.cluster.state())
        .settings()?
        .context("no settings")?;
    settings.pplns_fee_bps = 77;
    pool.propose(change_settings(settings))?;
    let paused = by_otto(json!({}));
    socket.post("/admin/v1/payouts/pause", &paused).await?;

    let newest = socket.get("/admin/v1/changes?limit=2").await?;
    let rows = &newest["items"];
    assert_eq!(rows[0]["change"], "payouts_paused");
    assert_eq!(rows[0]["author"], "otto");
    assert!(rows[0]["settings"].is_null());
    assert_eq!(rows[1]["change"], "settings_changed");
    assert_eq!(rows[1]["settings"]["pplns_fee_bps"], 77);
    let before = newest["next_before"].as_u64().context("no more")?;
    let path = format!("/admin/v1/changes?before={before}");
    let oldest = socket.get(&path).await?;
    assert_eq!(oldest["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(oldest["items"][0]["settings"]["pplns_fee_bps"], 100);
    assert!(oldest["next_before"].is_null());
    Ok(())
}

/// A misspelt address would be a balance that can never be paid.
#[tokio::test]
async fn money_moves_only_to_an_address_that_can_be_paid() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    let path = "/admin/v1/funds/move";
    let to = |miner: &str| {
        by_otto(json!({
            "from": "fees_pplns", "to": "mature", "miner": miner, "amount_atomic": "5",
        }))
    };
    let (status, refused) = socket.ask(Method::POST, path, Some(&to("alice"))).await?;
    assert_eq!(status, 400, "{refused}");
    let detail = refused["detail"].as_str().context("no detail")?;
    assert!(detail.contains("does not begin with xet:"), "{detail}");

    let balance = || -> anyhow::Result<u64> {
        let state = pool.cluster.state();
        let miner = LedgerView::new(&state).miner(ALICE)?;
        Ok(miner.context("no Alice")?.balance_atomic)
    };
    let before = balance()?;
    socket.post(path, &to(&ALICE.to_ascii_uppercase())).await?;
    assert_eq!(balance()?, before + 5, "the same address in other letters");
    Ok(())
}

#[tokio::test]
async fn a_part_of_the_journal_is_exported_without_balances() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let socket = AdminSocket::over(&pool.cluster).await?;
    let rows = async |query: &str| {
        let path = format!("/admin/v1/ledger/export?{query}");
        socket.lines(&path).await
    };
    let of_alice = rows(&format!("miner={ALICE}")).await?;
    assert_eq!(of_alice[0]["is_selection"], true);
    let lines = of_alice.iter().filter(|row| row["row"] == "line");
    let miners: std::collections::BTreeSet<_> = lines.map(|line| line["miner"].as_str()).collect();
    assert_eq!(miners.into_iter().collect::<Vec<_>>(), [Some(ALICE)]);
    assert!(of_alice.iter().all(|row| row["row"] != "accounts"));

    let of_block = rows("block=1&account=income").await?;
    let [head, entry] = of_block.as_slice() else {
        anyhow::bail!("{of_block:?}");
    };
    assert_eq!(
        (&head["row"], &entry["kind"]),
        (&json!("head"), &json!("block_settled"))
    );
    assert_eq!(entry["amounts"], json!({"income": "-1000000"}));

    let of_payout = rows("payout=1&account=paid").await?;
    let kinds: Vec<_> = of_payout
        .iter()
        .filter_map(|row| row["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["payout_confirmed"; 3], "an entry and two miners");
    let nothing = rows("until_ms=0").await?;
    assert_eq!(nothing.len(), 1, "{nothing:?}");
    assert!(rows("since_ms=0").await?.len() > of_alice.len());

    let refused = socket
        .lines("/admin/v1/ledger/export?account=petty_cash")
        .await;
    let refused = format!("{refused:?}");
    assert!(refused.contains("400"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn the_journal_of_an_account_goes_on_where_a_page_ends() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let mut found = Vec::new();
    let mut path = "/api/v1/journal?account=income&limit=1".to_owned();
    loop {
        let page = pool.json(&path).await?;
        for entry in page["items"].as_array().context("no items")? {
            found.push(entry["amounts"]["income"].clone());
        }
        let Some(next) = page["next_after"].as_str() else {
            break;
        };
        path = format!("/api/v1/journal?account=income&limit=1&after={next}");
    }
    assert_eq!(found, [json!("-1000000"), json!("-1000001")]);
    pool.problem("/api/v1/journal?account=petty_cash", 400)
        .await?;
    pool.problem("/api/v1/journal?account=income&block=1", 400)
        .await?;
    let hash = "01".repeat(32);
    let proof = pool.json(&format!("/api/v1/blocks/{hash}/proof")).await?;
    assert_eq!(proof["window_max"], "2.000000");
    Ok(())
}
