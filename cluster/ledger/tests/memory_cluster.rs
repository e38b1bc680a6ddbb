//! The cluster in memory, as other crates' tests use it.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use raftpool_ledger::cluster::{ClusterEvent, Leadership, ProposeError, read};
use raftpool_ledger::testing::{
    Fault, MemoryCluster, change_settings, credit_shares, sample_settings, sample_share,
};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Cluster, Outcome, compose};

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn settings() -> raftpool_ledger::command::Command {
    compose("test", 1, change_settings(sample_settings()))
}

fn shares(sequence: u64) -> raftpool_ledger::command::Command {
    compose(
        "test",
        1,
        credit_shares(sequence, vec![sample_share("a", 10, 100)]),
    )
}

fn credited(cluster: &MemoryCluster) -> u64 {
    read(cluster, |state| Ok(LedgerView::new(state).totals()?.shares)).unwrap()
}

#[test]
fn proposal_is_applied_before_it_is_answered() {
    let cluster = MemoryCluster::new();
    let mut future = pin!(cluster.propose(settings()));
    let answer = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    match answer {
        Poll::Ready(Ok(committed)) => {
            assert_eq!((committed.index, committed.term), (1, 1));
            assert_eq!(committed.outcome, Outcome::SettingsChanged);
        }
        other => panic!("{other:?}"),
    }
    cluster.propose_now(shares(1)).unwrap();
    assert_eq!(credited(&cluster), 1);
    assert_eq!(cluster.read(&mut |_| Ok(())).unwrap(), 2);
}

#[test]
fn faults_happen_as_often_as_told() {
    let cluster = MemoryCluster::new();
    cluster.propose_now(settings()).unwrap();
    cluster.fail_next(1, Fault::NotAccepted);
    cluster.fail_next(1, Fault::UnknownLost);
    cluster.fail_next(1, Fault::UnknownApplied);
    let not_accepted = cluster.propose_now(shares(1));
    assert!(matches!(not_accepted, Err(ProposeError::NotAccepted(_))));
    assert!(matches!(
        cluster.propose_now(shares(1)),
        Err(ProposeError::Unknown(_))
    ));
    assert_eq!(credited(&cluster), 0);
    assert!(matches!(
        cluster.propose_now(shares(1)),
        Err(ProposeError::Unknown(_))
    ));
    assert_eq!(credited(&cluster), 1);
    let again = cluster.propose_now(shares(1)).unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyCredited);
    assert_eq!(cluster.proposal_count(), 5);
    assert_eq!(cluster.proposals()[0], settings());
}

#[test]
fn command_it_cannot_apply_stops_it_for_good() {
    let cluster = MemoryCluster::new();
    let newer = raftpool_ledger::command::Command {
        format: 9,
        ..settings()
    };
    assert!(matches!(
        cluster.propose_now(newer),
        Err(ProposeError::Stopped(_))
    ));
    assert!(matches!(
        cluster.propose_now(settings()),
        Err(ProposeError::Stopped(_))
    ));
}

#[test]
fn restart_goes_on_with_the_state() {
    let cluster = MemoryCluster::new();
    cluster.propose_now(settings()).unwrap();
    let again = MemoryCluster::with_state(cluster.state());
    assert_eq!(again.propose_now(shares(1)).unwrap().index, 2);
}

#[test]
fn watcher_is_told_the_present_then_the_newest() {
    let cluster = MemoryCluster::new();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let mut events = cluster.watch();
    let mut next = || events.as_mut().poll_next(&mut context);

    let first = Leadership {
        node_id: 1,
        term: 1,
        leader_id: Some(1),
    };
    assert_eq!(next(), Poll::Ready(Some(ClusterEvent::Leadership(first))));
    assert_eq!(
        next(),
        Poll::Ready(Some(ClusterEvent::Applied { index: 0 }))
    );
    assert_eq!(next(), Poll::Pending);

    cluster.propose_now(settings()).unwrap();
    cluster.propose_now(shares(1)).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert_eq!(
        next(),
        Poll::Ready(Some(ClusterEvent::Applied { index: 2 }))
    );
    assert_eq!(next(), Poll::Pending);

    let second = Leadership {
        node_id: 1,
        term: 2,
        leader_id: Some(3),
    };
    cluster.set_leadership(second);
    assert!(!cluster.leadership().is_leader());
    assert_eq!(next(), Poll::Ready(Some(ClusterEvent::Leadership(second))));
    assert_eq!(cluster.propose_now(shares(2)).unwrap().term, 2);
}
