//! What is measured of a rule.

use super::simulation::{JOB_S, Random, Rule, Worker};

const HOUR_S: f64 = 3_600.0;
/// What has not happened by then counts as happening then.
const LIMIT_S: f64 = 2.0 * HOUR_S;
/// The right difficulty of every worker before its speed changes; rules never see it.
const IDEAL: f64 = 1e6;

/// One line of the table.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// In the steady state.
    pub(crate) changes_per_hour: f64,
    /// Mean gap between shares over the target, in the steady state.
    pub(crate) gap: f64,
    /// Of ln(difficulty / ideal), in the steady state.
    pub(crate) deviation: f64,
    /// Sent by a worker that starts 1,000 times too low, until its difficulty is right.
    pub(crate) ramp_shares: f64,
    /// Until the difficulty is right after a start 100 times too high.
    pub(crate) recovery_s: f64,
    /// Until the difficulty is right after the worker became ten times as fast.
    pub(crate) faster_s: f64,
    /// The same after it became ten times as slow.
    pub(crate) slower_s: f64,
}

impl Figures {
    /// Measures a rule that is made of a target and a difficulty to start with.
    pub(crate) fn measure<R: Rule>(
        rule: impl Fn(f64, f64) -> R,
        target_s: f64,
        seed: u64,
        workers: u64,
    ) -> Self {
        let mut figures = Self::default();
        let mut steady = Steady::default();
        let worker = |start: f64, seed: u64| {
            Worker::new(rule(target_s, IDEAL * start), IDEAL / target_s, seed)
        };
        for number in 0..workers {
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
            // A start that is exactly right would flatter rules that hardly move.
            let start = 4_f64.powf(2.0 * Random::new(!seed).uniform() - 1.0);
            steady.watch(worker(start, seed));

            let mut ramp = worker(1e-3, seed);
            right_after_s(&mut ramp, IDEAL);
            figures.ramp_shares += ramp.shares as f64;
            figures.recovery_s += right_after_s(&mut worker(100.0, seed), IDEAL);

            for (factor, sum_s) in [(10.0, &mut figures.faster_s), (0.1, &mut figures.slower_s)] {
                let mut worker = worker(1.0, seed);
                worker.run_until(HOUR_S);
                worker.hashes_per_s *= factor;
                *sum_s += right_after_s(&mut worker, IDEAL * factor);
            }
        }
        for sum in [
            &mut figures.ramp_shares,
            &mut figures.recovery_s,
            &mut figures.faster_s,
            &mut figures.slower_s,
        ] {
            *sum /= workers as f64;
        }
        steady.finish(target_s, &mut figures);
        figures
    }
}

/// Seconds until the job has a difficulty within a factor of two of the ideal one. A wider miss
/// than that is seen by a miner; a narrower one is what ckpool's band allows for good.
fn right_after_s<R: Rule>(worker: &mut Worker<R>, ideal: f64) -> f64 {
    let start_s = worker.now_s;
    while worker.now_s < start_s + LIMIT_S && (worker.difficulty / ideal).log2().abs() > 1.0 {
        worker.step(start_s + LIMIT_S);
    }
    worker.now_s - start_s
}

/// Sums over the steady state of all workers.
#[derive(Default)]
struct Steady {
    hours: f64,
    changes: u64,
    shares: u64,
    samples: f64,
    sum: f64,
    sum_of_squares: f64,
}

impl Steady {
    const WARM_UP_S: f64 = HOUR_S;
    const WATCH_S: f64 = 4.0 * HOUR_S;

    fn watch<R: Rule>(&mut self, mut worker: Worker<R>) {
        worker.run_until(Self::WARM_UP_S);
        let (shares, changes) = (worker.shares, worker.changes);
        while worker.now_s < Self::WARM_UP_S + Self::WATCH_S {
            worker.run_until(worker.now_s + JOB_S);
            let off = (worker.difficulty / IDEAL).ln();
            self.samples += 1.0;
            self.sum += off;
            self.sum_of_squares += off * off;
        }
        self.hours += Self::WATCH_S / HOUR_S;
        self.shares += worker.shares - shares;
        self.changes += worker.changes - changes;
    }

    fn finish(&self, target_s: f64, figures: &mut Figures) {
        let mean = self.sum / self.samples;
        figures.changes_per_hour = self.changes as f64 / self.hours;
        figures.gap = self.hours * HOUR_S / self.shares as f64 / target_s;
        figures.deviation = (self.sum_of_squares / self.samples - mean * mean).sqrt();
    }
}
