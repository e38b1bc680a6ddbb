//! A node under load is killed at random moments. Batches it did not acknowledge are proposed
//! again with the same ids; in the end every batch is in the ledger once.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{credit, credited, found, start, summary};
use futures_util::StreamExt;
use futures_util::stream;
use raftpool_ledger::Outcome;
use raftpool_ledger::cluster::read;
use raftpool_ledger::view::LedgerView;
use raftpool_raft::RaftNode;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const CHILD_DIRECTORY: &str = "RAFTPOOL_KILL_TEST_DIRECTORY";
const CHILD_AGAIN: &str = "RAFTPOOL_KILL_TEST_AGAIN";
const CHILD_NEXT: &str = "RAFTPOOL_KILL_TEST_NEXT";
const ROUNDS: usize = 16;
const CONCURRENCY: usize = 16;

#[derive(Default)]
struct Batches {
    proposed: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

impl Batches {
    fn note(&mut self, line: &str) {
        // Without its end a line was cut, and its number may be another one.
        let Some(line) = line.strip_suffix('.') else {
            return;
        };
        match line
            .split_once(' ')
            .map(|(kind, number)| (kind, number.parse()))
        {
            Some(("proposing", Ok(sequence))) => drop(self.proposed.insert(sequence)),
            Some(("acknowledged", Ok(sequence))) => drop(self.acknowledged.insert(sequence)),
            _ => {}
        }
    }

    fn open(&self) -> Vec<u64> {
        self.proposed
            .difference(&self.acknowledged)
            .copied()
            .collect()
    }
}

#[test]
fn killed_node_credits_every_batch_once() {
    let seed = std::env::var("RAFTPOOL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("RAFTPOOL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut batches = Batches::default();
    for round in 0..ROUNDS {
        kill_under_load(directory.path(), &mut random, &mut batches);
        runtime.block_on(async {
            let node = start(directory.path()).await;
            check(&node, round, &batches);
            node.shutdown().await;
        });
    }
    runtime.block_on(async {
        let node = start(directory.path()).await;
        for sequence in batches.open() {
            credit(&node, sequence).await.unwrap();
        }
        for sequence in &batches.proposed {
            assert_eq!(credited(&node, *sequence), 1, "batch {sequence}");
        }
        assert_eq!(summary(&node).1, batches.proposed.len() as u64);
        node.shutdown().await;
    });
    assert!(
        batches.acknowledged.len() > 100,
        "{} were acknowledged",
        batches.acknowledged.len()
    );
}

fn check(node: &RaftNode, round: usize, batches: &Batches) {
    for sequence in &batches.acknowledged {
        assert_eq!(
            credited(node, *sequence),
            1,
            "round {round}: acknowledged {sequence}"
        );
    }
    for sequence in batches.open() {
        assert!(
            credited(node, sequence) <= 1,
            "round {round}: open {sequence}"
        );
    }
}

fn kill_under_load(directory: &Path, random: &mut StdRng, batches: &mut Batches) {
    let again: Vec<_> = batches.open().iter().map(u64::to_string).collect();
    let next = batches.proposed.last().map_or(1, |last| last + 1);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_proposes_until_it_is_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_DIRECTORY, directory)
        .env(CHILD_AGAIN, again.join(","))
        .env(CHILD_NEXT, next.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    // Often enough it is killed while it starts: founding, opening, replaying.
    let mut wanted = random.random_range(-40..150).max(0);
    let mut is_started = false;
    loop {
        let line = output
            .next()
            .expect("the child goes on until it is killed")
            .unwrap();
        batches.note(&line);
        wanted -= i32::from(line.starts_with("acknowledged"));
        is_started |= line.starts_with("starting");
        if is_started && wanted <= 0 {
            break;
        }
    }
    for _ in 0..random.random_range(0..2_000_000) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What is still in the pipe was said as well.
    output
        .map_while(Result::ok)
        .for_each(|line| batches.note(&line));
}

/// Not a test of its own: what the test above starts and kills. Does nothing otherwise.
#[test]
fn child_proposes_until_it_is_killed() {
    let Ok(directory) = std::env::var(CHILD_DIRECTORY) else {
        return;
    };
    let again = std::env::var(CHILD_AGAIN).unwrap();
    let again: Vec<u64> = again
        .split(',')
        .filter_map(|number| number.parse().ok())
        .collect();
    let next: u64 = std::env::var(CHILD_NEXT).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // The test harness has begun a line.
    println!();
    runtime.block_on(propose_for_ever(Path::new(&directory), again, next));
}

fn tell(kind: &str, sequence: u64) {
    let mut output = std::io::stdout().lock();
    output
        .write_all(format!("{kind} {sequence}.\n").as_bytes())
        .unwrap();
    output.flush().unwrap();
}

async fn propose_for_ever(directory: &Path, again: Vec<u64>, next: u64) {
    tell("starting", 0);
    let node: Arc<RaftNode> = start(directory).await;
    let founded = read(&*node, |state| LedgerView::new(state).settings()).unwrap();
    if founded.is_none() {
        found(&node).await;
    }
    let sequences = stream::iter(again.into_iter().chain(next..));
    sequences
        .for_each_concurrent(CONCURRENCY, |sequence| {
            let node = node.clone();
            async move {
                tell("proposing", sequence);
                let outcome = credit(&node, sequence).await.unwrap().outcome;
                match outcome {
                    Outcome::SharesCredited { credited: 1, .. } | Outcome::AlreadyCredited => {
                        tell("acknowledged", sequence);
                    }
                    other => panic!("batch {sequence}: {other:?}"),
                }
            }
        })
        .await;
}
