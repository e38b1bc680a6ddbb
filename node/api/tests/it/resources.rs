//! What each resource answers, and that the answers fit together.

use raftpool_ledger::command::{PausePayouts, command::Body};
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, TestPool, decimal};

#[tokio::test]
async fn pool_of_an_empty_ledger_is_zeros_and_nulls() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let body = pool.json("/api/v1/pool").await?;
    assert_eq!(body["index"], 0);
    assert_eq!(body["settings"], Value::Null);
    assert_eq!(body["accounts"]["income_atomic"], "0");
    assert_eq!(body["round_effort"], "0.000000");
    assert_eq!(body["payouts"]["open"], Value::Null);
    assert_eq!(pool.json("/api/v1/miners").await?["items"], json!([]));
    assert_eq!(pool.json("/api/v1/blocks").await?["items"], json!([]));
    assert_eq!(
        pool.json("/api/v1/payouts").await?["next_before"],
        Value::Null
    );
    Ok(())
}

#[tokio::test]
async fn pool_shows_rules_counts_and_the_answering_node() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let body = pool.json("/api/v1/pool").await?;
    assert_eq!(body["settings"]["network"], "devnet");
    let schemes = json!([
        {"name": "pplns", "fee_bps": 100, "is_default": true},
        {"name": "solo", "fee_bps": 50, "is_default": false},
    ]);
    assert_eq!(body["settings"]["schemes"], schemes);
    assert_eq!(body["totals"]["shares"], 8);
    assert_eq!(body["totals"]["work"], "1500");
    assert_eq!(body["totals"]["rejects"], json!({"stale": 3}));
    assert_eq!(body["totals"]["blocks_maturing"], 2);
    assert_eq!(body["totals"]["blocks_settled"], 2);
    assert_eq!(body["totals"]["blocks_orphaned"], 1);
    assert_eq!(body["window"]["blocks_of_work_max"], "2.000000");
    assert_eq!(body["node"]["leader_id"], 1);
    assert_eq!(body["node"]["template"]["age_ms"], 1500);
    assert_eq!(
        body["node"]["template"]["network_difficulty"],
        "36893488147419103232"
    );
    assert_eq!(body["payouts"]["open"]["id"], 2);
    assert_eq!(body["payouts"]["open"]["status"], "signed");
    assert_eq!(body["digest"].as_str().map(str::len), Some(64));
    Ok(())
}

