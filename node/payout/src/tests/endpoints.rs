//! The fake chain behind the traits, with a wallet, and a say for the test at every call.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_chain::{
    Address, BlockHeader, BoxFuture, BuiltTransaction, ChainBlock, ChainError, ChainInfo, Daemon,
    Execution, Hash, Network, OrderedBlock, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus,
    Template, Transfer, Wallet,
};

use super::chain::{FakeBlock, FakeChain, Tx};
use super::fixtures::{one, pool};
use super::world::kill;

/// What befalls one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It works.
    Works,
    /// Not done, and the caller knows.
    Fails,
    /// Done, or at work, but the answer is lost.
    AnswerLost,
    /// Done, and the process that asked ends before it hears of it.
    DiesAfterwards,
}

/// Decides about each call by its name; may change the world while at it, or unwind.
pub(crate) type Fates = Arc<dyn Fn(&'static str) -> Fate + Send + Sync>;

/// Looks at every transaction that is handed in, before the daemon does.
pub(crate) type Inspector = Arc<dyn Fn(&[u8]) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct FakeDaemon {
    pub(crate) chain: Arc<Mutex<FakeChain>>,
    /// What a second daemon sees, which is asked for its opinion only.
    pub(crate) second: Option<Arc<Mutex<FakeChain>>>,
    pub(crate) fates: Fates,
    pub(crate) inspector: Inspector,
}

impl FakeDaemon {
    fn call<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        run: impl FnOnce(&mut FakeChain) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, ChainError>> {
        Box::pin(async move {
            let fate = (self.fates)(method);
            tokio::task::yield_now().await;
            fated(fate, method, || run(&mut self.chain.lock()))
        })
    }
}

fn fated<T>(fate: Fate, method: &'static str, run: impl FnOnce() -> T) -> Result<T, ChainError> {
    match fate {
        Fate::Works => Ok(run()),
        Fate::Fails => Err(ChainError::NoHealthyDaemon {
            problems: Vec::new(),
        }),
        Fate::DiesAfterwards => {
            run();
            kill();
        }
        Fate::AnswerLost => {
            run();
            Err(ChainError::TimedOut {
                endpoint: "fake".into(),
                method,
                timeout_ms: 1,
            })
        }
    }
}

impl Daemon for FakeDaemon {
    fn name(&self) -> String {
        "fake daemon".into()
    }

    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>> {
        self.call("info", |chain| ChainInfo {
            network: Network::Devnet,
            height: chain.top(),
            topoheight: chain.top(),
            stable_height: chain.stable(),
            stable_topoheight: chain.stable(),
            difficulty: one(),
            top_block_hash: chain.blocks[chain.top() as usize].hash,
            block_time_target_ms: 5000,
            miner_reward_atomic: 1000,
            pruned_topoheight: chain.pruned,
            version: "fake".into(),
        })
    }

    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>> {
        self.call("sync_status", |chain| SyncStatus {
            our_topoheight: chain.top(),
            best_topoheight: chain.peers_top,
            peers: 1,
        })
    }

    fn template<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>> {
        unimplemented!("payouts do not mine")
    }

    fn submit_block<'a>(
        &'a self,
        _: &'a BlockHeader,
    ) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>> {
        unimplemented!("payouts do not mine")
    }

    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>> {
        self.call("block", move |chain| {
            if let Some((height, miner)) = chain.unordered.get(&hash) {
                return Some(ChainBlock {
                    hash,
                    height: *height,
                    miner: miner.clone(),
                    difficulty: one(),
                    timestamp_ms: 0,
                    ordered: None,
                });
            }
            let position = chain.blocks.iter().position(|block| block.hash == hash)?;
            let topoheight = position as u64;
            Some(describe(chain.shown(topoheight)?, topoheight))
        })
    }

    fn ordered_blocks(
        &self,
        first_topoheight: u64,
        last_topoheight: u64,
    ) -> BoxFuture<'_, Result<Vec<ChainBlock>, ChainError>> {
        let read = self.call("ordered_blocks", move |chain| {
            let range = first_topoheight..=last_topoheight;
            let shown = range.clone().map(|at| Some(describe(chain.shown(at)?, at)));
            let blocks: Option<Vec<ChainBlock>> = shown.collect();
            blocks.filter(|blocks| (1..=20).contains(&blocks.len()))
        });
        Box::pin(async move {
            read.await?.ok_or_else(|| ChainError::Rpc {
                endpoint: "fake".into(),
                method: "get_blocks_range_by_topoheight",
                code: -32004,
                kind: "UNSPECIFIED".into(),
                message: "Data not found on disk".into(),
            })
        })
    }

    fn nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        self.call("nonce", |chain| chain.nonce())
    }

    fn stable_nonce<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>> {
        self.call("stable_nonce", |chain| chain.stable_nonce())
    }

    fn submit_transaction<'a>(
        &'a self,
        tx: &'a [u8],
    ) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>> {
        (self.inspector)(tx);
        self.call("submit_transaction", |chain| chain.submit(tx))
    }

    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>> {
        self.call("execution", move |chain| {
            let (block_hash, topoheight) = chain.execution(tx)?;
            Some(Execution {
                block_hash,
                topoheight,
            })
        })
    }

    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>> {
        self.call("is_pending", move |chain| chain.mempool.contains_key(&tx))
    }

    fn missing_opinions(&self) -> Vec<(String, String)> {
        let missing = self.chain.lock().missing;
        let named = missing.map(|name| (name.to_owned(), "it is away".to_owned()));
        named.into_iter().collect()
    }

    fn opinions(&self) -> Vec<Arc<dyn Daemon>> {
        let Some(second) = &self.second else {
            return Vec::new();
        };
        let first = Self {
            second: None,
            ..self.clone()
        };
        // Calls of the second daemon have fates of their own.
        let fates = first.fates.clone();
        let second = Self {
            chain: second.clone(),
            fates: Arc::new(move |method| match method {
                "info" => fates("second info"),
                "block" => fates("second block"),
                "ordered_blocks" => fates("second ordered_blocks"),
                other => fates(other),
            }),
            ..first.clone()
        };
        vec![Arc::new(first), Arc::new(second)]
    }
}

