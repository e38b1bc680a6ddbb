//! The process ends before and after each thing it does; another one goes on.

use super::fixtures::miner;
use super::world::{Node, World, survive};
use crate::driver::Driver;
use crate::{PayoutPoint, StepHook};

/// Points that a payout without trouble meets.
const SMOOTH: [PayoutPoint; 10] = [
    PayoutPoint::BeforeReserve,
    PayoutPoint::AfterReserve,
    PayoutPoint::BeforeBuild,
    PayoutPoint::AfterBuild,
    PayoutPoint::BeforeSign,
    PayoutPoint::AfterSign,
    PayoutPoint::BeforeSend,
    PayoutPoint::AfterSend,
    PayoutPoint::BeforeConfirm,
    PayoutPoint::AfterConfirm,
];

/// Runs until the process is killed, mining a block whenever it waits; false when the payouts
/// came to their end first.
async fn run_to_death(world: &World, mut driver: Node<Driver>) -> bool {
    for _ in 0..200 {
        match survive(driver.step()).await {
            None => return true,
            Some(step) if step.acted() => {}
            Some(_) if world.is_all_paid() => return false,
            Some(_) => {
                world.mine(1);
                world.clock.advance(100);
            }
        }
    }
    panic!("neither killed nor done");
}

fn owing(miners: u64) -> World {
    let world = World::new();
    for number in 1..=miners {
        world.credit(&miner(number), 300_000 * number);
    }
    world
}

#[tokio::test]
async fn killed_at_any_point_a_payout_is_finished_once_by_the_next_process() {
    for point in SMOOTH {
        let world = owing(3);
        assert!(
            run_to_death(&world, world.driver_killed_at(point)).await,
            "{point}"
        );
        world.next_term();
        world.finish(&mut world.driver()).await;
        assert_eq!(world.confirmed().len(), 1, "killed at {point}");
        assert_eq!(
            world.chain.lock().executed().count(),
            1,
            "killed at {point}"
        );
    }
}

#[tokio::test]
async fn killed_at_any_two_points_a_payout_is_finished_once() {
    for first in SMOOTH {
        for second in SMOOTH {
            let world = owing(2);
            run_to_death(&world, world.driver_killed_at(first)).await;
            // Some points are not met a second time; then this process simply finishes.
            run_to_death(&world, world.driver_killed_at(second)).await;
            world.finish(&mut world.driver()).await;
            assert_eq!(
                world.confirmed().len(),
                1,
                "killed at {first}, then at {second}"
            );
            assert_eq!(world.chain.lock().executed().count(), 1);
        }
    }
}

#[tokio::test]
async fn killed_around_a_release_what_was_set_aside_is_there_once() {
    for point in [PayoutPoint::BeforeRelease, PayoutPoint::AfterRelease] {
        let world = owing(2);
        world.wallet.lock().refuses.insert(miner(1));
        assert!(
            run_to_death(&world, world.driver_killed_at(point)).await,
            "{point}"
        );
        world.wallet.lock().refuses.clear();
        world.finish(&mut world.driver()).await;
    }
}

#[tokio::test]
async fn killed_around_a_stop_payouts_end_up_stopped() {
    for point in [PayoutPoint::BeforePause, PayoutPoint::AfterPause] {
        let world = owing(1);
        let mut driver = world.driver();
        driver.step().await;
        driver.step().await;
        world.chain.lock().foreign_spend();
        world.mine_to_stability();
        assert!(
            run_to_death(&world, world.driver_killed_at(point)).await,
            "{point}"
        );
        let mut driver = world.driver();
        for _ in 0..4 {
            driver.step().await;
        }
        assert!(
            world.view(|view| view.payouts_paused()).is_some(),
            "killed at {point}"
        );
        assert_eq!(world.miner(&miner(1)).in_flight_atomic, 300_000);
    }
}

#[tokio::test]
async fn killed_around_the_end_of_a_block_it_ends_once() {
    let points = [
        PayoutPoint::BeforeSettle,
        PayoutPoint::AfterSettle,
        PayoutPoint::BeforeOrphan,
        PayoutPoint::AfterOrphan,
    ];
    for point in points {
        let world = World::new();
        let (hash, height) = world.chain.lock().mine_for_pool(1_000);
        world.record(hash, height, &miner(1));
        world.record(raftpool_chain::Hash([5; 32]), height, &miner(2));
        world.mine(60);
        let hook: StepHook = std::sync::Arc::new(move |met| {
            if met == point {
                super::world::kill();
            }
        });
        let mut follower = world.follower_on(world.ledger.clone(), Some(hook));
        let mut killed = false;
        for _ in 0..10 {
            killed |= survive(follower.step()).await.is_none();
        }
        assert!(killed, "{point} was never met");
        let mut follower = world.follower();
        for _ in 0..10 {
            follower.step().await;
        }
        let totals = world.view(|view| view.totals());
        assert_eq!(
            (totals.blocks_settled, totals.blocks_orphaned),
            (1, 1),
            "killed at {point}"
        );
        assert_eq!(world.miner(&miner(1)).balance_atomic, 1_000);
    }
}
