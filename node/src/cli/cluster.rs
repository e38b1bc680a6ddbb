//! The command line of `raftpool cluster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::backup::ForceNewArgs;
use super::{LookArgs, OutputFormat};

/// Form a cluster, look at it, and change who its nodes are.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Make the certificates' authority of a cluster
    #[command(subcommand)]
    Ca(AuthorityCommand),
    /// Make a node's certificate and key
    ///
    /// Writes node.pem, node.key and ca.pem. A running node takes up new files by itself, so this
    /// is also how certificates are renewed. They are valid for 398 days.
    Issue(IssueArgs),
    /// Found a cluster on a node that waits in an empty data directory
    ///
    /// The cluster has this one node; others are added. Refused when one of the configured peers
    /// is a member of the cluster already. Does nothing on a node that is a member.
    Init(NodeArgs),
    /// Found a new cluster with a node of one whose majority is lost for good
    ///
    /// For a stopped node. Everything it has stored becomes the beginning of a cluster with another
    /// id, of which it is the only member; what only the lost nodes had is gone. Payouts are paused
    /// until `raftpool payout reconcile` has compared the books with the chain. The node needs
    /// certificates of the new cluster, and the old cluster's id to confirm.
    ForceNew(ForceNewArgs),
    /// Add a node that waits in an empty data directory; it has no vote
    ///
    /// A node without a vote receives the log and serves miners and visitors like every other one.
    /// Its id must be larger than every id the cluster has seen: `raftpool cluster status` shows
    /// the smallest one.
    Add(AddArgs),
    /// Give added nodes a vote, all at once
    ///
    /// Nodes that were just added have a few seconds to be heard. Refused while one of them is far behind. Two voters are refused: with two, the loss of
    /// either one stops the cluster.
    Promote(PromoteArgs),
    /// Give the place of one node to a new one that waits in an empty data directory
    ///
    /// Adds the new node, waits until it has caught up, and swaps the two in one step. This is how
    /// a node that lost its disk comes back. May be run again at any time.
    Replace(ReplaceArgs),
    /// Remove a node for ever; its id is never used again
    Remove(RemoveArgs),
    /// Have another node lead
    Transfer(TransferArgs),
    /// Let what a new version brought be used, once every node is upgraded
    ///
    /// Refused, with the node named, while a member does not know it or does not answer. Until then
    /// every node can go back to the version before; afterwards none can. The leader does the same
    /// by itself after `cluster.finalize_after_minutes`.
    Finalize(FinalizeArgs),
    /// Show every node, its role, how far it is, and what is wrong
    ///
    /// Exit code 0 means that all is well, 1 that something is wrong although the pool works, 2
    /// that there is no majority and nothing is acknowledged.
    Status(LookArgs),
    /// Say which nodes can be stopped now without harm, one at a time
    ///
    /// Exit code 0 means each of them, 1 not each, 2 that there is no majority.
    Check(LookArgs),
}

/// The authority that signs the certificates of one cluster's nodes.
#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// Make an authority: ca.pem, and ca.key, which must stay with you
    ///
    /// Whoever has ca.key can be any node of the cluster. The authority also chooses the
    /// cluster's id, unless a node that has run alone is to grow into a cluster.
    Init {
        /// Where to put the files; must hold no authority yet
        directory: PathBuf,
        /// Configuration of a node that has run alone: its cluster's id is kept
        #[arg(long = "for", value_name = "CONFIG")]
        node: Option<PathBuf>,
    },
}

/// For whom a certificate is made.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// Number of the node
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub node: u32,
    /// Directory of the authority
    #[arg(long, value_name = "DIRECTORY")]
    pub ca: PathBuf,
    /// Directory for the node's files
    #[arg(long, value_name = "DIRECTORY")]
    pub out: PathBuf,
    /// Further name for the node in its certificate; the cluster needs none
    #[arg(long, value_name = "NAME")]
    pub dns: Vec<String>,
}

/// Which node to ask.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// Configuration file of the node that is asked
    pub config: PathBuf,
}

/// Which node to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Configuration file of a member, which is asked
    pub config: PathBuf,
    /// Number of the new node
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub node: u32,
    /// `cluster.address` of the new node
    pub address: String,
}

/// Which nodes to give a vote.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// Configuration file of a member, which is asked
    pub config: PathBuf,
    /// Numbers of the nodes
    #[arg(required = true)]
    pub nodes: Vec<u32>,
    /// Even if that makes two voters
    #[arg(long)]
    pub force: bool,
}

/// Which node to replace by which.
#[derive(Debug, Args)]
pub struct ReplaceArgs {
    /// Configuration file of a member, which is asked
    pub config: PathBuf,
    /// Number of the node that leaves
    pub old: u32,
    /// Number of the new node
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub new: u32,
    /// `cluster.address` of the new node
    pub address: String,
}

/// Which node to remove.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Configuration file of a member, which is asked
    pub config: PathBuf,
    /// Number of the node
    pub node: u32,
    /// Even if that leaves two voters
    #[arg(long)]
    pub force: bool,
}

/// Which node shall lead.
#[derive(Debug, Args)]
pub struct TransferArgs {
    /// Configuration file of a member, which is asked
    pub config: PathBuf,
    /// Number of the node
    pub node: u32,
}

/// What to finalize, and why.
#[derive(Debug, Args)]
pub struct FinalizeArgs {
    /// Configuration file of a member, which is asked
    pub config: PathBuf,
    /// Only say whether it could be done: exit code 0 if so
    #[arg(long)]
    pub check: bool,
    /// Why; kept in the pool's books
    #[arg(long, value_name = "TEXT", default_value = "every node is upgraded")]
    pub reason: String,
}

impl LookArgs {
    pub(crate) fn is_json(&self) -> bool {
        self.output == OutputFormat::Json
    }
}
