//! The operator's rules: approvals, holds, thresholds of one's own, the day's limit, who bears the
//! network fee, giving a payout up, and the simulation that shows all of it.

use raftpool_chain::SubmitTransactionAnswer as Answer;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    AbandonPayout, ApprovePayout, HoldAddress, NetworkFeePayer, RejectPayout, SetMinerPreferences,
    Settings,
};
use raftpool_ledger::view::PayoutStatus;
use raftpool_ledger::{Outcome, Rejection};

use super::chain::Tx;
use super::fixtures::{THRESHOLD, miner, pool, settings};
use super::world::{Node, World};
use crate::alarm::AlarmKind;
use crate::driver::Driver;
use crate::simulation::{LeftOutReason, Simulation, simulate};
use crate::status::PayoutStep;

const AMOUNT: u64 = 500_000;
const DAY_MS: u64 = 86_400_000;

fn owing_under(settings: Settings) -> World {
    let world = World::with(settings);
    world.credit(&miner(1), AMOUNT);
    world
}

fn reason() -> String {
    "by the test".into()
}

fn approve(world: &World, payout_id: u64) -> Outcome {
    let reason = reason();
    world.propose(Body::ApprovePayout(ApprovePayout { payout_id, reason }))
}

fn reject(world: &World, payout_id: u64) -> Outcome {
    let reason = reason();
    world.propose(Body::RejectPayout(RejectPayout { payout_id, reason }))
}

fn abandon(world: &World, payout_id: u64) -> Outcome {
    give_up(world, payout_id, false)
}

/// As an operator does it by force, who cannot know that the nonce is gone.
fn abandon_by_force(world: &World, payout_id: u64) -> Outcome {
    give_up(world, payout_id, true)
}

fn give_up(world: &World, payout_id: u64, keeps_nonce: bool) -> Outcome {
    world.propose(Body::AbandonPayout(AbandonPayout {
        payout_id,
        reason: reason(),
        keeps_nonce,
    }))
}

fn hold(world: &World, number: u64, is_held: bool) {
    let (miner, reason) = (miner(number), reason());
    let hold = HoldAddress {
        miner,
        is_held,
        reason,
    };
    assert_eq!(world.propose(Body::HoldAddress(hold)), Outcome::HoldSet);
}

fn prefer(world: &World, number: u64, payout_threshold_atomic: u64) {
    let preferences = SetMinerPreferences {
        miner: miner(number),
        payout_threshold_atomic,
        reason: reason(),
        ..SetMinerPreferences::default()
    };
    let outcome = world.propose(Body::SetMinerPreferences(preferences));
    assert_eq!(outcome, Outcome::PreferencesSet);
}

fn waits_for(step: &PayoutStep, what: &str) {
    match step {
        PayoutStep::Waiting(reason) if reason.contains(what) => {}
        step => panic!("expected to wait for `{what}`, but: {step:?}"),
    }
}

/// Steps and mines until nothing happens for a while.
async fn settle_down(world: &World, driver: &mut Node<Driver>) {
    let mut quiet = 0;
    while quiet < 60 {
        match driver.step().await.acted() {
            true => quiet = 0,
            false => {
                quiet += 1;
                world.mine(1);
                world.clock.advance(100);
            }
        }
    }
}

#[tokio::test]
async fn a_payout_above_the_limit_is_signed_only_when_an_operator_has_approved_it() {
    let world = owing_under(Settings {
        payout_approval_above_atomic: Some(AMOUNT - 1),
        ..settings()
    });
    let mut driver = world.driver();
    assert!(driver.step().await.acted());
    for _ in 0..5 {
        waits_for(&driver.step().await, "waits for an operator's approval");
    }
    assert_eq!(driver.alarms(), [AlarmKind::ApprovalWanted]);
    assert_eq!(world.wallet.lock().builds, 0);
    // Whoever leads next waits as well.
    world.next_term();
    let mut driver = world.driver();
    waits_for(&driver.step().await, "waits for an operator's approval");
    assert_eq!(approve(&world, 1), Outcome::PayoutApproved);
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
    let approval = world.confirmed()[0].approval.clone();
    assert_eq!(
        approval.map(|approval| approval.author),
        Some("test".into())
    );
}

#[tokio::test]
async fn a_payout_at_the_limit_needs_no_approval() {
    let world = owing_under(Settings {
        payout_approval_above_atomic: Some(AMOUNT),
        ..settings()
    });
    world.finish(&mut world.driver()).await;
    assert_eq!(world.confirmed().len(), 1);
}

