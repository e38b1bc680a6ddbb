//! What PPS and FPPS are paid from.

use prometheus::proto::MetricFamily;
use raftpool_ledger::reserve::{Reserve, ReserveLevel};

use super::collector::{gauge, gauges};
use crate::dto::journal::level_name;

/// Adds how safe the reserve is. What it holds is an account.
pub(super) fn collect(reserve: &Reserve, families: &mut Vec<MetricFamily>) {
    let levels = [
        ReserveLevel::Safe,
        ReserveLevel::Low,
        ReserveLevel::Exhausted,
        ReserveLevel::Stopped,
    ];
    let is_level = |level| f64::from(u8::from(reserve.level == level));
    families.push(gauges(
        "raftpool_reserve_level",
        "Where the reserve of PPS and FPPS stands: 1 for the level it is at.",
        levels.map(|level| ([("level", level_name(level))], is_level(level))),
    ));
    let help = "Probability that the reserve of PPS and FPPS is ever used up.";
    let ruin = f64::from(reserve.ruin_per_million) / 1e6;
    families.push(gauge("raftpool_reserve_ruin_ratio", help, ruin));
    if let Some(required) = reserve.required_atomic {
        let help = "What the reserve of PPS and FPPS should hold, in atomic units.";
        families.push(gauge(
            "raftpool_reserve_required_atomic",
            help,
            required as f64,
        ));
    }
}
