//! A pool of one server, its ledger in memory, its daemon a list of blocks.

pub mod attack;
mod client;
pub mod getwork;
pub mod tls;
pub mod xatum;

pub use client::*;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftpool_chain::{
    Address, BlockHeader, BoxFuture, ChainBlock, ChainError, ChainInfo, Daemon, Execution, Hash,
    Network, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus, Template,
};
use raftpool_ledger::cluster::{
    self, BoxStream, ClusterEvent, Committed, Leadership, ProposeError, Query, ReadError,
};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{ChangeSettings, Command, Scheme, Settings};
use raftpool_ledger::testing::MemoryCluster;
use raftpool_ledger::view::{LedgerView, Miner, Totals, Worker};
use raftpool_ledger::{Clock, Cluster, compose};
use raftpool_pow::{Algorithm, Difficulty};
use raftpool_stratum::{NodeIdentity, StratumConfig, StratumParts, StratumServer};
use tokio::sync::watch;

/// The test networks' spelling of a key everybody may know.
pub const MINER: &str = "xet:sfvczzkh9ma8pm6y0r0krxvrmycvnftevxepshc2x747wjzhd48sq66yh5r";
pub const OTHER_MINER: &str = "xet:6eadzwf5xdacts6fs4y3csmnsmy4mcxewqt3xyygwfx0hm0tm32sqxdy9zk";
pub const POOL: &str = "xet:pg6nn3q3fqqaw0h7p689ul4a0tz9z76kkj6ys2umexs08flsrvmsqg4eea0";

/// Long enough for a loaded machine, short enough to fail a test.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a condition.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !condition() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain until {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub struct TestClock(AtomicU64);

impl TestClock {
    pub fn advance(&self, time_ms: u64) {
        self.0.fetch_add(time_ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// The ledger in memory behind a gate: closed, proposals wait.
pub struct GatedCluster {
    pub memory: MemoryCluster,
    gate: watch::Sender<bool>,
    arrived: AtomicU64,
}

impl GatedCluster {
    /// Without settings, as before an operator has set up the pool.
    pub fn unset() -> Arc<Self> {
        let memory = MemoryCluster::new();
        Arc::new(Self {
            memory,
            gate: watch::Sender::new(true),
            arrived: AtomicU64::new(0),
        })
    }

    pub fn new() -> Arc<Self> {
        let cluster = Self::unset();
        cluster.change_settings(|_| {});
        cluster
    }

    /// Sets the settings anew, with a change to what tests usually have.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = Settings {
            network: "devnet".into(),
            pool_address: POOL.into(),
            pplns_fee_bps: 100,
            solo_fee_bps: 100,
            pplns_window_milli: 2_000,
            pplns_offered: true,
            solo_offered: true,
            default_scheme: Scheme::Pplns.into(),
            payout_threshold_atomic: 1,
            payout_interval_ms: 1,
            payout_payees_max: 255,
            ..Settings::default()
        };
        change(&mut settings);
        let change = ChangeSettings {
            settings: Some(settings),
            reason: "test".into(),
        };
        self.memory
            .propose_now(compose("test", 1, Body::ChangeSettings(change)))
            .unwrap();
    }

    pub fn close(&self) {
        self.gate.send_replace(false);
    }

    /// Proposals that came to the gate, whether they got through or not.
    pub fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    pub fn open(&self) {
        self.gate.send_replace(true);
    }
}

impl Cluster for GatedCluster {
    fn propose(&self, command: Command) -> cluster::BoxFuture<'_, Result<Committed, ProposeError>> {
        let mut gate = self.gate.subscribe();
        self.arrived.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            gate.wait_for(|is_open| *is_open).await.unwrap();
            self.memory.propose(command).await
        })
    }
    fn read(&self, query: Query<'_>) -> Result<u64, ReadError> {
        self.memory.read(query)
    }
    fn linearize(&self) -> cluster::BoxFuture<'_, Result<u64, ReadError>> {
        self.memory.linearize()
    }
    fn leadership(&self) -> Leadership {
        self.memory.leadership()
    }
    fn watch(&self) -> BoxStream<ClusterEvent> {
        self.memory.watch()
    }
}

/// A daemon that only takes blocks.
#[derive(Default)]
pub struct BlockSink {
    pub blocks: parking_lot::Mutex<Vec<BlockHeader>>,
    pub failures: AtomicU64,
    /// When every tip was made; 0: it does not say.
    pub tips_ms: AtomicU64,
}

fn nothing<T>() -> BoxFuture<'static, Result<T, ChainError>> {
    Box::pin(async { Err(ChainError::NoHealthyDaemon { problems: vec![] }) })
}

impl Daemon for BlockSink {
    fn name(&self) -> String {
        "block sink".into()
    }
    fn submit_block<'a>(
        &'a self,
        header: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        let fails = |left: u64| left.checked_sub(1);
        if self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fails)
            .is_ok()
        {
            return nothing();
        }
        self.blocks.lock().push(header.clone());
        Box::pin(async { Ok(SubmitBlockAnswer::Accepted) })
    }
    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        nothing()
    }
    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        nothing()
    }
    fn template<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        nothing()
    }
    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        let timestamp_ms = self.tips_ms.load(Ordering::Relaxed);
        if timestamp_ms == 0 {
            return nothing();
        }
        let block = ChainBlock {
            hash,
            height: 99,
            miner: OTHER_MINER.into(),
            difficulty: Difficulty::from_u64(1).unwrap(),
            timestamp_ms,
            ordered: None,
        };
        Box::pin(async { Ok(Some(block)) })
    }
    fn ordered_blocks(&self, _: u64, _: u64) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        nothing()
    }
    fn nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        nothing()
    }
    fn stable_nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        nothing()
    }
    fn submit_transaction<'a>(
        &'a self,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        nothing()
    }
    fn execution(&self, _: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        nothing()
    }
    fn is_pending(&self, _: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        nothing()
    }
}

