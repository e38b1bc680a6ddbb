//! Runs of a whole cluster under faults, with miners, payouts and readers, and the audit after
//! each.
//!
//! A run forms a cluster, loads it, carries out a schedule of faults, mends everything, waits
//! until the cluster is healthy and quiet, and then compares what everybody was told with what the
//! ledger and the simulated chain have. Answers that leave something open are counted as
//! "unknown" and never dropped; they widen what is allowed and nothing else.
//!
//! What must not happen is collected and not thrown, so that one run tells everything it saw.

mod audit;
mod fault;
mod load;
mod nemesis;
mod places;
mod register;
mod schedule;
mod tally;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use crate::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE};
use crate::processes::PoolOptions;

pub use fault::{Fault, Who};
pub use load::{Habit, Load, LoadOptions};
pub use nemesis::Nemesis;
pub use places::Places;
pub use register::{Action, Clients, History, RegisterOptions, Verdict};
pub use schedule::{Schedule, Step};
pub use tally::{Tallies, Tally};
pub use timeline::Timeline;

/// Time between blocks of other miners; the chain must move for payouts to come to an end.
const FOREIGN_BLOCK_EVERY_MS: u64 = 300;
/// Shares that must be accepted before and after the faults, so that a run shows something.
const PROGRESS_SHARES: u64 = 20;

/// How a run is made.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The cluster.
    pub cluster: ClusterOptions,
    /// The miners.
    pub load: LoadOptions,
    /// The readers and writers of the register.
    pub register: RegisterOptions,
    /// Decides everything that is random besides the schedule.
    pub seed: u64,
    /// How long a cluster may need to be well again when nothing disturbs it any more.
    pub patience: Duration,
    /// Whether the files of a run with violations are kept.
    pub keeps_files: bool,
}

impl RunOptions {
    /// Shares that are checked by hashing, some of which are blocks and are paid.
    pub fn with_payouts(seed: u64) -> Self {
        Self {
            cluster: ClusterOptions {
                pool: PoolOptions {
                    // With the shares below, a block about every three seconds.
                    network_difficulty: 400,
                    stable_depth: 6,
                    share_difficulty: 1,
                    hashing: true,
                    ..PoolOptions::default()
                },
                seed,
                ..ClusterOptions::default()
            },
            load: LoadOptions {
                miners: 8,
                depth: 16,
                shares_per_second: 20,
                password: "d=1",
                habit: Habit::Wandering,
            },
            register: RegisterOptions::default(),
            seed,
            patience: HEALING_DEADLINE,
            keeps_files: true,
        }
    }

    /// As many shares as can be, none of which is hashed.
    pub fn with_volume(seed: u64) -> Self {
        Self {
            cluster: ClusterOptions {
                snapshot_entries: 100_000,
                log_entries_kept: 50_000,
                seed,
                ..ClusterOptions::default()
            },
            load: LoadOptions {
                miners: 12,
                depth: 32,
                shares_per_second: 1_000,
                password: "x",
                habit: Habit::Wandering,
            },
            register: RegisterOptions::default(),
            seed,
            patience: HEALING_DEADLINE,
            keeps_files: true,
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// What all miners were told.
    pub shares: Tally,
    /// Payouts, each of which was executed once.
    pub payouts: u64,
    /// Reads and writes of the register, and how many of the writes are unknown.
    pub register: (usize, usize, usize),
    /// What must not happen and did.
    pub violations: Vec<String>,
}

impl Report {
    /// One line of figures.
    pub fn in_short(&self) -> String {
        let (reads, writes, unknown) = self.register;
        let Tally {
            accepted,
            refused,
            unknown: unknown_shares,
        } = self.shares;
        format!(
            "{accepted} shares accepted, {refused} refused, {unknown_shares} unknown; {} payouts; \
             {reads} reads and {writes} writes, {unknown} of them unknown; {} violations",
            self.payouts,
            self.violations.len()
        )
    }

    /// Fails when anything happened that must not.
    ///
    /// # Errors
    /// With all violations.
    pub fn ensure_clean(&self) -> Result<()> {
        let list = self.violations.join("\n");
        ensure!(self.violations.is_empty(), "{list}");
        Ok(())
    }
}

/// Clusters of processes run one at a time: they would slow each other down until nothing means
/// anything.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Carries out one run. When anything is wrong the files of all processes are kept.
///
/// # Errors
/// When the cluster could not be formed.
pub async fn run(options: RunOptions, schedule: &Schedule, is_alone: bool) -> Result<Report> {
    let timeline = Timeline::begin();
    let pool = ClusterPool::start(options.cluster.clone()).await?;
    timeline.note("the cluster is formed");
    let keeps_files = options.keeps_files;
    let run = Run {
        pool: pool.clone(),
        timeline,
        options,
    };
    let report = run.carry_out(schedule, is_alone).await;
    let is_clean = report
        .as_ref()
        .is_ok_and(|report| report.violations.is_empty());
    if keeps_files && !is_clean {
        pool.keep_files();
    }
    report
}

struct Run {
    pool: Arc<ClusterPool>,
    timeline: Timeline,
    options: RunOptions,
}

impl Run {
    async fn carry_out(&self, schedule: &Schedule, is_alone: bool) -> Result<Report> {
        let network = &self.pool.network;
        network
            .control("produce_blocks", json!({"count": 2}))
            .await?;
        let mining = json!({"every_ms": FOREIGN_BLOCK_EVERY_MS});
        network.control("auto_mine", mining).await?;
        let load = Load::start(&self.pool, &self.options.load, self.options.seed);
        let seed = self.options.seed;
        let clients = Clients::start(&self.pool, &self.options.register, seed).await?;
        self.expect_progress(&load, "before any fault").await;

        let nemesis = Nemesis::new(&self.pool, &self.timeline, is_alone);
        let (links, nodes) =
            tokio::join!(nemesis.run(&schedule.links), nemesis.run(&schedule.nodes));
        for lane in [links, nodes] {
            self.record(lane);
        }
        self.record(nemesis.heal().await);
        self.expect_progress(&load, "after everything was mended")
            .await;

        let (history, complaints) = clients.stop().await;
        for complaint in complaints {
            self.record::<()>(Err(complaint));
        }
        let tallies = load.stop().await;
        self.timeline.note("miners and readers have stopped");
        let payouts = self.audit(&tallies).await;
        self.judge_history(&history).await?;
        Ok(Report {
            shares: tallies.total(),
            payouts: payouts.unwrap_or_default(),
            register: history.counts(),
            violations: self.timeline.violations(),
        })
    }

    async fn expect_progress(&self, load: &Load, when: &str) {
        let patience = self.options.patience;
        match load.progresses(PROGRESS_SHARES, patience).await {
            true => self.timeline.note(format_args!("shares count {when}")),
            false => self.timeline.violation(format_args!(
                "{PROGRESS_SHARES} shares were not accepted within {patience:?} {when}"
            )),
        }
    }

    async fn judge_history(&self, history: &History) -> Result<()> {
        let checked = history.clone();
        let verdict = tokio::task::spawn_blocking(move || checked.check());
        match verdict.await.context("check the history")? {
            Verdict::Linearizable => {}
            Verdict::Violated(history) => self.timeline.violation(format_args!(
                "reads and writes are not linearizable:\n{history}"
            )),
            Verdict::Undecided => self
                .timeline
                .violation("the search for an order of reads and writes took too long"),
        }
        Ok(())
    }

    /// Turns an error into a violation.
    fn record<T>(&self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.timeline.violation(format_args!("{error:#}"));
                None
            }
        }
    }
}
