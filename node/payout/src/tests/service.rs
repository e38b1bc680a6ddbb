//! The service as the binary uses it: started, poked, asked and stopped.

use std::time::Duration;

use raftpool_ledger::Cluster;
use raftpool_ledger::cluster::Leadership;

use super::fixtures::miner;
use super::world::World;
use crate::status::{BlockStep, PayoutStep};
use crate::{PayoutConfig, PayoutService, StartError};

/// Waits for a condition, with a deadline far above what it takes.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_found_block_becomes_a_paid_miner_and_the_status_and_metrics_tell() {
    let world = World::new();
    let (hash, height) = world.chain.lock().mine_for_pool(700_000);
    world.record(hash, height, &miner(1));
    let parts = world.parts(world.ledger.clone(), None);
    let registry = parts.registry.clone();
    let service = PayoutService::start(world.config.clone(), parts).unwrap();
    until("the block is looked at", || {
        let blocks = service.status().blocks;
        blocks.is_some_and(|last| last.step == BlockStep::Maturing { blocks: 1 })
    })
    .await;
    world.mine_to_stability();
    until("the payout is sent", || {
        !world.chain.lock().mempool.is_empty()
    })
    .await;
    world.mine_to_stability();
    until("the payout is final", || {
        world.is_all_paid() && world.confirmed().len() == 1
    })
    .await;
    until("the status tells", || {
        let acted = service.status().payouts_acted;
        acted.is_some_and(|last| matches!(last.step, PayoutStep::Confirmed { .. }))
    })
    .await;
    let status = service.status();
    assert!(status.running && status.alarms.is_empty(), "{status:?}");
    let value = |name: &str| {
        let families = registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .expect("is registered");
        let metric = &family.get_metric()[0];
        metric.get_counter().get_value() as u64 + metric.get_gauge().get_value() as u64
    };
    assert_eq!(value("raftpool_payout_confirmed_total"), 1);
    assert_eq!(value("raftpool_payout_blocks_settled_total"), 1);
    assert_eq!(value("raftpool_payout_leading"), 1);
    assert_eq!(value("raftpool_payout_in_flight_atomic"), 0);
    world.check_books();
    service.shutdown().await;
}

#[tokio::test]
async fn a_change_of_leadership_wakes_the_service_long_before_its_timer() {
    let mut world = World::new();
    world.credit(&miner(1), 700_000);
    world.config.step_interval = Duration::from_secs(3600);
    let old = world.ledger.leadership();
    world.ledger.set_leadership(Leadership {
        leader_id: Some(2),
        ..old
    });
    let parts = world.parts(world.ledger.clone(), None);
    let service = PayoutService::start(world.config.clone(), parts).unwrap();
    until("the first look", || service.status().payouts.is_some()).await;
    assert_eq!(
        service.status().payouts.unwrap().step,
        PayoutStep::NotLeading
    );
    assert!(world.payouts().is_empty());
    world.ledger.set_leadership(Leadership { term: 2, ..old });
    until("the new leader reserves", || !world.payouts().is_empty()).await;
    service.shutdown().await;
}

#[tokio::test]
async fn metrics_registered_twice_and_senseless_values_are_refused() {
    let world = World::new();
    let parts = world.parts(world.ledger.clone(), None);
    let registry = parts.registry.clone();
    let service = PayoutService::start(PayoutConfig::default(), parts).unwrap();
    let again = crate::PayoutParts {
        registry,
        ..world.parts(world.ledger.clone(), None)
    };
    let refused = PayoutService::start(PayoutConfig::default(), again);
    assert!(matches!(refused, Err(StartError::Metrics(_))));
    let config = PayoutConfig {
        fee_headroom_percent: 99,
        ..PayoutConfig::default()
    };
    let refused = PayoutService::start(config, world.parts(world.ledger.clone(), None));
    assert!(matches!(
        refused,
        Err(StartError::Config {
            field: "fee_headroom_percent",
            ..
        })
    ));
    service.shutdown().await;
}
