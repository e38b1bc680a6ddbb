//! Prints hashes per second of all versions that matter, for one thread and for all cores.
//! Takes the seconds per measurement as its only argument (5 if absent).

use std::time::Duration;

use raftpool_pow::{Algorithm, bench};

fn main() {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(5);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for algorithm in [Algorithm::V3, Algorithm::V2] {
        for threads in [1, cores] {
            println!(
                "{}",
                bench::measure(algorithm, threads, Duration::from_secs(seconds))
            );
        }
    }
}
