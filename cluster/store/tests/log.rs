//! Reading the log: across memory and disk, within limits, and while it changes.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{append, blank, command, log_id, open, options};
use futures_util::StreamExt;
use openraft::storage::{RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use raftpool_store::{Entry, LogReader, Store, TypeConfig};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A store that keeps next to nothing in memory.
fn open_without_memory(directory: &Path) -> Store {
    let mut options = options(directory);
    options.tail_bytes_max = 500;
    Store::open(&options).unwrap()
}

fn index_of(entry: &Entry) -> u64 {
    entry.log_id.index()
}

#[test]
fn stream_crosses_from_disk_to_memory_without_a_seam() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open_without_memory(directory.path());
        let mut log = store.log();
        for first in (0..1_000).step_by(100) {
            let entries = (first..first + 100)
                .map(|index| command(1, index, "x"))
                .collect();
            append(&mut log, entries).await.unwrap().await.unwrap();
        }
        assert!(log.status().tail_bytes <= 500);
        let mut reader = log.get_log_reader().await;
        let stream = reader.entries_stream(7..).await;
        let read: Vec<_> = stream
            .map(|entry| index_of(&entry.unwrap()))
            .collect()
            .await;
        assert_eq!(read, (7..1_000).collect::<Vec<_>>());
    });
}

#[test]
fn limited_read_returns_some_entries_but_never_a_hole() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open_without_memory(directory.path());
        let mut log = store.log();
        let large = "x".repeat(700 << 10);
        let entries = (0..6).map(|index| command(1, index, &large)).collect();
        append(&mut log, entries).await.unwrap().await.unwrap();
        let mut reader = log.get_log_reader().await;
        for start in 0..6 {
            let read = reader.limited_get_log_entries(start, 6).await.unwrap();
            assert!(
                !read.is_empty() && read.len() <= 2,
                "{} entries of 700 KiB",
                read.len()
            );
            assert_eq!(index_of(&read[0]), start);
        }
    });
}

#[test]
fn readers_see_no_hole_and_no_old_entry_while_the_log_changes() {
    let seed: u64 = std::env::var("RAFTPOOL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random);
    println!("RAFTPOOL_SEED={seed}");
    TypeConfig::run(async move {
        let directory = tempfile::tempdir().unwrap();
        let store = open_without_memory(directory.path());
        let mut log = store.log();
        let done = Arc::new(AtomicBool::new(false));
        let mut readers = Vec::new();
        for number in 0..2 {
            let reader = log.get_log_reader().await;
            let random = StdRng::seed_from_u64(seed + number);
            readers.push(tokio::spawn(read_until(reader, done.clone(), random)));
        }
        change(&mut log, StdRng::seed_from_u64(seed)).await;
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.await.unwrap() > 0);
        }
    });
}

/// Appends, cuts the tail off and writes it anew in a higher term, and purges.
async fn change(log: &mut raftpool_store::LogStore, mut random: StdRng) {
    let (mut term, mut next, mut purged) = (1, 0_u64, 0);
    for _ in 0..400 {
        let count = random.random_range(1..10);
        let entries = (next..next + count)
            .map(|index| blank(term, index))
            .collect();
        append(log, entries).await.unwrap().await.unwrap();
        next += count;
        match random.random_range(0..6) {
            0 if next > purged + 20 => {
                next -= random.random_range(1..15);
                let before = log.try_get_log_entries(next - 1..next).await.unwrap();
                log.truncate_after(Some(before[0].log_id)).await.unwrap();
                term += 1;
            }
            1 if next > purged + 60 => {
                purged = next - 40;
                let upto = log.try_get_log_entries(purged..purged + 1).await.unwrap();
                log.purge(upto[0].log_id).await.unwrap();
            }
            _ => {}
        }
    }
    let expected = log.try_get_log_entries(..).await.unwrap();
    assert_eq!(index_of(&expected[0]), purged + 1);
    assert_eq!(expected.last().map(index_of), Some(next - 1));
}

async fn read_until(mut reader: LogReader, done: Arc<AtomicBool>, mut random: StdRng) -> u64 {
    let mut reads = 0;
    while !done.load(Ordering::SeqCst) {
        let start = random.random_range(0..2_000);
        let entries = reader
            .try_get_log_entries(start..start + 500)
            .await
            .unwrap();
        for pair in entries.windows(2) {
            assert_eq!(index_of(&pair[0]) + 1, index_of(&pair[1]));
            // An entry of an older term after one of a newer was cut off already.
            assert!(pair[0].log_id <= pair[1].log_id, "{pair:?}");
        }
        reads += 1;
        tokio::task::yield_now().await;
    }
    reads
}

#[test]
fn truncated_and_purged_log_is_the_same_after_reopening() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let mut log = store.log();
        let entries = (0..30).map(|index| blank(1, index)).collect();
        append(&mut log, entries).await.unwrap().await.unwrap();
        log.truncate_after(Some(log_id(1, 19))).await.unwrap();
        append(&mut log, vec![blank(2, 20), blank(2, 21)])
            .await
            .unwrap()
            .await
            .unwrap();
        log.purge(log_id(1, 9)).await.unwrap();
        // An older purge changes nothing.
        log.purge(log_id(1, 4)).await.unwrap();
        let before = log.try_get_log_entries(..).await.unwrap();
        assert_eq!(
            before.iter().map(index_of).collect::<Vec<_>>(),
            (10..22).collect::<Vec<_>>()
        );
        drop(log);
        store.close().await.unwrap();

        let mut log = open(directory.path()).log();
        assert_eq!(log.try_get_log_entries(..).await.unwrap(), before);
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_purged_log_id, Some(log_id(1, 9)));
        assert_eq!(state.last_log_id, Some(log_id(2, 21)));
    });
}
