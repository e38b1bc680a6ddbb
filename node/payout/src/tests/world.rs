//! One pool in one test: ledger, chain, wallet, clock, and the reconcilers on top.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use prometheus::Registry;
use raftpool_chain::{Hash, Network, Wallet};
use raftpool_ledger::cluster::{Leadership, read};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    ChangeSettings, PausePayouts, RecordBlock, Scheme, Settings, SettleBlock, Share,
};
use raftpool_ledger::testing::MemoryCluster;
use raftpool_ledger::view::{Block, LedgerView, Miner, Payout, PayoutStatus};
use raftpool_ledger::{Cluster, Outcome, StateError, compose};

use super::chain::{FOREIGN_SALT, FakeChain, STABILITY, Tx};
use super::endpoints::{FakeDaemon, FakeWallet, Fate, Fates, Inspector, WalletState};
use super::fixtures::{THRESHOLD, TestClock, hasty, pool, settings};
use crate::alarm::{AlarmKind, Alarms};
use crate::context::Context;
use crate::driver::Driver;
use crate::follower::Follower;
use crate::reconciler::Reconciler;
use crate::scanner::Scanner;
use crate::{PayoutConfig, PayoutParts, PayoutPoint, StepHook};

pub(crate) struct World {
    pub(crate) ledger: Arc<MemoryCluster>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) chain: Arc<Mutex<FakeChain>>,
    /// What a second daemon sees, if there is one.
    pub(crate) second: Option<Arc<Mutex<FakeChain>>>,
    pub(crate) wallet: Arc<Mutex<WalletState>>,
    /// Whether the node has a wallet at all.
    pub(crate) has_wallet: bool,
    pub(crate) config: PayoutConfig,
    fates: Arc<Mutex<Fates>>,
    /// Bytes that reached a daemon without being committed: must stay empty.
    pub(crate) uncommitted: Arc<Mutex<Vec<Tx>>>,
}

/// A driver with its alarms in sight.
pub(crate) struct Node<T> {
    pub(crate) reconciler: T,
    pub(crate) alarms: Arc<Alarms>,
}

impl<T> Node<T> {
    pub(crate) fn alarms(&self) -> Vec<AlarmKind> {
        self.alarms.list().iter().map(|alarm| alarm.kind).collect()
    }
}

impl<T: Reconciler> Node<T> {
    pub(crate) async fn step(&mut self) -> T::Step {
        self.reconciler.step().await
    }
}

/// What a killed process leaves in place of a panic message.
struct Killed;

/// Ends the process, as far as a test is concerned.
pub(crate) fn kill() -> ! {
    resume_unwind(Box::new(Killed))
}

