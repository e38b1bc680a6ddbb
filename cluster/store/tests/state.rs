//! Applying, reading beside it, and snapshots.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use common::{blank, command, open, options, settings};
use futures_util::stream;
use openraft::RaftSnapshotBuilder;
use openraft::storage::RaftStateMachine;
use openraft::type_config::TypeConfigExt;
use raftpool_ledger::StateRead;
use raftpool_ledger::view::LedgerView;
use raftpool_store::{Fault, SnapshotFiles, StateReader, StateStore, Store, TypeConfig};

async fn apply(state: &mut StateStore, range: std::ops::Range<u64>) {
    let entries = range.map(|index| match index {
        // As in every log: the first entry sets the membership and is no command.
        0 => Ok((blank(1, 0), None)),
        1 => Ok((settings(1, 1), None)),
        _ => Ok((command(1, index, &format!("reason {index}")), None)),
    });
    state.apply(stream::iter(entries)).await.unwrap();
}

async fn snapshot(state: &mut StateStore) -> Arc<SnapshotFiles> {
    state
        .get_snapshot_builder()
        .await
        .build_snapshot()
        .await
        .unwrap()
        .snapshot
}

/// Applied index, digest and the reason the newest command left.
fn contents(reader: &StateReader) -> (u64, [u8; 32], Option<String>) {
    let mut found = None;
    let index = reader
        .read(&mut |state| {
            let view = LedgerView::new(state);
            found = Some((view.digest()?, view.payouts_paused()?));
            Ok(())
        })
        .unwrap();
    let (digest, reason) = found.unwrap();
    (index, digest, reason)
}

fn all_pairs(reader: &StateReader) -> Vec<(Vec<u8>, Vec<u8>)> {
    use raftpool_ledger::state::Direction;
    let (mut up, mut down) = (Vec::new(), Vec::new());
    reader
        .read(&mut |state| {
            let visit = |key: &[u8], value: &[u8], into: &mut Vec<_>| {
                into.push((key.to_vec(), value.to_vec()));
                std::ops::ControlFlow::Continue(())
            };
            let end = [0xff; 64];
            state.scan(&[], &end, Direction::Ascending, &mut |k, v| {
                visit(k, v, &mut up)
            })?;
            state.scan(&[], &end, Direction::Descending, &mut |k, v| {
                visit(k, v, &mut down)
            })
        })
        .unwrap();
    down.reverse();
    assert_eq!(up, down, "both directions see the same");
    assert!(up.is_sorted());
    up
}

#[test]
fn applied_entries_are_there_after_reopening() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let mut state = store.state();
        state
            .apply(stream::iter([Ok((blank(1, 0), None))]))
            .await
            .unwrap();
        // More than a chunk holds.
        apply(&mut state, 1..600).await;
        let before = contents(&store.reader());
        assert_eq!((before.0, before.2.as_deref()), (599, Some("reason 599")));
        let pairs = all_pairs(&store.reader());
        drop(state);
        store.close().await.unwrap();

        let store = open(directory.path());
        assert_eq!(contents(&store.reader()), before);
        assert_eq!(all_pairs(&store.reader()), pairs);
        assert_eq!(*store.reader().applied().borrow(), Some(599));
    });
}

#[test]
fn skipped_or_repeated_entry_is_refused() {
    TypeConfig::run(async {
        for index in [2, 3, 5] {
            let directory = tempfile::tempdir().unwrap();
            let mut options = options(directory.path());
            options.on_fatal = Arc::new(|_| {});
            let store = Store::open(&options).unwrap();
            let mut state = store.state();
            apply(&mut state, 0..4).await;
            let entry = command(1, index, "x");
            assert!(
                state
                    .apply(stream::iter([Ok((entry, None))]))
                    .await
                    .is_err(),
                "{index}"
            );
        }
    });
}