#[tokio::test]
async fn a_rejected_payout_goes_back_and_does_not_come_again_at_once() {
    let world = owing_under(Settings {
        payout_approval_above_atomic: Some(0),
        ..settings()
    });
    let mut driver = world.driver();
    driver.step().await;
    assert_eq!(reject(&world, 1), Outcome::PayoutRejected);
    assert_eq!(world.miner(&miner(1)).balance_atomic, AMOUNT);
    for _ in 0..5 {
        waits_for(&driver.step().await, "payout 1 was rejected: by the test");
    }
    assert_eq!((world.payouts().len(), driver.alarms()), (1, vec![]));
    world.pause(false);
    assert!(driver.step().await.acted());
    assert_eq!(approve(&world, 2), Outcome::PayoutApproved);
    world.finish(&mut driver).await;
}

#[tokio::test]
async fn a_day_takes_no_more_than_its_limit_and_the_rest_is_paid_on_the_next_ones() {
    let limit = 700_000;
    let world = owing_under(Settings {
        payout_daily_limit_atomic: limit,
        ..settings()
    });
    world.credit(&miner(2), AMOUNT - 1);
    let mut driver = world.driver();
    settle_down(&world, &mut driver).await;
    let paid = |number| world.miner(&miner(number)).paid_atomic;
    assert!(paid(1) > 0 && paid(2) > 0);
    let debits: u64 = world.payouts()[0]
        .payees
        .iter()
        .map(|p| p.debit_atomic)
        .sum();
    assert_eq!(debits, limit, "the second one is paid in part");
    waits_for(&driver.step().await, "the next day begins at midnight UTC");
    assert_eq!(world.payouts().len(), 1);
    world.clock.advance(DAY_MS);
    world.finish(&mut driver).await;
    assert_eq!(world.confirmed().len(), 2);
}

#[tokio::test]
async fn a_part_of_a_day_is_sent_only_when_it_reaches_the_miners_own_threshold_or_a_whole_day() {
    let limit = 700_000;
    let world = owing_under(Settings {
        payout_daily_limit_atomic: limit,
        ..settings()
    });
    world.credit(&miner(2), AMOUNT - 1);
    prefer(&world, 2, AMOUNT - 1);
    let mut driver = world.driver();
    settle_down(&world, &mut driver).await;
    let paid = |number| world.miner(&miner(number)).paid_atomic;
    assert_eq!((paid(1) > 0, paid(2)), (true, 0));
    world.clock.advance(DAY_MS);
    settle_down(&world, &mut driver).await;
    assert!(paid(2) > 0);
    // What no day reaches is paid by whole days.
    world.credit(&miner(3), 2 * limit);
    prefer(&world, 3, 2 * limit);
    settle_down(&world, &mut driver).await;
    assert_eq!(paid(3), 0);
    world.clock.advance(DAY_MS);
    settle_down(&world, &mut driver).await;
    let largest = &world.payouts()[0].payees[0];
    assert_eq!((&largest.address, largest.debit_atomic), (&miner(3), limit));
    world.check_books();
}

#[tokio::test]
async fn the_pool_bears_the_fee_out_of_its_fees_or_nobody_is_paid() {
    let by_pool = Settings {
        network_fee_payer: NetworkFeePayer::Pool.into(),
        ..settings()
    };
    let world = owing_under(by_pool.clone());
    let mut driver = world.driver();
    for _ in 0..5 {
        waits_for(&driver.step().await, "the pool bears the network fee");
    }
    assert_eq!(driver.alarms(), [AlarmKind::PoolFeesTooLow]);
    assert!(world.payouts().is_empty());

    let world = World::with(Settings {
        solo_fee_bps: 1_000,
        ..by_pool
    });
    world.credit(&miner(1), AMOUNT);
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    let paid = world.miner(&miner(1));
    let earned = AMOUNT - AMOUNT / 10;
    assert_eq!((paid.paid_atomic, paid.network_fees_atomic), (earned, 0));
    let accounts = world.view(|view| view.accounts());
    // The estimate is 110, and that is what the transaction cost; the budget had been 138.
    assert_eq!(accounts.network_fees_pool_atomic, 110);
    assert_eq!(accounts.pool_fees_atomic(), u128::from(AMOUNT / 10) - 110);
    assert_eq!(accounts.fee_budget_atomic, 0);
}

