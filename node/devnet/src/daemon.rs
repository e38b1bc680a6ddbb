//! One simulated daemon: its view of the chain and the methods it answers.

mod accounts;
mod blocks;
mod getwork;
mod mining;
mod server;
mod status;
mod subscriptions;
mod transactions;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use raftpool_chain::{BlockHeader, Hash, Network};
use raftpool_pow::Hasher;
use serde_json::Value;

pub(crate) use server::router;
pub(crate) use status::VERSION;

use crate::{
    chain::{Chain, Proof},
    config::DevnetConfig,
    faults::{Endpoint, Faults},
    rpc::{Params, RpcError, Service},
    view::View,
};

/// A daemon among several that share a chain.
pub(crate) struct Daemon {
    index: usize,
    network: Network,
    p2p_peers: u64,
    getwork_rate_limit_ms: u64,
    /// The chain all synced daemons have.
    shared: Arc<View>,
    /// The chain this one has: the shared one, or its own while it is cut off.
    current: Mutex<Arc<View>>,
    is_running: AtomicBool,
    faults: Arc<Faults>,
    jobs: Mutex<VecDeque<(Hash, BlockHeader)>>,
    hasher: Arc<Mutex<Hasher>>,
}

impl Daemon {
    pub(crate) fn new(
        index: usize,
        config: &DevnetConfig,
        shared: Arc<View>,
        faults: Arc<Faults>,
    ) -> Arc<Self> {
        Arc::new(Self {
            index,
            network: config.network,
            p2p_peers: config.p2p_peers,
            getwork_rate_limit_ms: config.getwork_rate_limit_ms,
            current: Mutex::new(Arc::clone(&shared)),
            shared,
            is_running: AtomicBool::new(false),
            faults,
            jobs: Mutex::new(VecDeque::new()),
            hasher: Arc::new(Mutex::new(Hasher::new())),
        })
    }

    /// The chain this daemon has at the moment.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.current.lock())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::SeqCst)
    }

    pub(crate) fn set_running(&self, is_running: bool) {
        self.is_running.store(is_running, Ordering::SeqCst);
    }

    pub(crate) fn is_synced(&self) -> bool {
        Arc::ptr_eq(&self.current.lock(), &self.shared)
    }

    /// Cuts the daemon off with a chain of its own.
    pub(crate) fn cut_off(&self, own: Arc<View>) {
        *self.current.lock() = own;
    }

    /// Gives the daemon the shared chain again, and the shared chain what it alone had.
    pub(crate) fn reconnect(&self) {
        let own = std::mem::replace(&mut *self.current.lock(), Arc::clone(&self.shared));
        if Arc::ptr_eq(&own, &self.shared) {
            return;
        }
        let (headers, transactions) = own.with(|chain| chain.contents());
        self.shared.with(|chain| chain.adopt(headers, transactions));
    }

    fn with_chain<T>(&self, action: impl FnOnce(&mut Chain) -> T) -> T {
        self.view().with(action)
    }

    /// Checks the work of a block off the network threads and hands it to the chain.
    async fn submit_header(&self, header: BlockHeader) -> Result<Hash, RpcError> {
        let algorithm = self.with_chain(|chain| chain.rules.algorithm);
        let hasher = Arc::clone(&self.hasher);
        let work = header.miner_work().to_bytes();
        let pow_hash = tokio::task::spawn_blocking(move || hasher.lock().hash(algorithm, &work))
            .await
            .map_err(RpcError::internal)?
            // A work without a hash meets no target.
            .unwrap_or([0xff; 32]);
        Ok(self.with_chain(|chain| chain.add_block(header, Proof::Hash(pow_hash)))?)
    }
}

impl Service for Daemon {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Daemon
    }

    fn index(&self) -> usize {
        self.index
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    async fn call(&self, method: &str, params: Params) -> Result<Value, RpcError> {
        match method {
            "submit_block" => self.submit_block(params).await,
            _ => self
                .call_status(method, &params)
                .or_else(|| self.call_blocks(method, &params))
                .or_else(|| self.call_mining(method, &params))
                .or_else(|| self.call_accounts(method, &params))
                .or_else(|| self.call_transactions(method, &params))
                .unwrap_or_else(|| Err(RpcError::method_not_found(method))),
        }
    }
}

/// What a group of methods makes of a call: nothing when the method is not in the group.
type Called = Option<Result<Value, RpcError>>;
