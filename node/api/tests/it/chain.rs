//! The network's fees, stray blocks, and the effort of blocks, over HTTP.

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{PublishNetworkSample, ReportBlock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::socket::AdminSocket;
use crate::support::{NETWORK_DIFFICULTY, NOW_MS, TestPool, decimal};

struct TestAdmin {
    pool: TestPool,
    socket: AdminSocket,
}

impl TestAdmin {
    async fn start() -> anyhow::Result<Self> {
        let pool = TestPool::filled().await?;
        let socket = AdminSocket::over(&pool.cluster).await?;
        Ok(Self { pool, socket })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.socket.get(&format!("/admin/v1/{path}")).await
    }

    async fn acknowledge(&self, hash: &str, reason: &str) -> anyhow::Result<(u16, Value)> {
        let path = "/admin/v1/blocks/acknowledge";
        let body = json!({"author": "otto", "reason": reason, "hash": hash});
        self.socket.ask(Method::POST, path, Some(&body)).await
    }
}

fn publish(pool: &TestPool, first: u64, fees_atomic: u64) -> anyhow::Result<()> {
    pool.propose(Body::PublishNetworkSample(PublishNetworkSample {
        first_topoheight: first,
        last_topoheight: first + 9,
        blocks: 10,
        fees_atomic,
        rewards_atomic: 100,
        fees_max_atomic: fees_atomic,
        unreadable_blocks: 0,
    }))?;
    Ok(())
}

fn report(pool: &TestPool, number: u8) -> anyhow::Result<()> {
    pool.propose(Body::ReportBlock(ReportBlock {
        hash: vec![number; 32],
        height: 7,
        topoheight: 8,
        amount_atomic: 900,
    }))?;
    Ok(())
}

#[tokio::test]
async fn the_average_of_the_networks_fees_follows_from_what_is_shown() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.set_up()?;
    let nothing = pool.json("/api/v1/network/fees").await?;
    assert_eq!(nothing["average_fees_atomic"], "0");
    assert_eq!(nothing["items"], json!([]));
    assert_eq!(nothing["last_topoheight"], Value::Null);

    let sums = [200, 210, 190, 0, 205, 195, 220, 1_000_000, 180, 207];
    for (place, fees_atomic) in (0..).zip(sums) {
        publish(&pool, 10 * place, fees_atomic)?;
    }
    let body = pool.json("/api/v1/network/fees").await?;
    assert_eq!(body["average_fees_atomic"], "20");
    assert_eq!(
        (&body["blocks"], &body["blocks_max"]),
        (&json!(100), &json!(17_280))
    );
    assert_eq!(
        (&body["first_topoheight"], &body["last_topoheight"]),
        (&json!(0), &json!(99))
    );
    let items = body["items"].as_array().cloned().unwrap_or_default();
    let (mut fees, mut blocks) = (0, 0);
    for item in items.iter().filter(|item| item["is_counted"] == true) {
        fees += decimal(&item["fees_atomic"])?;
        blocks += u128::from(item["blocks"].as_u64().unwrap_or(0));
    }
    assert_eq!((items.len(), blocks), (10, 80));
    assert_eq!((fees / blocks).to_string(), "20");
    assert_eq!(
        items[0],
        json!({
            "first_topoheight": 90, "last_topoheight": 99, "blocks": 10, "fees_atomic": "207",
            "rewards_atomic": "100", "fees_max_atomic": "207", "unreadable_blocks": 0,
            "published_at_ms": NOW_MS, "is_counted": true,
        })
    );
    let metrics = pool.get("/metrics").await?.text().await?;
    for line in [
        "raftpool_network_scanned_topoheight 99",
        "raftpool_network_fees_average_atomic 20",
        "raftpool_stray_blocks{status=\"open\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
    pool.problem("/api/v1/network/fees?limit=5", 400).await?;
    Ok(())
}

#[tokio::test]
async fn stray_blocks_are_shown_to_operators_until_they_are_acknowledged() -> anyhow::Result<()> {
    let admin = TestAdmin::start().await?;
    report(&admin.pool, 0xaa)?;
    report(&admin.pool, 0xab)?;
    let status = admin.get("status").await?;
    assert_eq!(
        status["stray_blocks"],
        json!({"kept": 2, "unacknowledged": 2})
    );
    let (status, _) = admin
        .acknowledge(&"aa".repeat(32), "of the old pool")
        .await?;
    assert_eq!(status, 200);
    let listed = admin.get("blocks/stray").await?;
    assert_eq!(
        (&listed["kept"], &listed["unacknowledged"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(listed["kept_max"], 1_000);
    assert_eq!(
        listed["blocks"][1],
        json!({
            "hash": "aa".repeat(32), "height": 7, "topoheight": 8, "amount_atomic": "900",
            "reported_at_ms": NOW_MS, "acknowledged_by": "otto", "reason": "of the old pool",
            "acknowledged_at_ms": NOW_MS,
        })
    );
    assert_eq!(listed["blocks"][0]["acknowledged_by"], Value::Null);
    let status = admin.get("status").await?;
    assert_eq!(status["changes"][0]["change"], "block_acknowledged");
    assert_eq!(status["changes"][0]["reason"], "of the old pool");
    let income = &admin.pool.json("/api/v1/pool").await?["accounts"]["income_atomic"];
    assert_eq!(income, "2000001", "nothing is booked");
    Ok(())
}

#[tokio::test]
async fn an_acknowledgement_that_means_nothing_is_refused() -> anyhow::Result<()> {
    let admin = TestAdmin::start().await?;
    let (status, body) = admin.acknowledge(&"aa".repeat(32), "what is it").await?;
    assert_eq!(status, 409, "{body}");
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("no stray block aaaa"), "{detail}");
    for (hash, reason) in [("aa", "short"), ("zz", "no digits"), ("", "none")] {
        let (status, body) = admin.acknowledge(hash, reason).await?;
        assert_eq!(status, 400, "{body}");
    }
    let (status, _) = admin.acknowledge(&"aa".repeat(32), " ").await?;
    assert_eq!(status, 400);
    Ok(())
}

#[tokio::test]
async fn effort_and_luck_are_told_for_each_block_and_for_the_newest() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.set_up()?;
    let empty = pool.json("/api/v1/pool/effort").await?;
    let nothing = json!({"blocks_max": 10, "blocks": 0, "effort": null, "luck": null});
    assert_eq!(empty["items"][0], nothing);

    // Twelve blocks: the first with twice the expected work, the others with a half each. The
    // share that finds a block is 100 of it.
    pool.credit("xet:a", "w", 2 * NETWORK_DIFFICULTY - 100)?;
    pool.record_block(1)?;
    for number in 2..=12 {
        pool.credit("xet:a", "w", NETWORK_DIFFICULTY / 2 - 100)?;
        pool.record_block(number)?;
    }
    // What becomes of a block does not change the work it took.
    pool.orphan_block(12)?;
    let blocks = pool.json("/api/v1/blocks?limit=12").await?;
    let told = |place: usize| {
        let block = &blocks["items"][place];
        (block["effort"].clone(), block["luck"].clone())
    };
    assert_eq!(told(0), (json!("0.500000"), json!("2.000000")));
    assert_eq!(told(11), (json!("2.000000"), json!("0.500000")));
    pool.credit("xet:a", "w", NETWORK_DIFFICULTY / 4)?;
    let body = pool.json("/api/v1/pool/effort").await?;
    assert_eq!(body["round_effort"], "0.250000");
    assert_eq!(
        body["items"],
        json!([
            {"blocks_max": 10, "blocks": 10, "effort": "0.500000", "luck": "2.000000"},
            // (2 + 11 / 2) / 12
            {"blocks_max": 100, "blocks": 12, "effort": "0.625000", "luck": "1.600000"},
        ])
    );
    Ok(())
}