#[tokio::test]
async fn a_held_address_is_never_a_payee_and_the_others_are_paid() {
    let world = owing_under(settings());
    world.credit(&miner(2), AMOUNT);
    hold(&world, 1, true);
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    assert_eq!(world.miner(&miner(1)).balance_atomic, AMOUNT);
    assert!(world.miner(&miner(2)).paid_atomic > 0);
    hold(&world, 1, false);
    world.clock.advance(1_000);
    world.finish(&mut driver).await;
    assert!(world.miner(&miner(1)).paid_atomic > 0);
}

#[tokio::test]
async fn a_payee_held_after_the_reservation_is_not_paid_and_the_payout_planned_anew() {
    let world = owing_under(settings());
    world.credit(&miner(2), AMOUNT);
    let mut driver = world.driver();
    driver.step().await;
    hold(&world, 1, true);
    let step = driver.step().await;
    assert!(matches!(step, PayoutStep::Released { .. }), "{step:?}");
    world.finish(&mut driver).await;
    assert_eq!(world.miner(&miner(1)).paid_atomic, 0);
    assert!(world.miner(&miner(2)).paid_atomic > 0);
}

#[tokio::test]
async fn a_payee_the_wallet_refused_and_that_is_held_is_not_tried_again() {
    let mut world = owing_under(settings());
    world.config.payee_quarantine = std::time::Duration::ZERO;
    world.wallet.lock().refuses.insert(miner(1));
    let mut driver = world.driver();
    for _ in 0..4 {
        driver.step().await;
    }
    hold(&world, 1, true);
    settle_down(&world, &mut driver).await;
    let tried = world.payouts().len();
    settle_down(&world, &mut driver).await;
    assert_eq!(world.payouts().len(), tried);
    waits_for(&driver.step().await, "no balance reaches the threshold");
}

#[tokio::test]
async fn a_threshold_of_ones_own_is_waited_for() {
    let world = owing_under(settings());
    world.credit(&miner(2), AMOUNT);
    prefer(&world, 1, AMOUNT + 1);
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    assert_eq!(world.miner(&miner(1)).paid_atomic, 0);
    world.clock.advance(1_000);
    world.credit(&miner(1), 1);
    world.finish(&mut driver).await;
    assert!(world.miner(&miner(1)).paid_atomic > 0);
}

/// A signed payout whose nonce somebody else has used up, seen often enough.
async fn stolen() -> (World, Node<Driver>) {
    let world = owing_under(settings());
    // Enough for what is stolen, so that what the pool owes stays covered.
    world.chain.lock().mine_for_pool(10_000);
    world.mine_to_stability();
    let mut driver = world.driver();
    driver.step().await;
    driver.step().await;
    world.chain.lock().foreign_spend();
    let nonce = |driver: &Node<Driver>| driver.reconciler.insight().lock().nonce.clone();
    driver.step().await;
    assert!(!nonce(&driver).unwrap().is_used_by_another);
    world.mine_to_stability();
    driver.step().await;
    assert!(
        !nonce(&driver).unwrap().is_used_by_another,
        "seen once only"
    );
    for _ in 0..3 {
        driver.step().await;
    }
    let facts = nonce(&driver).unwrap();
    assert!(facts.is_used_by_another, "{facts:?}");
    assert_eq!(
        (facts.payout_id, facts.nonce, facts.stable_nonce),
        (1, 0, 1)
    );
    (world, driver)
}

#[tokio::test]
async fn a_payout_whose_nonce_is_gone_is_given_up_and_its_payees_paid_with_the_next_nonce() {
    let (world, mut driver) = stolen().await;
    assert_eq!(abandon(&world, 1), Outcome::PayoutAbandoned);
    assert_eq!(world.miner(&miner(1)).balance_atomic, AMOUNT);
    world.clock.advance(1_000);
    world.pause(false);
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
    assert_eq!(world.confirmed()[0].nonce, 1);
    driver.step().await;
    assert!(driver.reconciler.insight().lock().nonce.is_none());
    let abandoned = &world.payouts()[1];
    assert!(matches!(abandoned.status, PayoutStatus::Abandoned { .. }));
}

#[tokio::test]
async fn a_payout_is_not_given_up_while_payouts_run() {
    let (world, _) = stolen().await;
    world.pause(false);
    let refused = Outcome::Rejected(Rejection::PayoutsNotPaused);
    assert_eq!(abandon(&world, 1), refused);
}

