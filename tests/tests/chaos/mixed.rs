//! Faults mixed at random.

use std::collections::HashSet;
use std::mem::discriminant;

use anyhow::{Result, ensure};
use raftpool_tests::chaos::{RunOptions, Schedule, run, turn};
use raftpool_tests::random;

/// Seeds of the usual run. They are fixed so that everybody's run tries the same; any other seed
/// must pass as well.
const USUAL_SEEDS: [u64; 3] = [61, 133, 7];
/// Seed of the usual run with five nodes.
const FIVE_NODES_SEED: u64 = 200;

/// Runs one seed and says how it went.
async fn run_seed(seed: u64, nodes: u64) -> Result<()> {
    println!("RAFTPOOL_TEST_SEED={seed} with {nodes} nodes");
    let mut options = RunOptions::with_payouts(seed);
    options.cluster.nodes = nodes;
    let report = run(options, &Schedule::random(seed), false).await?;
    println!("seed {seed}: {}", report.in_short());
    report.ensure_clean()
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_mixed_at_random_lose_and_double_nothing() -> Result<()> {
    let _turn = turn().await;
    let mut failed = Vec::new();
    let seeds = random::seeds(&USUAL_SEEDS);
    for seed in &seeds {
        // Every tenth is a cluster of five, so that a long run tries them as well.
        let nodes = if seed % 10 == 0 { 5 } else { 3 };
        if let Err(error) = run_seed(*seed, nodes).await {
            println!("seed {seed} FAILED: {error:#}");
            failed.push(*seed);
        }
    }
    ensure!(
        failed.is_empty(),
        "of {} seeds failed: {failed:?}",
        seeds.len()
    );
    println!("{} seeds passed", seeds.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_five_nodes_lose_and_double_nothing() -> Result<()> {
    let _turn = turn().await;
    run_seed(FIVE_NODES_SEED, 5).await
}

#[test]
fn the_usual_seeds_have_nearly_every_kind_of_fault() {
    let mut kinds: HashSet<_> = HashSet::new();
    for seed in USUAL_SEEDS.into_iter().chain([FIVE_NODES_SEED]) {
        let Schedule { links, nodes } = Schedule::random(seed);
        kinds.extend(
            links
                .iter()
                .chain(&nodes)
                .map(|step| discriminant(&step.fault)),
        );
    }
    assert!(kinds.len() >= 14, "only {} kinds of fault", kinds.len());
}
