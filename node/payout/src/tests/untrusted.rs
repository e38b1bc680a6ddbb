//! The follower before a chain that changes its mind, and daemons that lag, forget or lie.

use raftpool_chain::Hash;
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

fn settled(hash: Hash, amount_atomic: u64) -> BlockStep {
    BlockStep::Settled {
        hash: hash.to_string(),
        amount_atomic,
    }
}

const ONE_MATURING: BlockStep = BlockStep::Maturing { blocks: 1 };

#[tokio::test]
async fn a_block_beside_another_one_is_settled_in_full() {
    let world = World::new();
    let (side, topoheight) = {
        let mut chain = world.chain.lock();
        chain.mine(1);
        let (hash, topoheight) = chain.mine_for_pool(4_000);
        chain.blocks[topoheight as usize].height = Some(topoheight - 1);
        (hash, topoheight)
    };
    world.record(side, topoheight - 1, &miner(1));
    world.mine(STABILITY);
    assert_eq!(world.follower().step().await, settled(side, 4_000));
    let BlockStatus::Settled { topoheight: at, .. } = world.block(side).status else {
        panic!("it is not settled");
    };
    assert_eq!(at, topoheight);
}

#[tokio::test]
async fn a_block_that_moves_and_changes_its_reward_is_settled_with_what_it_pays_when_stable() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    let mut follower = world.follower();
    world.mine(5);
    assert_eq!(follower.step().await, ONE_MATURING);
    // The order changes: the block comes two places later, pays less and wins a transaction.
    {
        let mut chain = world.chain.lock();
        let mut block = chain.blocks.remove(height as usize);
        (block.reward, block.fees, block.height) = (3_997, 50, Some(height));
        chain.blocks.insert(height as usize + 2, block);
    }
    assert_eq!(follower.step().await, ONE_MATURING);
    // As stable by height as before, but not at its new place.
    world.mine(STABILITY - 5);
    assert_eq!(follower.step().await, ONE_MATURING);
    world.mine(2);
    assert_eq!(follower.step().await, settled(hash, 4_047));
    assert_eq!(world.miner(&miner(1)).balance_atomic, 4_047);
}

#[tokio::test]
async fn a_block_that_leaves_the_order_and_comes_back_is_settled_once() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    let mut follower = world.follower();
    let unordered = (height, pool().as_str().to_owned());
    for _ in 0..3 {
        world.chain.lock().unordered.insert(hash, unordered.clone());
        world.mine(STABILITY / 2);
        assert_eq!(follower.step().await, ONE_MATURING);
        world.chain.lock().unordered.clear();
    }
    assert_eq!(follower.step().await, settled(hash, 4_000));
    assert_eq!(follower.step().await, BlockStep::NothingMaturing);
    assert_eq!(world.miner(&miner(1)).balance_atomic, 4_000);
}

#[tokio::test]
async fn a_daemon_that_came_back_with_less_of_the_chain_settles_nothing_early() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    world.mine(STABILITY * 3);
    // Restarted, and at an older top; its peers are silent.
    world.chain.lock().view_limit = Some(height + STABILITY - 1);
    let mut follower = world.follower();
    for _ in 0..5 {
        assert_eq!(follower.step().await, ONE_MATURING);
    }
    // Not even the block itself.
    world.chain.lock().view_limit = Some(height - 1);
    for _ in 0..5 {
        assert_eq!(follower.step().await, ONE_MATURING);
    }
    world.chain.lock().view_limit = None;
    assert_eq!(follower.step().await, settled(hash, 4_000));
}

#[tokio::test]
async fn a_daemon_that_falls_back_during_a_look_settles_nothing_early() {
    let world = World::new();
    let (_, height) = found(&world, 4_000);
    world.mine(STABILITY);
    let chain = world.chain.clone();
    world.set_fates(move |method| {
        if method == "block" {
            chain.lock().view_limit = Some(height + STABILITY - 1);
        }
        Fate::Works
    });
    let mut follower = world.follower();
    assert_eq!(follower.step().await, ONE_MATURING);
}

