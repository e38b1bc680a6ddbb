//! The coin: XELIS addresses, blocks, daemons and wallets, behind small traits.
//!
//! Nothing here knows the pool's books or its miners. What a daemon or wallet says is decoded
//! strictly; what it did not say is never guessed: "unknown" stays unknown, and a call whose
//! outcome is open says so ([`ChainError::is_ambiguous`]).
#![forbid(unsafe_code)]

use std::{future::Future, pin::Pin};

mod address;
mod daemon;
mod error;
mod hash;
mod header;
mod network;
mod wallet;
mod work;

pub use address::{Address, AddressError};
pub use daemon::{
    ChainBlock, ChainInfo, Daemon, Execution, OrderedBlock, SubmitBlockAnswer,
    SubmitTransactionAnswer, SyncStatus, Template,
};
pub use error::ChainError;
pub use hash::Hash;
pub use header::{BlockHeader, CodecError, HEADER_SIZE_MIN, TIPS_MAX};
pub use network::{Network, UnknownNetwork};
pub use wallet::{BuiltTransaction, Transfer, Wallet};
pub use work::MinerWork;

/// A future behind a pointer, so that the traits can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

mod pending {
    //! Contracts whose implementation follows.
    use crate::{Address, ChainError, Daemon, Network, Template};
    use std::{sync::Arc, time::Duration};
    use tokio::sync::watch;

    /// JSON-RPC over HTTP to one official daemon.
    pub struct DaemonClient;
    impl DaemonClient {
        /// See the contract.
        pub fn new(_url: &str, _network: Network, _timeout: Duration) -> Result<Self, ChainError> {
            unimplemented!()
        }
    }
    /// JSON-RPC over HTTP (Basic authentication) to the official wallet.
    pub struct WalletClient;
    impl WalletClient {
        /// See the contract.
        pub fn new(
            _url: &str,
            _username: &str,
            _password: &str,
            _network: Network,
            _timeout: Duration,
        ) -> Result<Self, ChainError> {
            unimplemented!()
        }
    }
    /// A list of daemons with health and failover.
    pub struct DaemonSet;
    impl DaemonSet {
        /// See the contract.
        pub fn start(_daemons: Vec<Arc<dyn Daemon>>, _network: Network) -> Arc<Self> {
            unimplemented!()
        }
        /// See the contract.
        pub fn health(&self) -> Vec<DaemonHealth> {
            unimplemented!()
        }
    }
    /// Health of one daemon.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct DaemonHealth {
        /// Name.
        pub name: String,
        /// Usable now.
        pub healthy: bool,
        /// Height, when known.
        pub height: Option<u64>,
        /// What is wrong.
        pub problem: Option<String>,
    }
    /// Follows templates.
    pub struct TemplateFeed;
    impl TemplateFeed {
        /// See the contract.
        pub fn start(
            _daemons: Arc<DaemonSet>,
            _websocket_urls: Vec<String>,
            _pool: Address,
            _poll: Duration,
        ) -> watch::Receiver<Option<Arc<Template>>> {
            unimplemented!()
        }
    }
}
pub use pending::*;