#[tokio::test]
async fn a_transaction_of_a_payout_that_was_given_up_is_never_booked_and_stops_payouts() {
    let (world, mut driver) = stolen().await;
    let tx = world.open().unwrap().variants[0].tx.clone();
    abandon(&world, 1);
    world.clock.advance(1_000);
    // The chain executes what it never should.
    {
        let mut chain = world.chain.lock();
        let tx = Tx::decode(&tx).unwrap();
        let last = chain.blocks.len() - 1;
        chain.blocks[last].executed.push(tx);
    }
    // Also while they are paused: whoever resumes them shall know.
    stops(&driver.step().await);
    assert_eq!(driver.alarms(), [AlarmKind::AbandonedExecuted]);
    let paused = world.view(|view| view.payouts_paused()).unwrap();
    assert!(paused.contains("abandoned payout 1"), "{paused}");
    assert_eq!(world.miner(&miner(1)).paid_atomic, 0);
    assert_eq!(world.payouts().len(), 1);
}

fn stops(step: &PayoutStep) {
    assert!(matches!(step, PayoutStep::Stopped { .. }), "{step:?}");
}

/// A payout whose bytes the chain refuses, given up by force; with the bytes.
async fn forced() -> (World, Tx) {
    let mut world = owing_under(settings());
    world.config.variants_max = 1;
    world.chain.lock().refused_salts.insert(1);
    let mut driver = world.driver();
    for _ in 0..8 {
        driver.step().await;
    }
    assert_eq!(driver.alarms(), [AlarmKind::VariantsExhausted]);
    let bytes = world.open().unwrap().variants[0].tx.clone();
    world.pause(true);
    assert_eq!(abandon_by_force(&world, 1), Outcome::PayoutAbandoned);
    assert_eq!(world.miner(&miner(1)).balance_atomic, AMOUNT);
    // What was refused then would be taken now.
    world.chain.lock().refused_salts.clear();
    world.clock.advance(1_000);
    (world, Tx::decode(&bytes).unwrap())
}

#[tokio::test]
async fn after_an_end_by_force_the_next_payout_takes_the_same_nonce_and_only_one_executes() {
    let (world, old) = forced().await;
    world.pause(false);
    world.next_term();
    let mut driver = world.driver();
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
    assert_eq!(world.confirmed()[0].nonce, old.nonce);
    let answer = world.chain.lock().submit(&old.encode());
    assert!(matches!(answer, Answer::NonceConflict { .. }), "{answer:?}");
    world.mine_to_stability();
    // The books and the chain tell the same of what was paid.
    world.check_books();
    assert!(!driver.step().await.acted());
    assert_eq!(driver.alarms(), []);
}

#[tokio::test]
async fn bytes_that_execute_after_an_end_by_force_stop_payouts_before_anybody_is_paid_twice() {
    let (world, old) = forced().await;
    world.pause(false);
    let mut driver = world.driver();
    // The next payout is signed when the old bytes turn up again.
    driver.step().await;
    driver.step().await;
    assert_eq!(world.open().unwrap().nonce, old.nonce);
    let answer = world.chain.lock().submit(&old.encode());
    assert_eq!(answer, Answer::Accepted);
    driver.step().await;
    world.mine(1);
    stops(&driver.step().await);
    world.mine_to_stability();
    world.pause(false);
    world.next_term();
    let mut other = world.driver();
    settle_down(&world, &mut other).await;
    let (_, amount) = old.transfers[0];
    assert_eq!(world.executed_to(&miner(1)), amount, "paid once");
    let alarms = [AlarmKind::ForeignSpend, AlarmKind::AbandonedExecuted];
    assert_eq!(other.alarms(), alarms);
    let paused = world.view(|view| view.payouts_paused()).unwrap();
    assert!(paused.contains("nonce 0 of payout 2"), "{paused}");
}

#[tokio::test]
async fn an_execution_that_an_operator_has_accepted_stops_payouts_only_once_whoever_leads() {
    let (world, old) = forced().await;
    let answer = world.chain.lock().submit(&old.encode());
    assert_eq!(answer, Answer::Accepted);
    world.mine(1);
    world.pause(false);
    let mut driver = world.driver();
    stops(&driver.step().await);
    hold(&world, 1, true);
    world.credit(&miner(2), AMOUNT);
    // The operator replaces what miner 1 has twice.
    world.chain.lock().mine_for_pool(AMOUNT);
    world.mine_to_stability();
    world.pause(false);
    world.next_term();
    let mut other = world.driver();
    for _ in 0..40 {
        let step = other.step().await;
        assert!(!matches!(step, PayoutStep::Stopped { .. }), "{step:?}");
        world.mine(1);
    }
    assert_eq!(other.alarms(), [AlarmKind::AbandonedExecuted]);
    assert_eq!(world.confirmed()[0].nonce, old.nonce + 1);
    assert!(world.miner(&miner(2)).paid_atomic > 0);
    assert_eq!(world.miner(&miner(1)).paid_atomic, 0);
}

