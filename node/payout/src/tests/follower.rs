//! Blocks on their way to being final, with the follower at work.

use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_chain::Hash;
use raftpool_ledger::Outcome;
use raftpool_ledger::command::{Scheme, Share};
use raftpool_ledger::testing::{Fault, credit_shares, record_block, sample_share};
use raftpool_ledger::view::BlockStatus;

use super::chain::{FakeChain, STABILITY};
use super::endpoints::Fate;
use super::fixtures::{miner, pool};
use super::world::World;
use crate::alarm::AlarmKind;
use crate::status::BlockStep;

fn found(world: &World, reward: u64) -> (Hash, u64) {
    let (hash, height) = world.chain.lock().mine_for_pool(reward);
    world.record(hash, height, &miner(1));
    (hash, height)
}

fn is_maturing(world: &World, hash: Hash) -> bool {
    world.block(hash).status == BlockStatus::Maturing
}

#[tokio::test]
async fn a_block_is_settled_when_stable_and_not_one_block_earlier() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    world.chain.lock().blocks[height as usize].fees = 21;
    let mut follower = world.follower();
    assert_eq!(follower.step().await, BlockStep::Maturing { blocks: 1 });
    world.mine(STABILITY - 1);
    assert_eq!(follower.step().await, BlockStep::Maturing { blocks: 1 });
    world.mine(1);
    let settled = BlockStep::Settled {
        hash: hash.to_string(),
        amount_atomic: 4_021,
    };
    assert_eq!(follower.step().await, settled);
    assert_eq!(follower.step().await, BlockStep::NothingMaturing);
    assert_eq!(world.miner(&miner(1)).balance_atomic, 4_021);
}

/// A block of more miners than one command hands out to, with a leader who dies on the way.
#[tokio::test]
async fn a_block_of_many_miners_is_handed_out_to_the_last_one_whoever_leads() {
    let world = World::new();
    let miners = 3_000_u64;
    let share = |number| Share {
        scheme: Scheme::Pplns.into(),
        ..sample_share(&format!("many{number:04}"), 1_000, 10_000_000)
    };
    world.propose(credit_shares(1, (0..miners).map(share).collect()));
    let (hash, height) = world.chain.lock().mine_for_pool(3_000_000);
    let body = record_block(hash.0, height, share(0));
    assert_eq!(world.propose(body), Outcome::BlockRecorded);
    world.mine(STABILITY);
    let mut follower = world.follower();
    assert!(matches!(follower.step().await, BlockStep::Settled { .. }));
    let mut steps = 0;
    loop {
        // Another one goes on from the row each time.
        let mut follower = world.follower();
        match follower.step().await {
            BlockStep::HandedOut { .. } => steps += 1,
            step => {
                assert_eq!(step, BlockStep::NothingMaturing);
                break;
            }
        }
    }
    assert_eq!(steps, miners / 1_024);
    let first = world.miner("many0000").balance_atomic;
    let last = world.miner("many2999").balance_atomic;
    // The first one has worked twice; each part is rounded down.
    assert!(
        last > 0 && first.abs_diff(2 * last) <= 1,
        "{first} and {last}"
    );
}

#[tokio::test]
async fn a_block_ordered_late_is_settled_like_any_other() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    let unordered = (height, pool().as_str().to_owned());
    world.chain.lock().unordered.insert(hash, unordered);
    let mut follower = world.follower();
    world.mine(STABILITY + 5);
    for _ in 0..5 {
        assert_eq!(follower.step().await, BlockStep::Maturing { blocks: 1 });
    }
    world.chain.lock().unordered.clear();
    assert!(matches!(follower.step().await, BlockStep::Settled { .. }));
}

#[tokio::test]
async fn a_missing_block_is_given_up_after_the_margin_and_three_looks() {
    for unordered in [true, false] {
        let world = World::new();
        let hash = Hash([3; 32]);
        let height = world.chain.lock().top();
        world.record(hash, height, &miner(1));
        if unordered {
            let entry = (height, pool().as_str().to_owned());
            world.chain.lock().unordered.insert(hash, entry);
        }
        let mut follower = world.follower();
        world.mine(STABILITY + 23);
        for _ in 0..5 {
            assert_eq!(follower.step().await, BlockStep::Maturing { blocks: 1 });
        }
        world.mine(1);
        for _ in 0..2 {
            assert_eq!(follower.step().await, BlockStep::Maturing { blocks: 1 });
        }
        let step = follower.step().await;
        assert!(matches!(step, BlockStep::Orphaned { .. }), "{step:?}");
    }
}

