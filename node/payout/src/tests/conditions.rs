//! What must hold before anything is reserved or signed, and whom a payout pays.

use raftpool_chain::{BuiltTransaction, Hash};
use raftpool_ledger::view::PayoutStatus;

use super::fixtures::{THRESHOLD, miner, pool, settings};
use super::world::World;
use crate::alarm::AlarmKind;
use crate::reconciler::Reconciler;
use crate::status::PayoutStep;

const AMOUNT: u64 = 500_000;

fn owing() -> World {
    let world = World::new();
    world.credit(&miner(1), AMOUNT);
    world
}

/// Nothing is reserved under a condition, and the reason is visible.
async fn holds_back(world: &World, what: &str) -> Vec<AlarmKind> {
    let mut driver = world.driver();
    for _ in 0..5 {
        match driver.step().await {
            PayoutStep::Waiting(reason) if reason.contains(what) => {}
            step => panic!("expected to wait for `{what}`, but: {step:?}"),
        }
    }
    assert!(world.payouts().is_empty());
    driver.alarms()
}

#[tokio::test]
async fn below_the_threshold_nothing_is_paid() {
    let world = World::new();
    world.credit(&miner(1), THRESHOLD - 1);
    holds_back(&world, "no balance reaches the threshold").await;
}

#[tokio::test]
async fn a_pause_stops_reservations_and_signatures_and_sendings() {
    let world = owing();
    world.pause(true);
    holds_back(&world, "paused: by the test").await;
    world.pause(false);
    let mut driver = world.driver();
    assert!(driver.step().await.acted());
    world.pause(true);
    assert!(!driver.step().await.acted());
    assert_eq!(world.wallet.lock().builds, 0);
    world.pause(false);
    assert!(driver.step().await.acted());
    world.pause(true);
    assert!(!driver.step().await.acted());
    assert!(world.chain.lock().submitted.is_empty());
    world.pause(false);
    driver.step().await;
    world.pause(true);
    // What has left is still followed to its end.
    for _ in 0..30 {
        driver.step().await;
        world.mine(1);
    }
    assert_eq!(world.confirmed().len(), 1);
}

#[tokio::test]
async fn the_interval_between_two_payouts_is_kept() {
    let world = owing();
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    world.clock.advance(1000);
    world.credit(&miner(2), AMOUNT);
    world.finish(&mut driver).await;
    world.credit(&miner(3), AMOUNT);
    let first = world.payouts()[0].reserved_at_ms;
    let now_ms = raftpool_ledger::Clock::now_ms(world.clock.as_ref());
    assert!(now_ms >= first);
    if now_ms < first + 1000 {
        let step = driver.step().await;
        assert!(
            matches!(&step, PayoutStep::Waiting(why) if why.contains("due in")),
            "{step:?}"
        );
        world.clock.advance(1000);
    }
    assert!(matches!(driver.step().await, PayoutStep::Reserved { .. }));
}

#[tokio::test]
async fn a_leader_without_a_wallet_says_so_when_payouts_are_due() {
    let mut world = World::new();
    world.has_wallet = false;
    world.credit(&miner(1), THRESHOLD - 1);
    assert_eq!(holds_back(&world, "no balance reaches").await, []);
    world.credit(&miner(1), AMOUNT);
    assert_eq!(
        holds_back(&world, "has no wallet").await,
        [AlarmKind::NoWallet]
    );
    world.has_wallet = true;
    world.finish(&mut world.driver()).await;
}

#[tokio::test]
async fn a_wallet_that_does_not_fit_is_not_used() {
    let world = owing();
    world.wallet.lock().address = Some(miner(9));
    assert_eq!(
        holds_back(&world, "the wallet's address is").await,
        [AlarmKind::WalletAddress]
    );
    world.wallet.lock().address = None;
    world.wallet.lock().is_offline = true;
    assert_eq!(holds_back(&world, "not connected").await, []);
    world.wallet.lock().is_offline = false;
    world.wallet.lock().behind = 11;
    assert_eq!(holds_back(&world, "the wallet is at topoheight").await, []);
    world.wallet.lock().behind = 0;
    world.finish(&mut world.driver()).await;
}

#[tokio::test]
async fn a_wallet_that_does_not_cover_what_the_pool_owes_pays_nobody() {
    let world = owing();
    // The small balance is not due, but it is owed all the same.
    world.credit(&miner(2), THRESHOLD - 1);
    world.wallet.lock().missing = 1;
    assert_eq!(
        holds_back(&world, "the pool owes").await,
        [AlarmKind::Insolvent]
    );
    world.wallet.lock().missing = 0;
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
}

#[tokio::test]
async fn coins_of_blocks_that_are_not_settled_cover_nothing_that_the_pool_owes() {
    let world = owing();
    let (hash, height) = world.chain.lock().mine_for_pool(5_000);
    world.record(hash, height, &miner(2));
    world.wallet.lock().missing = 1_000;
    let mut driver = world.driver();
    for _ in 0..2 {
        let step = driver.step().await;
        assert!(step.to_string().contains("the pool owes"), "{step}");
        // The books and the chain may differ about a block for a moment.
        assert_eq!(driver.alarms(), []);
    }
    driver.step().await;
    assert_eq!(driver.alarms(), [AlarmKind::Insolvent]);
    assert!(world.payouts().is_empty());
    world.wallet.lock().missing = 0;
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
}

