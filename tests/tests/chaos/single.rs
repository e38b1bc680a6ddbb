//! Each fault by itself, one after the other in one cluster: after each the cluster must be
//! healthy and shares must count again, and in the end everything must add up.

use std::time::Duration;

use anyhow::{Result, ensure};
use raftpool_tests::chaos::{Fault, RunOptions, Schedule, Step, Who, run, turn};
use raftpool_tests::proxy::{Passage, Way};

/// Quiet before each fault: enough for a cluster that was healed to find itself.
const PAUSE: Duration = Duration::from_millis(1_500);

/// Carries out faults one at a time, each for so many milliseconds.
async fn survives(faults: impl IntoIterator<Item = (Fault, u64)>) -> Result<()> {
    let _turn = turn().await;
    let steps = faults.into_iter().map(|(fault, hold_ms)| Step {
        pause: PAUSE,
        fault,
        hold: Duration::from_millis(hold_ms),
    });
    let mut schedule = Schedule::default();
    let is_link = |step: &Step| step.fault.is_of_links();
    (schedule.links, schedule.nodes) = steps.partition(is_link);
    ensure!(
        schedule.links.is_empty() || schedule.nodes.is_empty(),
        "faults of links and of nodes would strike at the same time"
    );
    let report = run(RunOptions::with_payouts(1), &schedule, true).await?;
    println!("{}", report.in_short());
    report.ensure_clean()?;
    ensure!(
        report.payouts > 0,
        "no payout: the run shows nothing of them"
    );
    let (reads, writes, _) = report.register;
    ensure!(reads > 10 && writes > 10, "too few reads or writes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_frozen_and_restarted_nodes_lose_and_double_nothing() -> Result<()> {
    survives([
        (Fault::Kill(Who::Leader), 2_500),
        (Fault::Kill(Who::Follower(0)), 1_000),
        (Fault::KillAll, 300),
        (Fault::Freeze(Who::Leader), 4_000),
        (Fault::Freeze(Who::Follower(1)), 1_000),
        (Fault::Transfer(0), 0),
        (Fault::RollingRestart, 0),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_and_slow_links_lose_and_double_nothing() -> Result<()> {
    let slow = Way {
        delay_ms: 30,
        jitter_ms: 30,
        stalls_per_mille: 10,
        stall_ms: 300,
        ..Way::default()
    };
    let (leader, follower) = (Who::Leader, Who::Follower(0));
    survives([
        (Fault::CutOff(leader, Passage::Held), 3_000),
        (Fault::CutOff(leader, Passage::Broken), 3_000),
        (Fault::CutOff(follower, Passage::Held), 2_000),
        (Fault::CutAll(Passage::Broken), 2_000),
        (
            Fault::OneWay {
                from: leader,
                to: follower,
            },
            3_000,
        ),
        (
            Fault::OneWay {
                from: follower,
                to: leader,
            },
            3_000,
        ),
        (Fault::Bridge(follower), 3_000),
        (Fault::SlowLinks(slow), 3_000),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn full_failing_and_slow_disks_lose_and_double_nothing() -> Result<()> {
    survives([
        (Fault::FullDisk, 0),
        (Fault::FailingSync(Who::Leader), 0),
        (Fault::FailingSync(Who::Follower(0)), 0),
        (Fault::SlowSync(Who::Leader, 300), 3_000),
        (Fault::SlowSync(Who::Follower(0), 500), 2_000),
        (Fault::SpoiledBooks(Who::Follower(0)), 0),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_go_and_catch_up_lose_and_double_nothing() -> Result<()> {
    survives([
        (Fault::LongAbsence(Who::Follower(0)), 0),
        (Fault::NewMember(Who::Follower(0)), 0),
        (Fault::NewMember(Who::Leader), 0),
        (Fault::ReplaceWiped(Who::Follower(0)), 0),
        (Fault::ReplaceWiped(Who::Leader), 0),
    ])
    .await
}