#[tokio::test]
async fn nodes_are_shown_to_everybody_without_their_addresses_and_errors() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let body: Value = pool.get("/api/v1/nodes").await?.json().await?;
    assert_eq!(body["health"], "degraded");
    assert_eq!(body["leader_id"], 1);
    assert_eq!(body["items"][0]["role"], "leader");
    assert_eq!(body["items"][0]["hashrate"], "12000");
    let text = body.to_string();
    assert!(
        !text.contains("10.0.0.1") && !text.contains("internal"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn every_atomic_unit_is_shown_in_exactly_one_account() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let accounts = pool.json("/api/v1/pool").await?["accounts"].clone();
    let mut sum = 0;
    for name in [
        "balances",
        "in_flight",
        "paid",
        "pool_fees",
        "rounding",
        "network_fees",
        "fee_budget",
        "network_fees_pool",
    ] {
        sum += decimal(&accounts[format!("{name}_atomic")])?;
    }
    assert_eq!(decimal(&accounts["income_atomic"])?, sum);
    assert_eq!(sum, 2_000_001);

    let miners = pool.json("/api/v1/miners").await?;
    for name in ["balance", "in_flight", "paid", "network_fees"] {
        let mut of_miners = 0;
        for miner in miners["items"].as_array().expect("miners") {
            of_miners += decimal(&miner[format!("{name}_atomic")])?;
        }
        let account = if name == "balance" { "balances" } else { name };
        assert_eq!(
            of_miners,
            decimal(&accounts[format!("{account}_atomic")])?,
            "{name}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_miner_has_balances_and_sums_over_its_workers() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let alice = pool.json(&format!("/api/v1/miners/{ALICE}")).await?;
    assert_eq!(alice["address"], ALICE);
    assert_eq!(alice["shares"], 7);
    assert_eq!(alice["work"], "1000");
    assert_eq!(alice["workers"]["count"], 2);
    assert_eq!(alice["in_flight_atomic"], "100000");
    assert_eq!(alice["paid_atomic"], "399000");
    assert_eq!(alice["payout_threshold_atomic"], "50000");
    let bob = pool.json(&format!("/api/v1/miners/{BOB}")).await?;
    assert_eq!(bob["workers"]["rejects"], json!({"stale": 3}));
    let parts = [&alice, &bob].map(|miner| {
        miner["window_share"]
            .as_str()
            .and_then(|part| part.parse::<f64>().ok())
            .expect("part")
    });
    assert!((parts[0] + parts[1] - 1.0).abs() < 0.00001, "{parts:?}");
    Ok(())
}

#[tokio::test]
async fn workers_are_paged_by_name() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.credit(ALICE, "name with spaces & ä", 10)?;
    let path = format!("/api/v1/miners/{ALICE}/workers");
    let all = pool.json(&path).await?;
    assert_eq!(all["next_after"], Value::Null);
    assert_eq!(all["items"][0]["name"], "attic");
    assert_eq!(all["items"][0]["difficulty"], "64");
    assert_eq!(all["items"][1]["shares"], 6);
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = pool.json(&format!("{path}?limit=1{after}")).await?;
        names.push(page["items"][0]["name"].clone());
        let Some(next) = page["next_after"].as_str() else {
            break;
        };
        after = format!("&after={}", next.replace(' ', "%20").replace('&', "%26"));
    }
    assert_eq!(names, ["attic", "garage", "name with spaces & ä"]);
    Ok(())
}

#[tokio::test]
async fn blocks_are_paged_newest_first_in_every_state() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let first = pool.json("/api/v1/blocks?limit=3").await?;
    let second = pool.json("/api/v1/blocks?limit=3&before=3").await?;
    assert_eq!(first["next_before"], 3);
    assert_eq!(second["next_before"], Value::Null);
    let states: Vec<_> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["items"].as_array().expect("blocks"))
        .map(|block| (block["number"].clone(), block["status"].clone()))
        .collect();
    let expected = [
        (5, "maturing"),
        (4, "maturing"),
        (3, "orphaned"),
        (2, "settled"),
        (1, "settled"),
    ];
    assert_eq!(
        states,
        expected.map(|(number, status)| (json!(number), json!(status)))
    );
    let whole = pool.json("/api/v1/blocks?limit=5").await?;
    assert_eq!(
        whole["next_before"],
        Value::Null,
        "a full page may be the last"
    );
    Ok(())
}

#[tokio::test]
async fn a_block_is_found_by_its_hash_in_either_case() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.record_block(0xab)?;
    let block = pool
        .json(&format!("/api/v1/blocks/{}", "AB".repeat(32)))
        .await?;
    assert_eq!(block["hash"], "ab".repeat(32));
    assert_eq!(block["amount_atomic"], Value::Null);
    let settled = pool
        .json(&format!("/api/v1/blocks/{}", "02".repeat(32)))
        .await?;
    assert_eq!(settled["amount_atomic"], "1000001");
    assert_eq!(settled["topoheight"], 202);
    assert_eq!(settled["miner"], ALICE);
    assert_eq!(settled["network_difficulty"], "1024");
    let first = pool
        .json(&format!("/api/v1/blocks/{}", "01".repeat(32)))
        .await?;
    assert_eq!(
        first["effort"], "1.074218",
        "1,100 of 1,024 hashes, rounded down"
    );
    let orphan = pool
        .json(&format!("/api/v1/blocks/{}", "03".repeat(32)))
        .await?;
    assert_eq!(orphan["orphan_reason"], "not in the stable chain");
    Ok(())
}

#[tokio::test]
async fn shares_of_a_block_recompute_what_miners_earned() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let mut alice_earned = 0;
    for (number, amount) in [("01", 1_000_000), ("02", 1_000_001)] {
        let path = format!("/api/v1/blocks/{}/shares", number.repeat(32));
        let shares = pool.json(&path).await?;
        assert_eq!(decimal(&shares["amount_atomic"])?, amount);
        assert_eq!(shares["items"][0]["miner"], ALICE);
        alice_earned += decimal(&shares["items"][0]["share_atomic"])?;
        let rest = pool.json(&format!("{path}?after={ALICE}&limit=1")).await?;
        assert_eq!(rest["items"][0]["miner"], BOB);
        assert_eq!(rest["next_after"], Value::Null);
    }
    let alice = pool.json(&format!("/api/v1/miners/{ALICE}")).await?;
    assert_eq!(decimal(&alice["earned_atomic"])?, alice_earned);

    let maturing = format!("/api/v1/blocks/{}/shares", "05".repeat(32));
    assert_eq!(
        pool.problem(&maturing, 400).await?["parameter"],
        "amount_atomic"
    );
    let at_most = pool
        .json(&format!("{maturing}?amount_atomic=18446744073709551615"))
        .await?;
    assert_eq!(at_most["items"].as_array().map(Vec::len), Some(2));
    let orphan = pool
        .json(&format!("/api/v1/blocks/{}/shares", "03".repeat(32)))
        .await?;
    assert_eq!(orphan["items"], json!([]));
    Ok(())
}