#[tokio::test]
async fn a_block_that_the_daemon_may_have_pruned_is_not_given_up() {
    let world = World::new();
    let (hash, height) = found(&world, 4_000);
    world.mine(STABILITY * 4);
    world.chain.lock().pruned = Some(height + 1);
    let mut follower = world.follower();
    for _ in 0..10 {
        assert_eq!(follower.step().await, ONE_MATURING);
    }
    assert_eq!(follower.alarms(), [AlarmKind::HistoryPruned]);
    world.chain.lock().pruned = Some(height);
    assert_eq!(follower.step().await, settled(hash, 4_000));
    follower.step().await;
    assert_eq!(follower.alarms(), []);
}

#[tokio::test]
async fn a_reward_that_no_block_can_have_is_not_settled() {
    let world = World::new();
    let (hash, height) = found(&world, 46_306_187);
    world.mine_to_stability();
    let mut follower = world.follower();
    for _ in 0..3 {
        assert_eq!(follower.step().await, ONE_MATURING);
        assert_eq!(follower.alarms(), [AlarmKind::ImplausibleReward]);
    }
    world.chain.lock().blocks[height as usize].reward = 46_306_186;
    assert_eq!(follower.step().await, settled(hash, 46_306_186));
    follower.step().await;
    assert_eq!(follower.alarms(), []);
}

#[tokio::test]
async fn daemons_that_disagree_keep_a_block_waiting_until_they_do_not() {
    type Lie = fn(&mut super::chain::FakeChain, usize);
    let lies: [Lie; 5] = [
        |chain, at| chain.blocks[at].reward += 1,
        |chain, at| chain.blocks[at].fees += 1,
        |chain, at| chain.blocks[at].miner = miner(7),
        |chain, at| chain.blocks[at].reward = u64::MAX / 2,
        // It is far past stability, and the second daemon has never heard of it.
        |chain, at| chain.blocks[at].hash = Hash([9; 32]),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let mut world = World::new();
        let (hash, height) = found(&world, 4_000);
        world.mine(STABILITY * 3);
        let second = world.add_second();
        let honest = second.lock().clone();
        lie(&mut second.lock(), height as usize);
        let mut follower = world.follower();
        for _ in 0..5 {
            assert_eq!(follower.step().await, ONE_MATURING, "lie {number}");
            assert_eq!(
                follower.alarms(),
                [AlarmKind::DaemonsDisagree],
                "lie {number}"
            );
        }
        *second.lock() = honest;
        assert_eq!(follower.step().await, settled(hash, 4_000), "lie {number}");
        follower.step().await;
        assert_eq!(follower.alarms(), []);
    }
}

#[tokio::test]
async fn a_second_daemon_a_little_behind_is_waited_for_in_silence() {
    let mut world = World::new();
    let (hash, height) = found(&world, 4_000);
    world.mine(STABILITY);
    let second = world.add_second();
    second.lock().view_limit = Some(height + STABILITY - 1);
    let mut follower = world.follower();
    assert_eq!(follower.step().await, ONE_MATURING);
    assert_eq!(follower.alarms(), []);
    second.lock().view_limit = None;
    assert_eq!(follower.step().await, settled(hash, 4_000));
}

#[tokio::test]
async fn a_second_daemon_that_can_say_nothing_keeps_nothing_waiting() {
    for trouble in ["far behind", "pruned", "second info", "second block"] {
        let mut world = World::new();
        let (hash, height) = found(&world, 4_000);
        world.mine(STABILITY * 2);
        let second = world.add_second();
        match trouble {
            "far behind" => second.lock().view_limit = Some(height + 1),
            "pruned" => second.lock().pruned = Some(height + 1),
            method => world.set_fates(move |called| match called == method {
                true => Fate::Fails,
                false => Fate::Works,
            }),
        }
        let mut follower = world.follower();
        assert_eq!(follower.step().await, settled(hash, 4_000), "{trouble}");
        assert_eq!(follower.alarms(), [], "{trouble}");
    }
}

