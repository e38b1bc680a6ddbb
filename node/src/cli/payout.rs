//! The command line of what operators decide about payouts, and of single miners.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{MinerArgs, OutputFormat};

/// Which payout is decided about, and why.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Number of the payout; the open one when not given
    pub payout: Option<u64>,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Which payout is given up, and why.
#[derive(Debug, Args)]
pub struct AbandonArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Number of the payout; the open one when not given
    pub payout: Option<u64>,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Do it though the node does not know that the nonce is gone: you answer for it
    #[arg(long)]
    pub force: bool,
}

/// Which address, and why.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// The miner's address
    pub address: String,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Which payouts are shown.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Begin below this payout; with the newest one when not given
    #[arg(long, value_name = "PAYOUT")]
    pub before: Option<u64>,
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,
    /// Show what each payee got
    #[arg(long)]
    pub payees: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Mining, or a miner of the pool.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct MinerCommand {
    /// What to do about a miner of the pool
    #[command(subcommand)]
    pub action: Option<MinerAction>,
    /// How to mine
    #[command(flatten)]
    pub mine: Option<MinerArgs>,
}

/// A miner of the pool, as its operator sees it.
#[derive(Debug, Subcommand)]
pub enum MinerAction {
    /// Show what a miner of this pool is owed and by which threshold and scheme it is paid
    Show(ShowMinerArgs),
    /// Set from which balance on a miner of this pool is paid, and by which scheme
    ///
    /// What is not given stays as it is. A threshold is at least the pool's; the scheme holds for
    /// shares that name none.
    Set(SetMinerArgs),
}

/// Which miner.
#[derive(Debug, Args)]
pub struct ShowMinerArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// The miner's address
    pub address: String,
    /// How to show it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Which miner, and what it wants.
#[derive(Debug, Args)]
pub struct SetMinerArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// The miner's address
    pub address: String,
    /// Smallest balance that is paid out, in atomic units (1e-8 XEL); 0 for the pool's
    #[arg(long, value_name = "AMOUNT")]
    pub threshold_atomic: Option<u64>,
    /// Scheme of its shares that name none; `default` for the pool's
    #[arg(long, value_name = "SCHEME")]
    pub scheme: Option<String>,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
