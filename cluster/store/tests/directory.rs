//! Which data directories are opened, and which are refused.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{IDENTITY, append, command, open, options};
use openraft::storage::RaftLogReader;
use openraft::type_config::TypeConfigExt;
use raftpool_store::{Identity, Store, StoreError, TypeConfig, stored_identity};

fn refused(directory: &Path, identity: Identity) -> StoreError {
    let mut options = options(directory);
    options.identity = identity;
    Store::open(&options)
        .err()
        .expect("the directory is refused")
}

/// Fills a log whose newest write-ahead file holds all of it.
async fn fill(directory: &Path, entries: u64) {
    let store = open(directory);
    let mut log = store.log();
    for index in 0..entries {
        let entry = command(1, index, &"payload".repeat(20));
        append(&mut log, vec![entry]).await.unwrap().await.unwrap();
    }
    drop(log);
    store.close().await.unwrap();
}

fn write_ahead_file(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory.join("raft"))
        .unwrap()
        .map(|file| file.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.max().expect("a write-ahead file")
}

#[test]
fn directory_of_another_node_cluster_or_version_is_refused_by_name() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(stored_identity(path).unwrap(), None);
        open(path).close().await.unwrap();
        assert_eq!(stored_identity(path).unwrap(), Some(IDENTITY));

        let error = refused(
            path,
            Identity {
                node_id: 2,
                ..IDENTITY
            },
        );
        assert!(
            matches!(
                error,
                StoreError::WrongNode {
                    found: 1,
                    expected: 2,
                    ..
                }
            ),
            "{error}"
        );
        let error = refused(
            path,
            Identity {
                cluster_id: [9; 16],
                ..IDENTITY
            },
        );
        assert!(matches!(error, StoreError::WrongCluster { .. }), "{error}");

        let header = path.join("FORMAT");
        let good = fs::read_to_string(&header).unwrap();
        fs::write(&header, good.replace("raftpool-data 3", "raftpool-data 1")).unwrap();
        let error = refused(path, IDENTITY);
        assert!(
            matches!(error, StoreError::OlderVersion { found: 1, .. }),
            "{error}"
        );
        fs::write(&header, good.replace("raftpool-data 3", "raftpool-data 4")).unwrap();
        let error = refused(path, IDENTITY);
        assert!(
            matches!(error, StoreError::NewerVersion { found: 4, .. }),
            "{error}"
        );
        fs::write(&header, good.replace("node 1", "node 7")).unwrap();
        let error = refused(path, IDENTITY);
        assert!(matches!(error, StoreError::DamagedHeader { .. }), "{error}");
        fs::remove_file(&header).unwrap();
        let error = refused(path, IDENTITY);
        assert!(matches!(error, StoreError::MissingHeader { .. }), "{error}");

        fs::write(&header, good).unwrap();
        open(path).close().await.unwrap();
    });
}

#[test]
fn state_of_another_cluster_is_refused_behind_the_right_header() {
    TypeConfig::run(async {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        open(ours.path()).close().await.unwrap();
        let mut foreign = options(theirs.path());
        foreign.identity.cluster_id = [9; 16];
        Store::open(&foreign).unwrap().close().await.unwrap();
        fs::remove_dir_all(ours.path().join("state")).unwrap();
        fs::rename(theirs.path().join("state"), ours.path().join("state")).unwrap();
        let error = refused(ours.path(), IDENTITY);
        assert!(matches!(error, StoreError::WrongCluster { .. }), "{error}");
    });
}

#[test]
fn directory_in_use_is_refused_until_it_is_closed() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let error = refused(directory.path(), IDENTITY);
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        assert!(error.to_string().contains("in use by another process"));
        store.close().await.unwrap();
        open(directory.path()).close().await.unwrap();
    });
}

#[test]
fn torn_tail_of_the_log_is_forgiven_wherever_it_is_torn() {
    TypeConfig::run(async {
        for torn_bytes in [1, 5, 200, 777, 2_000] {
            let directory = tempfile::tempdir().unwrap();
            fill(directory.path(), 20).await;
            let file = write_ahead_file(directory.path());
            let length = fs::metadata(&file).unwrap().len();
            let file = fs::File::options().write(true).open(&file).unwrap();
            file.set_len(length - torn_bytes).unwrap();
            let mut log = open(directory.path()).log();
            let entries = log.try_get_log_entries(..).await.unwrap();
            let indexes: Vec<_> = entries.iter().map(|entry| entry.log_id.index()).collect();
            let kept = indexes.len() as u64;
            assert_eq!(indexes, (0..kept).collect::<Vec<_>>(), "a prefix");
            // An entry takes between 200 and 250 bytes of the file.
            let lost = 20 - kept;
            assert!(
                (1..=torn_bytes / 200 + 1).contains(&lost),
                "{lost} of {torn_bytes} bytes"
            );
        }
    });
}

#[test]
fn damage_inside_the_log_is_refused_instead_of_losing_what_follows() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        fill(directory.path(), 20).await;
        let file = write_ahead_file(directory.path());
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        fs::write(&file, bytes).unwrap();
        let error = refused(directory.path(), IDENTITY);
        assert!(matches!(error, StoreError::OpenDatabase { .. }), "{error}");
    });
}

/// A whole filter of a large file is larger than a shard of the cache and is never kept in it: each
/// look-up then reads a megabyte and checks it.
#[test]
fn filters_and_indexes_of_the_state_are_kept_in_parts() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path()).close().await.unwrap();
        let state = directory.path().join("state");
        let generation = fs::read_dir(state).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            path.is_dir().then_some(path)
        });
        let mut options = fs::read_dir(generation.unwrap())
            .unwrap()
            .filter_map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name()?.to_str()?;
                name.starts_with("OPTIONS-")
                    .then(|| fs::read_to_string(&path).unwrap())
            });
        let options = options.next().unwrap();
        for line in [
            "index_type=kTwoLevelIndexSearch",
            "partition_filters=true",
            "cache_index_and_filter_blocks=true",
        ] {
            assert!(options.contains(line), "{line} is not in {options}");
        }
    });
}
