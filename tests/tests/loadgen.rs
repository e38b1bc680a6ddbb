//! The load generator against real nodes: what it reports is what the books say.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_miner::load::{Kind, LoadReport};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::command::run;
use raftpool_tests::loadgen::Loadgen;
use raftpool_tests::node::NodeProcess;
use raftpool_tests::processes::{DEADLINE, MINERS, Pool, PoolOptions};
use raftpool_tests::{tls, wait};
use serde_json::json;

/// Every hash is a share, as the load generator needs it.
fn options() -> PoolOptions {
    PoolOptions {
        share_difficulty: 1,
        hashing: true,
        ..PoolOptions::default()
    }
}

/// Refused shares by the error code they were told, as the node has counted them. The books have
/// only those of workers with an accepted share before.
async fn rejects(node: &NodeProcess) -> Result<BTreeMap<i64, u64>> {
    let mut codes = BTreeMap::new();
    for (reason, code) in [
        ("malformed", 20),
        ("overloaded", 20),
        ("stale", 21),
        ("job_not_found", 21),
        ("duplicate", 22),
        ("low_difficulty", 23),
    ] {
        let name = format!("raftpool_stratum_shares_total{{result=\"{reason}\"}}");
        *codes.entry(code).or_default() += node.metric(&name).await? as u64;
    }
    Ok(codes)
}

