//! `raftpool ban`: the words of its command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::LookArgs;

/// Look at who is banned, and lift bans.
#[derive(Debug, Subcommand)]
pub enum BanCommand {
    /// Show the workers all nodes refuse, and whom this node refuses besides
    List(LookArgs),
    /// Let a worker or an IP address in again
    ///
    /// A worker may work again on every node at once. An IP address is refused by single nodes:
    /// ask the one that refuses it. The author and the reason of a worker's lifting are kept in the
    /// pool's books.
    Lift(LiftArgs),
}

/// Whose ban ends, and why.
#[derive(Debug, Args)]
pub struct LiftArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// A miner's address, or an IP address
    pub address: String,
    /// The worker's name; all banned workers of the address when not given
    pub worker: Option<String>,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
