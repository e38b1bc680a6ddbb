//! A disk that loses what was not synced: whoever looks for lost data must find some here, and
//! only here.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{append, blank, command, open, options, settings};
use futures_util::stream;
use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use raftpool_store::{Entry, Fault, Store, TypeConfig, Vote};

const CHILD_DIRECTORY: &str = "RAFTPOOL_UNSYNCED_TEST_DIRECTORY";
const CHILD_LOSES: &str = "RAFTPOOL_UNSYNCED_TEST_LOSES";

/// Entries written and applied with a sound disk, and those that follow.
const BEFORE: u64 = 5;
const AFTER: u64 = 60;

struct Disk {
    loses_unsynced: bool,
}

impl Fault for Disk {
    fn loses_unsynced(&self) -> bool {
        self.loses_unsynced
    }
}

fn open_with(directory: &Path, loses_unsynced: bool) -> Store {
    let mut options = options(directory);
    options.fault = Some(Arc::new(Disk { loses_unsynced }));
    Store::open(&options).unwrap()
}

fn entry(index: u64) -> Entry {
    match index {
        0 => blank(1, 0),
        1 => settings(1, 1),
        _ => command(1, index, &format!("reason {index}")),
    }
}

/// Appends and applies entries and votes in a term, and returns when all that is acknowledged.
async fn write(store: &Store, range: std::ops::Range<u64>, term: u64) {
    let entries: Vec<_> = range.map(entry).collect();
    let mut log = store.log();
    let durable = append(&mut log, entries.clone()).await.unwrap();
    durable.await.unwrap();
    log.save_vote(&Vote::new(term, 1)).await.unwrap();
    let entries = entries.into_iter().map(|entry| Ok((entry, None)));
    store.state().apply(stream::iter(entries)).await.unwrap();
}

/// What a next process finds: the last index, the term of the vote, and the applied index.
async fn found(directory: &Path) -> (u64, u64, u64) {
    let store = open(directory);
    let mut log = store.log();
    let last = log.get_log_state().await.unwrap().last_log_id.unwrap();
    let vote = log.read_vote().await.unwrap().unwrap();
    let entries = log.try_get_log_entries(..).await.unwrap();
    assert_eq!(entries.len() as u64, last.index() + 1);
    let applied = store.reader().status().applied_index.unwrap();
    drop(log);
    store.close().await.unwrap();
    (last.index(), vote.leader_id.term, applied)
}

async fn prepare(directory: &Path) {
    let store = open(directory);
    write(&store, 0..BEFORE, 1).await;
    store.close().await.unwrap();
}

fn expected(loses_unsynced: bool) -> (u64, u64, u64) {
    match loses_unsynced {
        true => (BEFORE - 1, 1, BEFORE - 1),
        false => (AFTER - 1, 2, AFTER - 1),
    }
}

#[test]
fn aborted_process_loses_what_it_acknowledged_only_with_a_disk_that_loses() {
    for loses_unsynced in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        TypeConfig::run(prepare(directory.path()));
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_writes_and_aborts", "--test-threads=1"])
            .env(CHILD_DIRECTORY, directory.path())
            .env(CHILD_LOSES, loses_unsynced.to_string())
            .output()
            .unwrap();
        let is_aborted = ended.status.signal().is_some();
        assert!(is_aborted, "{}", String::from_utf8_lossy(&ended.stdout));
        let found = TypeConfig::run(found(directory.path()));
        assert_eq!(found, expected(loses_unsynced));
    }
}

/// Not a test of its own: what the test above starts. Does nothing otherwise.
#[test]
fn child_writes_and_aborts() {
    let Ok(directory) = std::env::var(CHILD_DIRECTORY) else {
        return;
    };
    let loses_unsynced = std::env::var(CHILD_LOSES).unwrap() == "true";
    TypeConfig::run(async {
        let store = open_with(Path::new(&directory), loses_unsynced);
        write(&store, BEFORE..AFTER, 2).await;
        std::process::abort();
    });
}

#[test]
fn closing_does_not_save_what_was_not_synced() {
    TypeConfig::run(async {
        for loses_unsynced in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let (directory, copy) = (root.path().join("a"), root.path().join("b"));
            prepare(&directory).await;
            let store = open_with(&directory, loses_unsynced);
            write(&store, BEFORE..AFTER, 2).await;
            store.close().await.unwrap();
            // This process still has what it did not write; the copy has what the system knows.
            copy_directory(&directory, &copy);
            assert_eq!(found(&copy).await, expected(loses_unsynced));
        }
    });
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &to),
            false => match std::fs::copy(entry.path(), to) {
                // RocksDB removes files that nobody needs any more in the background.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            },
        }
    }
}
