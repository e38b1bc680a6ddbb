//! What a load has found, for programs and for people.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::config::{LoadConfig, Rate};
use super::cost::Cost;
use super::share::{Kind, Verdict};
use super::tally::Tally;

/// Part of its cores beyond which the load may have been what was slow.
const BUSY_CORES: f64 = 0.85;
/// Own delay beyond which latencies are more the load's than the pool's, if it is also a good part
/// of them.
const LAG_MS_MAX: f64 = 5.0;
/// Part of the latency that own delay may be.
const LAG_PART_MAX: f64 = 0.25;
/// Jobs reported one by one.
const JOBS_MAX: usize = 64;

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many there were; all others are 0 when this is.
    pub count: u64,
    /// Half of them were at most this.
    pub p50_ms: f64,
    /// 90 percent.
    pub p90_ms: f64,
    /// 99 percent.
    pub p99_ms: f64,
    /// 99.9 percent.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Quantiles {
    /// Of times in microseconds.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            count: histogram.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: histogram.max() as f64 / 1_000.0,
        }
    }
}

/// What became of the shares of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindReport {
    /// Sent.
    pub sent: u64,
    /// Answered "accepted".
    pub accepted: u64,
    /// Refused.
    pub refused: u64,
    /// Of both, those that are not what such a share should be told.
    pub unexpected: u64,
    /// Sent, but the connection or the load ended before the answer came.
    pub unanswered: u64,
}

/// One reason of refusals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalReport {
    /// What kind of share was refused.
    pub kind: Kind,
    /// The error code; getwork has none.
    pub code: Option<i64>,
    /// The pool's words, with every number replaced by `#`.
    pub words: String,
    /// How often.
    pub count: u64,
    /// Whether such a share should be refused like this.
    pub is_expected: bool,
}

/// How one job spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobReport {
    /// Address of the pool it came from.
    pub pool: String,
    /// Counts the jobs of that pool, from 1.
    pub number: u64,
    /// Miners that got it and had a job before.
    pub miners: u64,
    /// Time from the first miner's to each other's.
    pub delay: Quantiles,
}

/// How jobs spread: medians over the jobs that at least half of a pool's miners got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FanOutReport {
    /// Jobs.
    pub jobs: u64,
    /// Time from the first miner's to that of half of them.
    pub p50_ms: f64,
    /// To that of 99 percent.
    pub p99_ms: f64,
    /// To the last one's.
    pub last_ms: f64,
    /// The longest time to a last one's.
    pub worst_last_ms: f64,
}

/// What the load itself has cost, on the machine that made it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnReport {
    /// Processor time from start to end, user and system.
    pub cpu_s: f64,
    /// Cores it used on average while shares were sent.
    pub cores_used: f64,
    /// Cores it could use.
    pub cores: u64,
    /// Time its threads could have run but had no core, while shares were sent.
    pub waited_for_core_s: f64,
    /// Memory of one emulated miner, when all were connected.
    pub memory_per_connection_bytes: u64,
    /// Memory of the process at the end.
    pub memory_bytes: u64,
    /// How late shares were sent that nothing but this process kept back.
    pub lag: Quantiles,
    /// Whether the load, and not the pool, may have been the limit.
    pub is_bottleneck: bool,
}