/// Runs a step; `None` when the process was killed in it.
pub(crate) async fn survive<T>(step: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(step).catch_unwind().await {
        Ok(answer) => Some(answer),
        Err(panic) => match Box::<dyn Any + Send>::downcast::<Killed>(panic) {
            Ok(_) => None,
            Err(panic) => resume_unwind(panic),
        },
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let world = Self {
            ledger: Arc::new(MemoryCluster::new()),
            clock: Arc::default(),
            chain: Arc::new(Mutex::new(FakeChain::new())),
            second: None,
            wallet: Arc::default(),
            has_wallet: true,
            config: hasty(),
            fates: Arc::new(Mutex::new(Arc::new(|_| Fate::Works))),
            uncommitted: Arc::default(),
        };
        let reason = "test".to_owned();
        world.propose(Body::ChangeSettings(ChangeSettings {
            settings: Some(settings),
            reason,
        }));
        world
    }

    /// Decides from now on what befalls each call.
    pub(crate) fn set_fates(&self, fates: impl Fn(&'static str) -> Fate + Send + Sync + 'static) {
        *self.fates.lock() = Arc::new(fates);
    }

    pub(crate) fn propose(&self, body: Body) -> Outcome {
        let now_ms = raftpool_ledger::Clock::now_ms(self.clock.as_ref());
        let committed = self.ledger.propose_now(compose("test", now_ms, body));
        committed
            .expect("the ledger takes what a test proposes")
            .outcome
    }

    pub(crate) fn daemon(&self) -> FakeDaemon {
        let fates = self.fates.clone();
        let (ledger, uncommitted) = (self.ledger.clone(), self.uncommitted.clone());
        let inspector: Inspector = Arc::new(move |bytes| {
            let payouts = read(ledger.as_ref(), |state| {
                LedgerView::new(state).payouts(None, usize::MAX)
            });
            let payouts = payouts.expect("the ledger is readable");
            let mut variants = payouts.iter().flat_map(|payout| &payout.variants);
            if !variants.any(|variant| variant.tx == bytes) {
                uncommitted.lock().extend(Tx::decode(bytes));
            }
        });
        let fates: Fates = Arc::new(move |method| {
            let decide = fates.lock().clone();
            decide(method)
        });
        FakeDaemon {
            chain: self.chain.clone(),
            second: self.second.clone(),
            fates,
            inspector,
        }
    }

    pub(crate) fn parts(
        &self,
        cluster: Arc<dyn Cluster>,
        step_hook: Option<StepHook>,
    ) -> PayoutParts {
        let daemon = self.daemon();
        let fates = daemon.fates.clone();
        let (chain, state) = (self.chain.clone(), self.wallet.clone());
        PayoutParts {
            cluster,
            clock: self.clock.clone(),
            daemons: Arc::new(daemon),
            wallet: self.has_wallet.then(|| -> Arc<dyn Wallet> {
                Arc::new(FakeWallet {
                    chain,
                    state,
                    fates,
                })
            }),
            pool_address: pool(),
            network: Network::Devnet,
            registry: Registry::new(),
            step_hook,
        }
    }

    fn context(&self, cluster: Arc<dyn Cluster>, hook: Option<StepHook>) -> Arc<Context> {
        let context = Context::new(self.config.clone(), self.parts(cluster, hook));
        Arc::new(context.expect("the configuration is valid"))
    }

    pub(crate) fn driver(&self) -> Node<Driver> {
        self.driver_on(self.ledger.clone(), None)
    }

    pub(crate) fn driver_on(
        &self,
        cluster: Arc<dyn Cluster>,
        hook: Option<StepHook>,
    ) -> Node<Driver> {
        let ctx = self.context(cluster, hook);
        let alarms = Arc::new(Alarms::new("payouts", ctx.metrics.alarm.clone()));
        Node {
            reconciler: Driver::new(ctx, alarms.clone()),
            alarms,
        }
    }

    /// A driver whose process ends at the first meeting with a point.
    pub(crate) fn driver_killed_at(&self, point: PayoutPoint) -> Node<Driver> {
        let hook: StepHook = Arc::new(move |met| {
            if met == point {
                kill();
            }
        });
        self.driver_on(self.ledger.clone(), Some(hook))
    }

    pub(crate) fn follower(&self) -> Node<Follower> {
        self.follower_on(self.ledger.clone(), None)
    }

    pub(crate) fn follower_on(
        &self,
        cluster: Arc<dyn Cluster>,
        hook: Option<StepHook>,
    ) -> Node<Follower> {
        let ctx = self.context(cluster, hook);
        let alarms = Arc::new(Alarms::new("blocks", ctx.metrics.alarm.clone()));
        Node {
            reconciler: Follower::new(ctx, alarms.clone()),
            alarms,
        }
    }

    pub(crate) fn scanner(&self) -> Node<Scanner> {
        self.scanner_on(self.ledger.clone(), None)
    }

    pub(crate) fn scanner_on(
        &self,
        cluster: Arc<dyn Cluster>,
        hook: Option<StepHook>,
    ) -> Node<Scanner> {
        let ctx = self.context(cluster, hook);
        let alarms = Arc::new(Alarms::new("scans", ctx.metrics.alarm.clone()));
        Node {
            reconciler: Scanner::new(ctx, alarms.clone()),
            alarms,
        }
    }

    /// A second daemon that sees what the first one sees, for now.
    pub(crate) fn add_second(&mut self) -> Arc<Mutex<FakeChain>> {
        let second = Arc::new(Mutex::new(self.chain.lock().clone()));
        self.second = Some(second.clone());
        second
    }

    pub(crate) fn mine(&self, blocks: u64) {
        self.chain.lock().mine(blocks);
    }

    /// Lets what is executed now become stable.
    pub(crate) fn mine_to_stability(&self) {
        self.mine(STABILITY + 1);
    }

    /// Books a found block that pays one miner all it brings.
    pub(crate) fn record(&self, hash: Hash, height: u64, miner: &str) {
        let share = Share {
            miner: miner.into(),
            worker: "rig".into(),
            scheme: Scheme::Solo.into(),
            difficulty: 1000,
            network_difficulty: vec![10],
            height,
            received_at_ms: 0,
            expected_reward_atomic: 0,
            listener_scheme: 0,
        };
        let hash = hash.0.to_vec();
        let record = RecordBlock {
            hash,
            height,
            share: Some(share),
            heights_late: 0,
            node_id: 1,
        };
        assert_eq!(
            self.propose(Body::RecordBlock(record)),
            Outcome::BlockRecorded
        );
    }

    /// Gives a miner a balance that the wallet covers.
    pub(crate) fn credit(&self, miner: &str, amount_atomic: u64) {
        let (hash, height) = self.chain.lock().mine_for_pool(amount_atomic);
        self.record(hash, height, miner);
        let settle = SettleBlock {
            hash: hash.0.to_vec(),
            amount_atomic,
            topoheight: height,
        };
        assert_eq!(
            self.propose(Body::SettleBlock(settle)),
            Outcome::BlockSettled
        );
        self.mine_to_stability();
    }

    pub(crate) fn pause(&self, paused: bool) {
        let reason = "by the test".to_owned();
        self.propose(Body::PausePayouts(PausePayouts {
            paused,
            reason,
            ..PausePayouts::default()
        }));
    }

    /// The same node leads, in the next term.
    pub(crate) fn next_term(&self) {
        let old = self.ledger.leadership();
        self.ledger.set_leadership(Leadership {
            term: old.term + 1,
            ..old
        });
    }

    pub(crate) fn view<T: Send>(
        &self,
        query: impl FnOnce(&LedgerView<'_>) -> Result<T, StateError> + Send,
    ) -> T {
        read(self.ledger.as_ref(), |state| query(&LedgerView::new(state)))
            .expect("the ledger is readable")
    }

    pub(crate) fn miner(&self, address: &str) -> Miner {
        self.view(|view| view.miner(address)).unwrap_or_default()
    }

    pub(crate) fn open(&self) -> Option<Payout> {
        self.view(|view| view.open_payout())
    }

    pub(crate) fn payouts(&self) -> Vec<Payout> {
        self.view(|view| view.payouts(None, usize::MAX))
    }

    pub(crate) fn confirmed(&self) -> Vec<Payout> {
        let is_confirmed =
            |payout: &Payout| matches!(payout.status, PayoutStatus::Confirmed { .. });
        self.payouts().into_iter().filter(is_confirmed).collect()
    }

    pub(crate) fn block(&self, hash: Hash) -> Block {
        self.view(|view| view.block(&hash.0))
            .expect("the block is recorded")
    }

    /// What the chain has transferred to an address for good or not.
    pub(crate) fn executed_to(&self, address: &str) -> u64 {
        let chain = self.chain.lock();
        let transfers = chain.executed().flat_map(|tx| &tx.transfers);
        transfers
            .filter(|(to, _)| to == address)
            .map(|(_, amount)| amount)
            .sum()
    }

    /// The oracle: the chain and the books tell the same story of every payee and every payout.
    pub(crate) fn check_books(&self) {
        assert_eq!(
            *self.uncommitted.lock(),
            [],
            "bytes were sent that were not committed"
        );
        for miner in self.view(|view| view.miners(None, usize::MAX)) {
            let executed = self.executed_to(&miner.address);
            assert_eq!(executed, miner.paid_atomic, "paid to {}", miner.address);
            let kept = miner.balance_atomic
                + miner.in_flight_atomic
                + miner.paid_atomic
                + miner.network_fees_atomic;
            assert_eq!(miner.earned_atomic, kept, "books of {}", miner.address);
        }
        let chain = self.chain.lock();
        for payout in self.payouts() {
            let hashes: Vec<Hash> = payout.variants.iter().map(|v| Hash(v.tx_hash)).collect();
            let executed = chain
                .executed()
                .filter(|tx| hashes.contains(&tx.hash()))
                .count();
            let is_confirmed = matches!(payout.status, PayoutStatus::Confirmed { .. });
            assert_eq!(
                executed,
                usize::from(is_confirmed),
                "executions of {payout:?}"
            );
        }
        let accounts = self.view(|view| view.accounts());
        let ours = chain.executed().filter(|tx| tx.salt < FOREIGN_SALT);
        let fees: u64 = ours.map(|tx| tx.fee).sum();
        let borne = accounts.network_fees_atomic + accounts.network_fees_pool_atomic;
        assert_eq!(borne, u128::from(fees));
        let owed = accounts.balances_atomic;
        assert!(
            u128::from(chain.balance()) >= owed,
            "the wallet covers what the pool owes"
        );
    }

    pub(crate) fn is_all_paid(&self) -> bool {
        let payable = self.view(|view| view.payable(THRESHOLD, 1));
        self.open().is_none() && payable.is_empty()
    }

    /// Goes on, a block at a time, until every payable balance is paid.
    pub(crate) async fn finish(&self, driver: &mut Node<Driver>) {
        let mut last = None;
        for _ in 0..400 {
            let step = driver.step().await;
            if self.is_all_paid() {
                return self.check_books();
            }
            if !step.acted() {
                self.mine(1);
                self.clock.advance(100);
            }
            last = Some(step);
        }
        panic!(
            "the payout does not end: {last:?}, {:?}",
            driver.alarms.list()
        );
    }
}
