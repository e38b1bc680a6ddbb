//! Nothing is acknowledged before it is on the disk, and a failing disk stops the store.

#![allow(clippy::unwrap_used)]

mod common;

use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use common::{append, blank, command, options_with};
use futures_util::{future, stream};
use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use raftpool_store::{Fault, Store, TypeConfig, Vote};

/// A disk whose `fsync` waits for a gate, and whose writes fail on demand.
#[derive(Default)]
struct Disk {
    closed: Mutex<bool>,
    opened: Condvar,
    syncs: AtomicU64,
    fail_write: AtomicBool,
    fail_sync: AtomicBool,
    fail_state: AtomicBool,
}

impl Disk {
    fn set_closed(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.opened.notify_all();
    }

    fn fail(switch: &AtomicBool) -> io::Result<()> {
        match switch.load(Ordering::SeqCst) {
            true => Err(io::Error::other("no space left on device")),
            false => Ok(()),
        }
    }
}

impl Fault for Disk {
    fn before_log_write(&self) -> io::Result<()> {
        Self::fail(&self.fail_write)
    }

    fn before_log_sync(&self) -> io::Result<()> {
        let closed = self.closed.lock().unwrap();
        drop(self.opened.wait_while(closed, |closed| *closed).unwrap());
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Self::fail(&self.fail_sync)
    }

    fn before_state_write(&self) -> io::Result<()> {
        Self::fail(&self.fail_state)
    }
}

struct Bench {
    store: Store,
    disk: Arc<Disk>,
    fatal: Arc<Mutex<Vec<String>>>,
}

fn bench(directory: &Path) -> Bench {
    let disk = Arc::new(Disk::default());
    let fatal: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = fatal.clone();
    let on_fatal = move |reason: &str| told.lock().unwrap().push(reason.to_owned());
    let mut options = options_with(directory, Arc::new(on_fatal));
    options.fault = Some(disk.clone());
    Bench {
        store: Store::open(&options).unwrap(),
        disk,
        fatal,
    }
}

async fn is_ready<F: Future + Unpin>(future: &mut F) -> bool {
    future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_ready())).await
}

#[test]
fn append_is_readable_at_once_but_acknowledged_only_after_the_sync() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let Bench { store, disk, .. } = bench(directory.path());
        let mut log = store.log();
        disk.set_closed(true);
        let mut durable = Vec::new();
        for index in 0..10 {
            durable.push(Box::pin(
                append(&mut log, vec![blank(1, index)]).await.unwrap(),
            ));
            let read = log.try_get_log_entries(..).await.unwrap();
            assert_eq!(read.len() as u64, index + 1);
        }
        let mut voter = store.log();
        let vote = Vote::new(2, 1);
        let mut voted = pin!(voter.save_vote(&vote));
        // The sync thread is at the gate as soon as it reports a running sync.
        while log.status().sync_running_ms.is_none() {
            tokio::task::yield_now().await;
        }
        for waiting in &mut durable {
            assert!(!is_ready(waiting).await, "acknowledged before the fsync");
        }
        assert!(
            !is_ready(&mut voted).await,
            "the vote was acknowledged before the fsync"
        );
        disk.set_closed(false);
        for waiting in durable {
            waiting.await.unwrap();
        }
        voted.await.unwrap();
        let syncs = disk.syncs.load(Ordering::SeqCst);
        assert!(syncs <= 3, "{syncs} syncs for what one or two could cover");
    });
}

#[test]
fn failed_sync_acknowledges_nothing_and_stops_the_store() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let Bench { store, disk, fatal } = bench(directory.path());
        let mut log = store.log();
        append(&mut log, vec![blank(1, 0)])
            .await
            .unwrap()
            .await
            .unwrap();
        disk.fail_sync.store(true, Ordering::SeqCst);
        let refused = append(&mut log, vec![blank(1, 1)])
            .await
            .unwrap()
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("no space left"), "{refused}");
        // The disk is well again, but what it lost nobody knows: only a restart helps.
        disk.fail_sync.store(false, Ordering::SeqCst);
        let later = append(&mut log, vec![blank(1, 2)]).await;
        assert!(later.is_err_and(|error| error.to_string().contains("has stopped")));
        assert!(log.save_vote(&Vote::new(9, 1)).await.is_err());
        assert_eq!(fatal.lock().unwrap().len(), 1, "told once");
        assert!(store.fail_stop().reason().is_some());
        drop(log);
        store.close().await.unwrap();

        let store = bench(directory.path()).store;
        let mut log = store.log();
        let last = log
            .get_log_state()
            .await
            .unwrap()
            .last_log_id
            .unwrap()
            .index();
        assert!(
            last == 0 || last == 1,
            "the acknowledged entry is there, the other may be"
        );
        append(&mut log, vec![blank(1, last + 1)])
            .await
            .unwrap()
            .await
            .unwrap();
    });
}

#[test]
fn failed_write_acknowledges_nothing_and_stops_the_store() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let Bench { store, disk, fatal } = bench(directory.path());
        let mut log = store.log();
        disk.fail_write.store(true, Ordering::SeqCst);
        let durable = append(&mut log, vec![blank(1, 0)]).await.unwrap();
        assert!(durable.await.is_err());
        disk.fail_write.store(false, Ordering::SeqCst);
        assert!(log.save_vote(&Vote::new(1, 1)).await.is_err());
        assert_eq!(fatal.lock().unwrap().len(), 1);
    });
}

#[test]
fn failed_write_of_the_state_changes_nothing_and_stops_the_store() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let Bench { store, disk, fatal } = bench(directory.path());
        let mut state = store.state();
        let apply = |entry| stream::iter([Ok((entry, None))]);
        state.apply(apply(blank(1, 0))).await.unwrap();
        disk.fail_state.store(true, Ordering::SeqCst);
        assert!(state.apply(apply(command(1, 1, "second"))).await.is_err());
        disk.fail_state.store(false, Ordering::SeqCst);
        assert!(state.apply(apply(command(1, 1, "second"))).await.is_err());
        let applied = state
            .applied_state()
            .await
            .unwrap()
            .0
            .map(|applied| applied.index());
        assert_eq!(applied, Some(0));
        let mut log = store.log();
        assert!(
            append(&mut log, vec![blank(1, 0)]).await.is_err(),
            "the log stops as well"
        );
        assert_eq!(fatal.lock().unwrap().len(), 1);
    });
}

#[test]
fn append_that_would_leave_a_hole_is_refused() {
    TypeConfig::run(async {
        let directory = tempfile::tempdir().unwrap();
        let Bench { store, fatal, .. } = bench(directory.path());
        let mut log = store.log();
        append(&mut log, vec![blank(1, 0), blank(1, 1)])
            .await
            .unwrap()
            .await
            .unwrap();
        assert!(append(&mut log, vec![blank(1, 3)]).await.is_err());
        assert_eq!(log.try_get_log_entries(..).await.unwrap().len(), 2);
        assert!(fatal.lock().unwrap()[0].contains("does not follow"));
    });
}