/// What a load has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Emulated miners.
    pub connections: u64,
    /// Those that were connected when shares began to be sent.
    pub connected: u64,
    /// Those that were connected at the end.
    pub connected_at_end: u64,
    /// Time until every miner had connected or failed to, once.
    pub connecting_s: f64,
    /// From when a connection was due to its first job.
    pub connects: Quantiles,
    /// As `connects`, of miners that had been connected before.
    pub reconnects: Quantiles,
    /// Why connections did not come about, and how often.
    pub connect_failures: BTreeMap<String, u64>,
    /// Why connections ended before the load did, and how often.
    pub disconnects: BTreeMap<String, u64>,
    /// How long shares were sent.
    pub measured_s: f64,
    /// Shares a second that were asked for; none when idle, and when as fast as possible.
    pub asked_per_second: Option<f64>,
    /// Accepted shares a second.
    pub accepted_per_second: f64,
    /// Shares by kind.
    pub shares: BTreeMap<Kind, KindReport>,
    /// Why shares were refused.
    pub refusals: Vec<RefusalReport>,
    /// Shares that were due and never sent, because too many had no answer.
    pub overdue: u64,
    /// From when an accepted share was due to its answer.
    pub latency: Quantiles,
    /// From when a refused share was due to its answer.
    pub refusal_latency: Quantiles,
    /// How jobs spread.
    pub fan_out: FanOutReport,
    /// The newest of these jobs, one by one.
    pub jobs: Vec<JobReport>,
    /// Messages of the pool a second, over the whole time.
    pub messages_in_per_second: f64,
    /// Shares sent a second, over the whole time.
    pub messages_out_per_second: f64,
    /// Jobs that came, over all miners.
    pub jobs_received: u64,
    /// What the load itself has cost.
    pub own: OwnReport,
    /// What makes the figures doubtful.
    pub warnings: Vec<String>,
}

/// What a report is made of.
pub(super) struct Measured<'a> {
    pub(super) config: &'a LoadConfig,
    pub(super) tally: Tally,
    pub(super) jobs: Vec<JobReport>,
    pub(super) connecting: Duration,
    pub(super) measured: Duration,
    pub(super) connected: usize,
    pub(super) connected_at_end: usize,
    /// Before, when shares began, and at the end.
    pub(super) costs: [Cost; 3],
    pub(super) cores: usize,
}

impl LoadReport {
    pub(super) fn new(measured: Measured<'_>) -> Self {
        let Measured { config, tally, .. } = &measured;
        let seconds = measured.measured.as_secs_f64();
        let whole = seconds + measured.connecting.as_secs_f64();
        let shares = kinds(tally);
        let accepted: u64 = shares.values().map(|kind| kind.accepted).sum();
        let latency = Quantiles::of(&tally.accepted);
        let own = own(&measured, &latency);
        let mut report = Self {
            connections: config.connections as u64,
            connected: measured.connected as u64,
            connected_at_end: measured.connected_at_end as u64,
            connecting_s: measured.connecting.as_secs_f64(),
            connects: Quantiles::of(&tally.connects),
            reconnects: Quantiles::of(&tally.reconnects),
            connect_failures: tally.connect_failures.clone(),
            disconnects: tally.disconnects.clone(),
            measured_s: seconds,
            asked_per_second: match config.rate {
                Rate::PerSecond(rate) => Some(rate),
                Rate::Idle | Rate::Saturate => None,
            },
            accepted_per_second: per(accepted, seconds),
            shares,
            refusals: refusals(tally),
            overdue: tally.overdue,
            latency,
            refusal_latency: Quantiles::of(&tally.refused),
            fan_out: fan_out(&measured.jobs, config),
            jobs: measured.jobs[measured.jobs.len().saturating_sub(JOBS_MAX)..].to_vec(),
            messages_in_per_second: per(tally.messages_in, whole),
            messages_out_per_second: per(tally.messages_out, whole),
            jobs_received: tally.jobs_in,
            own,
            warnings: Vec::new(),
        };
        report.warnings = warnings(&report);
        report
    }

    /// Accepted shares of all kinds.
    pub fn accepted(&self) -> u64 {
        self.shares.values().map(|kind| kind.accepted).sum()
    }

    /// Shares without an answer, of all kinds.
    pub fn unanswered(&self) -> u64 {
        self.shares.values().map(|kind| kind.unanswered).sum()
    }

    /// Answers that were not what the share should be told.
    pub fn unexpected(&self) -> u64 {
        self.shares.values().map(|kind| kind.unexpected).sum()
    }
}

fn per(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(0.001)
}

