//! The command line of `raftpool pool`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::LookArgs;

/// Look at the pool's settings, and change them.
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// Show the settings in force, as lines of a configuration file
    Show(LookArgs),
    /// Put the settings of a configuration file in force
    ///
    /// Reads the `[settings]` section (a key that is left out has its default), shows line by
    /// line what would change, asks, and changes it. New fees hold for the blocks found from then
    /// on. The network and the pool's address can never be changed.
    Apply(ApplyArgs),
    /// Show what was changed by hand, newest first: by whom, when and why
    ///
    /// A change of settings is shown line by line, with the log index it is in force since.
    History(ChangesArgs),
    /// Show the accounts and how safe the reserve of PPS and FPPS is
    Accounts(LookArgs),
    /// Move money between accounts: fill the reserve, take fees out, give some away
    ///
    /// From deposits to the reserve after you have sent coins to the pool's address; from the
    /// reserve to fees_pps or fees_fpps; from fees to the reserve, to the donations or to a miner's
    /// balance, which the next payout pays; from rounding to the reserve or a miner; from donations
    /// to a miner.
    Move(MoveArgs),
}

/// Which settings, and why.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Configuration file of the node, with the settings as they shall be
    pub config: PathBuf,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// How far to look back.
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// Which node to ask, and how to show it
    #[command(flatten)]
    pub look: LookArgs,
    /// Most changes to show
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub limit: usize,
}

/// Money to move, and why.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Account it comes from: deposits, reserve, fees_pplns, fees_solo, fees_pps, fees_fpps,
    /// rounding or donations
    #[arg(long, value_name = "ACCOUNT")]
    pub from: String,
    /// Account it goes to: reserve, fees_pps, fees_fpps, donations, or mature for a miner's balance
    #[arg(long, value_name = "ACCOUNT")]
    pub to: String,
    /// Whose balance it goes to
    #[arg(long, value_name = "ADDRESS")]
    pub miner: Option<String>,
    /// How much, in atomic units: 1 XEL is 100000000
    #[arg(long, value_name = "ATOMIC")]
    pub amount: u64,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
