use raftpool_ledger::command::PausePayouts;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::compose;
use raftpool_ledger::testing::MemoryCluster;

use super::*;
use crate::weights::tests::{Counting, pool};

/// The pool some commands later, in which nothing but the index and the pause differ.
fn later(state: &raftpool_ledger::state::MemoryState) -> raftpool_ledger::state::MemoryState {
    let cluster = MemoryCluster::with_state(state.clone());
    let pause = Body::PausePayouts(PausePayouts {
        paused: true,
        reason: "a look".into(),
        ..PausePayouts::default()
    });
    cluster
        .propose_now(compose("test", 10_000_000, pause))
        .unwrap();
    cluster.state()
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_be_paid_is_counted_once_a_second_and_for_whoever_needs_it_newer() {
    let state = pool();
    let (counting, kept) = (Counting::new(&state), PoolKept::default());
    let first = kept.read(&LedgerView::new(&counting), None).unwrap();
    assert!(first.payouts.queue.miners >= 1_000);
    assert!(counting.take() > 1_000, "each was looked at");

    // At the same index nothing is read but where the ledger is.
    tokio::time::advance(Duration::from_secs(100)).await;
    let again = kept.read(&LedgerView::new(&counting), None).unwrap();
    assert_eq!(again.payouts.queue.index, first.payouts.queue.index);
    let reads = counting.take();
    assert!(reads <= 2, "{reads} reads");

    let state = later(&state);
    let counting = Counting::new(&state);
    let kept_fresh = PoolKept::default();
    kept_fresh.read(&LedgerView::new(&pool()), None).unwrap();
    let newer = kept_fresh.read(&LedgerView::new(&counting), None).unwrap();
    assert_eq!(newer.payouts.paused_reason.as_deref(), Some("a look"));
    assert_eq!(newer.payouts.queue.index, first.payouts.queue.index);
    let reads = counting.take();
    assert!(reads < 200, "{reads} reads");

    let index = LedgerView::new(&state).index().unwrap();
    let asked = kept_fresh
        .read(&LedgerView::new(&counting), Some(index))
        .unwrap();
    assert_eq!(asked.payouts.queue.index, index);
    assert!(counting.take() > 1_000);

    // And an older count is not taken for ever.
    tokio::time::advance(QUEUE_REUSE).await;
    let state = later(&state);
    let old = kept_fresh.read(&LedgerView::new(&state), None).unwrap();
    assert_eq!(old.payouts.queue.index, index + 1);
}
