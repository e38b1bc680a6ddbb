//! Blocks that pay the pool and are not in its books: found, reported, and never booked.

use raftpool_chain::Hash;
use raftpool_ledger::Outcome;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{AcknowledgeBlock, OrphanBlock, RecordBlock, Scheme, Share};
use raftpool_ledger::view::{EntryKind, JournalQuery, StrayCounts};

use super::chain::STABILITY;
use super::fixtures::{miner, pool};
use super::scanner::killed_at;
use super::world::{World, survive};
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::status::ScanStep;

/// A stable block of the pool in the stretch from 20 to 29; returns its hash and height.
fn paid(world: &World, reward: u64) -> (Hash, u64) {
    let found = world.chain.lock().mine_for_pool(reward);
    world.chain.lock().blocks[found.1 as usize].fees = 5;
    world.mine(STABILITY + 10);
    found
}

async fn scan(world: &World) -> Vec<ScanStep> {
    let mut scanner = world.scanner();
    let mut steps = Vec::new();
    loop {
        let step = scanner.step().await;
        if !step.acted() {
            return steps;
        }
        steps.push(step);
    }
}

fn counts(world: &World) -> StrayCounts {
    world.view(|view| view.stray_counts())
}

fn reported(hash: Hash, amount_atomic: u64) -> ScanStep {
    let hash = hash.to_string();
    ScanStep::Reported {
        hash,
        amount_atomic,
    }
}

#[tokio::test]
async fn a_block_that_the_books_do_not_have_is_reported_once_and_never_booked() {
    let world = World::new();
    let (hash, height) = paid(&world, 4_000);
    let steps = scan(&world).await;
    let reports = steps
        .iter()
        .filter(|step| matches!(step, ScanStep::Reported { .. }));
    assert_eq!(reports.collect::<Vec<_>>(), [&reported(hash, 4_005)]);
    let strays = world.view(|view| view.stray_blocks());
    assert_eq!((strays[0].hash, strays[0].topoheight), (hash.0, height));
    assert_eq!(strays[0].amount_atomic, 4_005);
    assert_eq!(world.view(|view| view.accounts()).income_atomic, 0);
    assert_eq!(world.view(|view| view.totals()).blocks, 0);

    // The alarm stands with whoever leads, until somebody has looked.
    let mut scanner = world.scanner();
    scanner.step().await;
    assert_eq!(scanner.alarms(), [AlarmKind::StrayBlocks]);
    let outcome = world.propose(Body::AcknowledgeBlock(AcknowledgeBlock {
        hash: hash.0.to_vec(),
        reason: "found before the restore".into(),
    }));
    assert_eq!(outcome, Outcome::BlockAcknowledged);
    scanner.step().await;
    assert_eq!(scanner.alarms(), []);
    assert_eq!(scan(&world).await, []);
}

#[tokio::test]
async fn a_block_that_is_recorded_late_is_no_stray_any_more() {
    let world = World::new();
    let (hash, height) = paid(&world, 4_000);
    scan(&world).await;
    assert_eq!(counts(&world).unacknowledged, 1);
    world.record(hash, height, &miner(1));
    assert_eq!(counts(&world), StrayCounts::default());
    let mut scanner = world.scanner();
    scanner.step().await;
    assert_eq!(scanner.alarms(), []);
}

#[tokio::test]
async fn recorded_blocks_and_those_of_others_are_not_reported() {
    let world = World::new();
    let (hash, height) = paid(&world, 4_000);
    world.record(hash, height, &miner(1));
    let steps = scan(&world).await;
    assert!(!steps.is_empty());
    assert!(
        steps
            .iter()
            .all(|step| matches!(step, ScanStep::Published { .. })),
        "{steps:?}"
    );
    assert_eq!(counts(&world), StrayCounts::default());
}