fn describe(block: &FakeBlock, topoheight: u64) -> ChainBlock {
    ChainBlock {
        hash: block.hash,
        height: block.height.unwrap_or(topoheight),
        miner: block.miner.clone(),
        difficulty: one(),
        timestamp_ms: 0,
        ordered: Some(OrderedBlock {
            topoheight,
            miner_reward_atomic: block.reward,
            total_fees_atomic: block.fees,
        }),
    }
}

/// What a wallet keeps and does wrong.
#[derive(Default)]
pub(crate) struct WalletState {
    pub(crate) salt: u64,
    /// Payees it refuses.
    pub(crate) refuses: BTreeSet<String>,
    /// Refuses whatever it shall build, with this kind of error.
    pub(crate) refuses_all: Option<&'static str>,
    /// Overrides its address.
    pub(crate) address: Option<String>,
    pub(crate) is_offline: bool,
    pub(crate) behind: u64,
    /// Hidden from the balance.
    pub(crate) missing: u64,
    /// Builds since the cache was cleared: never two without it.
    pub(crate) cached: u32,
    /// Spoils what it built.
    pub(crate) spoil: Option<fn(&mut BuiltTransaction)>,
    pub(crate) builds: u32,
}

#[derive(Clone)]
pub(crate) struct FakeWallet {
    pub(crate) chain: Arc<Mutex<FakeChain>>,
    pub(crate) state: Arc<Mutex<WalletState>>,
    pub(crate) fates: Fates,
}

pub(crate) fn fee(transfers: usize) -> u64 {
    100 + 10 * transfers as u64
}

impl FakeWallet {
    fn call<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        run: impl FnOnce(&mut WalletState, &FakeChain) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, ChainError>> {
        Box::pin(async move {
            let fate = (self.fates)(method);
            tokio::task::yield_now().await;
            fated(fate, method, || {
                let chain = self.chain.lock();
                run(&mut self.state.lock(), &chain)
            })
        })
    }
}

impl Wallet for FakeWallet {
    fn name(&self) -> String {
        "fake wallet".into()
    }

    fn address(&self) -> BoxFuture<'_, Result<String, ChainError>> {
        self.call("address", |state, _| {
            state
                .address
                .clone()
                .unwrap_or_else(|| pool().as_str().to_owned())
        })
    }

    fn is_online(&self) -> BoxFuture<'_, Result<bool, ChainError>> {
        self.call("is_online", |state, _| !state.is_offline)
    }

    fn topoheight(&self) -> BoxFuture<'_, Result<u64, ChainError>> {
        self.call("topoheight", |state, chain| {
            chain.top().saturating_sub(state.behind)
        })
    }

    fn balance_atomic(&self) -> BoxFuture<'_, Result<u64, ChainError>> {
        self.call("balance", |state, chain| {
            chain.balance().saturating_sub(state.missing)
        })
    }

    fn spends(&self) -> BoxFuture<'_, Result<Vec<raftpool_chain::WalletSpend>, ChainError>> {
        self.call("spends", |_, _| Vec::new())
    }

    fn estimate_fee_atomic<'a>(
        &'a self,
        transfers: &'a [Transfer],
    ) -> BoxFuture<'a, Result<u64, ChainError>> {
        self.call("estimate_fee", |_, _| fee(transfers.len()))
    }

    fn clear_transaction_cache(&self) -> BoxFuture<'_, Result<(), ChainError>> {
        self.call("clear_transaction_cache", |state, _| state.cached = 0)
    }

    fn build<'a>(
        &'a self,
        transfers: &'a [Transfer],
        nonce: u64,
    ) -> BoxFuture<'a, Result<BuiltTransaction, ChainError>> {
        let built = self.call("build", move |state, chain| {
            let refused = |kind: &str, code: i64| ChainError::Rpc {
                endpoint: "fake".into(),
                method: "build_transaction",
                code,
                kind: kind.into(),
                message: "says the fake wallet".into(),
            };
            assert_eq!(
                state.cached, 0,
                "the wallet builds only after its cache was cleared"
            );
            state.cached += 1;
            state.builds += 1;
            state.salt += 1;
            let transfers: Vec<(String, u64)> = transfers
                .iter()
                .map(|t| (t.destination.as_str().to_owned(), t.amount_atomic))
                .collect();
            if let Some(kind) = state.refuses_all {
                return Err(refused(kind, -32004));
            }
            if transfers.is_empty() || transfers.len() > 255 {
                return Err(refused("MAX_TRANSFER_COUNT_REACHED", -32004));
            }
            if transfers
                .iter()
                .any(|(address, _)| state.refuses.contains(address))
            {
                return Err(refused("INVALID_DESTINATION", -32004));
            }
            let fee = fee(transfers.len());
            let reference = chain.stable();
            let tx = Tx {
                nonce,
                fee,
                salt: state.salt,
                reference,
                transfers,
            };
            let mut built = BuiltTransaction {
                hash: tx.hash(),
                bytes: tx.encode(),
                source: pool().as_str().to_owned(),
                nonce,
                fee_atomic: fee,
                transfers: tx.transfers,
                reference_topoheight: reference,
            };
            if let Some(spoil) = state.spoil {
                spoil(&mut built);
            }
            Ok(built)
        });
        Box::pin(async move { built.await? })
    }
}