#[tokio::test]
async fn a_pool_whose_wallet_holds_just_its_blocks_is_solvent() {
    let world = owing();
    let (hash, height) = world.chain.lock().mine_for_pool(5_000);
    world.record(hash, height, &miner(2));
    // One that the chain has not ordered, and one that it never will, brought nothing.
    let (unordered, pool) = (Hash([5; 32]), pool().as_str().to_owned());
    let mut driver = world.driver();
    world
        .chain
        .lock()
        .unordered
        .insert(unordered, (height, pool));
    world.record(unordered, height, &miner(2));
    world.record(Hash([6; 32]), height, &miner(2));
    assert!(driver.step().await.acted());
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
}

#[tokio::test]
async fn an_unstable_nonce_or_a_daemon_behind_its_peers_holds_back() {
    let world = owing();
    // Enough for the foreign spend, so that what the pool owes stays covered.
    world.chain.lock().mine_for_pool(10);
    world.chain.lock().foreign_spend();
    holds_back(&world, "nonce 1 at the top, 0 where it is stable").await;
    world.mine_to_stability();
    let top = world.chain.lock().top();
    world.chain.lock().peers_top = Some(top + 6);
    holds_back(&world, "its best peer").await;
    world.chain.lock().peers_top = Some(top + 5);
    world.finish(&mut world.driver()).await;
    assert_eq!(world.confirmed()[0].nonce, 1);
}

#[tokio::test]
async fn settings_of_another_address_or_network_are_not_acted_upon() {
    let foreign = raftpool_ledger::command::Settings {
        pool_address: miner(8),
        ..settings()
    };
    let world = World::with(foreign);
    world.credit(&miner(1), AMOUNT);
    assert_eq!(
        holds_back(&world, "pool address").await,
        [AlarmKind::SettingsDiffer]
    );
    let foreign = raftpool_ledger::command::Settings {
        network: "testnet".into(),
        ..settings()
    };
    let world = World::with(foreign);
    world.credit(&miner(1), AMOUNT);
    assert_eq!(
        holds_back(&world, "network").await,
        [AlarmKind::SettingsDiffer]
    );
}

#[tokio::test]
async fn a_state_that_is_not_current_is_not_acted_upon() {
    let world = owing();
    world.ledger.fail_linearize("no quorum");
    holds_back(&world, "no quorum").await;
    world.ledger.heal();
    world.finish(&mut world.driver()).await;
}

#[tokio::test]
async fn the_pool_itself_is_never_a_payee_and_its_balance_stays() {
    let world = owing();
    world.credit(pool().as_str(), 9_000_000);
    let mut driver = world.driver();
    for _ in 0..60 {
        driver.step().await;
        world.mine(1);
        world.clock.advance(100);
    }
    assert_eq!(world.confirmed().len(), 1);
    assert_eq!(world.confirmed()[0].payees.len(), 1);
    assert_eq!(world.miner(pool().as_str()).balance_atomic, 9_000_000);
}

#[tokio::test]
async fn no_more_payees_than_allowed_and_the_largest_balances_first() {
    let world = World::with(raftpool_ledger::command::Settings {
        payout_payees_max: 3,
        ..settings()
    });
    for number in 1..=8 {
        world.credit(&miner(number), AMOUNT + number);
    }
    let mut driver = world.driver();
    driver.step().await;
    let payees: Vec<String> = world
        .open()
        .unwrap()
        .payees
        .iter()
        .map(|payee| payee.address.clone())
        .collect();
    assert_eq!(payees, [miner(8), miner(7), miner(6)]);
    world.finish(&mut driver).await;
    assert_eq!(world.confirmed().len(), 3);
}

#[tokio::test]
async fn a_full_transaction_of_255_payees_is_paid() {
    let world = World::new();
    for number in 1..=260 {
        let (hash, height) = world.chain.lock().mine_for_pool(AMOUNT);
        world.record(hash, height, &miner(number));
    }
    world.mine_to_stability();
    let mut follower = world.follower();
    while follower.step().await.acted() {}
    world.finish(&mut world.driver()).await;
    let sizes: Vec<usize> = world
        .confirmed()
        .iter()
        .map(|payout| payout.payees.len())
        .collect();
    assert_eq!(sizes, [5, 255]);
}