/// A block of miner 1 that was given up, and that the daemon shows outside of the order.
fn given_up(world: &World, keeps_weights: bool) -> (Hash, u64) {
    let hash = Hash([3; 32]);
    let height = world.chain.lock().top();
    let share = Share {
        miner: miner(1),
        worker: "rig".into(),
        scheme: Scheme::Pplns.into(),
        difficulty: 1_000,
        network_difficulty: vec![10],
        height,
        expected_reward_atomic: 650,
        ..Share::default()
    };
    let record = RecordBlock {
        hash: hash.0.to_vec(),
        height,
        share: Some(share),
        ..RecordBlock::default()
    };
    assert_eq!(
        world.propose(Body::RecordBlock(record)),
        Outcome::BlockRecorded
    );
    let unordered = (height, pool().as_str().to_owned());
    world.chain.lock().unordered.insert(hash, unordered);
    let orphan = OrphanBlock {
        hash: hash.0.to_vec(),
        reason: "not ordered".into(),
        keeps_weights,
    };
    assert_eq!(
        world.propose(Body::OrphanBlock(orphan)),
        Outcome::BlockOrphaned
    );
    world.mine(STABILITY * 2);
    (hash, height)
}

/// All along it was in the order, behind what was scanned; the daemon had lost it.
fn comes_back(world: &World, (hash, height): (Hash, u64)) {
    let mut chain = world.chain.lock();
    chain.unordered.clear();
    let block = &mut chain.blocks[height as usize];
    (block.hash, block.miner, block.reward) = (hash, pool().as_str().to_owned(), 700);
    chain.mine(10);
}

#[tokio::test]
async fn a_block_that_was_given_up_and_came_back_is_settled_after_all() {
    let world = World::new();
    let block = given_up(&world, true);
    assert!(!scan(&world).await.is_empty());
    assert_eq!(world.view(|view| view.totals()).blocks_orphaned, 1);

    comes_back(&world, block);
    let steps = scan(&world).await;
    let hash = block.0.to_string();
    assert_eq!(steps[0], ScanStep::Reopened { hash });
    assert_eq!(counts(&world), StrayCounts::default());
    let mut follower = world.follower();
    while follower.step().await.acted() {}
    let totals = world.view(|view| view.totals());
    assert_eq!((totals.blocks_settled, totals.blocks_orphaned), (1, 0));
    assert_eq!(world.miner(&miner(1)).balance_atomic, 700);
    assert_eq!(scan(&world).await, []);
}

#[tokio::test]
async fn a_block_that_came_back_is_reported_when_its_weights_are_gone() {
    let world = World::new();
    let block = given_up(&world, false);
    assert!(!scan(&world).await.is_empty());
    assert_eq!(counts(&world), StrayCounts::default(), "it does not pay");

    comes_back(&world, block);
    let steps = scan(&world).await;
    assert_eq!(steps[0], reported(block.0, 700));
    assert_eq!(world.miner(&miner(1)).balance_atomic, 0);
    assert_eq!(scan(&world).await, []);
}

#[tokio::test]
async fn whoever_dies_around_taking_up_again_does_it_once() {
    for point in [PayoutPoint::BeforeReopen, PayoutPoint::AfterReopen] {
        let world = World::new();
        let block = given_up(&world, true);
        scan(&world).await;
        comes_back(&world, block);
        let mut scanner = killed_at(&world, point);
        let mut is_killed = false;
        for _ in 0..10 {
            is_killed |= survive(scanner.step()).await.is_none();
        }
        assert!(is_killed, "{point} was never met");
        scan(&world).await;
        let entries = world.view(|view| view.journal(JournalQuery::Block(1), 10));
        let reopened = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::BlockReopened);
        assert_eq!(reopened.count(), 1, "{point}");
    }
}

#[tokio::test]
async fn whoever_dies_around_a_report_makes_it_once() {
    for point in [PayoutPoint::BeforeReport, PayoutPoint::AfterReport] {
        let world = World::new();
        paid(&world, 4_000);
        let mut scanner = killed_at(&world, point);
        let mut is_killed = false;
        for _ in 0..10 {
            is_killed |= survive(scanner.step()).await.is_none();
        }
        assert!(is_killed, "{point} was never met");
        scan(&world).await;
        let counts = counts(&world);
        assert_eq!((counts.kept, counts.unacknowledged), (1, 1), "{point}");
    }
}
