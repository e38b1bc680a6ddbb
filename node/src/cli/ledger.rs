//! The command line of `raftpool ledger`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Check the books, export them, and add an export up.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check every invariant of the books; exit code 1 when one is broken
    ///
    /// Asks the node if it runs, and otherwise reads its data directory.
    Verify {
        /// Configuration file of the node
        config: PathBuf,
    },
    /// Write the whole journal, and what every account and every miner holds
    ///
    /// All of it is of one moment. Asks the node if it runs, and otherwise reads its data directory.
    Export(ExportArgs),
    /// Add up an export in JSON lines, and compare it with the balances at its end
    ///
    /// Exit code 1 when anything does not add up. Needs no node and no configuration.
    Replay {
        /// The export; standard input when not given
        file: Option<PathBuf>,
    },
}

/// What to export, and how.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub format: ExportFormat,
    /// File to write to; standard output when not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line, which `raftpool ledger replay` reads
    Json,
    /// One change of one account a line, for spreadsheets
    Csv,
}
