//! The scanner at work: what it publishes, where it begins, and whom it believes.

use raftpool_chain::Hash;
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    Account, BatchId, ChangeSettings, CreditShares, Scheme, Settings, Share,
};
use raftpool_ledger::testing::{Fault, move_funds};
use raftpool_ledger::view::{NetworkFees, NetworkSample};
use raftpool_ledger::{Cluster, Outcome, network::NETWORK_BLOCKS_KEPT};

use super::chain::{FakeBlock, STABILITY};
use super::endpoints::Fate;
use super::fixtures::{miner, settings};
use super::world::{Node, World, kill, survive};
use crate::alarm::AlarmKind;
use crate::scanner::Scanner;
use crate::status::ScanStep;
use crate::{PayoutPoint, StepHook};

fn published(first: u64, fees_atomic: u64) -> ScanStep {
    ScanStep::Published {
        first_topoheight: first,
        last_topoheight: first + 9,
        fees_atomic,
    }
}

fn up_to_date(topoheight: u64) -> ScanStep {
    ScanStep::UpToDate {
        topoheight: Some(topoheight),
    }
}

fn fees(world: &World) -> Option<NetworkFees> {
    world.view(|view| view.network_fees())
}

fn samples(world: &World) -> Vec<NetworkSample> {
    world.view(|view| view.network_samples())
}

/// A chain of which positions 0 to 35 are stable; the block at position n has n in fees.
fn chain_with_fees() -> World {
    let world = World::new();
    world.mine(STABILITY + 10);
    let mut chain = world.chain.lock();
    for (position, block) in chain.blocks.iter_mut().enumerate() {
        block.fees = position as u64;
    }
    assert_eq!(chain.stable(), 34);
    drop(chain);
    world
}

#[tokio::test]
async fn whole_stretches_of_stable_blocks_are_published_in_order_and_nothing_is_booked() {
    let world = chain_with_fees();
    let mut scanner = world.scanner();
    assert_eq!(scanner.step().await, published(0, 45));
    assert_eq!(scanner.step().await, published(10, 145));
    assert_eq!(scanner.step().await, published(20, 245));
    assert_eq!(scanner.step().await, up_to_date(29));
    world.mine(5);
    assert_eq!(scanner.step().await, published(30, 345));
    let newest = samples(&world)[0];
    assert_eq!((newest.blocks, newest.rewards_atomic), (10, 10_000));
    assert_eq!(newest.fees_max_atomic, 39);
    let fees = fees(&world).unwrap();
    assert_eq!((fees.samples, fees.average_fees_atomic), (4, 780 / 40));
    assert_eq!(world.view(|view| view.accounts()).income_atomic, 0);
    assert_eq!(scanner.alarms(), []);
}

#[tokio::test]
async fn a_fresh_pool_begins_a_day_of_blocks_back() {
    let mut world = World::new();
    world.config.sample_blocks = 1_440;
    {
        let mut chain = world.chain.lock();
        let block = |number: u64| FakeBlock {
            hash: Hash::of(&number.to_le_bytes()),
            miner: "somebody".into(),
            reward: 1_000,
            fees: 3,
            executed: Vec::new(),
            height: None,
        };
        chain.blocks.extend((0..20_000).map(block));
    }
    let stable = world.chain.lock().stable();
    let mut scanner = world.scanner();
    let mut steps = 0;
    while scanner.step().await.acted() {
        steps += 1;
    }
    let fees = fees(&world).unwrap();
    assert_eq!((steps, fees.blocks), (12, NETWORK_BLOCKS_KEPT));
    assert_eq!(fees.first_topoheight, stable + 1 - NETWORK_BLOCKS_KEPT);
    assert_eq!(fees.last_topoheight, stable);
    assert_eq!(fees.average_fees_atomic, 3);
}

