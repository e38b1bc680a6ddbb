//! A CPU miner over stratum: what `raftpool miner` and the demo mine with. And [`load`]: thousands
//! of emulated miners that do not hash, for measuring pools.
//!
//! [`Miner::start`] hashes on threads of its own, away from the network runtime, and keeps one
//! connection to the first pool that lives. Nothing here reads configuration, arguments or
//! randomness; the caller passes them in.
//!
//! Reading order: [`config`](MinerConfig) and the wire words first, then one connection, the
//! failover between pools, and the hashing threads.
#![forbid(unsafe_code)]

mod config;

mod stats;

mod events;

mod protocol;

mod lines;

mod connection;

mod job;

mod hashing;

mod session;

mod failover;

mod miner;

pub mod load;

pub use config::{MinerConfig, MinerError, PoolAddress, Timing};
pub use events::{MinerEvent, Severity};
pub use miner::Miner;
pub use stats::{MinerStats, status_line};
