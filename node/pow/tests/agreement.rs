//! The quick code and the portable code give the same hashes.

#![allow(clippy::unwrap_used)]

use raftpool_pow::{Algorithm, Hasher, WORK_SIZE};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const THREADS: u64 = 2;
const WORKS_PER_THREAD: usize = 5_000;

#[test]
fn ten_thousand_random_works_hash_alike() {
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || check(seed, WORKS_PER_THREAD));
        }
    });
}

fn check(seed: u64, works: usize) {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut fast, mut portable) = (Hasher::new(), Hasher::portable());
    for number in 0..works {
        let work: [u8; WORK_SIZE] = random.random();
        // Version 2 shares most of its code with version 3, so a tenth of the works is enough.
        let algorithms: &[Algorithm] = if number % 10 == 0 {
            &[Algorithm::V3, Algorithm::V2]
        } else {
            &[Algorithm::V3]
        };
        for &algorithm in algorithms {
            assert_eq!(
                fast.hash(algorithm, &work),
                portable.hash(algorithm, &work),
                "seed {seed}, work {number}, {algorithm}, {}",
                fast.kernel_name()
            );
        }
    }
}
