//! Reads the ledger and the node's facts at scrape time: nothing can drift from the books.

use std::sync::{Arc, Weak};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::reserve::Reserve;
use raftpool_ledger::view::{
    Accounts, Lateness, LedgerView, NetworkFees, Payout, PayoutStatus, StrayCounts, Totals,
};
use raftpool_ledger::{Clock, Cluster, StateError};

use crate::dto::rejects;
use crate::facts::{LiveFacts, NodeFacts};
use crate::number::age_ms;
use crate::reading::read_at;

/// 2^64, the unit of scores. Metrics are floats; the exact numbers are in the API.
const SCORE_ONE: f64 = 18_446_744_073_709_551_616.0;

/// Everything the pool shows to Prometheus besides the request counts.
///
/// The registry outlives the API, and the parts of the node hold the registry: it must not keep
/// them alive in turn. A collector whose node has ended shows nothing.
pub(crate) struct PoolCollector {
    cluster: Weak<dyn Cluster>,
    clock: Arc<dyn Clock>,
    live: Weak<dyn LiveFacts>,
    desc: Desc,
}

struct Books {
    totals: Totals,
    accounts: Accounts,
    open_payout: Option<Payout>,
    is_paused: bool,
    bans: u64,
    lateness: Lateness,
    network_fees: Option<NetworkFees>,
    strays: StrayCounts,
    /// Only where a scheme is offered that is paid from it.
    reserve: Option<Reserve>,
}

impl PoolCollector {
    /// A collector over the cluster and the node's facts.
    pub(crate) fn new(
        cluster: &Arc<dyn Cluster>,
        clock: Arc<dyn Clock>,
        live: &Arc<dyn LiveFacts>,
    ) -> Result<Self, prometheus::Error> {
        let help = "Whether this node can read its ledger.";
        let name = "raftpool_ledger_readable";
        let desc = Desc::new(name.into(), help.into(), vec![], Default::default())?;
        let (cluster, live) = (Arc::downgrade(cluster), Arc::downgrade(live));
        Ok(Self {
            cluster,
            clock,
            live,
            desc,
        })
    }

    fn collect_from(&self, cluster: &dyn Cluster, live: &dyn LiveFacts) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        let now_ms = self.clock.now_ms();
        let read = read_at(cluster, |view| Books::read(view, now_ms));
        let is_readable = number(read.is_ok());
        families.push(gauge(&self.desc.fq_name, &self.desc.help, is_readable));
        match read {
            Ok(read) => {
                let help = "Log index this scrape was read at.";
                families.push(gauge("raftpool_ledger_index", help, read.index as f64));
                read.value.collect(now_ms, &mut families);
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "read the ledger for the metrics"
            ),
        }
        collect_leadership(cluster.leadership(), &mut families);
        collect_node(&live.node(), now_ms, &mut families);
        families
    }
}

impl Collector for PoolCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match (self.cluster.upgrade(), self.live.upgrade()) {
            (Some(cluster), Some(live)) => self.collect_from(&*cluster, &*live),
            _ => Vec::new(),
        }
    }
}

impl Books {
    fn read(view: &LedgerView<'_>, now_ms: u64) -> Result<Self, StateError> {
        Ok(Self {
            bans: view.bans_in_force(now_ms)?,
            totals: view.totals()?,
            accounts: view.accounts()?,
            open_payout: view.open_payout()?,
            is_paused: view.payouts_paused()?.is_some(),
            lateness: view.lateness()?,
            network_fees: view.network_fees()?,
            strays: view.stray_counts()?,
            reserve: view.reserve_in_use()?,
        })
    }

    fn collect(&self, now_ms: u64, families: &mut Vec<MetricFamily>) {
        self.collect_accounts(families);
        if let Some(reserve) = &self.reserve {
            super::reserve::collect(reserve, families);
        }
        self.collect_work(families);
        self.collect_payouts(now_ms, families);
        super::lateness::collect(&self.lateness, families);
        super::network::collect(self.network_fees, self.strays, families);
        let help = "Workers that all nodes refuse for the time being.";
        families.push(gauge("raftpool_bans", help, self.bans as f64));
    }

    fn collect_accounts(&self, families: &mut Vec<MetricFamily>) {
        let accounts = [
            ("income", self.accounts.income_atomic),
            ("deposits", self.accounts.deposits_atomic),
            ("reconciled", self.accounts.reconciled_atomic),
            ("balances", self.accounts.balances_atomic),
            ("in_flight", self.accounts.in_flight_atomic),
            ("paid", self.accounts.paid_atomic),
            ("network_fees", self.accounts.network_fees_atomic),
            ("network_fees_pool", self.accounts.network_fees_pool_atomic),
            ("undistributed", self.accounts.undistributed_atomic),
            ("pool_fees", self.accounts.pool_fees_atomic()),
            ("reserve", self.accounts.reserve_atomic),
            ("fee_budget", self.accounts.fee_budget_atomic),
            ("rounding", self.accounts.rounding_atomic),
            ("donations", self.accounts.donations_atomic),
            ("expected", self.accounts.expected_atomic),
            ("immature", self.accounts.immature_atomic),
        ];
        families.push(gauges(
            "raftpool_account_atomic",
            "Atomic units in each account of the ledger; income, deposits, reconciled and expected are together as much as all others.",
            accounts.map(|(name, amount)| ([("account", name)], amount as f64)),
        ));
    }