#[tokio::test]
async fn looks_at_a_missing_block_do_not_count_when_it_was_seen_in_between() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    world.mine(STABILITY * 3);
    let mut follower = world.follower();
    let unordered = (height, pool().as_str().to_owned());
    world.chain.lock().unordered.insert(hash, unordered.clone());
    follower.step().await;
    follower.step().await;
    world.ledger.fail_next(1, Fault::NotAccepted);
    world.chain.lock().unordered.clear();
    let step = follower.step().await;
    assert!(
        matches!(step, BlockStep::Waiting(_)),
        "the settlement did not get through: {step:?}"
    );
    world.chain.lock().unordered.insert(hash, unordered);
    follower.step().await;
    follower.step().await;
    assert!(is_maturing(&world, hash));
}

#[tokio::test]
async fn an_unsynced_or_failing_daemon_orphans_nothing() {
    let world = World::new();
    let hash = Hash([3; 32]);
    world.record(hash, 1, &miner(1));
    world.mine(STABILITY * 4);
    let mut follower = world.follower();
    let top = world.chain.lock().top();
    world.chain.lock().peers_top = Some(top + 100);
    for _ in 0..10 {
        assert!(matches!(follower.step().await, BlockStep::Waiting(_)));
    }
    world.chain.lock().peers_top = None;
    for method in ["info", "sync_status", "block"] {
        for fate in [Fate::Fails, Fate::AnswerLost] {
            world.set_fates(move |called| if called == method { fate } else { Fate::Works });
            for _ in 0..10 {
                assert!(matches!(follower.step().await, BlockStep::Waiting(_)));
            }
        }
    }
    assert!(is_maturing(&world, hash));
}

#[tokio::test]
async fn a_block_that_pays_somebody_else_is_never_final_and_raises_an_alarm() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    world.chain.lock().blocks[height as usize].miner = miner(7);
    world.mine(STABILITY * 4);
    let mut follower = world.follower();
    for _ in 0..10 {
        follower.step().await;
    }
    assert_eq!(follower.alarms(), [AlarmKind::ForeignMiner]);
    assert!(is_maturing(&world, hash));
}

#[tokio::test]
async fn one_block_that_cannot_be_asked_about_does_not_keep_the_others_waiting() {
    let world = World::new();
    let (first, _) = found(&world, 4_000);
    found(&world, 5_000);
    found(&world, 6_000);
    world.mine_to_stability();
    let asked = Mutex::new(0);
    // The first block of each look fails.
    world.set_fates(move |method| {
        let mut asked = asked.lock();
        match method {
            "info" => Fate::Works,
            "block" => {
                *asked += 1;
                if *asked % 2 == 1 {
                    Fate::Fails
                } else {
                    Fate::Works
                }
            }
            _ => Fate::Works,
        }
    });
    let mut follower = world.follower();
    for _ in 0..2 {
        let step = follower.step().await;
        assert!(matches!(step, BlockStep::Settled { .. }), "{step:?}");
    }
    assert_eq!(world.view(|view| view.totals()).blocks_settled, 2);
    let _ = first;
}

#[tokio::test]
async fn an_amount_the_ledger_refuses_raises_an_alarm_and_the_others_go_on() {
    let world = World::new();
    found(&world, 0);
    let (good, _) = found(&world, 5_000);
    world.mine_to_stability();
    let mut follower = world.follower();
    let step = follower.step().await;
    assert!(matches!(step, BlockStep::Waiting(_)), "{step:?}");
    assert_eq!(follower.alarms(), [AlarmKind::CommandRefused]);
    let settled = BlockStep::Settled {
        hash: good.to_string(),
        amount_atomic: 5_000,
    };
    assert_eq!(follower.step().await, settled);
}

#[tokio::test]
async fn a_settlement_of_unknown_fate_is_settled_once() {
    for fault in [
        Fault::NotAccepted,
        Fault::UnknownApplied,
        Fault::UnknownLost,
    ] {
        let world = World::new();
        found(&world, 4_000);
        world.mine_to_stability();
        world.ledger.fail_next(1, fault);
        let mut follower = world.follower();
        for _ in 0..3 {
            follower.step().await;
        }
        assert_eq!(world.miner(&miner(1)).balance_atomic, 4_000, "{fault:?}");
        assert_eq!(follower.alarms(), []);
    }
}

#[tokio::test]
async fn a_block_that_a_second_daemon_knows_is_not_given_up() {
    let mut world = World::new();
    let second = Arc::new(Mutex::new(FakeChain::with_other_hashes()));
    let (known, height) = second.lock().mine_for_pool(4_000);
    second.lock().mine(STABILITY * 3);
    world.second = Some(second);
    let unknown = Hash([3; 32]);
    world.record(known, height, &miner(1));
    world.record(unknown, height, &miner(2));
    world.mine(STABILITY * 3);
    let mut follower = world.follower();
    for _ in 0..10 {
        follower.step().await;
    }
    assert!(is_maturing(&world, known));
    assert!(matches!(
        world.block(unknown).status,
        BlockStatus::Orphaned { .. }
    ));
}
