//! A process that appends is killed at random moments; what it acknowledged must be there.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{append, command, log_id, open};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use openraft::storage::{RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use raftpool_store::{Entry, TypeConfig, Vote};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const CHILD_DIRECTORY: &str = "RAFTPOOL_KILL_TEST_DIRECTORY";
const CHILD_SEED: &str = "RAFTPOOL_KILL_TEST_SEED";
const ROUNDS: usize = 24;

/// What is known to be durable.
#[derive(Debug, Default)]
struct Acknowledged {
    index: Option<u64>,
    term: Option<u64>,
    purged: Option<u64>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        // Without its end a line was cut, and its number may be another one.
        let Some(line) = line.strip_suffix('.') else {
            return;
        };
        let mut words = line.split(' ');
        let (Some(kind), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) else {
            return;
        };
        match kind {
            "appended" => self.index = self.index.max(Some(number)),
            "voted" => self.term = self.term.max(Some(number)),
            "purged" => self.purged = self.purged.max(Some(number)),
            _ => {}
        }
    }
}

#[test]
fn killed_process_loses_nothing_it_acknowledged() {
    let seed = std::env::var("RAFTPOOL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("RAFTPOOL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        kill_after(
            random.random_range(1..200),
            directory.path(),
            &mut random,
            &mut acknowledged,
        );
        TypeConfig::run(check(directory.path(), round, &acknowledged));
    }
    assert!(
        acknowledged.index.is_some_and(|index| index > 200),
        "{acknowledged:?}"
    );
    assert!(acknowledged.purged.is_some(), "{acknowledged:?}");
}

/// Runs a child until it has told `lines` things, kills it, and notes all it told.
fn kill_after(lines: usize, directory: &Path, random: &mut StdRng, noted: &mut Acknowledged) {
    let mut child: Child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_appends_until_it_is_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_DIRECTORY, directory)
        .env(CHILD_SEED, random.random::<u64>().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = 0;
    loop {
        let line = output
            .next()
            .expect("the child goes on until it is killed")
            .unwrap();
        noted.note(&line);
        told += usize::from(line.starts_with("appended"));
        if told >= lines && (told > 0 || line.starts_with("opening")) {
            break;
        }
    }
    for _ in 0..random.random_range(0..500_000) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What is still in the pipe was acknowledged as well.
    output
        .map_while(Result::ok)
        .for_each(|line| noted.note(&line));
}

async fn check(directory: &Path, round: usize, acknowledged: &Acknowledged) {
    let store = open(directory);
    let mut log = store.log();
    let state = log.get_log_state().await.unwrap();
    let last = state.last_log_id.map(|last| last.index());
    assert!(
        last >= acknowledged.index,
        "round {round}: {last:?} < {acknowledged:?}"
    );
    let purged = state.last_purged_log_id.map(|purged| purged.index());
    assert!(
        purged >= acknowledged.purged,
        "round {round}: {purged:?} < {acknowledged:?}"
    );
    let term = log
        .read_vote()
        .await
        .unwrap()
        .map(|vote| vote.leader_id.term);
    assert!(
        term >= acknowledged.term,
        "round {round}: {term:?} < {acknowledged:?}"
    );

    let first = purged.map_or(0, |purged| purged + 1);
    let entries = log.try_get_log_entries(..).await.unwrap();
    let expected: Vec<_> = (first..last.map_or(0, |last| last + 1))
        .map(entry)
        .collect();
    assert!(entries == expected, "round {round}: entries differ");
    drop(log);
    store.close().await.unwrap();
}

/// The entry at an index is always the same, so that a torn or misplaced one is noticed.
fn entry(index: u64) -> Entry {
    let filler = "x".repeat(usize::try_from(index * 37 % 3000).unwrap());
    command(1, index, &format!("{index} {filler}"))
}

/// Not a test of its own: what the test above starts and kills. Does nothing otherwise.
#[test]
fn child_appends_until_it_is_killed() {
    let Ok(directory) = std::env::var(CHILD_DIRECTORY) else {
        return;
    };
    let seed = std::env::var(CHILD_SEED).unwrap().parse().unwrap();
    // The test harness has begun a line.
    println!();
    TypeConfig::run(append_for_ever(
        Path::new(&directory),
        StdRng::seed_from_u64(seed),
    ));
}

fn tell(kind: &str, number: u64) {
    // One write per line, past the test harness: the parent reads whole lines.
    let line = format!("{kind} {number}.\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    std::io::stdout().lock().flush().unwrap();
}

async fn append_for_ever(directory: &Path, mut random: StdRng) {
    tell("opening", 0);
    let mut log = open(directory).log();
    let state = log.get_log_state().await.unwrap();
    let mut next = state.last_log_id.map_or(0, |last| last.index() + 1);
    let mut purged = state.last_purged_log_id.map_or(0, |purged| purged.index());
    let mut term = log
        .read_vote()
        .await
        .unwrap()
        .map_or(0, |vote| vote.leader_id.term);
    let mut running = FuturesUnordered::new();
    loop {
        let count = random.random_range(1..6);
        let durable = append(&mut log, (next..next + count).map(entry).collect())
            .await
            .unwrap();
        next += count;
        let last = next - 1;
        running.push(async move {
            durable.await.unwrap();
            tell("appended", last);
        });
        while running.len() > 8 {
            running.next().await;
        }
        match random.random_range(0..40) {
            0 => {
                term += 1;
                log.save_vote(&Vote::new(term, 1)).await.unwrap();
                tell("voted", term);
            }
            1 if next > purged + 100 => {
                purged = next - 50;
                log.purge(log_id(1, purged)).await.unwrap();
                tell("purged", purged);
            }
            _ => {}
        }
    }
}
