//! Every row of the decision table, with the driver at work.

use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::testing::Fault;
use raftpool_ledger::view::PayoutStatus;

use super::chain::{FakeChain, STABILITY};
use super::endpoints::Fate;
use super::fixtures::miner;
use super::world::World;
use crate::alarm::AlarmKind;
use crate::status::PayoutStep;

const AMOUNT: u64 = 500_000;

/// A pool that owes one miner, with a payout reserved.
async fn reserved() -> World {
    let world = World::new();
    world.credit(&miner(1), AMOUNT);
    let step = world.driver().step().await;
    assert_eq!(step, PayoutStep::Reserved { payout_id: 1 });
    world
}

/// The same with one variant stored, and not sent.
async fn signed() -> World {
    let world = reserved().await;
    let step = world.driver().step().await;
    assert!(
        matches!(step, PayoutStep::Signed { payout_id: 1, .. }),
        "{step:?}"
    );
    assert!(world.chain.lock().submitted.is_empty());
    world
}

fn waits_for(step: &PayoutStep, what: &str) {
    match step {
        PayoutStep::Waiting(reason) if reason.contains(what) => {}
        step => panic!("expected to wait for `{what}`, but: {step:?}"),
    }
}

#[tokio::test]
async fn a_payout_goes_from_balance_to_paid_and_the_fee_is_booked() {
    let world = World::new();
    world.credit(&miner(1), AMOUNT);
    world.finish(&mut world.driver()).await;
    let paid = world.miner(&miner(1));
    // The estimate is 110, a quarter more is the budget of 138; what was not needed came back.
    assert_eq!(paid.paid_atomic, AMOUNT - 138);
    assert_eq!((paid.network_fees_atomic, paid.balance_atomic), (110, 28));
    assert_eq!(world.confirmed().len(), 1);
}

#[tokio::test]
async fn reserved_without_a_variant_is_built_with_the_same_nonce_by_whoever_leads() {
    let world = reserved().await;
    let nonce = world.open().unwrap().nonce;
    world.next_term();
    let mut driver = world.driver();
    driver.step().await;
    let payout = world.open().unwrap();
    assert_eq!((payout.nonce, payout.variants.len()), (nonce, 1));
    world.finish(&mut driver).await;
    assert_eq!(world.chain.lock().executed().count(), 1);
}

#[tokio::test]
async fn executed_but_not_stable_waits_and_a_reorder_leads_to_the_same_bytes_again() {
    let world = signed().await;
    let mut driver = world.driver();
    assert!(driver.step().await.acted());
    world.mine(3);
    waits_for(&driver.step().await, "is executed at topoheight");
    world.chain.lock().reorder(5, false);
    let again = driver.step().await;
    assert!(matches!(again, PayoutStep::Sent { .. }), "{again:?}");
    let submitted = world.chain.lock().submitted.clone();
    assert_eq!(submitted.len(), 2);
    assert_eq!(submitted[0], submitted[1]);
    world.finish(&mut driver).await;
    assert_eq!(world.wallet.lock().builds, 1);
}

#[tokio::test]
async fn pending_is_left_alone_and_a_lost_mempool_leads_to_the_same_bytes_again() {
    let world = signed().await;
    let mut driver = world.driver();
    driver.step().await;
    for _ in 0..5 {
        waits_for(&driver.step().await, "waits for a block");
    }
    assert_eq!(world.chain.lock().submitted.len(), 1);
    world.chain.lock().mempool.clear();
    driver.step().await;
    let submitted = world.chain.lock().submitted.clone();
    assert_eq!(submitted.len(), 2);
    assert_eq!(submitted[0], submitted[1]);
    world.finish(&mut driver).await;
}

