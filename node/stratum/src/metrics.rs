//! What Prometheus sees of the miners' side. Labels take values from small closed sets; nothing a
//! miner sends ever becomes one.

use std::sync::Arc;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};
use raftpool_ledger::view::{LATENESS_CLASSES, lateness_class};

/// Times from a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 14] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// All metrics of this crate; clones count into the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) connections: IntGauge,
    pub(crate) workers: IntGauge,
    /// By protection: `plain` or `tls`.
    pub(crate) arrivals: IntCounterVec,
    pub(crate) certificate_expires: IntGauge,
    /// By reason: why a connection was not taken.
    pub(crate) connections_refused: IntCounterVec,
    pub(crate) abuse: AbuseMetrics,
    /// By reason: why a connection ended.
    pub(crate) disconnects: IntCounterVec,
    /// By reason: why a token, or its lack, did not let a miner in.
    pub(crate) tokens_refused: IntCounterVec,
    /// By result: `accepted` or the reason of the refusal.
    pub(crate) shares: IntCounterVec,
    pub(crate) accepted_work: IntCounter,
    pub(crate) accepted_by_lateness: ByLateness,
    pub(crate) accepted_work_by_lateness: ByLateness,
    pub(crate) stale_by_lateness: ByLateness,
    pub(crate) verification_queue: IntGauge,
    pub(crate) verification_wait: Histogram,
    pub(crate) hash_time: Histogram,
    pub(crate) credit_queue: IntGauge,
    pub(crate) batch_shares: Histogram,
    pub(crate) commit_time: Histogram,
    /// By result: how proposals of batches ended.
    pub(crate) batches: IntCounterVec,
    pub(crate) blocks_found: IntCounter,
    /// By result: how submissions to daemons ended.
    pub(crate) block_submissions: IntCounterVec,
    /// By result: how proposals of found blocks ended.
    pub(crate) block_records: IntCounterVec,
    pub(crate) jobs: IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let new = Register(registry);
        Ok(Self {
            connections: new.gauge("connections", "Open connections of miners.")?,
            workers: new.gauge("workers", "Open connections with an authorized worker.")?,
            arrivals: new.counters(
                "arrivals_total",
                "Connections that were ready for a first line.",
                "protection",
            )?,
            certificate_expires: new.gauge(
                "certificate_expires_timestamp_seconds",
                "When the certificate for miners expires, since the Unix epoch; 0 without one.",
            )?,
            connections_refused: new.counters(
                "connections_refused_total",
                "Connections that were not taken.",
                "reason",
            )?,
            abuse: AbuseMetrics::register(&new)?,
            disconnects: new.counters("disconnects_total", "Connections that ended.", "reason")?,
            tokens_refused: new.counters(
                "tokens_refused_total",
                "Miners that were not let in for their token or the lack of one.",
                "reason",
            )?,
            shares: new.counters("shares_total", "Shares that were answered.", "result")?,
            accepted_work: new
                .counter("accepted_work_total", "Work of accepted shares, in hashes.")?,
            accepted_by_lateness: new.by_lateness(
                "accepted_shares_by_lateness_total",
                "Accepted shares by how many heights late they were.",
            )?,
            accepted_work_by_lateness: new.by_lateness(
                "accepted_work_by_lateness_total",
                "Work of accepted shares by how many heights late they were, in hashes.",
            )?,
            stale_by_lateness: new.by_lateness(
                "stale_shares_by_lateness_total",
                "Shares refused as stale by how many heights late they were.",
            )?,
            verification_queue: new
                .gauge("verification_queue", "Shares that wait to be hashed.")?,
            verification_wait: new.seconds(
                "verification_wait_seconds",
                "Time shares waited to be hashed.",
            )?,
            hash_time: new.seconds("hash_seconds", "Time to hash one share.")?,
            credit_queue: new.gauge("credit_queue", "Verified shares that wait for a batch.")?,
            batch_shares: new.histogram(
                "batch_shares",
                "Shares of one proposed batch.",
                vec![
                    0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0,
                ],
            )?,
            commit_time: new.seconds("commit_seconds", "Time from proposing to applied.")?,
            batches: new.counters("batches_total", "Batches by how proposing ended.", "result")?,
            blocks_found: new.counter("blocks_found_total", "Shares that met the block target.")?,
            block_submissions: new.counters(
                "block_submissions_total",
                "Submissions of found blocks to the daemons.",
                "result",
            )?,
            block_records: new.counters(
                "block_records_total",
                "Proposals to record a found block.",
                "result",
            )?,
            jobs: new.counter("jobs_sent_total", "Job notifications written.")?,
        })
    }
}

