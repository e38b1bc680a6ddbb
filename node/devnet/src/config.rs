//! What a simulated network is started with.
//!
//! Nothing here reads the environment: the clock and the seed of all randomness come with it.

use std::{net::IpAddr, net::Ipv4Addr, path::PathBuf, sync::Arc};

use raftpool_chain::Network;
use raftpool_pow::Algorithm;

/// Milliseconds since the Unix epoch, as the caller sees them.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How the network difficulty of the next block is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifficultyRule {
    /// Always the same, until a control call changes it.
    Fixed(u128),
    /// Moves by at most a tenth per block toward one block per `block_time_ms`.
    Retarget {
        /// Difficulty of the first blocks.
        start: u128,
        /// Never goes below this.
        minimum: u128,
    },
}

/// Where the servers listen. Port 0 asks the system for a free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Interface of every listener.
    pub host: IpAddr,
    /// Port of the first daemon; the others follow it unless it is 0.
    pub daemon_port: u16,
    /// Port of the first wallet; the others follow it unless it is 0.
    pub wallet_port: u16,
    /// Port of the control listener.
    pub control_port: u16,
}

/// Everything a simulated network is made of.
#[derive(Clone)]
pub struct DevnetConfig {
    /// Network the addresses belong to; the chain itself is private in any case.
    pub network: Network,
    /// Proof of work of every block.
    pub algorithm: Algorithm,
    /// Difficulty of the blocks.
    pub difficulty: DifficultyRule,
    /// Block time the network aims at, in milliseconds; reported to clients and used by the retarget.
    pub block_time_ms: u64,
    /// Heights after which a block is stable (24 on the real network).
    pub stable_depth: u64,
    /// How many heights behind the best tip another tip may be and still be merged by a template.
    pub merge_depth: u64,
    /// Number of daemons that share the chain.
    pub daemons: usize,
    /// Number of wallets of the same key, each with its own cache.
    pub wallets: usize,
    /// Peers that `p2p_status` reports; 0 means that peer-to-peer is off and the call is an error.
    pub p2p_peers: u64,
    /// Produce a block of a foreign miner every so many milliseconds; none when absent.
    pub auto_mine_every_ms: Option<u64>,
    /// Least time between two getwork jobs of one connection, in milliseconds.
    pub getwork_rate_limit_ms: u64,
    /// The wallet's key is derived from this text.
    pub wallet_seed: String,
    /// User name of the wallet's Basic authentication.
    pub wallet_username: String,
    /// Password of the wallet's Basic authentication.
    pub wallet_password: String,
    /// Listeners.
    pub listen: Listen,
    /// File the state is kept in; in memory only when absent.
    pub state_file: Option<PathBuf>,
    /// Time source.
    pub clock: Clock,
    /// Seed of proofs, extra nonces and foreign miners.
    pub seed: u64,
}

impl DevnetConfig {
    /// A network as the official daemon starts it, on free loopback ports, with one daemon and one wallet.
    ///
    /// Difficulty is 10, the block time 5 seconds and a block stable after 24 heights.
    #[must_use]
    pub fn new(clock: Clock, seed: u64) -> Self {
        Self {
            network: Network::Devnet,
            algorithm: Algorithm::V3,
            difficulty: DifficultyRule::Fixed(10),
            block_time_ms: 5_000,
            stable_depth: 24,
            merge_depth: 6,
            daemons: 1,
            wallets: 1,
            p2p_peers: 8,
            auto_mine_every_ms: None,
            getwork_rate_limit_ms: 500,
            wallet_seed: "raftpool devnet wallet".to_owned(),
            wallet_username: "wallet".to_owned(),
            wallet_password: "wallet".to_owned(),
            listen: Listen {
                host: IpAddr::V4(Ipv4Addr::LOCALHOST),
                daemon_port: 0,
                wallet_port: 0,
                control_port: 0,
            },
            state_file: None,
            clock,
            seed,
        }
    }
}
