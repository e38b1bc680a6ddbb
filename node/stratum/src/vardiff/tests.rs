use std::time::Duration;

use super::*;

const AIM: Aim = Aim {
    interval_ms: 5_000,
    minimum: 10,
    maximum: 1_000_000_000,
};

/// Shares as a random process of a worker of constant speed, jobs every five seconds.
struct Simulation {
    random: u64,
    now: Instant,
    vardiff: Vardiff,
    job_difficulty: u64,
    next_job: Instant,
    changes: u32,
    shares: u32,
}

impl Simulation {
    fn new(seed: u64, start: u64) -> Self {
        println!("seed {seed}");
        let now = Instant::now();
        let mut vardiff = Vardiff::new(AIM, start, false, now);
        vardiff.applied(now);
        let next_job = now + Duration::from_secs(5);
        Self {
            random: seed,
            now,
            vardiff,
            job_difficulty: start,
            next_job,
            changes: 0,
            shares: 0,
        }
    }

    /// xorshift64*, as a number in (0, 1].
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        (bits + 1) as f64 / (1u64 << 53) as f64
    }

    fn run(&mut self, hashes_per_second: f64, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            let mean_s = self.job_difficulty as f64 / hashes_per_second;
            let gap = Duration::from_secs_f64(-self.uniform().ln() * mean_s);
            let before = self.vardiff.difficulty();
            if self.now + gap < self.next_job {
                self.now += gap;
                self.shares += 1;
                self.vardiff.record(self.job_difficulty, self.now);
            } else {
                // The process has no memory: what remains of the gap may be drawn anew.
                self.now = self.next_job;
                self.next_job += Duration::from_secs(5);
                self.vardiff.tick(self.now);
                self.job_difficulty = self.vardiff.difficulty();
                self.vardiff.applied(self.now);
            }
            self.changes += u32::from(self.vardiff.difficulty() != before);
        }
    }
}

#[test]
fn a_steady_worker_keeps_its_difficulty() {
    for seed in 1..=20 {
        let mut simulation = Simulation::new(seed, 5_000);
        simulation.run(1_000.0, 4 * 3_600);
        assert!(
            simulation.changes <= 8,
            "{} changes in four hours",
            simulation.changes
        );
        let mean_gap_s = f64::from(4 * 3_600) / f64::from(simulation.shares);
        assert!(
            (3.5..7.0).contains(&mean_gap_s),
            "{mean_gap_s} s between shares"
        );
    }
}

#[test]
fn a_start_that_is_far_off_is_corrected_both_ways() {
    for seed in 1..=20 {
        for start in [10, 500_000] {
            let mut simulation = Simulation::new(seed, start);
            simulation.run(1_000.0, 300);
            let difficulty = simulation.vardiff.difficulty();
            assert!(
                (1_000..25_000).contains(&difficulty),
                "from {start} to {difficulty}"
            );
        }
    }
}

#[test]
fn a_faster_and_a_slower_worker_are_followed() {
    for seed in 1..=20 {
        let mut simulation = Simulation::new(seed, 5_000);
        simulation.run(1_000.0, 1_800);
        simulation.run(10_000.0, 300);
        let up = simulation.vardiff.difficulty();
        assert!((20_000..125_000).contains(&up), "{up}");
        simulation.run(1_000.0, 1_800);
        let down = simulation.vardiff.difficulty();
        assert!((2_000..12_500).contains(&down), "{down}");
    }
}

#[test]
fn a_silent_worker_is_lowered_to_the_minimum_and_no_further() {
    let mut now = Instant::now();
    let mut vardiff = Vardiff::new(AIM, 100_000, false, now);
    assert!(
        !vardiff.tick(now + Duration::from_secs(3_600)),
        "no job was sent yet"
    );
    vardiff.applied(now);
    assert!(!vardiff.tick(now + Duration::from_secs(20)));
    for _ in 0..100 {
        now += Duration::from_secs(24);
        vardiff.tick(now);
        vardiff.applied(now);
    }
    assert_eq!(vardiff.difficulty(), AIM.minimum);
}

#[test]
fn a_fixed_difficulty_never_moves_but_is_bounded() {
    let now = Instant::now();
    let mut vardiff = Vardiff::new(AIM, 1, true, now);
    vardiff.applied(now);
    for _ in 0..1_000 {
        vardiff.record(10, now);
    }
    assert!(!vardiff.tick(now + Duration::from_secs(3_600)));
    assert_eq!(vardiff.difficulty(), AIM.minimum);
}

#[test]
fn nothing_more_is_decided_until_a_change_was_sent() {
    let now = Instant::now();
    let mut vardiff = Vardiff::new(AIM, 100, false, now);
    vardiff.applied(now);
    for step in 1..=50 {
        vardiff.record(100, now + Duration::from_millis(step));
    }
    assert_eq!(
        vardiff.difficulty(),
        6_400,
        "one bounded step, however many shares came"
    );
}

#[test]
fn shares_the_pool_did_not_look_at_are_not_silence() {
    let mut now = Instant::now();
    let mut vardiff = Vardiff::new(AIM, 100_000, false, now);
    vardiff.applied(now);
    for _ in 0..100 {
        now += Duration::from_secs(10);
        vardiff.hold(now);
        assert!(!vardiff.tick(now));
    }
    assert_eq!(vardiff.difficulty(), 100_000);
}
