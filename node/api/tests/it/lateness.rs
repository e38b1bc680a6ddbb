//! What became of found blocks by their lateness, and whether late work earns what other work does.

use serde_json::{Value, json};

use crate::support::TestPool;

#[tokio::test]
async fn late_blocks_are_compared_with_those_on_time() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.set_up()?;
    for (number, heights_late) in [(1, 0), (2, 0), (3, 0), (4, 2), (5, 2), (6, 12), (7, 3)] {
        pool.record_late_block(number, heights_late)?;
    }
    for number in [1, 2] {
        pool.settle_block(number, 900)?;
    }
    pool.settle_block(4, 300)?;
    pool.orphan_block(5)?;
    pool.orphan_block(6)?;
    let body = pool.json("/api/v1/pool/lateness").await?;
    assert_eq!(
        (&body["blocks"], &body["blocks_max"]),
        (&json!(7), &json!(10_000))
    );
    assert!(body["oldest_found_at_ms"].is_u64());
    assert_eq!(body["items"].as_array().map(Vec::len), Some(10));
    assert_eq!(
        body["items"][0],
        json!({
            "heights_late": "0", "found": 3, "maturing": 1, "settled": 2, "orphaned": 0,
            "amount_atomic": "1800", "settled_ratio": "1.000000", "worth": "1.000000",
            "difference_atomic": "0", "grace_difference_atomic": "0",
        })
    );
    assert_eq!(
        body["items"][2],
        json!({
            "heights_late": "2", "found": 2, "maturing": 0, "settled": 1, "orphaned": 1,
            "amount_atomic": "300", "settled_ratio": "0.500000", "worth": "0.166666",
            "difference_atomic": "-1500", "grace_difference_atomic": "-1500",
        })
    );
    let items = &body["items"];
    assert_eq!(
        (&items[3]["found"], &items[3]["worth"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(items[9]["heights_late"], "9+");
    assert_eq!(items[9]["worth"], "0.000000");
    assert_eq!(items[3]["difference_atomic"], "0", "nothing is final yet");
    assert_eq!(items[8]["grace_difference_atomic"], "-1500");
    assert_eq!(items[9]["difference_atomic"], "-900");
    Ok(())
}

#[tokio::test]
async fn without_blocks_nothing_is_said_of_their_worth() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let body = pool.json("/api/v1/pool/lateness").await?;
    assert_eq!(
        (&body["blocks"], &body["oldest_found_at_ms"]),
        (&json!(0), &Value::Null)
    );
    for item in body["items"].as_array().into_iter().flatten() {
        assert_eq!(
            (&item["worth"], &item["settled_ratio"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(item["grace_difference_atomic"], Value::Null);
    }
    pool.problem("/api/v1/pool/lateness?limit=5", 400).await?;
    Ok(())
}
