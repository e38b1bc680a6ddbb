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

/// The seeds of a test that runs several: `RAFTPOOL_TEST_SEED` alone, or `RAFTPOOL_TEST_SEEDS` new
/// ones, or `usual`.
pub fn seeds(usual: &[u64]) -> Vec<u64> {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse::<u64>()
                .unwrap_or_else(|_| panic!("{name} is a number")),
        )
    };
    match (number("RAFTPOOL_TEST_SEED"), number("RAFTPOOL_TEST_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (0..count).map(|_| rand::random()).collect(),
        (None, None) => usual.to_vec(),
    }
}
