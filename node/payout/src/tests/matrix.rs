//! The crash matrix: the leader dies at every moment of settlement and payout, also inside the
//! daemon's and the wallet's answers, and another node takes over in the next term; each moment is
//! combined with everything that may befall the chain, the daemons and the wallet, before the death
//! or after it. Every combination is judged by the chain: each payee is paid exactly once, the
//! books verify, and no operator was needed.
//!
//! All of them run, several hundred in a second or two.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use raftpool_chain::{Hash, SubmitTransactionAnswer};
use raftpool_ledger::Cluster;
use raftpool_ledger::cluster::Leadership;

use super::chain::FakeChain;
use super::endpoints::Fate;
use super::fixtures::miner;
use super::node_cluster::NodeCluster;
use super::world::{Node, World, kill, survive};
use crate::driver::Driver;
use crate::follower::Follower;
use crate::reconciler::Reconciler;
use crate::{PayoutPoint, StepHook};

const REWARD: u64 = 400_000;
/// Looks a deposed leader still takes.
const DEPOSED_STEPS: u32 = 40;

/// When the leader ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// At a point of its own.
    At(PayoutPoint),
    /// The daemon has taken the transaction, and the answer is on its way.
    InsideSend,
    /// The wallet has built the transaction, and the answer is on its way.
    InsideBuild,
}

const DEATHS: [Death; 14] = [
    Death::At(PayoutPoint::BeforeSettle),
    Death::At(PayoutPoint::AfterSettle),
    Death::At(PayoutPoint::BeforeReserve),
    Death::At(PayoutPoint::AfterReserve),
    Death::At(PayoutPoint::BeforeBuild),
    Death::InsideBuild,
    Death::At(PayoutPoint::AfterBuild),
    Death::At(PayoutPoint::BeforeSign),
    Death::At(PayoutPoint::AfterSign),
    Death::At(PayoutPoint::BeforeSend),
    Death::InsideSend,
    Death::At(PayoutPoint::AfterSend),
    Death::At(PayoutPoint::BeforeConfirm),
    Death::At(PayoutPoint::AfterConfirm),
];

/// What else goes wrong, and comes right by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// The wallet builds, and its answer is lost.
    WalletTimesOut,
    /// The mempool is lost after it took the transaction.
    MempoolLost,
    /// The daemon answers the next sendings with this error (protocol facts, section 6.3).
    Answers(&'static str),
    /// A reorder un-executes the transaction, which then waits again.
    ReorderKeeps,
    /// A reorder un-executes the transaction, and nobody has it any more.
    ReorderDrops,
    /// The daemon is behind its peers, and shows an old chain.
    Unsynced,
    /// The old leader does not die: it goes on with its old term.
    TwoLeaders,
}

const TROUBLES: [Trouble; 15] = [
    Trouble::None,
    Trouble::WalletTimesOut,
    Trouble::MempoolLost,
    Trouble::Answers("TX_ALREADY_IN_BLOCKCHAIN"),
    Trouble::Answers("TX_ALREADY_IN_MEMPOOL"),
    Trouble::Answers("TX_NONCE_ALREADY_USED"),
    Trouble::Answers("INVALID_TX_NONCE_MEMPOOL_CACHE"),
    Trouble::Answers("INVALID_NONCE"),
    Trouble::Answers("INVALID_REFERENCE_BLOCK_HEIGHT"),
    Trouble::Answers("INVALID_TX_VERSION"),
    Trouble::Answers("INVALID_TX_FEE"),
    Trouble::ReorderKeeps,
    Trouble::ReorderDrops,
    Trouble::Unsynced,
    Trouble::TwoLeaders,
];

/// When the trouble begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    FromTheBeginning,
    AfterTheDeath,
}

#[derive(Debug, Clone, Copy)]
struct Combination {
    death: Death,
    trouble: Trouble,
    when: When,
}