#[tokio::test]
async fn balances_for_which_the_fee_is_too_much_wait() {
    let world = World::with(raftpool_ledger::command::Settings {
        payout_threshold_atomic: 100,
        ..settings()
    });
    world.credit(&miner(1), 50_000);
    // Its share of the budget would be more than a tenth.
    world.credit(&miner(2), 600);
    let mut driver = world.driver();
    driver.step().await;
    let payees = world.open().unwrap().payees;
    assert_eq!(payees.len(), 1);
    assert_eq!(payees[0].address, miner(1));
    for _ in 0..60 {
        driver.step().await;
        world.mine(1);
        world.clock.advance(100);
    }
    let step = driver.step().await;
    assert!(
        matches!(&step, PayoutStep::Waiting(why) if why.contains("network fee")),
        "{step:?}"
    );
    assert_eq!(world.miner(&miner(2)).balance_atomic, 600);
}

#[tokio::test]
async fn what_the_wallet_built_wrong_is_never_stored() {
    let spoilers: [fn(&mut BuiltTransaction); 6] = [
        |built| built.nonce += 1,
        |built| built.source = miner(9),
        |built| built.hash = Hash([1; 32]),
        |built| built.fee_atomic = 139,
        |built| built.transfers[0].1 += 1,
        |built| built.transfers.push((miner(9), 1)),
    ];
    for (number, spoil) in spoilers.into_iter().enumerate() {
        let world = owing();
        world.wallet.lock().spoil = Some(spoil);
        let mut driver = world.driver();
        for _ in 0..3 {
            driver.step().await;
        }
        assert_eq!(
            driver.alarms(),
            [AlarmKind::BuildFailing],
            "spoiler {number}"
        );
        for _ in 0..20 {
            driver.step().await;
        }
        let payouts = world.payouts();
        assert!(!payouts.is_empty() && payouts.iter().all(|payout| payout.variants.is_empty()));
        assert!(
            matches!(payouts[0].status, PayoutStatus::Released { .. }),
            "spoiler {number}"
        );
        assert_eq!(world.miner(&miner(1)).balance_atomic, AMOUNT);
        assert!(world.chain.lock().submitted.is_empty());
    }
}

#[tokio::test]
async fn one_payee_the_wallet_refuses_does_not_keep_the_others_waiting() {
    let world = World::new();
    for number in 1..=9 {
        world.credit(&miner(number), AMOUNT);
    }
    world.wallet.lock().refuses.insert(miner(4));
    let mut driver = world.driver();
    let paid = |number: u64| world.miner(&miner(number)).paid_atomic > 0;
    for _ in 0..600 {
        if (1..=9).filter(|number| *number != 4).all(paid) && world.open().is_none() {
            break;
        }
        if !driver.step().await.acted() {
            world.mine(1);
            world.clock.advance(200);
        }
    }
    world.check_books();
    assert!(
        (1..=9).filter(|number| *number != 4).all(paid),
        "{:?}",
        driver.alarms()
    );
    assert!(!paid(4));
    for _ in 0..40 {
        driver.step().await;
    }
    assert!(
        driver.alarms().contains(&AlarmKind::PayeeQuarantined),
        "{:?}",
        driver.alarms()
    );
    assert_eq!(world.miner(&miner(4)).balance_atomic, AMOUNT);
}

#[tokio::test]
async fn a_wallet_that_can_build_nothing_puts_no_payee_in_quarantine() {
    let world = World::new();
    for number in 1..=3 {
        world.credit(&miner(number), AMOUNT);
    }
    world.wallet.lock().refuses_all = Some("PROOF");
    let mut driver = world.driver();
    for _ in 0..60 {
        driver.step().await;
        world.clock.advance(1_000);
    }
    assert_eq!(driver.alarms(), [AlarmKind::BuildFailing]);
    assert_eq!(world.open().unwrap().payees.len(), 3);
    world.wallet.lock().refuses_all = None;
    world.finish(&mut driver).await;
    assert_eq!((driver.alarms(), world.confirmed().len()), (vec![], 1));
}

#[tokio::test]
async fn nonces_that_the_ledger_does_not_explain_stop_payouts_until_an_operator_resumes() {
    let world = owing();
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    world.chain.lock().mine_for_pool(10);
    world.chain.lock().foreign_spend();
    world.credit(&miner(2), AMOUNT);
    world.clock.advance(1000);
    for _ in 0..5 {
        driver.step().await;
    }
    assert_eq!(driver.alarms(), [AlarmKind::UnexplainedNonce]);
    assert_eq!(world.payouts().len(), 1);
    world.pause(false);
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
    assert_eq!(world.confirmed()[0].nonce, 2);
}

#[tokio::test]
async fn a_node_without_a_wallet_says_so() {
    let world = owing();
    let parts = crate::PayoutParts {
        wallet: None,
        ..world.parts(world.ledger.clone(), None)
    };
    let ctx =
        std::sync::Arc::new(crate::context::Context::new(world.config.clone(), parts).unwrap());
    let alarms = crate::alarm::Alarms::new("payouts", ctx.metrics.alarm.clone());
    let mut driver = crate::driver::Driver::new(ctx, std::sync::Arc::new(alarms));
    let step = driver.step().await;
    assert!(
        matches!(&step, PayoutStep::Waiting(why) if why.contains("no wallet")),
        "{step:?}"
    );
}
