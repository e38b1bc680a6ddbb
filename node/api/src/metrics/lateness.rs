//! Found blocks by how many heights late they were, and what became of them.

use prometheus::proto::MetricFamily;
use raftpool_ledger::view::{LATENESS_CLASSES, Lateness};

use super::collector::gauges;
use crate::dto::lateness::difference;

/// Adds the families of the blocks' fate by lateness. They are gauges, since the oldest blocks
/// leave what is added up.
pub(super) fn collect(lateness: &Lateness, families: &mut Vec<MetricFamily>) {
    let classes = || LATENESS_CLASSES.into_iter().zip(lateness.fates);
    let blocks = classes().flat_map(|(class, fate)| {
        let by_status = [
            ("maturing", fate.maturing),
            ("settled", fate.settled),
            ("orphaned", fate.orphaned),
        ];
        by_status.map(|(status, count)| {
            let labels = [("heights_late", class), ("status", status)];
            (labels, count as f64)
        })
    });
    families.push(gauges(
        "raftpool_blocks_by_lateness",
        "The newest found blocks (10,000 at most) by how many heights late they were and where they stand.",
        blocks,
    ));
    let amounts =
        classes().map(|(class, fate)| ([("heights_late", class)], fate.amount_atomic as f64));
    families.push(gauges(
        "raftpool_blocks_by_lateness_paid_atomic",
        "What the settled ones of these blocks paid, in atomic units.",
        amounts,
    ));
    let [on_time, ..] = lateness.fates;
    let differences = classes().filter_map(|(class, fate)| {
        let difference = difference(fate, on_time)?;
        Some(([("heights_late", class)], difference as f64))
    });
    families.push(gauges(
        "raftpool_blocks_by_lateness_difference_atomic",
        "What the final ones of these blocks paid more (or, negative, less) than as many on time, in atomic units: summed over the lateness within the grace it is what the grace has brought or cost.",
        differences,
    ));
}