#[tokio::test]
async fn refused_for_good_gets_a_further_variant_with_the_same_nonce() {
    let world = signed().await;
    world.chain.lock().refused_salts.insert(1);
    let mut driver = world.driver();
    for _ in 0..3 {
        let step = driver.step().await;
        assert!(matches!(step, PayoutStep::Sent { .. }), "{step:?}");
    }
    let step = driver.step().await;
    assert!(matches!(step, PayoutStep::Signed { .. }), "{step:?}");
    let payout = world.open().unwrap();
    assert_eq!(payout.variants.len(), 2);
    // The first one would be taken again by now: still only one of them executes.
    world.chain.lock().refused_salts.clear();
    world.finish(&mut driver).await;
    let nonces: Vec<u64> = world
        .chain
        .lock()
        .submitted
        .iter()
        .map(|tx| tx.nonce)
        .collect();
    assert!(
        nonces.iter().all(|nonce| *nonce == payout.nonce),
        "{nonces:?}"
    );
    let PayoutStatus::Confirmed { tx_hash, .. } = world.confirmed()[0].status else {
        panic!()
    };
    assert_eq!(tx_hash, payout.variants[1].tx_hash);
}

#[tokio::test]
async fn no_further_variant_while_one_is_pending_or_the_free_nonce_is_not_stable() {
    let world = signed().await;
    world.chain.lock().refused_salts.insert(1);
    let mut driver = world.driver();
    for _ in 0..3 {
        driver.step().await;
    }
    let tx = world.chain.lock().submitted[0].clone();
    world.chain.lock().mempool.insert(tx.hash(), tx);
    waits_for(&driver.step().await, "waits for a block");
    assert_eq!(world.open().unwrap().variants.len(), 1);
}

#[tokio::test]
async fn refusals_without_end_stop_at_the_bound_with_an_alarm_and_heal() {
    let mut world = signed().await;
    world.config.variants_max = 2;
    world.chain.lock().refused_salts.extend(1..100);
    let mut driver = world.driver();
    for _ in 0..30 {
        driver.step().await;
    }
    assert_eq!(world.open().unwrap().variants.len(), 2);
    assert!(driver.alarms().contains(&AlarmKind::VariantsExhausted));
    world.chain.lock().refused_salts.clear();
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
}

#[tokio::test]
async fn try_later_is_answered_with_the_same_bytes_however_often() {
    let world = signed().await;
    world.chain.lock().try_later = 20;
    let mut driver = world.driver();
    for _ in 0..20 {
        let step = driver.step().await;
        assert!(matches!(step, PayoutStep::Sent { .. }), "{step:?}");
    }
    assert_eq!(world.open().unwrap().variants.len(), 1);
    world.finish(&mut driver).await;
    assert_eq!(world.wallet.lock().builds, 1);
}

#[tokio::test]
async fn a_foreign_spend_stops_payouts_once_and_nothing_is_given_back() {
    let world = signed().await;
    world.chain.lock().foreign_spend();
    let mut driver = world.driver();
    waits_for(&driver.step().await, "at the top");
    assert_eq!(driver.alarms(), []);
    world.mine_to_stability();
    waits_for(&driver.step().await, "seen 1 times");
    waits_for(&driver.step().await, "seen 2 times");
    let step = driver.step().await;
    assert!(matches!(step, PayoutStep::Stopped { .. }), "{step:?}");
    let proposals = world.ledger.proposal_count();
    for _ in 0..10 {
        world.mine(1);
        waits_for(
            &driver.step().await,
            "a transaction the ledger does not know",
        );
    }
    assert_eq!(world.ledger.proposal_count(), proposals, "stopped once");
    assert_eq!(driver.alarms(), [AlarmKind::ForeignSpend]);
    let owed = world.miner(&miner(1));
    assert_eq!((owed.in_flight_atomic, owed.balance_atomic), (AMOUNT, 0));
    assert!(
        world
            .view(|view| view.payouts_paused())
            .unwrap()
            .contains("nonce 0")
    );
}

#[tokio::test]
async fn a_foreign_spend_before_anything_is_signed_stops_too_instead_of_releasing() {
    let world = reserved().await;
    world.chain.lock().foreign_spend();
    world.mine_to_stability();
    let mut driver = world.driver();
    for _ in 0..3 {
        driver.step().await;
    }
    assert_eq!(driver.alarms(), [AlarmKind::ForeignSpend]);
    assert!(world.view(|view| view.payouts_paused()).is_some());
    assert_eq!(world.open().unwrap().status, PayoutStatus::Reserved);
    assert_eq!(world.wallet.lock().builds, 0);
}

