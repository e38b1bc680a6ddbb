//! A simulated XELIS network: daemons, wallets and getwork over one chain in memory.
//!
//! [`Devnet::start`] serves the JSON-RPC of the official daemon and wallet (version 1.23), the
//! daemon's events and its getwork WebSocket. Blocks have real headers and real proof of work, the
//! chain is a graph with tips, side blocks, reorders and stability, and every nonce executes once.
//! What is not real is the cryptography of the payments: amounts are plain numbers.
//!
//! Tests and the demo use it in place of a network. [`Control`] makes things happen that a pool
//! must survive: reorders, orphans, lost answers, daemons that fall behind. [`Control::state`] says
//! what really happened.
//!
//! Nothing here reads the environment or the wall clock; see [`DevnetConfig`].
#![forbid(unsafe_code)]

// Kept apart by blank lines, so that they stay in reading order.
mod config;

mod devnet;

mod control;

mod chain;

mod emission;

mod transaction;

mod fees;

mod key;

mod view;

mod daemon;

mod wallet;

mod rpc;

mod faults;

mod net;

mod persistence;

pub use chain::{BlockRefusal, ExecutedTransaction, ManipulationError, SavedError};
pub use config::{Clock, DevnetConfig, DifficultyRule, Listen};
pub use control::{AccountState, Control, ControlError, DaemonState, NetworkState};
pub use devnet::{Devnet, DevnetError};
pub use faults::{Endpoint, Fault, FaultKind};
pub use key::{wallet_key, wallet_signing_key};
pub use persistence::StateFileError;
