//! The crate's metrics, all named `raftpool_payout_…`.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::StartError;

pub(crate) struct Metrics {
    pub(crate) leading: IntGauge,
    pub(crate) steps: IntCounterVec,
    pub(crate) failures: IntCounterVec,
    pub(crate) alarm: IntGaugeVec,
    pub(crate) state: IntGaugeVec,
    pub(crate) paused: IntGauge,
    pub(crate) in_flight_atomic: IntGauge,
    pub(crate) taken_today_atomic: IntGauge,
    pub(crate) owed_atomic: IntGauge,
    pub(crate) wallet_atomic: IntGauge,
    pub(crate) unsettled_atomic: IntGauge,
    pub(crate) confirmed: IntCounter,
    pub(crate) confirmed_payees: IntCounter,
    pub(crate) blocks_maturing: IntGauge,
    pub(crate) blocks_settled: IntCounter,
    pub(crate) blocks_orphaned: IntCounter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, StartError> {
        Self::build(registry).map_err(StartError::Metrics)
    }

    fn build(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(format!("raftpool_payout_{name}"), help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::new(format!("raftpool_payout_{name}"), help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let opts = Opts::new(format!("raftpool_payout_{name}"), help);
            let metric = IntGaugeVec::new(opts, labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let opts = Opts::new(format!("raftpool_payout_{name}"), help);
            let metric = IntCounterVec::new(opts, labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            leading: gauge("leading", "1 while this node settles blocks and pays")?,
            steps: counters("steps_total", "Looks at the chain", &["reconciler"])?,
            failures: counters("failures_total", "Steps that did not succeed", &["step"])?,
            alarm: gauges("alarm", "1 while an alarm stands", &["reconciler", "kind"])?,
            state: gauges("state", "1 for the state of the open payout", &["state"])?,
            paused: gauge("paused", "1 while payouts are paused")?,
            in_flight_atomic: gauge("in_flight_atomic", "Atomic units in the open payout")?,
            taken_today_atomic: gauge(
                "taken_today_atomic",
                "Atomic units that today's payouts took from balances",
            )?,
            owed_atomic: gauge("owed_atomic", "Atomic units that the pool owes its miners")?,
            wallet_atomic: gauge(
                "wallet_atomic",
                "Atomic units in the wallet, before the newest payout this node looked at",
            )?,
            unsettled_atomic: gauge(
                "unsettled_atomic",
                "Atomic units of these from blocks that are not settled",
            )?,
            confirmed: counter("confirmed_total", "Payouts this node confirmed")?,
            confirmed_payees: counter("confirmed_payees_total", "Payees of these payouts")?,
            blocks_maturing: gauge("blocks_maturing", "Found blocks that are not final yet")?,
            blocks_settled: counter("blocks_settled_total", "Blocks this node settled")?,
            blocks_orphaned: counter("blocks_orphaned_total", "Blocks this node gave up")?,
        })
    }

    pub(crate) fn failed(&self, step: &str) {
        self.failures.with_label_values(&[step]).inc();
    }
}