#[tokio::test]
async fn payouts_show_sums_in_lists_and_payees_in_detail() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let list = pool.json("/api/v1/payouts?limit=1").await?;
    assert_eq!(list["next_before"], 2);
    assert_eq!(list["items"][0]["status"], "signed");
    assert_eq!(list["items"][0]["tx_hash"], Value::Null);
    let older = pool.json("/api/v1/payouts?before=2").await?;
    assert_eq!(older["items"][0]["status"], "confirmed");
    assert_eq!(older["items"][0]["payees"], 2);
    assert_eq!(older["items"][0]["debit_atomic"], "700000");
    assert_eq!(older["items"][0]["transfer_atomic"], "698000");
    let detail = pool.json("/api/v1/payouts/1").await?;
    assert_eq!(detail["tx_hash"], "a1".repeat(32));
    assert_eq!(detail["fee_atomic"], "800");
    assert_eq!(detail["transfers"][1]["address"], BOB);
    assert_eq!(detail["variants"][0]["reference_topoheight"], 300);
    assert!(
        !detail.to_string().contains(&hex_of(b"signed bytes")),
        "bytes are not shown"
    );
    let of_bob = pool.json(&format!("/api/v1/miners/{BOB}/payouts")).await?;
    assert_eq!(of_bob["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(of_bob["items"][0]["transfer_atomic"], "299000");
    assert_eq!(of_bob["items"][0]["payout"]["id"], 1);
    Ok(())
}

#[tokio::test]
async fn a_pause_of_payouts_is_shown_with_its_reason() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let reason = "the wallet moves".into();
    pool.propose(Body::PausePayouts(PausePayouts {
        paused: true,
        reason,
        ..PausePayouts::default()
    }))?;
    let body = pool.json("/api/v1/pool").await?;
    assert_eq!(body["payouts"]["paused_reason"], "the wallet moves");
    Ok(())
}

#[tokio::test]
async fn miners_are_paged_by_address() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let first = pool.json("/api/v1/miners?limit=1").await?;
    assert_eq!(first["items"][0]["address"], ALICE);
    assert_eq!(first["next_after"], ALICE);
    let second = pool
        .json(&format!("/api/v1/miners?limit=1&after={ALICE}"))
        .await?;
    assert_eq!(second["items"][0]["address"], BOB);
    assert_eq!(second["next_after"], Value::Null);
    Ok(())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn incidents_are_what_everybody_should_know_and_no_more() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let before = pool.json("/api/v1/incidents").await?;
    let changes = [
        (true, "the daemon is on a fork"),
        (false, "told by the night shift"),
    ];
    for (paused, reason) in changes {
        pool.propose(Body::PausePayouts(PausePayouts {
            paused,
            reason: reason.into(),
            ..PausePayouts::default()
        }))?;
    }
    let body = pool.json("/api/v1/incidents?limit=2").await?;
    assert_eq!(body["items"][0]["what"], "payouts_resumed");
    assert_eq!(body["items"][0]["reason"], Value::Null);
    assert_eq!(body["items"][1]["what"], "payouts_paused");
    assert_eq!(body["items"][1]["reason"], "the daemon is on a fork");
    let pauses = pool.json("/api/v1/incidents?what=payouts_paused").await?;
    assert_eq!(pauses["items"].as_array().map(Vec::len), Some(1));
    let rest = format!("/api/v1/incidents?before={}", body["next_before"]);
    let rest = pool.json(&rest).await?;
    assert_eq!(rest["items"], before["items"]);
    let first = rest["items"].as_array().and_then(|items| items.last());
    assert_eq!(
        first.map(|first| &first["what"]),
        Some(&json!("settings_changed"))
    );
    Ok(())
}