fn reported(report: &LoadReport) -> BTreeMap<i64, u64> {
    let mut codes = BTreeMap::new();
    for refusal in &report.refusals {
        *codes.entry(refusal.code.unwrap_or(0)).or_default() += refusal.count;
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_load_reports_is_what_the_books_say() -> Result<()> {
    const CONNECTIONS: u64 = 40;
    let pool = Pool::start(options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    pool.control("auto_mine", json!({"every_ms": 400})).await?;
    let load = Loadgen::start(
        &[pool.stratum()],
        MINERS[0],
        &[
            "--connections=40",
            "--connects-per-second=100",
            "--shares-per-second=60",
            "--duration=8",
            "--stale-percent=10",
            "--stale-age-jobs=6",
            "--duplicate-percent=10",
            "--low-percent=10",
            "--malformed-percent=10",
            "--source-addresses=4",
        ],
    )?;
    let report = load.report_within(Duration::from_secs(8)).await?;
    ensure!(
        (report.connected, report.unanswered()) == (CONNECTIONS, 0),
        "{report}"
    );
    ensure!(report.connects.count == CONNECTIONS, "{report}");
    ensure!(
        report.connect_failures.is_empty() && report.disconnects.is_empty(),
        "{report}"
    );
    for kind in Kind::ALL {
        let shares = report.shares.get(&kind).copied().unwrap_or_default();
        ensure!(
            shares.sent > 0 && shares.unexpected == 0,
            "{kind:?}: {report}"
        );
    }
    // Arrivals are random; this many are all but impossible to miss.
    let sent: u64 = report.shares.values().map(|kind| kind.sent).sum();
    ensure!((300..700).contains(&sent), "{report}");
    ensure!(report.latency.count == report.accepted(), "{report}");
    ensure!(report.latency.p50_ms > 0.0 && report.latency.max_ms >= report.latency.p99_ms);
    ensure!(report.fan_out.jobs >= 3 && report.fan_out.last_ms >= report.fan_out.p50_ms);
    ensure!(
        report.own.cpu_s > 0.0 && report.own.memory_bytes > 0,
        "{report}"
    );
    ensure!(report.own.memory_per_connection_bytes < 200_000, "{report}");

    let miner = pool.api(&format!("/api/v1/miners/{}", MINERS[0])).await?;
    ensure!(
        miner["shares"] == json!(report.accepted()),
        "{miner}\n{report}"
    );
    let counted = rejects(&pool.node).await?;
    ensure!(counted == reported(&report), "{counted:?}\n{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_speaks_tls_and_getwork_too() -> Result<()> {
    let pool = Pool::start(PoolOptions {
        has_tls: true,
        ..options()
    })
    .await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let [certificate, _] = tls::paths(pool.directory());
    let authority = format!("--tls-ca={}", certificate.display());
    let name = format!("--tls-name={}", tls::NAME);
    let usual = ["--connections=8", "--shares-per-second=30", "--duration=3"];
    let api = pool.node.addresses().context("the node runs")?.api;
    let mut accepted = 0;
    for (target, arguments) in [
        (pool.stratum(), &["--tls", &authority, &name][..]),
        (
            pool.stratum(),
            &["--tls", "--tls-insecure", "--saturate", "--in-flight=4"][..],
        ),
        (
            api,
            &[
                "--protocol=getwork",
                "--duplicate-percent=20",
                "--malformed-percent=20",
            ][..],
        ),
    ] {
        let usual = usual.iter().filter(|argument| {
            // Only one of the two says how shares come.
            !(argument.starts_with("--shares") && arguments.contains(&"--saturate"))
        });
        let all: Vec<&str> = usual.copied().chain(arguments.iter().copied()).collect();
        let load = Loadgen::start(&[target], MINERS[0], &all)?;
        let report = load.report_within(Duration::from_secs(3)).await?;
        ensure!(
            (report.connected, report.unexpected()) == (8, 0),
            "{report}"
        );
        ensure!(
            report.unanswered() == 0 && report.accepted() > 10,
            "{report}"
        );
        accepted += report.accepted();
    }
    let miner = pool.api(&format!("/api/v1/miners/{}", MINERS[0])).await?;
    ensure!(miner["shares"] == json!(accepted), "{accepted}: {miner}");

    let wrong = [
        "--tls",
        &authority,
        "--tls-name=other.example",
        "--duration=1",
    ];
    let load = Loadgen::start(&[pool.stratum()], MINERS[0], &wrong)?;
    let report = load.report_within(Duration::from_secs(1)).await?;
    ensure!(report.connected == 0, "{report}");
    let reasons = format!("{:?}", report.connect_failures);
    ensure!(reasons.contains("TLS"), "{reasons}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn miners_of_a_load_move_on_when_their_node_dies() -> Result<()> {
    let pool = ClusterPool::start(ClusterOptions {
        pool: PoolOptions {
            hashing: false,
            ..options()
        },
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await?;
    pool.network
        .control("produce_blocks", json!({"count": 2}))
        .await?;
    let nodes = pool.members();
    let nodes = nodes.iter().map(|member| member.process.stratum());
    let nodes: Option<Vec<_>> = nodes.collect();
    let load = Loadgen::start(
        &nodes.context("every node serves miners")?,
        MINERS[0],
        &[
            "--connections=30",
            "--shares-per-second=100",
            "--duration=120",
        ],
    )?;
    let leader = pool.leader().await?;
    let other = pool.member(if leader == 1 { 2 } else { 1 })?;
    let path = format!("/api/v1/miners/{}", MINERS[0]);
    let shares = |least: u64| {
        let (other, path) = (&other, &path);
        wait::until("shares are booked", DEADLINE, move || async move {
            let miner = other.process.api_if_found(path).await?;
            let shares = miner.and_then(|miner| miner["shares"].as_u64());
            Ok(shares.filter(|shares| *shares >= least))
        })
    };
    let before = shares(50).await?;
    pool.member(leader)?.process.kill().await;
    // More than those of the living nodes alone would be enough for a miner that stays away.
    shares(before + 400).await?;
    let report = load.stop().await?;
    ensure!(
        (report.connected, report.connected_at_end) == (30, 30),
        "{report}"
    );
    ensure!(
        report.reconnects.count == 10,
        "a third had to move: {report}"
    );
    ensure!(report.disconnects.values().sum::<u64>() == 10, "{report}");
    ensure!(report.unexpected() == 0, "{report}");
    // P1 and P2: whatever was answered is booked, and nothing twice.
    let (accepted, unanswered) = (report.accepted(), report.unanswered());
    let booked = shares(accepted).await?;
    ensure!(booked <= accepted + unanswered, "{booked} booked: {report}");
    Ok(())
}

#[test]
fn somebody_elses_pool_is_not_loaded() -> Result<()> {
    let output = run(&["loadgen", "--pool=198.51.100.7:5077", "--address=xet:a"])?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && complaint.contains("not on this machine"),
        "{complaint}"
    );
    Ok(())
}
