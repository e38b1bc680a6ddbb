use std::time::Duration;

use figures::Figures;
use ours::Ours;
use simulation::{JOB_S, Worker};

use super::*;

#[path = "../../benches/vardiff/figures.rs"]
mod figures;
#[path = "../../benches/vardiff/ours.rs"]
mod ours;
#[path = "../../benches/vardiff/simulation.rs"]
mod simulation;

const AIM: Aim = Aim {
    interval_ms: 5_000,
    minimum: 10,
    maximum: 1_000_000_000,
};

/// A worker of 1,000 hashes per second, whose ideal difficulty hence is 5,000.
fn worker(seed: u64, start: u64) -> Worker<Ours> {
    println!("seed {seed}");
    Worker::new(Ours::new(5.0, start as f64), 1_000.0, seed)
}

fn run(worker: &mut Worker<Ours>, hashes_per_s: f64, time_s: u32) {
    worker.hashes_per_s = hashes_per_s;
    worker.run_until(worker.now_s + f64::from(time_s));
}

/// A session with a difficulty of 1,000 that one share in five seconds has spoken for.
fn settled() -> (Vardiff, Instant) {
    let mut now = Instant::now();
    let mut vardiff = Vardiff::new(AIM, 1_000, false, now);
    vardiff.applied(now);
    for _ in 0..200 {
        now += Duration::from_secs(5);
        vardiff.record(1_000, now);
        vardiff.applied(now);
    }
    assert_eq!(vardiff.difficulty(), 1_000);
    (vardiff, now)
}

/// The rule can be made worse by a small change without any other test noticing. The bounds
/// leave room for luck; `cargo bench --bench vardiff` shows the figures themselves.
#[test]
fn the_simulation_gives_the_figures_the_constants_were_chosen_for() {
    for target_s in [5.0, 10.0, 30.0] {
        let figures = Figures::measure(Ours::new, target_s, 7, 30);
        println!("target {target_s} s: {figures:?}");
        assert!(figures.changes_per_hour < 1.0);
        assert!((0.93..1.07).contains(&figures.gap));
        assert!(figures.deviation < 0.25);
        // What comes before the first job after the start is nothing the rule could do about.
        let first_job = 1_000.0 / target_s * JOB_S / 2.0;
        assert!(figures.ramp_shares < 1.25 * first_job + 40.0);
        assert!(figures.recovery_s < 13.0 * target_s);
        assert!(figures.faster_s < 4.0 * target_s + JOB_S);
        assert!(figures.slower_s < 20.0 * target_s);
    }
}

#[test]
fn a_steady_worker_keeps_its_difficulty() {
    for seed in 1..=20 {
        let mut worker = worker(seed, 5_000);
        run(&mut worker, 1_000.0, 4 * 3_600);
        assert!(
            worker.changes <= 8,
            "{} changes in four hours",
            worker.changes
        );
        let mean_gap_s = f64::from(4 * 3_600) / worker.shares as f64;
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
            let mut worker = worker(seed, start);
            run(&mut worker, 1_000.0, 300);
            let difficulty = worker.difficulty;
            assert!(
                (1_000.0..25_000.0).contains(&difficulty),
                "from {start} to {difficulty}"
            );
        }
    }
}

#[test]
fn a_faster_and_a_slower_worker_are_followed() {
    for seed in 1..=20 {
        let mut worker = worker(seed, 5_000);
        run(&mut worker, 1_000.0, 1_800);
        run(&mut worker, 10_000.0, 300);
        let up = worker.difficulty;
        assert!((20_000.0..125_000.0).contains(&up), "{up}");
        run(&mut worker, 1_000.0, 1_800);
        let down = worker.difficulty;
        assert!((2_000.0..12_500.0).contains(&down), "{down}");
    }
}

#[test]
fn a_settled_worker_that_falls_silent_is_lowered_within_a_minute_and_not_at_once() {
    let (mut vardiff, now) = settled();
    assert!(!vardiff.tick(now + Duration::from_secs(40)));
    assert!(vardiff.tick(now + Duration::from_secs(55)));
    assert_eq!(vardiff.difficulty(), 125);
}

#[test]
fn shares_that_were_held_up_and_come_at_once_are_no_rise() {
    let (mut vardiff, mut now) = settled();
    now += Duration::from_secs(30);
    for _ in 0..6 {
        now += Duration::from_millis(1);
        vardiff.record(1_000, now);
    }
    for _ in 0..20 {
        now += Duration::from_secs(5);
        vardiff.record(1_000, now);
    }
    assert_eq!(vardiff.difficulty(), 1_000);
}

#[test]
fn jobs_that_must_be_easier_than_wanted_say_the_same_about_the_worker() {
    let (mut vardiff, mut now) = settled();
    for _ in 0..100 {
        vardiff.applied(now);
        for _ in 0..10 {
            now += Duration::from_millis(500);
            vardiff.record(100, now);
        }
    }
    assert_eq!(vardiff.difficulty(), 1_000);
}

#[test]
fn easy_shares_that_come_after_a_rise_do_not_raise_again() {
    let mut now = Instant::now();
    let mut vardiff = Vardiff::new(AIM, 100, false, now);
    vardiff.applied(now);
    let mut send = |vardiff: &mut Vardiff, count| {
        for _ in 0..count {
            now += Duration::from_millis(78);
            vardiff.record(100, now);
        }
        vardiff.applied(now);
        vardiff.difficulty()
    };
    let risen = send(&mut vardiff, 50);
    assert!((2_000..=6_400).contains(&risen), "{risen}");
    // A miner that takes ten seconds to look at its new job.
    let later = send(&mut vardiff, 128);
    assert!((2_000..10_000).contains(&later), "{later}");
}

#[test]
fn a_share_of_a_much_harder_job_is_one_share() {
    let (mut vardiff, mut now) = settled();
    while vardiff.difficulty() > AIM.minimum {
        now += Duration::from_secs(5);
        vardiff.tick(now);
        vardiff.applied(now);
    }
    vardiff.record(1_000, now);
    assert_eq!(vardiff.difficulty(), AIM.minimum);
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
        vardiff.applied(now);
        vardiff.hold(now);
        assert!(!vardiff.tick(now));
    }
    // Nor do they make a long gap of the share that is looked at again.
    vardiff.record(100_000, now + Duration::from_secs(1));
    assert_eq!(vardiff.difficulty(), 100_000);
}