#[tokio::test]
async fn a_nonce_that_an_operator_has_accepted_stops_payouts_only_once_whoever_leads() {
    let world = owing_under(settings());
    world.finish(&mut world.driver()).await;
    world.chain.lock().mine_for_pool(10_000);
    world.chain.lock().foreign_spend();
    world.credit(&miner(1), AMOUNT);
    world.clock.advance(1_000);
    let mut driver = world.driver();
    for _ in 0..2 {
        waits_for(&driver.step().await, "was used by a transaction");
    }
    stops(&driver.step().await);
    assert_eq!(driver.alarms(), [AlarmKind::UnexplainedNonce]);
    world.pause(false);
    world.next_term();
    let mut other = world.driver();
    world.finish(&mut other).await;
    assert_eq!(other.alarms(), []);
    assert_eq!(world.confirmed().len(), 2);
}

#[tokio::test]
async fn a_nonce_below_what_the_books_know_as_used_is_an_alarm_when_it_stays() {
    let world = owing_under(settings());
    world.finish(&mut world.driver()).await;
    world.credit(&miner(1), AMOUNT);
    world.clock.advance(1_000);
    let seen = world.chain.lock().blocks.clone();
    for block in &mut world.chain.lock().blocks {
        block.executed.clear();
    }
    let mut driver = world.driver();
    for _ in 0..2 {
        waits_for(&driver.step().await, "knows all below 1 as used");
        assert_eq!(driver.alarms(), []);
    }
    driver.step().await;
    assert_eq!(driver.alarms(), [AlarmKind::NonceBehind]);
    world.chain.lock().blocks = seen;
    driver.step().await;
    assert_eq!(driver.alarms(), []);
}

async fn simulated(driver: &Node<Driver>) -> Simulation {
    let insight = driver.reconciler.insight().lock().clone();
    let ctx = driver.reconciler.context();
    simulate(&ctx, insight).await.unwrap()
}

#[tokio::test]
async fn a_simulation_says_who_would_be_paid_and_why_the_others_would_not() {
    let world = World::with(Settings {
        payout_daily_limit_atomic: 4 * AMOUNT,
        payout_approval_above_atomic: Some(AMOUNT),
        payout_threshold_atomic: 600,
        payout_payees_max: 4,
        ..settings()
    });
    for number in 1..=5 {
        world.credit(&miner(number), AMOUNT + 10 * number);
    }
    world.credit(pool().as_str(), 2 * AMOUNT);
    world.credit(&miner(6), 599);
    hold(&world, 5, true);
    prefer(&world, 4, AMOUNT + 41);
    let driver = world.driver();
    let proposals = world.ledger.proposal_count();
    let seen = simulated(&driver).await;
    let payees: Vec<&str> = seen.payees.iter().map(|p| p.address.as_str()).collect();
    assert_eq!(payees, [miner(3), miner(2), miner(1)]);
    assert!(seen.needs_approval && seen.is_complete && seen.obstacles.is_empty());
    assert!(!seen.is_leading, "the driver has not looked yet");
    let why: Vec<_> = seen
        .left_out
        .iter()
        .map(|left| (left.address.clone(), left.reason.clone()))
        .collect();
    let expected = [
        (pool().as_str().to_owned(), LeftOutReason::PoolItself),
        (miner(5), LeftOutReason::Held(reason())),
        (
            miner(4),
            LeftOutReason::BelowThreshold {
                threshold_atomic: AMOUNT + 41,
            },
        ),
        (
            miner(6),
            LeftOutReason::BelowThreshold {
                threshold_atomic: 600,
            },
        ),
    ];
    assert_eq!(why, expected);
    assert_eq!(seen.left_out_counts["below_threshold"], 2);
    assert_eq!(world.ledger.proposal_count(), proposals);
    world.pause(true);
    let seen = simulated(&driver).await;
    assert_eq!(seen.obstacles, ["payouts are paused: by the test"]);
}

#[tokio::test]
async fn a_simulation_is_what_the_driver_does_next() {
    let world = World::with(Settings {
        payout_daily_limit_atomic: 2 * AMOUNT + 2 * THRESHOLD,
        ..settings()
    });
    for number in 1..=5 {
        world.credit(&miner(number), AMOUNT + number);
    }
    let mut driver = world.driver();
    let seen = simulated(&driver).await;
    assert_eq!(seen.left_out_counts["daily_limit"], 2);
    driver.step().await;
    assert_eq!(world.open().unwrap().payees, seen.payees);
}
