//! Compares the rule for workers' difficulty with those of ckpool, Miningcore and NOMP. Prints
//! numbers, asserts nothing; a small version of it with bounds is among the unit tests.
//!
//! `cargo bench --workspace --bench vardiff`; `RAFTPOOL_TEST_SEED` gives other luck to everyone.
//! It is a calculation, so other work on the machine changes nothing.
//!
//! What it does not know: delays of the network, proxies with many devices, stale shares. Our
//! constants were chosen with it and the peers' were not, which flatters ours.

mod figures;
mod ours;
mod rules;
mod simulation;
mod table;

// The code the server runs, not a copy of it.
use raftpool_stratum::vardiff;

fn main() {
    let seed = match std::env::var("RAFTPOOL_TEST_SEED") {
        Ok(text) => text.parse().expect("RAFTPOOL_TEST_SEED is a number"),
        Err(_) => 1,
    };
    println!("RAFTPOOL_TEST_SEED={seed}");
    for target_s in [5.0, 10.0, 30.0] {
        table::print(target_s, seed);
    }
}