/// What every template says that its block would pay.
pub const EXPECTED_REWARD_ATOMIC: u64 = 43_869_008;

/// A template nobody will solve by accident.
pub fn template(height: u64) -> Template {
    template_of(height, u64::MAX)
}

pub fn template_of(height: u64, network_difficulty: u64) -> Template {
    let header = BlockHeader {
        version: 6,
        height,
        timestamp_ms: 1_700_000_000_000 + height * 5_000,
        nonce: 0,
        extra_nonce: [0; 32],
        tips: vec![Hash([u8::try_from(height % 251).unwrap(); 32])],
        transactions: vec![],
        miner_key: *Address::parse(POOL, Network::Devnet).unwrap().public_key(),
    };
    Template {
        work_hash: header.work_hash(),
        header,
        algorithm: Algorithm::V3,
        height,
        topoheight: height,
        difficulty: Difficulty::from_u64(network_difficulty).unwrap(),
        miner_reward_atomic: EXPECTED_REWARD_ATOMIC,
    }
}

/// A running server and everything around it.
pub struct Pool {
    pub server: StratumServer,
    pub cluster: Arc<GatedCluster>,
    pub daemon: Arc<BlockSink>,
    pub templates: watch::Sender<Option<Arc<Template>>>,
    pub registry: prometheus::Registry,
    pub clock: Arc<TestClock>,
}

pub fn config() -> StratumConfig {
    StratumConfig {
        starting_difficulty: 1,
        minimum_difficulty: 1,
        batch_linger_ms: 1,
        // The shares of a script come faster than any real miner's; nothing shall move by itself.
        target_share_interval_ms: 3_600_000,
        ..StratumConfig::new(vec![([127, 0, 0, 1], 0).into()])
    }
}

impl Pool {
    /// A pool with a template at height 100 and difficulty 1.
    pub async fn start() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: StratumConfig) -> Self {
        Self::over(config, GatedCluster::new(), 1).await
    }

    pub async fn over(config: StratumConfig, cluster: Arc<GatedCluster>, epoch: u64) -> Self {
        let pool = Self::without_template(config, cluster, epoch).await;
        pool.new_template(template(100));
        pool
    }

    pub async fn without_template(
        config: StratumConfig,
        cluster: Arc<GatedCluster>,
        epoch: u64,
    ) -> Self {
        let daemon = Arc::new(BlockSink::default());
        let templates = watch::Sender::new(None);
        let registry = prometheus::Registry::new();
        let clock = Arc::new(TestClock(AtomicU64::new(1_700_000_000_000)));
        let parts = StratumParts {
            cluster: cluster.clone(),
            clock: clock.clone(),
            daemons: daemon.clone(),
            templates: templates.subscribe(),
            registry: registry.clone(),
            identity: NodeIdentity { node_id: 1, epoch },
            extra_nonce_key: [9; 32],
            pool_address: Address::parse(POOL, Network::Devnet).unwrap(),
            network: Network::Devnet,
        };
        let server = StratumServer::start(config, parts).await.unwrap();
        Self {
            server,
            cluster,
            daemon,
            templates,
            registry,
            clock,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.local_addresses()[0]
    }

    pub fn new_template(&self, template: Template) {
        self.templates.send_replace(Some(Arc::new(template)));
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// A miner that has its first job.
    pub async fn miner(&self, user: &str, password: &str) -> Client {
        let mut client = self.connect().await;
        client.login(user, password).await;
        client.next_job().await;
        client
    }

    pub fn read<T: Send>(
        &self,
        query: impl FnOnce(&LedgerView<'_>) -> raftpool_ledger::view::Result<T> + Send,
    ) -> T {
        cluster::read(&*self.cluster, |state| query(&LedgerView::new(state))).unwrap()
    }

    pub fn ledger_miner(&self, address: &str) -> Option<Miner> {
        self.read(|view| view.miner(address))
    }

    pub fn ledger_worker(&self, address: &str, worker: &str) -> Option<Worker> {
        self.read(|view| view.worker(address, worker))
    }

    pub fn totals(&self) -> Totals {
        self.read(|view| view.totals())
    }

    /// How often something was measured.
    pub fn histogram(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let name = format!("raftpool_stratum_{name}");
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
        let counts = metrics
            .iter()
            .map(|one| one.get_histogram().get_sample_count());
        counts.sum()
    }

    /// Value of a metric, summed over its labels.
    pub fn metric(&self, name: &str, label: Option<&str>) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == format!("raftpool_stratum_{name}"));
        let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
        metrics
            .iter()
            .filter(|metric| {
                label.is_none_or(|l| metric.get_label().iter().any(|p| p.value() == l))
            })
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }
}
