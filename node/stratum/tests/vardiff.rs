//! What is said of the rule for workers' difficulty, tried in the simulation that the benchmark
//! prints: no peer's rule is better by more than a fifth in any of its columns, but for what
//! ARCHITECTURE.md explains.
//!
//! `RAFTPOOL_TEST_SEED` gives other luck to everyone.

#![forbid(unsafe_code)]

#[path = "../benches/vardiff/figures.rs"]
mod figures;
#[path = "../benches/vardiff/ours.rs"]
mod ours;
#[path = "../benches/vardiff/rules/mod.rs"]
mod rules;
#[path = "../benches/vardiff/simulation.rs"]
mod simulation;

// The code the server runs, not a copy of it.
use raftpool_stratum::vardiff;

use figures::Figures;
use ours::Ours;
use rules::{Ckpool, Miningcore, Nomp};

/// Workers per figure; the benchmark has four times as many.
const WORKERS: u64 = 100;
/// How much better than ours a figure may be.
const BETTER_MAX: f64 = 1.2;
/// ckpool changes a steady worker's difficulty more rarely, and needs so long to follow one that
/// became ten times slower.
const CKPOOL_SLOWER_S_MIN: f64 = 1_200.0;

/// A column of the table; less is better.
type Column = (&'static str, fn(&Figures) -> f64);

const COLUMNS: [Column; 7] = [
    ("changes an hour", |one| one.changes_per_hour),
    // Shares may be too rare as well as too frequent.
    ("gap", |one| one.gap.max(1.0 / one.gap)),
    ("deviation", |one| one.deviation),
    ("shares of a start that is too low", |one| one.ramp_shares),
    ("seconds after a start that is too high", |one| {
        one.recovery_s
    }),
    ("seconds until ten times as fast", |one| one.faster_s),
    ("seconds until ten times as slow", |one| one.slower_s),
];

#[test]
fn no_other_rule_is_better_by_more_than_a_fifth() {
    let seed = match std::env::var("RAFTPOOL_TEST_SEED") {
        Ok(text) => text.parse().expect("RAFTPOOL_TEST_SEED is a number"),
        Err(_) => 1,
    };
    println!("RAFTPOOL_TEST_SEED={seed}");
    let mut beaten = Vec::new();
    for target_s in [5.0, 10.0, 30.0] {
        let ours = Figures::measure(Ours::new, target_s, seed, WORKERS);
        let peers = [
            (
                "ckpool",
                Figures::measure(Ckpool::new, target_s, seed, WORKERS),
            ),
            (
                "Miningcore",
                Figures::measure(Miningcore::new, target_s, seed, WORKERS),
            ),
            ("NOMP", Figures::measure(Nomp::new, target_s, seed, WORKERS)),
        ];
        for (name, peer) in &peers {
            for (column, figure) in COLUMNS {
                let (mine, its) = (figure(&ours), figure(peer));
                println!("{target_s} s, {name}, {column}: {mine:.2} and {its:.2}");
                let is_explained = *name == "ckpool"
                    && column == "changes an hour"
                    && peer.slower_s > CKPOOL_SLOWER_S_MIN.max(BETTER_MAX * ours.slower_s);
                if mine > BETTER_MAX * its && !is_explained {
                    beaten.push(format!(
                        "{target_s} s, {name}, {column}: {mine:.2} > {its:.2}"
                    ));
                }
            }
        }
    }
    assert!(beaten.is_empty(), "{beaten:#?}");
}
