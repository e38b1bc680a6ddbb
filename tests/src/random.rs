//! Seeds of random tests: printed first, and settable to repeat a run.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// A generator from `RAFTPOOL_TEST_SEED`, or from a fresh seed; the seed is printed either way.
pub fn seeded() -> StdRng {
    let seed = match std::env::var("RAFTPOOL_TEST_SEED") {
        Ok(text) => text.parse().expect("RAFTPOOL_TEST_SEED is a number"),
        Err(_) => rand::random::<u64>(),
    };
    println!("RAFTPOOL_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// How many rounds a crash test runs: `RAFTPOOL_TEST_ROUNDS`, or `usual`.
pub fn rounds(usual: u32) -> u32 {
    match std::env::var("RAFTPOOL_TEST_ROUNDS") {
        Ok(text) => text.parse().expect("RAFTPOOL_TEST_ROUNDS is a number"),
        Err(_) => usual,
    }
}