#[tokio::test]
async fn a_daemon_that_has_pruned_the_beginning_shortens_it_after_three_looks() {
    let world = chain_with_fees();
    world.chain.lock().pruned = Some(13);
    let mut scanner = world.scanner();
    for _ in 0..2 {
        assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
        assert_eq!(scanner.alarms(), [AlarmKind::HistoryPruned]);
    }
    assert_eq!(scanner.step().await, published(13, 175));
    assert_eq!(samples(&world)[0].unreadable_blocks, 0);
    assert_eq!(scanner.step().await, published(23, 275));
    assert_eq!(scanner.alarms(), []);
}

#[tokio::test]
async fn a_hole_in_what_the_daemons_have_is_said_and_not_closed_too_soon() {
    let world = chain_with_fees();
    let mut scanner = world.scanner();
    assert_eq!(scanner.step().await, published(0, 45));
    world.chain.lock().pruned = Some(15);
    for _ in 0..2 {
        assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
    }
    // Whoever has it was only away.
    world.chain.lock().pruned = None;
    assert_eq!(scanner.step().await, published(10, 145));
    world.chain.lock().pruned = Some(25);
    for _ in 0..2 {
        assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
    }
    assert_eq!(scanner.step().await, published(25, 295));
    assert_eq!(samples(&world)[0].unreadable_blocks, 5);
}

#[tokio::test]
async fn a_second_daemon_that_says_otherwise_keeps_a_sample_back() {
    let mut world = chain_with_fees();
    let second = world.add_second();
    second.lock().blocks[7].fees += 1;
    let mut scanner = world.scanner();
    for _ in 0..3 {
        assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
        assert_eq!(scanner.alarms(), [AlarmKind::DaemonsDisagree]);
    }
    assert_eq!(fees(&world), None);
    second.lock().blocks[7].fees -= 1;
    assert_eq!(scanner.step().await, published(0, 45));
    assert_eq!(scanner.alarms(), []);
    // One that does not answer has no say.
    second.lock().blocks[17].fees += 1;
    world.set_fates(|method| match method {
        "second ordered_blocks" => Fate::Fails,
        _ => Fate::Works,
    });
    assert_eq!(scanner.step().await, published(10, 145));
}

#[tokio::test]
async fn a_block_that_pays_more_than_it_can_keeps_a_sample_back() {
    let world = chain_with_fees();
    world.chain.lock().blocks[3].reward = 46_306_187;
    let mut scanner = world.scanner();
    assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
    assert_eq!(scanner.alarms(), [AlarmKind::ImplausibleReward]);
    assert_eq!(fees(&world), None);
    world.chain.lock().blocks[3].reward = 1_000;
    assert_eq!(scanner.step().await, published(0, 45));
    assert_eq!(scanner.alarms(), []);
}

#[tokio::test]
async fn a_daemon_that_fails_lags_or_falls_back_publishes_nothing() {
    let world = chain_with_fees();
    let mut scanner = world.scanner();
    for method in ["info", "sync_status", "ordered_blocks"] {
        for fate in [Fate::Fails, Fate::AnswerLost] {
            world.set_fates(move |called| if called == method { fate } else { Fate::Works });
            assert!(
                matches!(scanner.step().await, ScanStep::Waiting(_)),
                "{method}"
            );
        }
    }
    let chain = world.chain.clone();
    world.set_fates(move |method| {
        if method == "ordered_blocks" {
            chain.lock().view_limit = Some(STABILITY + 8);
        }
        Fate::Works
    });
    assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
    world.set_fates(|_| Fate::Works);
    world.chain.lock().view_limit = None;
    world.chain.lock().peers_top = Some(10_000);
    assert!(matches!(scanner.step().await, ScanStep::Waiting(_)));
    assert_eq!(fees(&world), None);
    world.chain.lock().peers_top = None;
    assert_eq!(scanner.step().await, published(0, 45));
}