#[tokio::test]
async fn a_foreign_spend_that_a_reorder_undoes_does_not_stop_anything() {
    let world = signed().await;
    world.chain.lock().foreign_spend();
    world.mine(5);
    let mut driver = world.driver();
    for _ in 0..10 {
        waits_for(&driver.step().await, "at the top");
    }
    world.chain.lock().reorder(8, false);
    world.finish(&mut driver).await;
    assert!(world.view(|view| view.payouts_paused()).is_none());
}

#[tokio::test]
async fn a_daemon_that_is_behind_or_forgetful_causes_neither_alarm_nor_action() {
    let world = signed().await;
    let mut driver = world.driver();
    driver.step().await;
    world.mine_to_stability();
    {
        let mut chain = world.chain.lock();
        // It shows the nonce as used and not by whom, and its peers are far ahead.
        chain.has_no_index = true;
        chain.peers_top = Some(chain.top() + 50);
    }
    for _ in 0..10 {
        waits_for(&driver.step().await, "its best peer");
    }
    assert_eq!(driver.alarms(), []);
    {
        let mut chain = world.chain.lock();
        chain.has_no_index = false;
        chain.peers_top = None;
        chain.view_limit = Some(10);
    }
    for _ in 0..10 {
        assert!(!matches!(driver.step().await, PayoutStep::Signed { .. }));
    }
    assert_eq!(world.open().unwrap().variants.len(), 1);
    world.chain.lock().view_limit = None;
    world.finish(&mut driver).await;
    assert_eq!(world.chain.lock().executed().count(), 1);
}

#[tokio::test]
async fn a_nonce_contested_by_another_pending_transaction_raises_an_alarm_and_waits() {
    let world = signed().await;
    let foreign = {
        let chain = world.chain.lock();
        let nonce = chain.nonce();
        let transfers = vec![("thief".to_owned(), 1)];
        super::chain::Tx {
            nonce,
            fee: 1,
            salt: 77,
            reference: 0,
            transfers,
        }
    };
    world.chain.lock().mempool.insert(foreign.hash(), foreign);
    let mut driver = world.driver();
    for _ in 0..4 {
        driver.step().await;
    }
    assert_eq!(driver.alarms(), [AlarmKind::NonceContested]);
    assert_eq!(world.open().unwrap().variants.len(), 1);
    world.chain.lock().mempool.clear();
    world.finish(&mut driver).await;
    assert_eq!(driver.alarms(), []);
}

#[tokio::test]
async fn a_deposed_leader_stores_nothing_and_hence_sends_nothing() {
    let world = reserved().await;
    let ledger = world.ledger.clone();
    let hook = move |point| {
        if point == crate::PayoutPoint::BeforeSign {
            let old = raftpool_ledger::Cluster::leadership(ledger.as_ref());
            let leader_id = Some(2);
            ledger.set_leadership(Leadership {
                term: old.term + 1,
                leader_id,
                ..old
            });
        }
    };
    let mut driver = world.driver_on(world.ledger.clone(), Some(Arc::new(hook)));
    waits_for(
        &driver.step().await,
        "proposed in term 1, written in term 2",
    );
    assert_eq!(driver.step().await, PayoutStep::NotLeading);
    assert!(world.open().unwrap().variants.is_empty());
    assert!(world.chain.lock().submitted.is_empty());
}

#[tokio::test]
async fn a_node_that_does_not_lead_asks_nobody_anything() {
    let world = signed().await;
    let old = raftpool_ledger::Cluster::leadership(world.ledger.as_ref());
    world.ledger.set_leadership(Leadership {
        leader_id: Some(2),
        ..old
    });
    world.set_fates(|method| panic!("{method} was called"));
    assert_eq!(world.driver().step().await, PayoutStep::NotLeading);
}