    fn collect_work(&self, families: &mut Vec<MetricFamily>) {
        let totals = &self.totals;
        let blocks_final = totals.blocks_settled.saturating_add(totals.blocks_orphaned);
        let blocks = [
            ("maturing", totals.blocks.saturating_sub(blocks_final)),
            ("settled", totals.blocks_settled),
            ("orphaned", totals.blocks_orphaned),
        ];
        families.push(gauges(
            "raftpool_blocks",
            "Found blocks by where they stand.",
            blocks.map(|(status, count)| ([("status", status)], count as f64)),
        ));
        let help = "Shares credited in the ledger.";
        families.push(counter(
            "raftpool_shares_accepted_total",
            help,
            totals.shares as f64,
        ));
        let refused = rejects(&totals.rejects).into_iter();
        families.push(counters(
            "raftpool_shares_rejected_total",
            "Shares refused, as reported to the ledger, by reason.",
            refused.map(|(reason, count)| ([("reason", reason)], count as f64)),
        ));
        let help = "Accepted work in expected hashes.";
        families.push(counter(
            "raftpool_work_hashes_total",
            help,
            totals.work as f64,
        ));
        let help = "Estimated hashes per second over about the last ten minutes.";
        families.push(gauge(
            "raftpool_pool_hashrate",
            help,
            totals.hashrate as f64,
        ));
        let help = "Work inside the PPLNS window, in expected blocks.";
        let window = totals.window_score as f64 / SCORE_ONE;
        families.push(gauge("raftpool_pplns_window_blocks", help, window));
        let help = "Work since the last found block, in expected blocks.";
        let effort = totals.round_score as f64 / SCORE_ONE;
        families.push(gauge("raftpool_round_effort_blocks", help, effort));
        let help = "Miners ever seen.";
        families.push(gauge("raftpool_miners", help, totals.miners as f64));
    }

    fn collect_payouts(&self, now_ms: u64, families: &mut Vec<MetricFamily>) {
        let help = "Payouts confirmed.";
        families.push(counter(
            "raftpool_payouts_confirmed_total",
            help,
            self.totals.payouts as f64,
        ));
        let help = "Whether payouts are paused.";
        families.push(gauge(
            "raftpool_payouts_paused",
            help,
            number(self.is_paused),
        ));
        let open = self.open_payout.as_ref();
        let is_in = |signed: bool| {
            let is_signed = |payout: &Payout| payout.status == PayoutStatus::Signed;
            number(open.is_some_and(|payout| is_signed(payout) == signed))
        };
        families.push(gauges(
            "raftpool_payout_open",
            "Whether a payout is open, by its status.",
            [
                ([("status", "reserved")], is_in(false)),
                ([("status", "signed")], is_in(true)),
            ],
        ));
        let help = "Age of the open payout; 0 when none is open.";
        let age = open.map_or(0, |payout| age_ms(now_ms, payout.reserved_at_ms));
        families.push(gauge(
            "raftpool_payout_open_age_seconds",
            help,
            seconds(age),
        ));
    }
}

fn collect_leadership(leadership: Leadership, families: &mut Vec<MetricFamily>) {
    families.push(gauge(
        "raftpool_leader_known",
        "Whether this node knows a leader.",
        number(leadership.leader_id.is_some()),
    ));
}

fn collect_node(facts: &NodeFacts, now_ms: u64, families: &mut Vec<MetricFamily>) {
    families.push(gauges(
        "raftpool_build_info",
        "The running program.",
        [([("version", facts.build.version.as_str())], 1.0)],
    ));
    let help = "When the process started, in seconds since the Unix epoch.";
    families.push(gauge(
        "raftpool_start_time_seconds",
        help,
        seconds(facts.started_at_ms),
    ));
    let daemons = facts.daemons.iter();
    families.push(gauges(
        "raftpool_daemon_healthy",
        "Whether each daemon is used at present.",
        daemons
            .clone()
            .map(|daemon| ([("daemon", daemon.name.as_str())], number(daemon.healthy))),
    ));
    let heights = daemons.filter_map(|daemon| daemon.height.map(|height| (daemon, height)));
    families.push(gauges(
        "raftpool_daemon_height",
        "Newest height of each daemon that answered.",
        heights.map(|(daemon, height)| ([("daemon", daemon.name.as_str())], height as f64)),
    ));
    if let Some(template) = &facts.template {
        let help = "Age of the newest block template.";
        let age = age_ms(now_ms, template.received_at_ms);
        families.push(gauge("raftpool_template_age_seconds", help, seconds(age)));
        let help = "Height of the newest block template.";
        families.push(gauge(
            "raftpool_template_height",
            help,
            template.height as f64,
        ));
    }
    families.retain(|family| !family.get_metric().is_empty());
}

fn number(is_true: bool) -> f64 {
    if is_true { 1.0 } else { 0.0 }
}

fn seconds(time_ms: u64) -> f64 {
    time_ms as f64 / 1000.0
}

pub(super) fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    gauges(name, help, [([], value)])
}

fn counter(name: &str, help: &str, value: f64) -> MetricFamily {
    counters(name, help, [([], value)])
}

pub(super) fn gauges<'a, const N: usize>(
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = ([(&'a str, &'a str); N], f64)>,
) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = metric_with(&labels);
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, metrics.collect())
}

fn counters<'a, const N: usize>(
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = ([(&'a str, &'a str); N], f64)>,
) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = metric_with(&labels);
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, metrics.collect())
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn metric_with(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).into());
        pair.set_value((*value).into());
        pair
    });
    Metric::from_label(pairs.collect())
}
