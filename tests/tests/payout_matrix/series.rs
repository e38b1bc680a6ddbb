//! Many rounds, one after the other: each cluster lives through a number of them, and one in which
//! a round failed is not used again.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::processes::PoolOptions;
use raftpool_tests::story::hashing_options;
use serde_json::json;

/// Rounds of one cluster: later ones take longer, because there is more to compare.
const ROUNDS_MAX: usize = 29;

/// What came of all rounds.
#[derive(Default)]
pub struct Report {
    /// Rounds in which the leader met its death.
    pub met: usize,
    /// Failed combinations, each with what it said.
    pub failed: Vec<String>,
    rounds: usize,
    clusters: usize,
    took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} combinations in {} clusters, in {} of them the leader died on its way, {} failed; \
             {:.1} s",
            self.rounds,
            self.clusters,
            self.met,
            self.failed.len(),
            self.took.as_secs_f64()
        )
    }
}

/// Carries out one round for each combination, whatever becomes of the single ones. A round says
/// whether the leader met its death.
pub async fn run_in_clusters<C: fmt::Display + Copy>(
    combinations: &[C],
    round: impl AsyncFn(&ClusterPool, C) -> Result<bool>,
) -> Report {
    let (mut report, started) = (Report::default(), Instant::now());
    let mut left = combinations;
    while !left.is_empty() {
        report.clusters += 1;
        let done = run_in_one(left, &round, &mut report).await;
        left = &left[done..];
    }
    report.took = started.elapsed();
    report
}

/// Carries out combinations until the cluster has had enough; how many.
async fn run_in_one<C: fmt::Display + Copy>(
    combinations: &[C],
    round: impl AsyncFn(&ClusterPool, C) -> Result<bool>,
    report: &mut Report,
) -> usize {
    let pool = match start().await {
        Ok(pool) => pool,
        Err(error) => {
            report.failed.push(format!("start a cluster: {error:#}"));
            return combinations.len();
        }
    };
    let mut done = 0;
    for combination in combinations.iter().take(ROUNDS_MAX) {
        let started = Instant::now();
        done += 1;
        report.rounds += 1;
        let outcome = round(&pool, *combination).await;
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(is_met) => {
                report.met += usize::from(is_met);
                let not = if is_met { "" } else { ", NOT MET" };
                println!("{combination}: paid once{not}; {seconds:.1} s");
            }
            Err(error) => {
                println!("{combination}: FAILED; {seconds:.1} s: {error:#}");
                report.failed.push(format!("{combination}: {error:#}"));
                pool.keep_files();
                return done;
            }
        }
    }
    if let Err(error) = stop(&pool).await {
        println!("after {done} rounds: FAILED: {error:#}");
        report
            .failed
            .push(format!("after {done} rounds: {error:#}"));
        pool.keep_files();
    }
    done
}

async fn start() -> Result<Arc<ClusterPool>> {
    let pool = ClusterPool::start(ClusterOptions {
        pool: PoolOptions {
            // The wallet could pay everybody twice: nothing but the pool's care prevents it.
            pplns_fee_bps: 6_000,
            // Each strike of a wallet that does not answer takes so long.
            wallet_timeout_ms: 1_000,
            ..hashing_options()
        },
        has_crash_file: true,
        ..ClusterOptions::default()
    })
    .await?;
    let first = json!({"count": 2});
    pool.network.control("produce_blocks", first).await?;
    Ok(pool)
}

/// Stops all nodes in order, and has each verify its books (promise P4).
async fn stop(pool: &ClusterPool) -> Result<()> {
    let members = pool.members();
    let stopped = join_all(members.iter().map(|member| member.process.stop())).await;
    for (member, is_clean) in members.iter().zip(stopped) {
        ensure!(is_clean, "node {} did not stop cleanly", member.id);
        let verified = member.process.verify_books();
        verified.with_context(|| format!("node {}", member.id))?;
    }
    Ok(())
}