/// One counter for each class of lateness.
#[derive(Clone)]
pub(crate) struct ByLateness(Arc<[IntCounter; LATENESS_CLASSES.len()]>);

impl ByLateness {
    pub(crate) fn of(&self, heights_late: u64) -> &IntCounter {
        &self.0[lateness_class(heights_late)]
    }
}

/// What is done about abuse, and about what might be.
#[derive(Clone)]
pub(crate) struct AbuseMetrics {
    /// By reason: why something other than a share was refused.
    pub(crate) refusals: IntCounterVec,
    pub(crate) newcomers: IntGauge,
    /// By kind: `worker` or `ip`.
    pub(crate) bans_made: IntCounterVec,
    /// By kind: `worker` or `ip`.
    pub(crate) bans_lifted: IntCounterVec,
    /// By kind: `worker` or `ip`.
    pub(crate) banned_refusals: IntCounterVec,
    /// By kind: `worker` or `ip`.
    pub(crate) bans: IntGaugeVec,
    /// By reason: what was lacking, or the rank of the connection that made room.
    pub(crate) shed: IntCounterVec,
    /// By the bound that was reached: `connection`, `ip` or `node`.
    pub(crate) verification_refused: IntCounterVec,
}

impl AbuseMetrics {
    fn register(new: &Register<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            refusals: new.counters(
                "refusals_total",
                "Authorizations, subscriptions and other requests but shares that were refused.",
                "reason",
            )?,
            newcomers: new.gauge(
                "refused_newcomers",
                "Workers without a record in the ledger of which it is remembered what they were refused.",
            )?,
            bans_made: new.counters("bans_total", "Bans this node has made.", "kind")?,
            bans_lifted: new.counters(
                "bans_lifted_total",
                "Bans this node knew of that ended before their time.",
                "kind",
            )?,
            banned_refusals: new.counters(
                "banned_refusals_total",
                "Banned workers and IP addresses that came and were refused.",
                "kind",
            )?,
            bans: new.gauges(
                "bans",
                "Bans in force that this node remembers from miners of its own.",
                "kind",
            )?,
            shed: new.counters(
                "shed_total",
                "Workers and connections that were not let in or sent away, so that those who work find a place.",
                "reason",
            )?,
            verification_refused: new.counters(
                "verification_refused_total",
                "Shares that were not looked at, by the bound that was reached.",
                "bound",
            )?,
        })
    }
}

struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::with_opts(options(name, help))?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::with_opts(options(name, help))?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(options(name, help), &[label])?)
    }

    fn by_lateness(&self, name: &str, help: &str) -> Result<ByLateness, prometheus::Error> {
        let counters = self.counters(name, help, "heights_late")?;
        let of_class = |class| counters.with_label_values(&[class]);
        Ok(ByLateness(Arc::new(LATENESS_CLASSES.map(of_class))))
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        label: &str,
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(options(name, help), &[label])?)
    }

    fn seconds(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        self.histogram(name, help, SECONDS.to_vec())
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: Vec<f64>,
    ) -> Result<Histogram, prometheus::Error> {
        let options = HistogramOpts::from(options(name, help)).buckets(buckets);
        self.keep(Histogram::with_opts(options)?)
    }

    fn keep<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(format!("raftpool_stratum_{name}"), help)
}