#[test]
fn query_sees_one_moment_while_entries_are_applied() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let mut state = store.state();
        apply(&mut state, 0..5).await;
        let reader = store.reader();
        let mut applied = reader.applied();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let query = std::thread::spawn(move || {
            let mut begun = Some(begun);
            let mut reasons = Vec::new();
            let index = reader.read(&mut |state| {
                let reason = |state: &dyn StateRead| LedgerView::new(state).payouts_paused();
                reasons.push(reason(state)?);
                begun.take().unwrap().send(()).unwrap();
                wait.recv().unwrap();
                reasons.push(reason(state)?);
                Ok(())
            });
            (index.unwrap(), reasons)
        });
        begins.await.unwrap();
        apply(&mut state, 5..9).await;
        applied.wait_for(|index| *index == Some(8)).await.unwrap();
        go.send(()).unwrap();
        let (index, reasons) = query.join().unwrap();
        assert_eq!(index, 4);
        assert_eq!(reasons, vec![Some("reason 4".to_owned()); 2]);
    });
}

#[test]
fn snapshot_carries_the_state_to_another_node() {
    TypeConfig::run(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (source, target) = (open(from.path()), open(to.path()));
        let (mut sender, mut receiver) = (source.state(), target.state());
        apply(&mut sender, 0..300).await;
        apply(&mut receiver, 0..3).await;
        let taken = snapshot(&mut sender).await;
        apply(&mut sender, 300..310).await;
        let reader = target.reader();
        receiver
            .install_snapshot(taken.meta(), taken.clone())
            .await
            .unwrap();
        assert_eq!(contents(&reader).0, 299);
        let kept = receiver.get_current_snapshot().await.unwrap().unwrap();
        assert_eq!(kept.meta, *taken.meta());
        assert!(kept.snapshot.path().starts_with(to.path()));
        drop(kept);
        // Both go on from there to the same state.
        apply(&mut receiver, 300..310).await;
        assert_eq!(all_pairs(&reader), all_pairs(&source.reader()));
        let expected = contents(&reader);
        drop((receiver, reader));
        target.close().await.unwrap();

        let target = open(to.path());
        assert_eq!(contents(&target.reader()), expected);
        let generations = fs::read_dir(to.path().join("state")).unwrap();
        assert_eq!(
            generations.count(),
            2,
            "the pointer and the generation in use"
        );
    });
}

/// The checkpoints of a node, by index.
fn digests(reader: &StateReader) -> BTreeMap<u64, [u8; 32]> {
    let checkpoints = reader.checkpoints();
    assert!(checkpoints.is_sorted_by_key(|checkpoint| checkpoint.index));
    checkpoints
        .into_iter()
        .map(|checkpoint| (checkpoint.index, checkpoint.digest))
        .collect()
}

#[test]
fn checkpoint_has_the_digest_of_its_index_however_the_entries_come() {
    TypeConfig::run(async {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (open(one.path()), open(two.path()));
        apply(&mut first.state(), 0..300).await;
        let mut state = second.state();
        for (start, end) in [(0, 1), (1, 64), (64, 65), (65, 129)] {
            apply(&mut state, start..end).await;
        }
        let reader = second.reader();
        assert_eq!(
            digests(&reader).into_keys().collect::<Vec<_>>(),
            [0, 64, 128]
        );
        assert_eq!(digests(&reader)[&128], contents(&reader).1);
        for index in 129..300 {
            apply(&mut state, index..index + 1).await;
        }
        assert_eq!(digests(&reader), digests(&first.reader()));
        // An entry without a command changes nothing, and has a checkpoint all the same.
        apply(&mut state, 300..320).await;
        let entry = Ok((blank(1, 320), None));
        state.apply(stream::iter([entry])).await.unwrap();
        assert_eq!(digests(&reader)[&320], contents(&reader).1);
        drop((state, reader));
        second.close().await.unwrap();

        let second = open(two.path());
        assert_eq!(digests(&second.reader()), BTreeMap::new());
        apply(&mut first.state(), 300..320).await;
        let entry = Ok((blank(1, 320), None));
        first.state().apply(stream::iter([entry])).await.unwrap();
        for store in [&first, &second] {
            apply(&mut store.state(), 321..390).await;
        }
        assert_eq!(
            digests(&second.reader())[&384],
            digests(&first.reader())[&384]
        );
    });
}

