//! Random schedules: two nodes, faults at every call, crashes, changes of leadership, reorders.
//! Whatever happens, the chain and the books tell the same story, and when the faults stop
//! everything comes to its end.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use raftpool_chain::Hash;
use raftpool_ledger::Cluster;
use raftpool_ledger::cluster::Leadership;
use raftpool_ledger::testing::Fault;
use raftpool_ledger::view::BlockStatus;

use super::endpoints::Fate;
use super::fixtures::{Random, miner};
use super::node_cluster::NodeCluster;
use super::world::{Node, World, kill, survive};
use crate::StepHook;
use crate::driver::Driver;
use crate::follower::Follower;

const SEEDS: u64 = 300;
const STEPS: u32 = 400;
const MINERS: u64 = 6;

struct Pool {
    world: Arc<World>,
    random: Arc<Mutex<Random>>,
    clusters: Vec<Arc<NodeCluster>>,
    drivers: Vec<Node<Driver>>,
    followers: Vec<Node<Follower>>,
    /// Every block that was recorded.
    found: Vec<Hash>,
    killed: usize,
}

/// What a moment of the schedule does to the world; true when the process ends.
fn disturb(world: &World, random: &mut Random) -> bool {
    match random.below(1000) {
        0..15 => world.mine(1 + random.below(3)),
        15..19 => {
            let depth = 1 + random.below(20);
            let keeps = random.chance(500);
            world.chain.lock().reorder(depth, keeps);
        }
        19..26 => {
            let leader_id = Some(1 + random.below(2));
            let old = world.ledger.leadership();
            let term = old.term + 1;
            world.ledger.set_leadership(Leadership {
                term,
                leader_id,
                ..old
            });
        }
        26..32 => world.chain.lock().mempool.clear(),
        32..36 => world.chain.lock().try_later = 3,
        36..40 | 85..95 => {
            let salt = world.wallet.lock().salt;
            world.chain.lock().refused_salts.insert(salt);
        }
        40..44 => {
            let refused = miner(1 + random.below(MINERS));
            let mut wallet = world.wallet.lock();
            if !wallet.refuses.remove(&refused) {
                wallet.refuses.insert(refused);
            }
        }
        44..47 => {
            let mut chain = world.chain.lock();
            chain.view_limit = None;
            let top = chain.top();
            chain.peers_top = Some(top);
            chain.view_limit = Some(top.saturating_sub(random.below(30)));
        }
        47..60 => {
            let mut chain = world.chain.lock();
            chain.view_limit = None;
            chain.peers_top = None;
        }
        60..75 => {
            let faults = [
                Fault::NotAccepted,
                Fault::UnknownApplied,
                Fault::UnknownLost,
            ];
            let fault = faults[random.below(3) as usize];
            world.ledger.fail_next(1, fault);
        }
        75..85 => return true,
        _ => {}
    }
    false
}

