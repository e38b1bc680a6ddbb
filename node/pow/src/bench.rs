//! Hashes per second of this machine, for the operator and for the record.

use std::fmt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Algorithm, Hasher, WORK_SIZE};

/// Rounds of each kind. They alternate, so that a machine that slows down slows both kinds.
const ROUNDS: u32 = 15;

/// What a measurement found; `Display` gives the lines to print.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchResult {
    /// The version that was hashed.
    pub algorithm: Algorithm,
    /// Threads that hashed at the same time, each with its own scratchpad.
    pub threads: usize,
    /// Which code the fast hasher runs on this processor.
    pub kernel_name: &'static str,
    /// Median over the rounds, all threads together, in hashes per second.
    pub fast_hashes_per_second: f64,
    /// The same for the code that follows the definition line by line.
    pub portable_hashes_per_second: f64,
    /// How many times as fast the quick code is: the median over pairs of neighbouring rounds, so
    /// that what else the machine does meanwhile touches both alike.
    pub ratio: f64,
    /// Rounds that were measured of each.
    pub rounds: u32,
}

impl fmt::Display for BenchResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "compared: fast ({}) with portable (the definition line by line), {} rounds each in turn",
            self.kernel_name, self.rounds
        )?;
        write!(
            formatter,
            "{}, {} thread{}: fast {:.1} H/s, portable {:.1} H/s, ratio {:.3}",
            self.algorithm,
            self.threads,
            if self.threads == 1 { "" } else { "s" },
            self.fast_hashes_per_second,
            self.portable_hashes_per_second,
            self.ratio
        )
    }
}

/// Hashes for about `duration` on that many threads (at least one), half of it with each code.
///
/// Every thread does at least one hash in each round, so very short durations take longer.
pub fn measure(algorithm: Algorithm, threads: usize, duration: Duration) -> BenchResult {
    let threads = threads.max(1);
    let kernel_name = Hasher::new().kernel_name();
    let round = duration / (2 * ROUNDS);
    let mut fast = Vec::new();
    let mut portable = Vec::new();
    for _ in 0..ROUNDS {
        fast.push(measure_round(algorithm, threads, round, Hasher::new));
        portable.push(measure_round(algorithm, threads, round, Hasher::portable));
    }
    let ratios = fast
        .iter()
        .zip(&portable)
        .map(|(fast, portable)| fast / portable)
        .collect();
    BenchResult {
        algorithm,
        threads,
        kernel_name,
        fast_hashes_per_second: median(fast),
        portable_hashes_per_second: median(portable),
        ratio: median(ratios),
        rounds: ROUNDS,
    }
}

/// Hashes per second of all threads together.
fn measure_round(
    algorithm: Algorithm,
    threads: usize,
    duration: Duration,
    new_hasher: fn() -> Hasher,
) -> f64 {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread_idx| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut hasher = new_hasher();
                    let mut work = [0; WORK_SIZE];
                    work[..8].copy_from_slice(&(thread_idx as u64).to_le_bytes());
                    // The first hash pays for fresh memory.
                    let _ = hasher.hash(algorithm, &work);
                    barrier.wait();
                    hashes_per_second(algorithm, &mut hasher, &mut work, duration)
                })
            })
            .collect();
        handles
            .into_iter()
            .filter_map(|handle| handle.join().ok())
            .sum()
    })
}

fn hashes_per_second(
    algorithm: Algorithm,
    hasher: &mut Hasher,
    work: &mut [u8; WORK_SIZE],
    duration: Duration,
) -> f64 {
    let start = Instant::now();
    let mut hashes = 0u64;
    loop {
        hashes += 1;
        work[40..48].copy_from_slice(&hashes.to_be_bytes());
        let _ = std::hint::black_box(hasher.hash(algorithm, work));
        let elapsed = start.elapsed();
        if elapsed >= duration {
            return hashes as f64 / elapsed.as_secs_f64();
        }
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_measurement_gives_both_rates() {
        let result = measure(Algorithm::V3, 2, Duration::from_millis(20));
        assert!(result.fast_hashes_per_second > 0.0);
        assert!(result.portable_hashes_per_second > 0.0);
        let text = result.to_string();
        assert!(text.starts_with("compared: fast ("), "{text}");
        assert!(text.contains("xel/v3, 2 threads"), "{text}");
    }
}
