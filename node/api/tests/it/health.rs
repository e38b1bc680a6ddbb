//! Liveness, readiness, and answers that are not older than wanted.

use std::time::Duration;

use raftpool_api::Condition;
use raftpool_ledger::cluster::Leadership;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{ALICE, TestPool};

async fn readiness(pool: &TestPool) -> anyhow::Result<(u16, Value)> {
    let response = pool.get("/readyz").await?;
    Ok((response.status().as_u16(), response.json().await?))
}

/// Asks until the status is as wanted; confirmations of the quorum are reused for a moment.
async fn readiness_becomes(pool: &TestPool, status: u16) -> anyhow::Result<Value> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (seen, body) = readiness(pool).await?;
        if seen == status {
            return Ok(body);
        }
        anyhow::ensure!(Instant::now() < deadline, "still {seen}: {body}");
    }
}

fn unmet(body: &Value) -> Vec<&str> {
    let conditions = body["conditions"].as_array().expect("conditions");
    let unmet = conditions
        .iter()
        .filter(|condition| condition["met"] == false);
    unmet
        .filter_map(|condition| condition["name"].as_str())
        .collect()
}

#[tokio::test]
async fn a_node_is_ready_when_every_condition_holds() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let (status, body) = readiness(&pool).await?;
    assert_eq!(
        (status, unmet(&body)),
        (503, vec!["ledger_readable"]),
        "not set up"
    );

    pool.set_up()?;
    let body = readiness_becomes(&pool, 200).await?;
    assert_eq!(body["ready"], true);
    let names: Vec<_> = body["conditions"]
        .as_array()
        .expect("conditions")
        .iter()
        .collect();
    assert_eq!(names.len(), 8, "{body}");

    *pool.facts.template_fresh.lock().expect("lock") = Condition::new(
        "template_fresh",
        false,
        "61 s old, at most 60 s are allowed",
    );
    let body = readiness_becomes(&pool, 503).await?;
    assert_eq!(unmet(&body), ["template_fresh"]);
    assert!(body.to_string().contains("61 s old"));
    Ok(())
}

#[tokio::test]
async fn readiness_follows_leader_and_quorum() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.cluster.set_leadership(Leadership {
        node_id: 1,
        term: 2,
        leader_id: None,
    });
    assert_eq!(
        unmet(&readiness_becomes(&pool, 503).await?),
        ["leader_known"]
    );
    pool.cluster.set_leadership(Leadership {
        node_id: 1,
        term: 3,
        leader_id: Some(2),
    });
    readiness_becomes(&pool, 200).await?;
    pool.cluster
        .fail_linearize("two of three nodes do not answer");
    let body = readiness_becomes(&pool, 503).await?;
    assert_eq!(unmet(&body), ["quorum_confirmed"]);
    assert!(
        body.to_string()
            .contains("two of three nodes do not answer")
    );
    pool.cluster.heal();
    readiness_becomes(&pool, 200).await?;
    Ok(())
}

#[tokio::test]
async fn liveness_does_not_depend_on_the_cluster() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    pool.cluster.set_leadership(Leadership {
        node_id: 1,
        term: 2,
        leader_id: None,
    });
    pool.cluster.fail_linearize("nobody answers");
    assert_eq!(pool.get("/livez").await?.status(), 200);
    *pool.facts.liveness.lock().expect("lock") =
        Condition::new("main_loop", false, "has not ticked for 12 s");
    let response = pool.get("/livez").await?;
    assert_eq!(response.status(), 503);
    assert!(response.text().await?.contains("has not ticked for 12 s"));
    Ok(())
}

#[tokio::test]
async fn min_index_waits_until_the_index_is_applied() -> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.min_index_timeout_ms = 5_000).await?;
    pool.set_up()?;
    let index = pool.json("/api/v1/pool").await?["index"]
        .as_u64()
        .expect("index");
    assert_eq!(
        pool.json(&format!("/api/v1/pool?min_index={index}"))
            .await?["index"],
        index
    );

    let path = format!("/api/v1/miners/{ALICE}?min_index={}", index + 1);
    let waiting = pool.json(&path);
    let crediting = async { pool.credit(ALICE, "garage", 100) };
    let (answer, credited) = tokio::join!(waiting, crediting);
    credited?;
    assert_eq!(answer?["shares"], 1);
    Ok(())
}

#[tokio::test]
async fn min_index_that_is_not_reached_is_a_problem_that_says_how_far_the_node_is()
-> anyhow::Result<()> {
    let pool = TestPool::with(|config| config.min_index_timeout_ms = 20).await?;
    pool.set_up()?;
    let response = pool.get("/api/v1/blocks?min_index=1000000").await?;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.headers()["x-raftpool-index"], "1");
    let problem = pool
        .problem("/api/v1/blocks?min_index=1000000", 503)
        .await?;
    assert_eq!(problem["code"], "index_not_reached");
    assert_eq!(problem["index"], 1);
    Ok(())
}