#[test]
fn checkpoints_above_an_installed_snapshot_are_forgotten() {
    TypeConfig::run(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (source, target) = (open(from.path()), open(to.path()));
        let (mut sender, mut receiver) = (source.state(), target.state());
        apply(&mut sender, 0..100).await;
        apply(&mut receiver, 0..200).await;
        let taken = snapshot(&mut sender).await;
        let meta = taken.meta().clone();
        receiver.install_snapshot(&meta, taken).await.unwrap();
        let kept = digests(&target.reader());
        assert_eq!(kept.into_keys().collect::<Vec<_>>(), [0, 64]);
        apply(&mut sender, 100..150).await;
        apply(&mut receiver, 100..150).await;
        assert_eq!(digests(&target.reader()), digests(&source.reader()));
    });
}

/// A memory that goes wrong with one entry.
struct Spoils(u64);

impl Fault for Spoils {
    fn spoils(&self, index: u64) -> bool {
        index == self.0
    }
}

#[test]
fn spoiled_ledger_has_another_digest_from_then_on_and_after_reopening() {
    TypeConfig::run(async {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let right = open(one.path());
        let mut options = options(two.path());
        options.fault = Some(Arc::new(Spoils(70)));
        let wrong = Store::open(&options).unwrap();
        for store in [&right, &wrong] {
            apply(&mut store.state(), 0..130).await;
        }
        let (expected, found) = (digests(&right.reader()), digests(&wrong.reader()));
        assert_eq!(found[&64], expected[&64]);
        assert_ne!(found[&128], expected[&128]);
        wrong.close().await.unwrap();
        let wrong = open(two.path());
        for store in [&right, &wrong] {
            apply(&mut store.state(), 130..200).await;
        }
        let (expected, found) = (digests(&right.reader()), digests(&wrong.reader()));
        assert_ne!(found[&192], expected[&192]);
    });
}

#[test]
fn snapshot_with_a_damaged_file_is_refused_and_the_state_stays() {
    TypeConfig::run(async {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = open(from.path());
        let mut sender = source.state();
        apply(&mut sender, 0..50).await;
        let taken = snapshot(&mut sender).await;
        let table = fs::read_dir(taken.path())
            .unwrap()
            .map(|file| file.unwrap().path());
        let table = table
            .into_iter()
            .find(|path| path.extension() == Some("sst".as_ref()))
            .unwrap();
        let mut bytes = fs::read(&table).unwrap();
        bytes[10] ^= 1;
        // A new file: the old one is also a table of the sender's own state.
        fs::remove_file(&table).unwrap();
        fs::write(&table, bytes).unwrap();

        let mut options = options(to.path());
        options.on_fatal = Arc::new(|_| {});
        let target = Store::open(&options).unwrap();
        let mut receiver = target.state();
        apply(&mut receiver, 0..3).await;
        let before = all_pairs(&target.reader());
        let error = receiver
            .install_snapshot(taken.meta(), taken.clone())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("is not what it was"), "{error}");
        assert_eq!(all_pairs(&target.reader()), before);
    });
}

#[test]
fn newest_snapshots_are_kept_and_unfinished_ones_removed() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let mut state = store.state();
        for round in 0..4 {
            apply(&mut state, round * 10..(round + 1) * 10).await;
            snapshot(&mut state).await;
        }
        drop(state);
        store.close().await.unwrap();
        let snapshots = directory.path().join("snapshots");
        let names = || -> Vec<_> {
            let mut names: Vec<_> = fs::read_dir(&snapshots)
                .unwrap()
                .map(|file| file.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let kept = names();
        assert_eq!(kept.len(), 2, "{kept:?}");
        fs::create_dir(snapshots.join("building")).unwrap();
        fs::create_dir(directory.path().join("state/gen-00000009")).unwrap();

        let store = open(directory.path());
        assert_eq!(names(), kept);
        assert!(!directory.path().join("state/gen-00000009").exists());
        let newest = store.state().get_current_snapshot().await.unwrap().unwrap();
        assert_eq!(newest.meta.last_log_id.unwrap().index(), 39);
    });
}