fn combinations() -> Vec<Combination> {
    let mut all = Vec::new();
    for death in DEATHS {
        for trouble in TROUBLES {
            for when in [When::FromTheBeginning, When::AfterTheDeath] {
                // Who does not die is there from the beginning.
                if trouble != Trouble::TwoLeaders || when == When::FromTheBeginning {
                    all.push(Combination {
                        death,
                        trouble,
                        when,
                    });
                }
            }
        }
    }
    all
}

/// How often each trouble strikes.
const STRIKES: u32 = 3;

/// What befalls the calls.
struct Stage {
    combination: Combination,
    has_died: bool,
    strikes_left: u32,
    /// The death inside a call is still to come.
    is_due: bool,
    /// Whether somebody was told of an execution since the newest reorder.
    is_seen: bool,
}

impl Stage {
    /// Decides about one call; may change the chain while at it.
    fn fate(&mut self, method: &'static str, chain: &mut FakeChain) -> Fate {
        let inside = match self.combination.death {
            Death::InsideSend => "submit_transaction",
            Death::InsideBuild => "build",
            Death::At(_) => "",
        };
        if method == inside && self.is_due {
            self.is_due = false;
            return match self.combination.trouble {
                // It is not this one that ends: it is deposed in the middle of the call.
                Trouble::TwoLeaders => Fate::AnswerLost,
                _ => Fate::DiesAfterwards,
            };
        }
        let has_begun = self.has_died || self.combination.when == When::FromTheBeginning;
        if !has_begun || self.strikes_left == 0 {
            return Fate::Works;
        }
        let struck = self.strike(method, chain);
        self.is_seen |= method == "execution" && chain.executed().next().is_some();
        match struck {
            Some(fate) => {
                self.strikes_left -= 1;
                self.is_seen = false;
                fate
            }
            None => Fate::Works,
        }
    }

    /// The trouble, if it strikes at this call.
    fn strike(&self, method: &'static str, chain: &mut FakeChain) -> Option<Fate> {
        let is_executed = chain.executed().next().is_some();
        match (self.combination.trouble, method) {
            (Trouble::WalletTimesOut, "build") => Some(Fate::AnswerLost),
            (Trouble::MempoolLost, "is_pending") if !chain.mempool.is_empty() => {
                chain.mempool.clear();
                Some(Fate::Works)
            }
            (Trouble::Answers(kind), "submit_transaction") => {
                chain.forced_answer = Some(answer(kind));
                Some(Fate::Works)
            }
            // Right after somebody was told: what is executed is not final.
            (Trouble::ReorderKeeps, "info") if is_executed && self.is_seen => {
                chain.reorder(4, true);
                Some(Fate::Works)
            }
            (Trouble::ReorderDrops, "info") if is_executed && self.is_seen => {
                chain.reorder(4, false);
                Some(Fate::Works)
            }
            (Trouble::Unsynced, "info") => {
                chain.peers_top = Some(chain.blocks.len() as u64 + 30);
                chain.view_limit = Some(chain.blocks.len() as u64 / 2);
                Some(Fate::Works)
            }
            _ => None,
        }
    }

    /// What comes right again by itself.
    fn heal(&self, chain: &mut FakeChain) {
        if self.strikes_left == 0 {
            chain.peers_top = None;
            chain.view_limit = None;
        }
    }
}

fn answer(kind: &'static str) -> SubmitTransactionAnswer {
    use SubmitTransactionAnswer as A;
    let (name, message) = (kind.to_owned(), "says the fake daemon".to_owned());
    match kind {
        "TX_ALREADY_IN_BLOCKCHAIN" => A::AlreadyExecuted,
        "TX_ALREADY_IN_MEMPOOL" => A::AlreadyPending,
        "TX_NONCE_ALREADY_USED" | "INVALID_TX_NONCE_MEMPOOL_CACHE" | "INVALID_NONCE" => {
            A::NonceConflict {
                kind: name,
                message,
            }
        }
        "INVALID_REFERENCE_BLOCK_HEIGHT" => A::TryLater {
            kind: name,
            message,
        },
        _ => A::Refused {
            kind: name,
            message,
        },
    }
}

/// A node with both reconcilers.
struct Leader {
    driver: Node<Driver>,
    follower: Node<Follower>,
}

