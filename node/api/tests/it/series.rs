//! Work over time, as the API tells it.

use raftpool_ledger::command::RejectReason;
use serde_json::json;

use crate::support::{ALICE, BOB, NOW_MS, TestPool};

#[tokio::test]
async fn series_tell_what_was_accepted_and_refused_when_and_of_whom() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.reject(ALICE, "attic", RejectReason::Duplicate, 2)?;
    for (step, step_ms) in [
        ("ten_minutes", 600_000),
        ("hour", 3_600_000),
        ("day", 86_400_000),
    ] {
        let body = pool
            .json(&format!("/api/v1/pool/series?step={step}"))
            .await?;
        assert_eq!(body["step"], step);
        assert_eq!(body["step_ms"], step_ms);
        let rejects = json!({"duplicate": 2, "stale": 3});
        let span = json!({
            "start_ms": NOW_MS / step_ms * step_ms,
            "shares": 8, "work": "1500", "rejects": rejects,
        });
        assert_eq!(body["items"], json!([span]));
    }
    let of = |query: String| {
        let pool = &pool;
        async move {
            let body = pool.json(&format!("/api/v1/miners/{query}")).await?;
            assert_eq!(body["step"], "hour", "by default");
            let span = &body["items"][0];
            anyhow::Ok((span["work"].clone(), span["rejects"].clone()))
        }
    };
    let stale = json!({"stale": 3});
    assert_eq!(of(format!("{BOB}/series")).await?, (json!("500"), stale));
    let (attic, duplicate) = (
        format!("{ALICE}/series?worker=attic"),
        json!({"duplicate": 2}),
    );
    assert_eq!(of(attic).await?, (json!("200"), duplicate));
    let garage = of(format!("{ALICE}/series?worker=garage")).await?;
    assert_eq!(garage, (json!("800"), json!({})));
    let later = format!("/api/v1/miners/{BOB}/series?since_ms={}", NOW_MS + 1);
    assert_eq!(pool.json(&later).await?["items"], json!([]));
    Ok(())
}

#[tokio::test]
async fn series_of_nobody_and_of_strange_steps_are_refused_by_name() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    let unknown = pool.problem("/api/v1/miners/xet:carol/series", 404).await?;
    assert!(unknown["detail"].to_string().contains("xet:carol"));
    let path = format!("/api/v1/miners/{ALICE}/series?worker=cellar");
    let unknown = pool.problem(&path, 404).await?;
    assert!(unknown["detail"].to_string().contains("cellar"));
    let path = "/api/v1/pool/series?step=minute";
    let wrong = pool.problem(path, 400).await?;
    let detail = "must be one of ten_minutes, hour, day, is \"minute\"";
    assert_eq!(wrong["detail"], detail);
    pool.problem("/api/v1/pool/series?worker=rig", 400).await?;
    Ok(())
}
