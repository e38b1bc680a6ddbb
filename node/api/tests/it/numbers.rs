//! What pages show beyond the plain records: the network, ways in, speeds, states, rewards.

use serde_json::{Value, json};

use crate::support::{ALICE, BOB, TestPool, decimal};

#[tokio::test]
async fn the_network_is_shown_as_the_node_sees_it() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let network = pool.json("/api/v1/network").await?;
    assert_eq!(
        (&network["name"], &network["address_prefix"]),
        (&json!("devnet"), &json!("xet"))
    );
    assert_eq!(
        (&network["height"], &network["stable_height"]),
        (&json!(41), &json!(17))
    );
    assert_eq!(network["topoheight"], 50);
    assert_eq!(network["difficulty"], "36893488147419103232");
    assert_eq!(network["hashrate"], "7378697629483820646");
    assert_eq!(network["next_reward_atomic"], "145000000");
    assert_eq!(
        (&network["block_time_ms"], &network["template_age_ms"]),
        (&json!(5_000), &json!(1_500))
    );
    let daemons = json!({"configured": 1, "healthy": 1, "heights_apart": null});
    assert_eq!(network["daemons"], daemons);
    Ok(())
}

#[tokio::test]
async fn ways_in_and_links_are_those_the_operator_gave() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let connect: Value = pool.get("/api/v1/connect").await?.json().await?;
    assert_eq!(connect["pool_name"], "Test pool");
    assert_eq!(connect["serving_node_id"], 1);
    let node = &connect["nodes"][0];
    assert_eq!(node["api_url"], "https://one.pool.example");
    let endpoint = json!({
        "protocol": "stratum", "host": "one.pool.example", "port": 5077, "encryption": "both",
        "starting_difficulty": "50000", "default_scheme": null,
    });
    assert_eq!(node["endpoints"], json!([endpoint]));
    assert_eq!(
        connect["links"]["explorer_block_url"],
        "https://explorer.example/{hash}"
    );
    assert_eq!(connect["links"]["contact_url"], Value::Null);
    let text = connect.to_string();
    assert!(
        !text.contains("10.0.0.1") && !text.contains("internal"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn the_pool_says_who_works_and_what_waits_to_be_paid() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let body = pool.json("/api/v1/pool").await?;
    assert_eq!(body["active"], json!({"miners": 2, "workers": 3}));
    assert_eq!(body["hashrates"]["shares_of_hour"], 8);
    assert!(body["last_block_found_at_ms"].is_u64());
    let miners = pool.json("/api/v1/miners").await?;
    let (mut waiting, mut sum) = (0, 0);
    for miner in miners["items"].as_array().expect("miners") {
        let balance = decimal(&miner["balance_atomic"])?;
        if balance >= 50_000 {
            (waiting, sum) = (waiting + 1, sum + balance);
        }
    }
    assert!(waiting > 0, "nobody waits: {miners}");
    let index = &body["index"];
    let queue = json!({"index": index, "miners": waiting, "amount_atomic": sum.to_string()});
    assert_eq!(body["payouts"]["queue"], queue);
    Ok(())
}

/// P8: what a page shows of a miner's future follows from what is exported.
#[tokio::test]
async fn what_a_block_would_pay_now_is_the_miners_part_of_the_window() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.record_block_worth(9, 1_000_000)?;
    let proof = pool.json("/api/v1/window/shares").await?;
    for part in proof["items"].as_array().expect("parts") {
        let address = part["miner"].as_str().unwrap_or_default();
        let miner = pool.json(&format!("/api/v1/miners/{address}")).await?;
        assert_eq!(
            miner["if_block_now_atomic"], part["amount_atomic"],
            "{address}"
        );
        // Blocks of 1,000,000 at a difficulty of 1,024, less one percent.
        let hashrate = u128::from(miner["hashrates"]["hour"].as_u64().unwrap_or(0));
        let day = hashrate * 86_400 * 9_900 * 1_000_000 / (1_024 * 10_000);
        assert_eq!(decimal(&miner["estimated_day_atomic"])?, day, "{address}");
    }
    assert_eq!(proof["items"].as_array().map(Vec::len), Some(2));
    Ok(())
}