#[tokio::test]
async fn lost_answers_and_failures_of_every_call_pay_once() {
    let calls = [
        "info",
        "sync_status",
        "nonce",
        "stable_nonce",
        "execution",
        "is_pending",
        "submit_transaction",
        "address",
        "is_online",
        "topoheight",
        "balance",
        "estimate_fee",
        "clear_transaction_cache",
        "build",
    ];
    for call in calls {
        for fate in [Fate::Fails, Fate::AnswerLost] {
            let world = World::new();
            world.credit(&miner(1), AMOUNT);
            let left = parking_lot::Mutex::new(2);
            world.set_fates(move |method| {
                let mut left = left.lock();
                if method == call && *left > 0 {
                    *left -= 1;
                    return fate;
                }
                Fate::Works
            });
            world.finish(&mut world.driver()).await;
            assert_eq!(world.confirmed().len(), 1, "{call}: {fate:?}");
        }
    }
}

#[tokio::test]
async fn proposals_of_unknown_fate_pay_once() {
    for fault in [
        Fault::NotAccepted,
        Fault::UnknownApplied,
        Fault::UnknownLost,
    ] {
        for proposal in 0..3 {
            let world = World::new();
            world.credit(&miner(1), AMOUNT);
            let mut driver = world.driver();
            let before = world.ledger.proposal_count();
            while world.ledger.proposal_count() < before + proposal {
                driver.step().await;
                world.mine(1);
            }
            world.ledger.fail_next(1, fault);
            world.finish(&mut driver).await;
            assert_eq!(
                world.confirmed().len(),
                1,
                "{fault:?} of proposal {proposal}"
            );
            assert_eq!(world.chain.lock().executed().count(), 1);
        }
    }
}

#[tokio::test]
async fn an_execution_that_cannot_be_asked_for_is_not_taken_for_none() {
    let world = signed().await;
    let mut driver = world.driver();
    driver.step().await;
    world.mine_to_stability();
    world.set_fates(|method| match method {
        "execution" => Fate::AnswerLost,
        _ => Fate::Works,
    });
    for _ in 0..10 {
        waits_for(&driver.step().await, "did not answer (execution)");
    }
    assert_eq!(driver.alarms(), []);
    world.set_fates(|_| Fate::Works);
    world.finish(&mut driver).await;
}

#[tokio::test]
async fn a_leader_that_was_deposed_and_came_back_while_it_built_stores_nothing() {
    let world = Arc::new(reserved().await);
    let same = world.clone();
    let hook = move |point| {
        if point == crate::PayoutPoint::AfterBuild && same.wallet.lock().builds == 1 {
            same.next_term();
        }
    };
    let mut driver = world.driver_on(world.ledger.clone(), Some(Arc::new(hook)));
    waits_for(
        &driver.step().await,
        "proposed in term 1, written in term 2",
    );
    assert!(world.open().unwrap().variants.is_empty());
    world.finish(&mut driver).await;
    assert_eq!(world.wallet.lock().builds, 2);
}

#[tokio::test]
async fn what_a_second_daemon_knows_counts_before_anything_is_concluded() {
    let mut world = signed().await;
    let second = Arc::new(Mutex::new(FakeChain::new()));
    world.second = Some(second.clone());
    world.chain.lock().refused_salts.insert(1);
    let mut driver = world.driver();
    for _ in 0..3 {
        driver.step().await;
    }
    // Refused by the first daemon, pending at the second: no further variant.
    let tx = world.chain.lock().submitted[0].clone();
    second.lock().mempool.insert(tx.hash(), tx.clone());
    waits_for(&driver.step().await, "waits for a block");
    assert_eq!(world.open().unwrap().variants.len(), 1);

    // Executed for good, but the first daemon has lost its index: no foreign spend.
    for chain in [&world.chain, &second] {
        chain.lock().mempool.insert(tx.hash(), tx.clone());
        chain.lock().mine(STABILITY + 2);
    }
    world.chain.lock().has_no_index = true;
    for _ in 0..10 {
        waits_for(&driver.step().await, "as executed");
    }
    assert_eq!(driver.alarms(), []);
    world.chain.lock().has_no_index = false;
    world.finish(&mut driver).await;
}