impl Leader {
    fn of(world: &World, cluster: Arc<NodeCluster>, hook: Option<StepHook>) -> Self {
        Self {
            driver: world.driver_on(cluster.clone(), hook.clone()),
            follower: world.follower_on(cluster, hook),
        }
    }

    /// One look at blocks and one at payouts; whether anything was done. None: it has died.
    async fn step(&mut self) -> Option<bool> {
        let blocks = survive(self.follower.reconciler.step()).await?;
        let payouts = survive(self.driver.step()).await?;
        Some(blocks.acted() || payouts.acted())
    }
}

/// Two blocks that the pool has found and that are stable on the chain, and nothing settled.
fn found() -> (Arc<World>, Vec<Hash>) {
    let world = Arc::new(World::new());
    let mut hashes = Vec::new();
    for number in 1..=2 {
        let (hash, height) = world.chain.lock().mine_for_pool(REWARD * number);
        world.record(hash, height, &miner(number));
        hashes.push(hash);
    }
    world.mine_to_stability();
    (world, hashes)
}

fn depose(world: &World, leader_id: u64) {
    let old = world.ledger.leadership();
    world.ledger.set_leadership(Leadership {
        term: old.term + 1,
        leader_id: Some(leader_id),
        ..old
    });
}

/// Ends the first leader when it meets the point, or deposes it there while it goes on.
fn hook(world: &Arc<World>, stage: &Arc<Mutex<Stage>>) -> StepHook {
    let (weak, stage) = (Arc::downgrade(world), stage.clone());
    Arc::new(move |met| {
        let mut stage = stage.lock();
        let Combination { death, trouble, .. } = stage.combination;
        if !stage.is_due || death != Death::At(met) {
            return;
        }
        stage.is_due = false;
        match trouble {
            Trouble::TwoLeaders => depose(&weak.upgrade().expect("the world is there"), 2),
            _ => {
                drop(stage);
                kill();
            }
        }
    })
}

/// Runs one combination to its end; whether the leader ended where it should.
async fn run(combination: Combination) -> bool {
    let (world, hashes) = found();
    let stage = Arc::new(Mutex::new(Stage {
        combination,
        has_died: false,
        strikes_left: STRIKES,
        is_due: true,
        is_seen: false,
    }));
    let (weak, same) = (Arc::downgrade(&world), stage.clone());
    world.set_fates(move |method| {
        let world = weak.upgrade().expect("the world is there");
        let mut chain = world.chain.lock();
        let mut stage = same.lock();
        stage.heal(&mut chain);
        stage.fate(method, &mut chain)
    });
    let is_deposed_only = combination.trouble == Trouble::TwoLeaders;
    let first = NodeCluster::new(world.ledger.clone(), 1, !is_deposed_only);
    let mut old = Leader::of(&world, first, Some(hook(&world, &stage)));
    let mut has_ended = false;
    for _ in 0..300 {
        match old.step().await {
            None => has_ended = true,
            Some(false) => world.mine(1),
            Some(true) => {}
        }
        has_ended |= is_deposed_only && !stage.lock().is_due;
        if has_ended || is_done(&world) {
            break;
        }
        world.clock.advance(100);
    }
    stage.lock().has_died = true;
    if world.ledger.leadership().leader_id != Some(2) {
        depose(&world, 2);
    }
    let second = NodeCluster::new(world.ledger.clone(), 2, true);
    let mut new = Leader::of(&world, second, None);
    let left = if is_deposed_only { DEPOSED_STEPS } else { 0 };
    finish(&world, &mut new, &mut old, left).await;
    judge(&world, &hashes, &new);
    has_ended
}

fn is_done(world: &World) -> bool {
    world.view(|view| view.blocks_maturing()).is_empty() && world.is_all_paid()
}

/// The new leader goes on until all is settled and paid; the old one still takes some looks.
async fn finish(world: &World, new: &mut Leader, old: &mut Leader, mut left: u32) {
    for _ in 0..600 {
        if left > 0 {
            left -= 1;
            old.step().await;
        }
        let has_acted = new.step().await.expect("the new leader lives");
        if is_done(world) && left == 0 {
            return;
        }
        if !has_acted {
            world.mine(1);
            world.clock.advance(100);
        }
    }
    let step = new.driver.step().await;
    panic!("it does not end: {step:?}, {:?}", new.driver.alarms());
}

