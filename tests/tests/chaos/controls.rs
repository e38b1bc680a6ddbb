//! The harness must be able to fail: with a program that does wrong on purpose, each wrong must be
//! seen for what it is.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use raftpool_tests::chaos::{Fault, Report, RunOptions, Schedule, Step, Who, run, turn};

/// Runs that one wrong has at most until it must have shown itself; usually the first one does.
const ROUNDS_MAX: u64 = 3;

/// A cluster that does wrong may be beyond help.
const PATIENCE: Duration = Duration::from_secs(10);
const LEADER_DIES: Fault = Fault::Kill(Who::Leader);

/// Carries out faults with a program that does `sabotage`, until a violation says `wrong`.
async fn is_seen(sabotage: &'static str, wrong: &str, faults: &[(Fault, u64)]) -> Result<()> {
    let _turn = turn().await;
    for seed in 1..=ROUNDS_MAX {
        let mut options = RunOptions::with_volume(seed);
        options.cluster.sabotage = Some(sabotage);
        options.keeps_files = false;
        options.patience = PATIENCE;
        let report = run(options, &schedule(faults), false).await?;
        println!("{}", report.in_short());
        if shows(&report, wrong) {
            return Ok(());
        }
    }
    bail!("{ROUNDS_MAX} runs with {sabotage} did not show that {wrong}")
}

fn schedule(faults: &[(Fault, u64)]) -> Schedule {
    let steps = faults.iter().map(|(fault, hold_ms)| Step {
        pause: Duration::from_millis(1_000),
        fault: fault.clone(),
        hold: Duration::from_millis(*hold_ms),
    });
    Schedule {
        nodes: steps.collect(),
        ..Schedule::default()
    }
}

fn shows(report: &Report, wrong: &str) -> bool {
    let mut violations = report.violations.iter();
    violations.any(|violation| violation.contains(wrong))
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_are_accepted_before_they_are_committed_are_seen_to_be_lost() -> Result<()> {
    let faults = [(LEADER_DIES, 2_000), (Fault::KillAll, 200)];
    is_seen("acknowledge-before-commit", "shares were lost", &faults).await
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_are_never_synced_are_seen_to_be_lost_when_all_nodes_are_killed() -> Result<()>
{
    is_seen("no-fsync", "shares were lost", &[(Fault::KillAll, 200)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_without_a_filter_of_duplicates_are_seen_to_be_credited_twice() -> Result<()> {
    let faults = [
        (LEADER_DIES, 2_000),
        (LEADER_DIES, 2_000),
        (LEADER_DIES, 2_000),
    ];
    is_seen("no-duplicate-filter", "credited twice", &faults).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_faults_are_seen_to_be_harmless_when_nothing_is_done_wrong() -> Result<()> {
    let _turn = turn().await;
    let faults = [
        (LEADER_DIES, 2_000),
        (LEADER_DIES, 2_000),
        (Fault::KillAll, 200),
    ];
    let report = run(RunOptions::with_volume(1), &schedule(&faults), false).await?;
    println!("{}", report.in_short());
    report.ensure_clean()?;
    ensure!(
        report.shares.unknown > 0,
        "no share was under way when nodes died"
    );
    Ok(())
}
