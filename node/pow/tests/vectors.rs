//! Published and recorded hashes.

#![allow(clippy::unwrap_used)]

use raftpool_pow::{Algorithm, Difficulty, Hasher, WORK_SIZE};
use serde_json::Value;

/// The hashers under test, each with its name for messages.
fn hashers() -> Vec<(&'static str, Hasher)> {
    vec![("fast", Hasher::new()), ("portable", Hasher::portable())]
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../testdata/xelis-hash-vectors.json")).unwrap()
}

fn work(hex: &str) -> [u8; WORK_SIZE] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

#[test]
fn hashes_match_the_vectors() {
    let vectors = vectors();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 15);
    for (kind, mut hasher) in hashers() {
        for vector in vectors {
            let algorithm: Algorithm = vector["algorithm"].as_str().unwrap().parse().unwrap();
            let hash = hasher
                .hash(algorithm, &work(vector["input_hex"].as_str().unwrap()))
                .unwrap();
            assert_eq!(
                hex::encode(hash),
                vector["hash_hex"].as_str().unwrap(),
                "{kind}, {algorithm}, {}",
                vector["name"]
            );
        }
    }
}

/// The published hash of version 1 is over 200 zero bytes, which is what a work of zeros becomes.
#[test]
fn version_1_matches_the_published_hash_of_zeros() {
    for (kind, mut hasher) in hashers() {
        for _ in 0..2 {
            let hash = hasher.hash(Algorithm::V1, &[0; WORK_SIZE]).unwrap();
            assert_eq!(
                hex::encode(hash),
                "0ebbbd8a31edadfe098f2d770d84b719588675ab88a0a17067d00a8f36182265",
                "{kind}"
            );
        }
    }
}

#[test]
fn recorded_solutions_meet_their_jobs_targets() {
    let recording = include_str!("../testdata/getwork-official-miner.jsonl");
    let messages: Vec<Value> = recording
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (kind, mut hasher) in hashers() {
        let mut solved = 0;
        let mut job = &Value::Null;
        for (message, following) in messages.iter().zip(messages.iter().skip(1)) {
            if let Some(new_job) = message["msg"].get("new_job") {
                job = new_job;
            }
            let Some(solution) = message["msg"].get("miner_work") else {
                continue;
            };
            if following["msg"] != "block_accepted" {
                continue;
            }
            let algorithm: Algorithm = job["algorithm"].as_str().unwrap().parse().unwrap();
            let difficulty: Difficulty = job["difficulty"].as_str().unwrap().parse().unwrap();
            let hash = hasher
                .hash(algorithm, &work(solution.as_str().unwrap()))
                .unwrap();
            assert!(
                difficulty.target().is_met_by(&hash),
                "{kind}: {} at {difficulty} misses its target",
                hex::encode(hash)
            );
            assert!(Difficulty::of_hash(&hash) >= difficulty);
            solved += 1;
        }
        assert!(
            solved > 3,
            "the recording holds solutions, {solved} were seen"
        );
    }
}
