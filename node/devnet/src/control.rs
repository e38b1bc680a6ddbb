//! The control interface: what tests do to the network, in the process or over HTTP.

mod http;

use std::sync::Arc;

use raftpool_chain::{Address, AddressError, Hash};
use serde::{Deserialize, Serialize};

pub(crate) use http::router;

use crate::{
    chain::{Chain, ExecutedTransaction, ManipulationError, Production},
    config::DifficultyRule,
    devnet::{DevnetError, Network},
    faults::Fault,
    key::wallet_key,
    transaction::{Payment, address_text},
    view::View,
};

/// A control call that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The chain does not allow it.
    #[error(transparent)]
    Chain(#[from] ManipulationError),
    /// A server could not be started again.
    #[error(transparent)]
    Devnet(#[from] DevnetError),
    /// No such daemon.
    #[error("there is no daemon {index}; there are {count}, counted from 0")]
    NoDaemon {
        /// Asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// No such wallet.
    #[error("there is no wallet {index}; there are {count}, counted from 0")]
    NoWallet {
        /// Asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The address is not of this network.
    #[error("`{text}` is no address of this network")]
    Address {
        /// As given.
        text: String,
        /// What is wrong with it.
        #[source]
        source: AddressError,
    },
}

/// The network at one moment: what really happened, for tests to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkState {
    /// Height of the best block.
    pub height: u64,
    /// Topoheight of the best block.
    pub topoheight: u64,
    /// Stable height.
    pub stable_height: u64,
    /// Stable topoheight.
    pub stable_topoheight: u64,
    /// Hash of the best block.
    pub top_hash: Hash,
    /// All coins, in atomic units.
    pub supply_atomic: u64,
    /// Executed transactions in the order of execution.
    pub executed: Vec<ExecutedTransaction>,
    /// Waiting transactions.
    pub mempool: Vec<Hash>,
    /// All accounts.
    pub accounts: Vec<AccountState>,
    /// All daemons.
    pub daemons: Vec<DaemonState>,
    /// Ordered faults that have not struck yet.
    pub faults: Vec<Fault>,
}

/// An account at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Its address.
    pub address: String,
    /// Next nonce at the top.
    pub nonce: u64,
    /// Balance at the top, in atomic units.
    pub balance_atomic: u64,
    /// Balance at the stable topoheight, in atomic units.
    pub stable_balance_atomic: u64,
}

/// A daemon at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonState {
    /// Whether it listens.
    pub is_running: bool,
    /// Whether it has the shared chain.
    pub is_synced: bool,
    /// Topoheight of the chain it has.
    pub topoheight: u64,
}

/// Handle to the control interface.
#[derive(Clone)]
pub struct Control {
    network: Arc<Network>,
}

impl Control {
    pub(crate) fn new(network: Arc<Network>) -> Self {
        Self { network }
    }

    /// Address of the wallet.
    #[must_use]
    pub fn wallet_address(&self) -> String {
        self.text(&wallet_key(&self.network.config.wallet_seed))
    }

    /// Address of the foreign miner.
    #[must_use]
    pub fn foreign_address(&self) -> String {
        self.text(&self.network.foreign_miner)
    }

    /// A valid address of this network that belongs to nobody else, the same for the same text.
    #[must_use]
    pub fn address_of(&self, seed: &str) -> String {
        self.text(&wallet_key(seed))
    }

    /// Produces blocks with the waiting transactions; mined by the foreign miner unless told otherwise.
    ///
    /// # Errors
    /// When the address is bad or the clock makes blocks impossible.
    pub fn produce_blocks(
        &self,
        count: u64,
        miner: Option<&str>,
    ) -> Result<Vec<Hash>, ControlError> {
        let miner_key = self.miner(miner)?;
        let production = Production {
            count,
            miner_key,
            with_transactions: true,
        };
        Ok(self.chain(|chain| chain.produce(production))?)
    }

    /// Produces blocks without any transaction.
    ///
    /// # Errors
    /// As [`Control::produce_blocks`].
    pub fn produce_empty_blocks(
        &self,
        count: u64,
        miner: Option<&str>,
    ) -> Result<Vec<Hash>, ControlError> {
        let miner_key = self.miner(miner)?;
        let production = Production {
            count,
            miner_key,
            with_transactions: false,
        };
        Ok(self.chain(|chain| chain.produce(production))?)
    }

