//! Consensus and storage as Prometheus metrics, read at scrape time.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{Gauge, IntCounter, IntGauge, Opts, Registry};
use raftpool_ledger::COMMAND_VERSION;
use raftpool_raft::{RaftNode, RaftStatus};
use raftpool_store::LatencyHistogram;

use super::drain::DrainMark;

/// One gauge: name, help, and how to read it. A value that does not exist yet is not exported.
type Reading = (&'static str, &'static str, fn(&RaftStatus) -> Option<u64>);

const GAUGES: &[Reading] = &[
    (
        "raftpool_raft_is_leader",
        "1 while this node leads",
        |status| Some(u64::from(status.leadership.is_leader())),
    ),
    ("raftpool_raft_term", "Current term", |status| {
        Some(status.leadership.term)
    }),
    ("raftpool_raft_voters", "Nodes that vote", |status| {
        Some(status.voters.len() as u64)
    }),
    (
        "raftpool_raft_learners",
        "Members without a vote",
        |status| Some(status.learners.len() as u64),
    ),
    (
        "raftpool_peer_certificate_expires_timestamp_seconds",
        "When this node's certificate for other nodes expires, since the Unix epoch",
        |status| {
            let peer = status.peer.as_ref()?;
            Some(peer.certificate_expires_at_ms / 1_000)
        },
    ),
    (
        "raftpool_peer_authority_expires_timestamp_seconds",
        "When the first authority that this node trusts expires, since the Unix epoch",
        |status| {
            let peer = status.peer.as_ref()?;
            Some(peer.authority_expires_at_ms / 1_000)
        },
    ),
    (
        "raftpool_raft_last_log_index",
        "Index of the newest log entry",
        |status| status.last_log_index,
    ),
    (
        "raftpool_raft_committed_index",
        "Newest committed index",
        |status| status.committed_index,
    ),
    (
        "raftpool_raft_applied_index",
        "Newest applied index",
        |status| status.applied_index,
    ),
    (
        "raftpool_raft_snapshot_index",
        "Newest index in a snapshot",
        |status| status.snapshot_index,
    ),
    (
        "raftpool_raft_in_flight",
        "Proposals waiting to be committed",
        |status| Some(status.in_flight),
    ),
    (
        "raftpool_raft_stopped",
        "1 when storage or consensus has stopped for good",
        |status| Some(u64::from(status.stopped.is_some())),
    ),
    (
        "raftpool_raft_diverged",
        "1 when this node's ledger differs from another one's and may be the wrong one",
        |status| Some(u64::from(status.divergence.is_some())),
    ),
    (
        "raftpool_raft_digest_compared_index",
        "Newest index at which the ledgers of all nodes that answered were the same",
        |status| status.compared_index,
    ),
    (
        "raftpool_raft_command_version",
        "Newest version of commands that this program knows",
        |_| Some(COMMAND_VERSION.into()),
    ),
    (
        "raftpool_raft_finalized_version",
        "Version up to which commands may be used, as far as this node knows",
        |status| Some(u64::from(status.finalized_version)).filter(|version| *version > 0),
    ),
    (
        "raftpool_store_log_entries",
        "Entries in the log",
        |status| Some(status.log.entries),
    ),
    (
        "raftpool_store_log_bytes",
        "Bytes of the log's database",
        |status| Some(status.log.database_bytes),
    ),
    (
        "raftpool_store_state_bytes",
        "Bytes of the state's database",
        |status| Some(status.state.database_bytes),
    ),
];

const COUNTERS: &[Reading] = &[
    (
        "raftpool_raft_proposals_committed_total",
        "Proposals committed and applied",
        |status| Some(status.proposals.committed),
    ),
    (
        "raftpool_raft_proposals_not_accepted_total",
        "Proposals that were not taken",
        |status| Some(status.proposals.not_accepted),
    ),
    (
        "raftpool_raft_proposals_unknown_total",
        "Proposals whose fate is not known",
        |status| Some(status.proposals.unknown),
    ),
    (
        "raftpool_store_log_appended_bytes_total",
        "Bytes of entries appended",
        |status| Some(status.log.appended_bytes),
    ),
];

const SYNC_NAME: &str = "raftpool_store_log_sync_seconds";

struct RaftCollector {
    raft: Arc<RaftNode>,
    drain: DrainMark,
}

/// Registers the collector.
///
/// # Errors
/// When its names are taken.
pub(super) fn register(
    registry: &Registry,
    raft: Arc<RaftNode>,
    drain: DrainMark,
) -> Result<(), prometheus::Error> {
    registry.register(Box::new(RaftCollector { raft, drain }))
}

impl Collector for RaftCollector {
    /// None: the families are made at scrape time, and their names are all in this file.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = self.raft.status();
        let mut families = Vec::new();
        for (name, help, read) in GAUGES {
            if let (Some(value), Ok(gauge)) =
                (read(&status), Gauge::with_opts(Opts::new(*name, *help)))
            {
                gauge.set(value as f64);
                families.extend(gauge.collect());
            }
        }
        for (name, help, read) in COUNTERS {
            if let (Some(value), Ok(counter)) = (read(&status), IntCounter::new(*name, *help)) {
                counter.inc_by(value);
                families.extend(counter.collect());
            }
        }
        if let Ok(gauge) = IntGauge::new(
            "raftpool_raft_leader_id",
            "The leader's node id, 0 when unknown",
        ) {
            gauge.set(
                status
                    .leadership
                    .leader_id
                    .and_then(|id| id.try_into().ok())
                    .unwrap_or(0),
            );
            families.extend(gauge.collect());
        }
        if let Ok(gauge) = IntGauge::new(
            "raftpool_node_draining",
            "1 while this node lets go of its work, or has",
        ) {
            gauge.set(self.drain.is_draining().into());
            families.extend(gauge.collect());
        }
        families.push(sync_latency(&status.log.sync));
        families
    }
}

fn sync_latency(latency: &LatencyHistogram) -> MetricFamily {
    let seconds = |us: u64| us as f64 / 1e6;
    let buckets = latency.buckets.iter().map(|(bound_us, cumulative)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(*bound_us));
        bucket.set_cumulative_count(*cumulative);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_sample_count(latency.count);
    histogram.set_sample_sum(seconds(latency.sum_us));
    histogram.set_bucket(buckets.collect());
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    let mut family = MetricFamily::default();
    family.set_name(SYNC_NAME.into());
    family.set_help("Latency of fsync of the log".into());
    family.set_field_type(MetricType::HISTOGRAM);
    family.set_metric(vec![metric]);
    family
}
