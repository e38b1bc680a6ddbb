//! The loop: take an input, change it, try it, keep it if it brought what no other did.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::mutate::mutate;

/// Inputs kept beside the corpus; a new one then takes the place of an old one.
const KEPT_MAX: usize = 4_096;
/// Tries to make a failing input smaller.
const SHRINKS_MAX: usize = 300;

/// Runs a target over a corpus and over mutations of it. The target panics when something does not
/// hold, and otherwise says in few words what came of the input.
pub fn fuzz(name: &str, corpus: Vec<Vec<u8>>, target: impl FnMut(&[u8]) -> String) {
    fuzz_for(name, duration(), corpus, target);
}

fn fuzz_for(
    name: &str,
    duration: Duration,
    corpus: Vec<Vec<u8>>,
    mut target: impl FnMut(&[u8]) -> String,
) {
    let seed = seed();
    println!("{name}: seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let until = Instant::now() + duration;
    let mut outcomes = HashSet::new();
    let mut executions = 0_u64;
    for input in &corpus {
        outcomes.insert(attempt(name, input, &mut target));
        executions += 1;
    }
    let (corpus_size, mut pool) = (corpus.len(), corpus);
    while Instant::now() < until {
        let other = &pool[random.random_range(0..pool.len())];
        let input = &pool[random.random_range(0..pool.len())];
        let input = mutate(input, other, &mut random);
        let outcome = attempt(name, &input, &mut target);
        executions += 1;
        if outcomes.len() < 8 * KEPT_MAX && outcomes.insert(outcome) {
            match pool.len() < corpus_size + KEPT_MAX {
                true => pool.push(input),
                false => {
                    let place = random.random_range(corpus_size..pool.len());
                    pool[place] = input;
                }
            }
        }
    }
    let kept = pool.len() - corpus_size;
    let outcomes = outcomes.len();
    println!("{name}: {executions} executions, {outcomes} outcomes, {kept} inputs kept");
}

fn attempt(name: &str, input: &[u8], target: &mut impl FnMut(&[u8]) -> String) -> String {
    match catch_unwind(AssertUnwindSafe(|| target(input))) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let smallest = shrink(input.to_vec(), |input| {
                catch_unwind(AssertUnwindSafe(|| target(input))).is_err()
            });
            eprintln!("{name} fails with: {}", smallest.escape_ascii());
            resume_unwind(panic)
        }
    }
}

/// Leaves out whatever is not needed to fail.
fn shrink(mut input: Vec<u8>, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let (mut size, mut tries) = (input.len() / 2, 0);
    while size > 0 {
        let mut start = 0;
        while start < input.len() && tries < SHRINKS_MAX {
            let mut shorter = input.clone();
            shorter.drain(start..(start + size).min(input.len()));
            tries += 1;
            match fails(&shorter) {
                true => input = shorter,
                false => start += size,
            }
        }
        size /= 2;
    }
    input
}

fn duration() -> Duration {
    let seconds = std::env::var("RAFTPOOL_FUZZ_SECONDS");
    Duration::from_secs(seconds.map_or(2, |text| text.parse().unwrap()))
}

fn seed() -> u64 {
    match std::env::var("RAFTPOOL_TEST_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.unwrap().as_secs()
        }
    }
}

/// Five letters in a row are found by no chance, but one after the other they are.
#[test]
fn what_brings_a_new_outcome_leads_on_to_a_failure() {
    let wanted = b"seven";
    let corpus = vec![b"one two three".to_vec()];
    let found = catch_unwind(|| {
        fuzz_for("control", Duration::from_secs(60), corpus, |input| {
            let pairs = input.iter().zip(wanted);
            let right = pairs.take_while(|(is, should)| is == should).count();
            assert!(right < wanted.len(), "found");
            right.to_string()
        });
    });
    assert!(found.is_err(), "not found");
}

#[test]
fn a_failing_input_is_made_small() {
    let fails = |input: &[u8]| input.windows(3).any(|word| word == b"ill");
    assert_eq!(shrink(b"nothing ill with it".to_vec(), fails), b"ill");
}
