//! The command line of `raftpool support-dump`.

use std::path::PathBuf;

use clap::Args;

/// What goes into an archive for whoever helps.
#[derive(Debug, Args)]
pub struct SupportArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// File to write, which must not be there yet; `raftpool-support-TIME.tar.gz` when not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The node's log, of which the newest 8 MiB are taken, instead of systemd's journal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["unit", "without_log"])]
    pub log: Option<PathBuf>,
    /// The node's unit in systemd's journal
    #[arg(long, value_name = "NAME", default_value = "raftpool")]
    pub unit: String,
    /// Leave the log out, which names miners and their IP addresses
    #[arg(long)]
    pub without_log: bool,
}