fn judge(world: &World, hashes: &[Hash], new: &Leader) {
    world.check_books();
    let state = world.ledger.state();
    let violations = raftpool_ledger::verify(&state).expect("the state is readable");
    assert_eq!(violations, [], "the books");
    let paused = world.view(|view| view.payouts_paused());
    assert_eq!(paused, None, "nobody had to be asked");
    assert_eq!(
        (new.driver.alarms(), new.follower.alarms()),
        (vec![], vec![])
    );
    let totals = world.view(|view| view.totals());
    assert_eq!(totals.blocks_settled, hashes.len() as u64);
    let executed = world.chain.lock().executed().count();
    assert_eq!(executed, world.confirmed().len());
    for number in 1..=2 {
        let of = world.miner(&miner(number));
        assert_eq!(of.earned_atomic, REWARD * number, "settled once");
        assert_eq!(world.executed_to(&of.address), of.paid_atomic);
        assert!(of.paid_atomic > REWARD * number * 9 / 10, "{of:?}");
    }
}

#[tokio::test]
async fn whenever_the_leader_dies_and_whatever_goes_wrong_everybody_is_paid_once() {
    let combinations = combinations();
    let (mut ended, count) = (0, combinations.len());
    for combination in combinations {
        ended += usize::from(run_named(combination).await);
    }
    println!("{count} combinations, in {ended} of them the leader ended on its way");
    assert!(count > 400, "{count}");
    // Where it did not, the trouble led around the point: that must be rare to prove anything.
    assert!(ended * 20 >= count * 19, "{ended} of {count}");
}

/// Names the combination before the panic of a failed one goes on.
async fn run_named(combination: Combination) -> bool {
    match AssertUnwindSafe(run(combination)).catch_unwind().await {
        Ok(ended) => ended,
        Err(panic) => {
            eprintln!("failed: {combination:?}");
            resume_unwind(panic);
        }
    }
}

#[tokio::test]
async fn a_foreign_spend_at_any_moment_pays_nobody_twice_and_needs_an_operator_at_most() {
    for death in DEATHS {
        let combination = Combination {
            death,
            trouble: Trouble::None,
            when: When::FromTheBeginning,
        };
        let (world, _) = found();
        // Enough for the foreign spend, so that what the pool owes stays covered.
        world.chain.lock().mine_for_pool(10_000);
        world.mine_to_stability();
        let stage = Arc::new(Mutex::new(Stage {
            combination,
            has_died: false,
            strikes_left: 0,
            is_due: true,
            is_seen: false,
        }));
        let (weak, same) = (Arc::downgrade(&world), stage.clone());
        world.set_fates(move |method| {
            let world = weak.upgrade().expect("the world is there");
            let mut chain = world.chain.lock();
            same.lock().fate(method, &mut chain)
        });
        let first = NodeCluster::new(world.ledger.clone(), 1, true);
        let mut old = Leader::of(&world, first, Some(hook(&world, &stage)));
        for _ in 0..200 {
            match old.step().await {
                None => break,
                Some(false) => world.mine(1),
                Some(true) => {}
            }
        }
        world.chain.lock().foreign_spend();
        depose(&world, 2);
        let second = NodeCluster::new(world.ledger.clone(), 2, true);
        let mut new = Leader::of(&world, second, None);
        for _ in 0..200 {
            if !new.step().await.expect("it lives") {
                world.mine(1);
                world.clock.advance(100);
            }
        }
        world.check_books();
        for number in 1..=2 {
            let paid = world.executed_to(&miner(number));
            assert!(paid <= REWARD * number, "{death:?}: {paid}");
        }
        let is_stopped = world.view(|view| view.payouts_paused()).is_some();
        assert!(is_stopped || world.is_all_paid(), "{death:?}");
    }
}