/// P8: rewards add up to what was credited.
#[tokio::test]
async fn rewards_of_a_miner_are_its_parts_of_blocks() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    for address in [ALICE, BOB] {
        let rewards = pool
            .json(&format!("/api/v1/miners/{address}/rewards"))
            .await?;
        let items = rewards["items"].as_array().expect("rewards");
        let (mut settled, mut expected) = (0, 0);
        for reward in items {
            let amount = decimal(&reward["amount_atomic"])?;
            match reward["is_expected"] == true {
                true => expected += amount,
                false => settled += amount,
            }
            assert_ne!(reward["status"], "orphaned");
        }
        let miner = pool.json(&format!("/api/v1/miners/{address}")).await?;
        assert_eq!(decimal(&miner["earned_atomic"])?, settled, "{address}");
        assert_eq!(decimal(&miner["immature_atomic"])?, expected, "{address}");
    }
    let path = format!("/api/v1/miners/{BOB}/rewards?limit=1");
    let first = pool.json(&path).await?;
    let before = first["next_before"].as_u64().expect("another page");
    let second = pool.json(&format!("{path}&before={before}")).await?;
    assert_eq!(
        (
            &first["items"][0]["block_number"],
            &second["items"][0]["block_number"]
        ),
        (&json!(2), &json!(1))
    );
    assert_eq!(second["next_before"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn tables_have_a_line_for_each_row_and_nothing_that_a_spreadsheet_runs() -> anyhow::Result<()>
{
    let pool = TestPool::filled().await?;
    let table = async |name: &str| -> anyhow::Result<Vec<String>> {
        let path = format!("/api/v1/miners/{ALICE}/{name}.csv");
        let response = pool.get(&path).await?.error_for_status()?;
        assert_eq!(
            response.headers()["content-type"],
            "text/csv; charset=utf-8"
        );
        assert!(response.headers().contains_key("x-raftpool-index"));
        Ok(response.text().await?.lines().map(str::to_owned).collect())
    };
    let payouts = table("payouts").await?;
    assert_eq!(payouts.len(), 3, "{payouts:?}");
    assert!(payouts[0].starts_with("payout_id,status,"), "{payouts:?}");
    assert!(payouts[2].starts_with("1,confirmed,"), "{payouts:?}");
    let rewards = table("rewards").await?;
    assert_eq!(rewards.len(), 3, "{rewards:?}");
    let is_harmless = |field: &str| !field.starts_with(['=', '+', '-', '@']);
    assert!(
        rewards
            .iter()
            .chain(&payouts)
            .flat_map(|line| line.split(','))
            .all(is_harmless)
    );
    pool.problem("/api/v1/miners/xet:nobody/rewards.csv", 404)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_has_a_state_in_words_and_the_sessions_of_the_node() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let rig = pool
        .json(&format!("/api/v1/miners/{BOB}/workers/rig"))
        .await?;
    assert_eq!((&rig["name"], &rig["state"]), (&json!("rig"), &json!("ok")));
    assert_eq!(rig["rejects"], json!({"stale": 3}));
    assert_eq!(rig["sessions_node_id"], 1);
    let session = &rig["sessions"][0];
    assert_eq!(session["user_agent"], "testminer/1");
    assert_eq!(
        (&session["protocol"], &session["is_tls"]),
        (&json!("stratum"), &json!(true))
    );
    assert_eq!(session["rejects"], json!({"low_difficulty": 2}));
    let text = rig.to_string();
    assert!(
        !text.contains("192.0.2"),
        "addresses of miners are nobody's business: {text}"
    );

    pool.problem(&format!("/api/v1/miners/{BOB}/workers/none"), 404)
        .await?;
    pool.problem("/api/v1/miners/xet:nobody/workers/rig", 404)
        .await?;
    let list = pool
        .json(&format!("/api/v1/miners/{ALICE}/workers"))
        .await?;
    let states: Vec<_> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["state"])
        .collect();
    assert_eq!(states, ["ok", "ok"]);
    Ok(())
}

#[tokio::test]
async fn lists_of_some_have_only_those_and_say_where_to_go_on() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let numbers = async |path: &str| -> anyhow::Result<Vec<u64>> {
        let body = pool.json(path).await?;
        let items = body["items"].as_array().cloned().unwrap_or_default();
        let number = |item: &Value| item["number"].as_u64().or(item["id"].as_u64());
        Ok(items.iter().filter_map(number).collect())
    };
    assert_eq!(numbers("/api/v1/blocks?status=settled").await?, [2, 1]);
    assert_eq!(numbers("/api/v1/blocks?status=orphaned").await?, [3]);
    assert_eq!(
        numbers("/api/v1/blocks?status=maturing&limit=1").await?,
        [5]
    );
    assert_eq!(
        numbers("/api/v1/blocks?status=maturing&before=5").await?,
        [4]
    );
    assert_eq!(
        numbers(&format!("/api/v1/blocks?miner={BOB}")).await?,
        [0; 0]
    );
    assert_eq!(numbers("/api/v1/payouts?status=confirmed").await?, [1]);
    assert_eq!(numbers("/api/v1/payouts?status=signed").await?, [2]);
    let page = pool.json("/api/v1/blocks?status=settled&limit=1").await?;
    assert_eq!(page["next_before"], 2);
    for path in [
        "/api/v1/blocks?status=lost",
        "/api/v1/blocks?miner=a%20b",
        "/api/v1/payouts?status=",
        "/api/v1/miners/top?by=luck",
    ] {
        assert_eq!(
            pool.problem(path, 400).await?["code"],
            "bad_parameter",
            "{path}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_first_miners_are_in_the_order_that_is_asked_for() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let order = async |by: &str| -> anyhow::Result<Vec<String>> {
        let body = pool.json(&format!("/api/v1/miners/top?by={by}")).await?;
        let items = body["items"].as_array().cloned().unwrap_or_default();
        Ok(items
            .iter()
            .filter_map(|item| item["address"].as_str().map(str::to_owned))
            .collect())
    };
    assert_eq!(order("paid").await?, [ALICE, BOB]);
    assert_eq!(order("hashrate").await?.len(), 2);
    let ahead = "/api/v1/miners/top?min_index=1000";
    assert_eq!(pool.problem(ahead, 503).await?["code"], "index_not_reached");
    Ok(())
}