    /// Produces a block beside the best one; the next block merges it.
    ///
    /// # Errors
    /// When the address is bad.
    pub fn produce_side_block(&self, miner: Option<&str>) -> Result<Hash, ControlError> {
        let miner_key = self.miner(miner)?;
        Ok(self.chain(|chain| chain.produce_beside_top(miner_key))?)
    }

    /// Removes the last blocks of the order.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn rewind(&self, count: u64, return_to_mempool: bool) -> Result<(), ControlError> {
        Ok(self.chain(|chain| chain.rewind(count, return_to_mempool))?)
    }

    /// Lets another branch overtake a block for good.
    ///
    /// # Errors
    /// When the block is unknown or stable.
    pub fn orphan(&self, hash: Hash) -> Result<Vec<Hash>, ControlError> {
        Ok(self.chain(|chain| chain.orphan(hash, self.network.foreign_miner))?)
    }

    /// Puts a longer branch before the last `depth` heights and merges both.
    ///
    /// # Errors
    /// When `depth` is too large.
    pub fn reorder(&self, depth: u64) -> Result<Vec<Hash>, ControlError> {
        Ok(self.chain(|chain| chain.reorder(depth, self.network.foreign_miner))?)
    }

    /// Cuts a daemon off with a frozen chain of its own, or connects it again. Breaks its connections.
    ///
    /// # Errors
    /// When there is no such daemon or it cannot listen again.
    pub async fn set_synced(&self, daemon: usize, is_synced: bool) -> Result<(), ControlError> {
        let service = Arc::clone(&self.daemon(daemon)?.service);
        if is_synced {
            service.reconnect();
        } else if service.is_synced() {
            let mut own = self.chain(|chain| chain.clone());
            own.reseed(self.network.config.seed ^ (daemon as u64 + 1) ^ own.topoheight() << 16);
            service.cut_off(View::new(own, Arc::clone(&self.network.changed)));
        }
        Ok(self.network.restart_daemon(daemon).await?)
    }

    /// Stops a daemon: its port refuses connections.
    ///
    /// # Errors
    /// When there is no such daemon.
    pub async fn stop_daemon(&self, daemon: usize) -> Result<(), ControlError> {
        self.daemon(daemon)?;
        self.network.stop_daemon(daemon).await;
        Ok(())
    }

    /// Starts a stopped daemon on its old port.
    ///
    /// # Errors
    /// When there is no such daemon or its port is taken.
    pub async fn start_daemon(&self, daemon: usize) -> Result<(), ControlError> {
        self.daemon(daemon)?;
        Ok(self.network.start_daemon(daemon).await?)
    }

    /// Stops a wallet; it forgets what it built.
    ///
    /// # Errors
    /// When there is no such wallet.
    pub async fn stop_wallet(&self, wallet: usize) -> Result<(), ControlError> {
        self.check_wallet(wallet)?;
        self.network.stop_wallet(wallet).await;
        Ok(())
    }

    /// Starts a stopped wallet on its old port.
    ///
    /// # Errors
    /// When there is no such wallet or its port is taken.
    pub async fn start_wallet(&self, wallet: usize) -> Result<(), ControlError> {
        self.check_wallet(wallet)?;
        Ok(self.network.start_wallet(wallet).await?)
    }

    /// Makes a wallet say that it has lost its daemon, or found it again.
    ///
    /// # Errors
    /// When there is no such wallet.
    pub fn set_wallet_online(&self, wallet: usize, is_online: bool) -> Result<(), ControlError> {
        self.check_wallet(wallet)?;
        self.network.wallets[wallet].service.set_online(is_online);
        Ok(())
    }

    /// Forgets every waiting transaction; how many there were.
    pub fn drop_mempool(&self) -> usize {
        self.chain(Chain::drop_mempool)
    }

    /// Says whether transactions that a reorder or an orphan takes out of the order wait again
    /// (they do at first) or are forgotten.
    pub fn return_to_mempool(&self, is_returned: bool) {
        self.chain(|chain| chain.rules.returns_to_mempool = is_returned);
    }

    /// Keeps transactions out of templates and produced blocks, or lets them in again.
    pub fn stall_execution(&self, is_stalled: bool) {
        self.chain(|chain| chain.execution_is_stalled = is_stalled);
    }

    /// Spends the wallet's next nonce with a payment nobody asked for, and mines it.
    ///
    /// # Errors
    /// When the wallet cannot pay.
    pub fn foreign_spend(&self, amount_atomic: u64) -> Result<Hash, ControlError> {
        let source = wallet_key(&self.network.config.wallet_seed);
        let payment = Payment {
            destination: wallet_key("foreign payee"),
            amount_atomic,
        };
        let miner_key = self.network.foreign_miner;
        self.chain(|chain| {
            let hash = chain.spend_elsewhere(source, payment)?;
            chain.produce(Production {
                count: 1,
                miner_key,
                with_transactions: true,
            })?;
            Ok(hash)
        })
    }

    /// Orders a fault.
    pub fn fault(&self, fault: Fault) {
        self.network.faults.add(fault);
    }

    /// Forgets the faults that have not struck yet.
    pub fn clear_faults(&self) {
        self.network.faults.clear();
    }

    /// Produces a foreign block at an interval, or stops doing so.
    pub fn auto_mine(&self, every_ms: Option<u64>) {
        self.network.auto_mine_every_ms.send_replace(every_ms);
    }

    /// Sets the difficulty of the next blocks to a fixed value.
    pub fn set_difficulty(&self, difficulty: u128) {
        self.chain(|chain| {
            chain.rules.difficulty = DifficultyRule::Fixed(difficulty.max(1));
            chain.announce_template();
        });
    }

    /// Everything tests compare with.
    #[must_use]
    pub fn state(&self) -> NetworkState {
        let daemons = self.network.daemons.iter().map(|daemon| DaemonState {
            is_running: daemon.service.is_running(),
            is_synced: daemon.service.is_synced(),
            topoheight: daemon.service.view().with(|chain| chain.topoheight()),
        });
        let daemons = daemons.collect();
        let faults = self.network.faults.pending();
        self.chain(|chain| NetworkState {
            height: chain.height(),
            topoheight: chain.topoheight(),
            stable_height: chain.stable_height(),
            stable_topoheight: chain.stable_topoheight(),
            top_hash: chain.top_hash(),
            supply_atomic: chain.supply_atomic(),
            executed: chain.executed_transactions(),
            mempool: chain
                .mempool()
                .iter()
                .map(|waiting| waiting.transaction.hash)
                .collect(),
            accounts: self.accounts(chain),
            daemons,
            faults,
        })
    }

    fn accounts(&self, chain: &Chain) -> Vec<AccountState> {
        let stable = chain.stable_topoheight();
        let accounts = chain
            .accounts()
            .iter()
            .map(|(key, nonce, balance_atomic)| AccountState {
                address: self.text(&key),
                nonce,
                balance_atomic,
                stable_balance_atomic: chain.accounts().balance_at(&key, stable),
            });
        accounts.collect()
    }

    fn chain<T>(&self, action: impl FnOnce(&mut Chain) -> T) -> T {
        self.network.shared.with(action)
    }

    fn text(&self, key: &[u8; 32]) -> String {
        address_text(key, self.network.config.network)
    }

    fn miner(&self, address: Option<&str>) -> Result<[u8; 32], ControlError> {
        let Some(text) = address else {
            return Ok(self.network.foreign_miner);
        };
        Address::parse(text, self.network.config.network)
            .map(|address| *address.public_key())
            .map_err(|source| ControlError::Address {
                text: text.to_owned(),
                source,
            })
    }

    fn daemon(
        &self,
        index: usize,
    ) -> Result<&crate::devnet::Hosted<crate::daemon::Daemon>, ControlError> {
        let count = self.network.daemons.len();
        self.network
            .daemons
            .get(index)
            .ok_or(ControlError::NoDaemon { index, count })
    }

    fn check_wallet(&self, index: usize) -> Result<(), ControlError> {
        let count = self.network.wallets.len();
        if index < count {
            Ok(())
        } else {
            Err(ControlError::NoWallet { index, count })
        }
    }
}