impl Pool {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.config.payee_quarantine = std::time::Duration::ZERO;
        let world = Arc::new(world);
        let random = Arc::new(Mutex::new(Random::new(seed)));
        let mut pool = Self {
            clusters: Vec::new(),
            drivers: Vec::new(),
            followers: Vec::new(),
            found: Vec::new(),
            killed: 0,
            world,
            random,
        };
        for node_id in 1..=2 {
            let cluster = NodeCluster::new(pool.world.ledger.clone(), node_id, true);
            pool.clusters.push(cluster);
            pool.drivers.push(pool.driver(node_id as usize - 1));
            pool.followers.push(pool.follower(node_id as usize - 1));
        }
        let (world, random) = (pool.world.clone(), pool.random.clone());
        let weak = Arc::downgrade(&world);
        world.set_fates(move |_| {
            let Some(world) = weak.upgrade() else {
                return Fate::Works;
            };
            let mut random = random.lock();
            if disturb(&world, &mut random) {
                drop(random);
                kill();
            }
            match random.below(1000) {
                0..40 => Fate::Fails,
                40..80 => Fate::AnswerLost,
                _ => Fate::Works,
            }
        });
        pool
    }

    fn hook(&self) -> StepHook {
        let (world, random) = (Arc::downgrade(&self.world), self.random.clone());
        Arc::new(move |_| {
            let Some(world) = world.upgrade() else { return };
            if disturb(&world, &mut random.lock()) {
                kill();
            }
        })
    }

    fn driver(&self, node: usize) -> Node<Driver> {
        self.world
            .driver_on(self.clusters[node].clone(), Some(self.hook()))
    }

    fn follower(&self, node: usize) -> Node<Follower> {
        self.world
            .follower_on(self.clusters[node].clone(), Some(self.hook()))
    }

    fn chance(&self, per_mille: u64) -> bool {
        self.random.lock().chance(per_mille)
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.lock().below(bound)
    }

    /// One of the nodes does something, or the pool finds a block.
    async fn advance(&mut self) {
        self.world.clock.advance(50);
        if self.chance(60) {
            let reward = 80_000 + self.below(400_000);
            let (hash, height) = self.world.chain.lock().mine_for_pool(reward);
            let finder = miner(1 + self.below(MINERS));
            // Recorded by whoever found it, whatever else goes wrong.
            self.world.ledger.heal();
            self.world.record(hash, height, &finder);
            self.found.push(hash);
        }
        if self.chance(300) {
            self.world.mine(1);
        }
        let node = self.below(2) as usize;
        if self.chance(700) {
            self.clusters[node].learn();
        }
        if self.chance(300) {
            if survive(self.followers[node].step()).await.is_none() {
                self.killed += 1;
                self.followers[node] = self.follower(node);
            }
        } else if survive(self.drivers[node].step()).await.is_none() {
            self.killed += 1;
            self.drivers[node] = self.driver(node);
        }
    }

    /// The faults stop; one node leads from now on.
    fn heal(&self) {
        self.world.set_fates(|_| Fate::Works);
        *self.random.lock() = Random::new(0);
        self.world.ledger.heal();
        {
            let mut chain = self.world.chain.lock();
            chain.view_limit = None;
            chain.peers_top = None;
            chain.try_later = 0;
            chain.refused_salts.clear();
        }
        self.world.wallet.lock().refuses.clear();
        let old = self.world.ledger.leadership();
        let term = old.term + 1;
        self.world.ledger.set_leadership(Leadership {
            node_id: 1,
            term,
            leader_id: Some(1),
        });
        self.clusters[0].learn();
    }

    async fn finish(&mut self) {
        self.heal();
        let mut follower = self.world.follower();
        let mut driver = self.world.driver();
        let mut last = None;
        for _ in 0..2_000 {
            let blocks = follower.step().await;
            let payouts = driver.step().await;
            let is_maturing = !self.world.view(|view| view.blocks_maturing()).is_empty();
            if !is_maturing && self.world.is_all_paid() {
                return;
            }
            if !blocks.acted() && !payouts.acted() {
                self.world.mine(1);
                self.world.clock.advance(200);
            }
            last = Some((blocks, payouts));
        }
        panic!(
            "not everything comes to its end: {last:?}, {:?}",
            driver.alarms()
        );
    }

    /// Every block ended as the chain says.
    fn check_blocks(&self) {
        let chain = self.world.chain.lock();
        for hash in &self.found {
            let on_chain = chain.blocks.iter().find(|block| block.hash == *hash);
            match (self.world.block(*hash).status, on_chain) {
                (BlockStatus::Settled { amount_atomic, .. }, Some(block)) => {
                    assert_eq!(amount_atomic, block.reward + block.fees);
                }
                (BlockStatus::Orphaned { .. }, None) => {}
                (status, on_chain) => panic!("{hash}: {status:?}, but the chain: {on_chain:?}"),
            }
        }
    }
}

/// What schedules brought about, to see that they bring about enough.
#[derive(Debug, Default)]
struct Tally {
    confirmed: usize,
    released: usize,
    further_variants: usize,
    sendings: usize,
    killed: usize,
    terms: u64,
    orphaned: u64,
}

async fn run(seed: u64, tally: &mut Tally) {
    let mut pool = Pool::new(seed);
    for _ in 0..STEPS {
        pool.advance().await;
        let paused = pool.world.view(|view| view.payouts_paused());
        assert_eq!(paused, None, "nobody else spent anything");
    }
    pool.finish().await;
    pool.world.check_books();
    pool.check_blocks();
    let payouts = pool.world.payouts();
    let confirmed = pool.world.confirmed();
    tally.confirmed += confirmed.len();
    tally.released += payouts.len() - confirmed.len();
    tally.further_variants += confirmed
        .iter()
        .map(|p| p.variants.len() - 1)
        .sum::<usize>();
    tally.sendings += pool.world.chain.lock().submitted.len();
    tally.killed += pool.killed;
    tally.terms += pool.world.ledger.leadership().term;
    tally.orphaned += pool.world.view(|view| view.totals()).blocks_orphaned;
}

#[tokio::test]
async fn random_schedules_pay_everything_once() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let outcome = AssertUnwindSafe(run(seed, &mut tally)).catch_unwind().await;
        if let Err(panic) = outcome {
            eprintln!("failed with seed {seed}");
            resume_unwind(panic);
        }
    }
    println!("{tally:?}");
    // Schedules under which little happens would prove little.
    assert!(
        tally.confirmed > 500 && tally.further_variants > 50,
        "{tally:?}"
    );
    assert!(tally.released > 20 && tally.orphaned > 100, "{tally:?}");
}