#[tokio::test]
async fn a_payout_is_final_only_when_every_daemon_that_can_be_trusted_knows_it_as_executed() {
    let mut world = World::new();
    world.credit(&miner(1), 500_000);
    let second = world.add_second();
    let mut driver = world.driver();
    for _ in 0..3 {
        assert!(driver.step().await.acted());
    }
    world.mine_to_stability();
    // The second one has as many blocks, and none of them executes it.
    second.lock().mine(STABILITY + 1);
    for _ in 0..3 {
        let step = driver.step().await;
        assert!(step.to_string().contains("says otherwise"), "{step}");
    }
    assert_eq!(driver.alarms(), [AlarmKind::DaemonsDisagree]);
    assert!(world.confirmed().is_empty());
    *second.lock() = world.chain.lock().clone();
    assert!(driver.step().await.acted());
    assert_eq!((driver.alarms(), world.confirmed().len()), (vec![], 1));
    world.check_books();
}

#[tokio::test]
async fn a_daemon_that_cannot_know_an_execution_keeps_no_payout_waiting() {
    let spoilers: [fn(&mut FakeChain); 3] = [
        |_| {},
        |second| second.mine(2 * STABILITY),
        |second| {
            second.mine(STABILITY + 1);
            second.has_no_index = true;
            second.pruned = Some(second.top());
        },
    ];
    for (number, spoil) in spoilers.into_iter().enumerate() {
        let mut world = World::new();
        world.credit(&miner(1), 500_000);
        let second = world.add_second();
        let mut driver = world.driver();
        for _ in 0..3 {
            assert!(driver.step().await.acted());
        }
        world.mine_to_stability();
        spoil(&mut second.lock());
        // The second case is one that does not answer.
        if number == 1 {
            world.set_fates(|method| match method {
                "second info" => Fate::Fails,
                _ => Fate::Works,
            });
        }
        assert!(driver.step().await.acted(), "case {number}");
        assert_eq!(world.confirmed().len(), 1, "case {number}");
    }
}

#[tokio::test]
async fn a_block_is_not_given_up_while_a_daemon_of_the_configuration_cannot_be_asked() {
    let world = World::new();
    let missing = Hash([5; 32]);
    world.record(missing, 1, &miner(1));
    world.mine(3 * STABILITY);
    world.chain.lock().missing = Some("the second daemon");
    let mut follower = world.follower();
    for look in 0..6 {
        assert_eq!(follower.step().await, ONE_MATURING);
        let is_standing = follower.alarms() == [AlarmKind::DaemonMissing];
        assert_eq!(
            is_standing,
            look >= 2,
            "look {look}: {:?}",
            follower.alarms()
        );
    }
    // One that could be settled is, meanwhile.
    let (hash, _) = found(&world, 4_000);
    world.mine(STABILITY);
    assert_eq!(follower.step().await, settled(hash, 4_000));
    world.chain.lock().missing = None;
    let step = follower.step().await;
    assert!(matches!(step, BlockStep::Orphaned { .. }), "{step:?}");
    follower.step().await;
    assert_eq!(follower.alarms(), []);
}

#[tokio::test]
async fn fees_that_only_one_daemon_claims_are_not_booked_when_they_are_implausible() {
    let most = 500_000_000;
    for (fees, is_booked) in [(most, true), (most + 1, false)] {
        let mut world = World::new();
        let (hash, height) = found(&world, 900);
        world.chain.lock().blocks[height as usize].fees = fees;
        world.mine(STABILITY);
        let mut follower = world.follower();
        let step = follower.step().await;
        if is_booked {
            assert_eq!(step, settled(hash, 900 + fees));
            continue;
        }
        assert_eq!(step, ONE_MATURING);
        assert_eq!(follower.alarms(), [AlarmKind::ImplausibleReward]);
        // A second daemon that says the same is enough.
        world.add_second();
        let mut follower = world.follower();
        assert_eq!(follower.step().await, settled(hash, 900 + fees));
    }
}
