//! The command line of backups, and of a cluster that is founded anew.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do about backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a backup of a node's books now
    ///
    /// Asks the running node; when it is stopped, its data directory is read. Old backups of this
    /// node beyond `backup.keep` are removed.
    Create(BackupArgs),
    /// Show the backups, oldest first
    List(BackupArgs),
    /// Check every file of a backup and recompute its books
    Verify(OneBackupArgs),
    /// Fill the empty data directory of a new cluster's first node from a backup
    ///
    /// The node is the only member of a cluster with another id: with `[cluster]` the one that its
    /// certificate names. `node.id` must be larger than every id that the old cluster has used.
    /// Payouts are paused until `raftpool payout reconcile` has compared the books with the chain.
    /// Nodes of the old cluster must not run any more.
    Restore(OneBackupArgs),
}

/// Which node.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Configuration file of the node
    pub config: PathBuf,
}

/// Which backup.
#[derive(Debug, Args)]
pub struct OneBackupArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Name of a backup in the configured directory, or a path to one
    pub backup: PathBuf,
}

/// What a cluster is founded anew with.
#[derive(Debug, Args)]
pub struct ForceNewArgs {
    /// Configuration file of the stopped node, with certificates of another cluster
    pub config: PathBuf,
    /// Id of the old cluster, as `raftpool cluster force-new` without it shows it: nodes of it must
    /// never run again
    #[arg(long, value_name = "CLUSTER_ID")]
    pub confirm: Option<String>,
}

/// How restored books are compared with the chain.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Book what was found; without it nothing is changed
    #[arg(long, requires = "reason")]
    pub apply: bool,
    /// Why: one line, kept in the books for ever
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;

    #[test]
    fn every_command_line_of_the_recovery_pages_is_one_that_the_program_takes() {
        let pages = [
            include_str!("../../../ops/runbooks/recovery/RestoreFromBackup.md"),
            include_str!("../../../ops/runbooks/recovery/LostQuorum.md"),
        ];
        let lines = pages.iter().flat_map(|page| page.lines().map(str::trim));
        let lines: Vec<&str> = lines.filter(|line| line.starts_with("raftpool ")).collect();
        assert!(lines.len() > 15, "only {lines:?}");
        for line in lines {
            // A node's number stands for itself, every other placeholder for any text.
            let words = line.replace("NODE", "4");
            let parsed = Cli::try_parse_from(words.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }
}
