//! `raftpool block`: the words of its command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::LookArgs;

/// Look at blocks that are not in the pool's books, and acknowledge them.
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// Show the blocks of the chain that pay the pool and are not in its books
    ///
    /// What they paid is in the wallet and belongs to nobody: they were found by a node that died
    /// before it could record them, before a restore, or by another program with this address.
    ListStray(LookArgs),
    /// Say that a stray block was looked at, which ends its alarm
    ///
    /// Nothing is booked. Who did it, and the reason, are kept in the pool's books.
    Acknowledge(AcknowledgeArgs),
    /// Show what a PPLNS block would pay each miner if it were found now
    ///
    /// Reckoned by the code that shares real blocks, with the window as it is.
    Simulate(SimulateArgs),
}

/// Which block, and how much of the answer.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Which node to ask, and how to show the answer
    #[command(flatten)]
    pub look: LookArgs,
    /// What the block pays, in atomic units: 1 XEL is 100000000; what the newest block paid, or is
    /// expected to, when it is left out
    #[arg(long, value_name = "ATOMIC")]
    pub amount: Option<u64>,
    /// Most miners to show, those who joined the pool first
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,
}

/// Which block, and what came of looking at it.
#[derive(Debug, Args)]
pub struct AcknowledgeArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// The block's hash, as `raftpool block list-stray` shows it
    pub hash: String,
    /// What came of it: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
