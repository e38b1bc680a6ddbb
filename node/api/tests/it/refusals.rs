//! What a node refused to workers the ledger does not know.

use serde_json::{Value, json};

use crate::doubles::REFUSED_MINER;
use crate::support::TestPool;

#[tokio::test]
async fn a_miner_the_ledger_does_not_know_sees_what_was_refused_to_it() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let of = async |address: &str| -> anyhow::Result<Value> {
        let path = format!("/api/v1/miners/{address}/refusals");
        Ok(pool.get(&path).await?.error_for_status()?.json().await?)
    };
    let body = of(REFUSED_MINER).await?;
    assert_eq!(
        (&body["node_id"], &body["is_complete"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(body["items"].as_array().map(Vec::len), Some(1));
    let worker = &body["items"][0];
    assert_eq!(worker["name"], "rig <1>");
    assert_eq!(worker["rejects"], json!({"low_difficulty": 3}));
    assert_eq!(worker["logins"], json!({"token": 2}));
    assert_eq!(worker["last_words"], "low difficulty share");
    assert!(worker["first_at_ms"].as_u64() < worker["last_at_ms"].as_u64());

    assert_eq!(of("xet:other").await?["items"], json!([]));
    pool.problem("/api/v1/miners/xet:other/refusals?x=1", 400)
        .await?;
    Ok(())
}
