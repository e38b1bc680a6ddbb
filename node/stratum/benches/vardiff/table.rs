//! How the figures are printed.

use crate::figures::Figures;
use crate::ours::Ours;
use crate::rules::{Ckpool, Miningcore, Nomp};

/// Workers per figure.
const WORKERS: u64 = 400;

/// Prints all rules at one target.
pub(crate) fn print(target_s: f64, seed: u64) {
    println!(
        "\ntarget {target_s:>2} s    {:>9} {:>6} {:>6} {:>8} {:>9} {:>9} {:>9}",
        "changes/h", "gap", "sd", "shares", "s after", "s after", "s after"
    );
    println!(
        "               {:>9} {:>6} {:>6} {:>8} {:>9} {:>9} {:>9}",
        "steady", "/target", "of ln", "ramping", "start*100", "speed*10", "speed/10"
    );
    line(
        "Raftpool",
        &Figures::measure(Ours::new, target_s, seed, WORKERS),
    );
    line(
        "ckpool",
        &Figures::measure(Ckpool::new, target_s, seed, WORKERS),
    );
    line(
        "Miningcore",
        &Figures::measure(Miningcore::new, target_s, seed, WORKERS),
    );
    line(
        "NOMP",
        &Figures::measure(Nomp::new, target_s, seed, WORKERS),
    );
}

fn line(name: &str, figures: &Figures) {
    println!(
        "{name:<14} {:>9.2} {:>6.2} {:>6.2} {:>8.0} {:>9.0} {:>9.0} {:>9.0}",
        figures.changes_per_hour,
        figures.gap,
        figures.deviation,
        figures.ramp_shares,
        figures.recovery_s,
        figures.faster_s,
        figures.slower_s,
    );
}