fn kinds(tally: &Tally) -> BTreeMap<Kind, KindReport> {
    let mut kinds: BTreeMap<Kind, KindReport> = BTreeMap::new();
    for (kind, count) in &tally.sent {
        kinds.entry(*kind).or_default().sent = *count;
    }
    for (kind, count) in &tally.unanswered {
        kinds.entry(*kind).or_default().unanswered = *count;
    }
    for ((kind, verdict), count) in &tally.verdicts {
        let report = kinds.entry(*kind).or_default();
        match verdict {
            Verdict::Accepted => report.accepted += count,
            Verdict::Refused { .. } => report.refused += count,
        }
        if !verdict.is_expected_of(*kind) {
            report.unexpected += count;
        }
    }
    kinds
}

fn refusals(tally: &Tally) -> Vec<RefusalReport> {
    let all = tally.verdicts.iter();
    let refusal = |((kind, verdict), count): (&(Kind, Verdict), &u64)| match verdict {
        Verdict::Accepted => None,
        Verdict::Refused { code, words } => Some(RefusalReport {
            kind: *kind,
            code: *code,
            words: words.clone(),
            count: *count,
            is_expected: verdict.is_expected_of(*kind),
        }),
    };
    all.filter_map(refusal).collect()
}

fn fan_out(jobs: &[JobReport], config: &LoadConfig) -> FanOutReport {
    let half = config.connections.div_ceil(2 * config.pools.len()) as u64;
    // The first miner's own time is among them, and it is one of those that had a job before.
    let whole: Vec<&JobReport> = jobs.iter().filter(|job| job.miners >= half).collect();
    let median = |figure: fn(&Quantiles) -> f64| {
        let mut figures: Vec<f64> = whole.iter().map(|job| figure(&job.delay)).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(0.0)
    };
    let lasts = whole.iter().map(|job| job.delay.max_ms);
    FanOutReport {
        jobs: whole.len() as u64,
        p50_ms: median(|delay| delay.p50_ms),
        p99_ms: median(|delay| delay.p99_ms),
        last_ms: median(|delay| delay.max_ms),
        worst_last_ms: lasts.fold(0.0, f64::max),
    }
}

fn own(measured: &Measured<'_>, latency: &Quantiles) -> OwnReport {
    let [before, begun, end] = measured.costs;
    let seconds = measured.measured.as_secs_f64().max(0.001);
    let cores_used = end.cpu.saturating_sub(begun.cpu).as_secs_f64() / seconds;
    let grown = begun.resident_bytes.saturating_sub(before.resident_bytes);
    let lag = Quantiles::of(&measured.tally.lag);
    let is_late = lag.p99_ms > LAG_MS_MAX && lag.p99_ms > LAG_PART_MAX * latency.p99_ms;
    OwnReport {
        cpu_s: end.cpu.saturating_sub(before.cpu).as_secs_f64(),
        cores_used,
        cores: measured.cores as u64,
        waited_for_core_s: end.waited.saturating_sub(begun.waited).as_secs_f64(),
        memory_per_connection_bytes: grown / (measured.connected as u64).max(1),
        memory_bytes: end.resident_bytes,
        lag,
        is_bottleneck: is_late || cores_used > BUSY_CORES * measured.cores as f64,
    }
}

fn warnings(report: &LoadReport) -> Vec<String> {
    let mut warnings = Vec::new();
    if report.own.is_bottleneck {
        warnings.push(format!(
            "the load may have been the limit, not the pool: it used {:.2} of {} cores and sent \
             shares {:.1} ms late (p99)",
            report.own.cores_used, report.own.cores, report.own.lag.p99_ms
        ));
    }
    if report.connected < report.connections {
        warnings.push(format!(
            "{} of {} miners were not connected when shares began to be sent",
            report.connections - report.connected,
            report.connections
        ));
    }
    if report.overdue > 0 {
        warnings.push(format!(
            "{} shares were due and never sent, because too many had no answer",
            report.overdue
        ));
    }
    if report.unexpected() > 0 {
        warnings.push(format!(
            "{} answers were not what the share should be told",
            report.unexpected()
        ));
    }
    warnings
}

#[cfg(test)]
mod tests;
