//! The metrics: well formed, complete, and the same as the books.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

use crate::support::{ALICE, TestPool};

/// Reads Prometheus text strictly: every sample belongs to a family that was announced before.
fn parse(text: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut samples = BTreeMap::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(announced) = line.strip_prefix("# TYPE ") {
            let (name, kind) = announced.split_once(' ').context("type line")?;
            ensure!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            ensure!(name.starts_with("raftpool_"), "{line}");
            family = name;
        } else if !line.starts_with("# HELP ") {
            ensure!(
                !family.is_empty() && line.starts_with(family),
                "{line} under {family}"
            );
            let (sample, value) = line.rsplit_once(' ').context("sample line")?;
            let before = samples.insert(sample.to_owned(), value.parse()?);
            ensure!(before.is_none(), "{sample} twice");
        }
    }
    Ok(samples)
}

#[tokio::test]
async fn metrics_say_what_the_books_say() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.record_late_block(6, 3)?;
    pool.settle_block(6, 500)?;
    let response = pool.get("/metrics").await?;
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4"
    );
    let samples = parse(&response.text().await?)?;
    let expected = [
        ("raftpool_ledger_readable", 1.0),
        ("raftpool_account_atomic{account=\"income\"}", 2_000_501.0),
        ("raftpool_account_atomic{account=\"in_flight\"}", 100_000.0),
        ("raftpool_blocks{status=\"maturing\"}", 2.0),
        ("raftpool_blocks{status=\"orphaned\"}", 1.0),
        ("raftpool_shares_accepted_total", 9.0),
        ("raftpool_shares_rejected_total{reason=\"stale\"}", 3.0),
        ("raftpool_work_hashes_total", 1_600.0),
        ("raftpool_payouts_confirmed_total", 1.0),
        ("raftpool_payout_open{status=\"signed\"}", 1.0),
        ("raftpool_payout_open{status=\"reserved\"}", 0.0),
        ("raftpool_pplns_window_blocks", 1_600.0 / 1_024.0),
        ("raftpool_round_effort_blocks", 0.0),
        ("raftpool_miners", 2.0),
        (
            "raftpool_blocks_by_lateness{heights_late=\"0\",status=\"orphaned\"}",
            1.0,
        ),
        (
            "raftpool_blocks_by_lateness{heights_late=\"3\",status=\"settled\"}",
            1.0,
        ),
        (
            "raftpool_blocks_by_lateness{heights_late=\"9+\",status=\"maturing\"}",
            0.0,
        ),
        (
            "raftpool_blocks_by_lateness_paid_atomic{heights_late=\"3\"}",
            500.0,
        ),
        (
            // Two of three on time were paid, with 2,000,001 in all.
            "raftpool_blocks_by_lateness_difference_atomic{heights_late=\"3\"}",
            500.0 - 666_667.0,
        ),
        ("raftpool_template_age_seconds", 1.5),
        (
            "raftpool_daemon_healthy{daemon=\"own \\\"daemon\\\"\"}",
            1.0,
        ),
        ("raftpool_build_info{version=\"1.2.3\"}", 1.0),
        ("raftpool_leader_known", 1.0),
    ];
    for (name, value) in expected {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() -> anyhow::Result<()> {
    let pool = TestPool::filled().await?;
    pool.get(&format!("/api/v1/miners/{ALICE}")).await?;
    pool.get("/api/v1/miners/xet:nobody").await?;
    pool.get("/api/no/such/path").await?;
    let text = pool.get("/metrics").await?.text().await?;
    let samples = parse(&text)?;
    let requests = |route: &str, status: &str| {
        let name = format!("raftpool_http_requests_total{{route=\"{route}\",status=\"{status}\"}}");
        samples.get(&name).copied()
    };
    assert_eq!(requests("/api/v1/miners/{address}", "2xx"), Some(1.0));
    assert_eq!(requests("/api/v1/miners/{address}", "4xx"), Some(1.0));
    assert_eq!(requests("unmatched", "4xx"), Some(1.0));
    assert!(
        !text.contains(ALICE) && !text.contains("nobody"),
        "an address is a label"
    );
    Ok(())
}

#[tokio::test]
async fn metrics_of_an_empty_ledger_are_well_formed() -> anyhow::Result<()> {
    let pool = TestPool::empty().await?;
    let samples = parse(&pool.get("/metrics").await?.text().await?)?;
    assert_eq!(samples.get("raftpool_ledger_index"), Some(&0.0));
    assert_eq!(samples.get("raftpool_payout_open_age_seconds"), Some(&0.0));
    Ok(())
}
