//! What the chain says beside the pool's own blocks.

use prometheus::proto::MetricFamily;
use raftpool_ledger::view::{NetworkFees, StrayCounts};

use super::collector::{gauge, gauges};

/// Adds how far the chain was looked at, the published average of fees, and stray blocks.
pub(super) fn collect(
    fees: Option<NetworkFees>,
    strays: StrayCounts,
    families: &mut Vec<MetricFamily>,
) {
    if let Some(fees) = fees {
        families.push(gauge(
            "raftpool_network_scanned_topoheight",
            "The newest stable block of the network that was looked at.",
            fees.last_topoheight as f64,
        ));
        families.push(gauge(
            "raftpool_network_fees_average_atomic",
            "Published average of the transaction fees of one of the network's blocks.",
            fees.average_fees_atomic as f64,
        ));
    }
    let acknowledged = strays.kept.saturating_sub(strays.unacknowledged);
    let counts = [
        ("open", strays.unacknowledged),
        ("acknowledged", acknowledged),
    ];
    families.push(gauges(
        "raftpool_stray_blocks",
        "Blocks that pay the pool and are not in its books, by whether somebody has looked.",
        counts.map(|(status, count)| ([("status", status)], count as f64)),
    ));
}