#[tokio::test]
async fn whoever_dies_or_is_not_answered_around_a_sample_publishes_it_once() {
    for point in [PayoutPoint::BeforeSample, PayoutPoint::AfterSample] {
        let world = chain_with_fees();
        let mut scanner = killed_at(&world, point);
        assert!(
            survive(scanner.step()).await.is_none(),
            "{point} was never met"
        );
        finish(&world).await;
    }
    for fault in [
        Fault::NotAccepted,
        Fault::UnknownApplied,
        Fault::UnknownLost,
    ] {
        let world = chain_with_fees();
        world.ledger.fail_next(1, fault);
        let step = world.scanner().step().await;
        assert!(matches!(step, ScanStep::Waiting(_)), "{fault:?}: {step:?}");
        finish(&world).await;
    }
}

async fn finish(world: &World) {
    let mut scanner = world.scanner();
    while scanner.step().await.acted() {}
    let firsts: Vec<u64> = samples(world)
        .iter()
        .map(|sample| sample.first_topoheight)
        .collect();
    assert_eq!(firsts, [20, 10, 0]);
    assert_eq!(scanner.alarms(), []);
}

pub(super) fn killed_at(world: &World, point: PayoutPoint) -> Node<Scanner> {
    let hook: StepHook = std::sync::Arc::new(move |met| {
        if met == point {
            kill();
        }
    });
    world.scanner_on(world.ledger.clone(), Some(hook))
}

#[tokio::test]
async fn a_node_that_does_not_lead_asks_nobody() {
    let world = chain_with_fees();
    let old = world.ledger.leadership();
    world.ledger.set_leadership(Leadership {
        leader_id: Some(2),
        ..old
    });
    world.set_fates(|method| panic!("{method} was called"));
    assert_eq!(world.scanner().step().await, ScanStep::NotLeading);
}

#[tokio::test]
async fn the_operator_is_told_how_the_reserve_stands() {
    let offers = |pps_offered: bool, pplns_offered: bool| Settings {
        pps_offered,
        pps_fee_bps: 200,
        reserve_ruin_per_million: 1_000,
        pplns_offered,
        default_scheme: Scheme::Solo.into(),
        ..settings()
    };
    let world = World::with(offers(false, true));
    let mut scanner = world.scanner();
    scanner.step().await;
    assert_eq!(scanner.alarms(), [], "nothing is paid from it");

    let change = |settings| {
        let change = ChangeSettings {
            settings: Some(settings),
            reason: "test".into(),
        };
        assert_eq!(
            world.propose(Body::ChangeSettings(change)),
            Outcome::SettingsChanged
        );
    };
    change(offers(true, true));
    // A share that is a tenth of a block, and is paid as that if the reserve bears it.
    let work = |sequence| {
        let share = Share {
            miner: miner(1),
            worker: "rig".into(),
            scheme: Scheme::Pps.into(),
            difficulty: 1,
            network_difficulty: vec![10],
            expected_reward_atomic: 650,
            ..Share::default()
        };
        let batch = BatchId {
            node_id: 1,
            epoch: 1,
            sequence,
        };
        world.propose(Body::CreditShares(CreditShares {
            batch: Some(batch),
            shares: vec![share],
            workers: Vec::new(),
        }));
    };
    work(1);
    let detail = |scanner: &Node<Scanner>| scanner.alarms.list()[0].detail.clone();
    scanner.step().await;
    assert_eq!(scanner.alarms(), [AlarmKind::ReserveExhausted]);
    assert!(detail(&scanner).contains("booked under PPLNS"));
    change(offers(true, false));
    scanner.step().await;
    assert_eq!(scanner.alarms(), [AlarmKind::ReserveExhausted]);
    assert!(detail(&scanner).contains("refused"));

    // Enough to go on with, and far less than the ruin in the settings calls for.
    world.propose(move_funds(Account::Deposits, Account::Reserve, 7_000));
    work(2);
    scanner.step().await;
    assert_eq!(scanner.alarms(), [AlarmKind::ReserveLow]);
    change(offers(false, true));
    scanner.step().await;
    assert_eq!(scanner.alarms(), []);
}
