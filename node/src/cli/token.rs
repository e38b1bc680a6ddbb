//! The command line of `raftpool token`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputFormat;

/// Tokens of addresses.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token of an address, and print it: it is shown this once
    ///
    /// The pool keeps only a hash of it. Hand it to whoever mines to the address; it goes into the
    /// password, by itself or as `token=...` beside other options. Making one does not yet shut
    /// anybody out: see `raftpool token require`.
    Make(MakeTokenArgs),
    /// Show the tokens of an address, or all addresses that have to do with tokens
    ///
    /// Of a token only its id, its last four characters and what it is for can be shown.
    List(ListTokensArgs),
    /// End a token; connections that were let in with it are closed within a moment
    Revoke(RevokeTokenArgs),
    /// Let in to an address only whoever gives one of its tokens, or with --off everybody again
    ///
    /// Connections that gave none are closed within a moment.
    Require(RequireTokenArgs),
}

/// For which address, and for whom.
#[derive(Debug, Args)]
pub struct MakeTokenArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// The address that is mined to
    pub address: String,
    /// What it is for, such as a place or a person
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub label: String,
    /// Let in only the worker of this name
    #[arg(long, value_name = "NAME")]
    pub worker: Option<String>,
    /// Let it end after so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: Option<u32>,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Which tokens.
#[derive(Debug, Args)]
pub struct ListTokensArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Whose tokens; without it, all addresses that have some or require one
    pub address: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Which token, and why.
#[derive(Debug, Args)]
pub struct RevokeTokenArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Whose token
    pub address: String,
    /// Its id, as the list shows it
    pub id: String,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Which address, and why.
#[derive(Debug, Args)]
pub struct RequireTokenArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Which address
    pub address: String,
    /// Require none any more
    #[arg(long)]
    pub off: bool,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
