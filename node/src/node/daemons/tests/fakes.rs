//! A daemon behind the trait, and a say for the test at every call.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_chain::{
    Address, BlockHeader, BoxFuture, ChainBlock, ChainError, ChainInfo, Daemon, Execution, Hash,
    Network, OrderedBlock, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus, Template,
};
use raftpool_pow::{Algorithm, Difficulty};
use tokio::sync::watch;

/// The key is the generator of the group, hence valid.
const POOL_KEY: &str = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76";

pub(super) fn pool() -> Address {
    let mut key = [0; 32];
    hex::decode_to_slice(POOL_KEY, &mut key).expect("hex");
    Address::from_key(key, Network::Devnet).expect("a valid key")
}

pub(super) fn header(height: u64) -> BlockHeader {
    BlockHeader {
        version: 3,
        height,
        timestamp_ms: 1_700_000_000_000,
        nonce: u64::MAX,
        extra_nonce: [7; 32],
        tips: vec![Hash([1; 32]), Hash([2; 32])],
        transactions: vec![Hash([3; 32])],
        miner_key: *pool().public_key(),
    }
}

pub(super) fn template(height: u64) -> Template {
    let header = header(height);
    Template {
        work_hash: header.work_hash(),
        algorithm: Algorithm::V3,
        height,
        topoheight: height + 10,
        difficulty: "340282366920938463463374607431768211457"
            .parse()
            .expect("above 128 bits"),
        miner_reward_atomic: 43_869_008,
        header,
    }
}

pub(super) fn info(height: u64) -> ChainInfo {
    ChainInfo {
        network: Network::Devnet,
        height,
        topoheight: height + 10,
        stable_height: height - 24,
        stable_topoheight: height - 14,
        difficulty: Difficulty::from_u64(12_345).expect("above zero"),
        top_block_hash: Hash([4; 32]),
        block_time_target_ms: 5_000,
        miner_reward_atomic: 43_869_008,
        pruned_topoheight: Some(3),
        version: "1.23.0-fake".into(),
    }
}

pub(super) fn block(hash: Hash) -> ChainBlock {
    ChainBlock {
        hash,
        height: 77,
        miner: pool().as_str().to_owned(),
        difficulty: Difficulty::MIN,
        timestamp_ms: 5,
        ordered: Some(OrderedBlock {
            topoheight: 80,
            miner_reward_atomic: 40,
            total_fees_atomic: 2,
        }),
    }
}

pub(super) fn ordered_blocks(first_topoheight: u64, last_topoheight: u64) -> Vec<ChainBlock> {
    let at = |topoheight: u64| ChainBlock {
        ordered: Some(OrderedBlock {
            topoheight,
            miner_reward_atomic: 40,
            total_fees_atomic: topoheight,
        }),
        ..block(Hash::of(&topoheight.to_be_bytes()))
    };
    (first_topoheight..=last_topoheight).map(at).collect()
}

pub(super) fn execution() -> Execution {
    Execution {
        block_hash: Hash([9; 32]),
        topoheight: 81,
    }
}

pub(super) fn unreachable() -> ChainError {
    ChainError::NoHealthyDaemon {
        problems: vec![("fake".into(), "it is off".into())],
    }
}

pub(super) fn lost(method: &'static str) -> ChainError {
    ChainError::TimedOut {
        endpoint: "daemon fake".into(),
        method,
        timeout_ms: 1,
    }
}

/// How a daemon is.
#[derive(Clone)]
pub(super) struct State {
    pub(super) height: u64,
    /// Every call fails, clearly.
    pub(super) is_off: bool,
    /// Whether it knows blocks and transactions.
    pub(super) knows: bool,
    /// The answer to blocks; None: it is lost.
    pub(super) block_answer: Option<SubmitBlockAnswer>,
    /// The answer to transactions; None: it is lost.
    pub(super) transaction_answer: Option<SubmitTransactionAnswer>,
}

/// How often each method was called.
type Counts = BTreeMap<&'static str, usize>;

/// A daemon that does what the test says.
pub(super) struct FakeDaemon {
    pub(super) state: Mutex<State>,
    /// The method that waits, if any.
    held: watch::Sender<Option<&'static str>>,
    begun: Mutex<Counts>,
    finished: Mutex<Counts>,
}

impl FakeDaemon {
    pub(super) fn new(height: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                height,
                is_off: false,
                knows: true,
                block_answer: Some(SubmitBlockAnswer::Accepted),
                transaction_answer: Some(SubmitTransactionAnswer::Accepted),
            }),
            held: watch::Sender::new(None),
            begun: Mutex::default(),
            finished: Mutex::default(),
        })
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
    }

    /// Calls of this method wait until another one, or none, is held.
    pub(super) fn hold(&self, method: Option<&'static str>) {
        self.held.send_replace(method);
    }

    /// How often the method was called.
    pub(super) fn begun(&self, method: &str) -> usize {
        self.begun.lock().get(method).copied().unwrap_or(0)
    }

    /// How often it was carried out.
    pub(super) fn finished(&self, method: &str) -> usize {
        self.finished.lock().get(method).copied().unwrap_or(0)
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        run: impl FnOnce(&State) -> Result<T, ChainError> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, ChainError>> {
        Box::pin(async move {
            *self.begun.lock().entry(method).or_default() += 1;
            let mut held = self.held.subscribe();
            let _ = held.wait_for(|held| *held != Some(method)).await;
            let state = self.state.lock().clone();
            if state.is_off {
                return Err(unreachable());
            }
            *self.finished.lock().entry(method).or_default() += 1;
            run(&state)
        })
    }
}

impl Daemon for FakeDaemon {
    fn name(&self) -> String {
        "fake".into()
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        self.call("info", |state| Ok(info(state.height)))
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        self.call("sync_status", |state| {
            Ok(SyncStatus {
                our_topoheight: state.height + 10,
                best_topoheight: None,
                peers: 3,
            })
        })
    }

    fn template<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        self.call("template", |state| Ok(template(state.height + 1)))
    }

    fn submit_block<'a>(
        &'a self,
        _: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        self.call("submit_block", |state| {
            let answer = state.block_answer.clone();
            answer.ok_or_else(|| lost("submit_block"))
        })
    }

    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        self.call("block", move |state| Ok(state.knows.then(|| block(hash))))
    }

    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        self.call("ordered_blocks", move |_| {
            Ok(ordered_blocks(first_topoheight, last_topoheight))
        })
    }

    fn nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        self.call("nonce", |state| Ok(state.height + 1_000))
    }

    fn stable_nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        self.call("stable_nonce", |state| Ok(state.height + 999))
    }

    fn submit_transaction<'a>(
        &'a self,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        self.call("submit_transaction", |state| {
            let answer = state.transaction_answer.clone();
            answer.ok_or_else(|| lost("submit_transaction"))
        })
    }

    fn execution(&self, _: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        self.call("execution", |state| Ok(state.knows.then(execution)))
    }

    fn is_pending(&self, _: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        self.call("is_pending", |state| Ok(state.knows))
    }
}
