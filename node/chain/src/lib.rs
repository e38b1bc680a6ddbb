//! The coin: XELIS addresses, blocks, daemons and wallets, behind small traits.
//!
//! Nothing here knows the pool's books or its miners. What a daemon or wallet says is decoded
//! strictly; what it did not say is never guessed: "unknown" stays unknown, and a call whose
//! outcome is open says so ([`ChainError::is_ambiguous`]).
#![forbid(unsafe_code)]

use std::{future::Future, pin::Pin};

// In reading order: what is on the chain, who tells it, how they are asked, how they are followed.
mod network;

mod hash;

mod address;

pub mod signature;

mod work;

mod header;

mod error;

mod daemon;

mod emission;

mod wallet;

mod rpc;

mod daemon_client;

mod wallet_client;

pub mod broadcast;

mod daemon_set;

mod events;

mod template_feed;

#[cfg(test)]
mod testing;

pub use address::{Address, AddressError};
pub use daemon::{
    ChainBlock, ChainInfo, Daemon, Execution, ORDERED_BLOCKS_MAX, OrderedBlock, SubmitBlockAnswer,
    SubmitTransactionAnswer, SyncStatus, Template,
};
pub use daemon_client::DaemonClient;
pub use daemon_set::{DaemonHealth, DaemonSet, HealthSettings};
pub use emission::miner_reward_max_atomic;
pub use error::ChainError;
pub use hash::Hash;
pub use header::{BlockHeader, CodecError, HEADER_SIZE_MIN, TIPS_MAX};
pub use network::{Network, UnknownNetwork};
pub use rpc::endpoint::websocket_url;
pub use template_feed::TemplateFeed;
pub use wallet::{BuiltTransaction, Transfer, Wallet, WalletSpend};
pub use wallet_client::WalletClient;
pub use work::MinerWork;

/// A future behind a pointer, so that the traits can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
