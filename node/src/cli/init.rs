//! The command line of `raftpool config init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What a new node is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeKind {
    /// A pool of one node; it can grow into a cluster later
    Single,
    /// A node of a cluster, with a vote
    Member,
    /// A node of a cluster that serves miners and visitors, without a vote and a wallet
    Edge,
}

/// A new node.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// What the node is to be
    #[arg(value_enum)]
    pub kind: NodeKind,
    /// The address that blocks pay to: the wallet's own, the same on every node
    #[arg(long, value_name = "ADDRESS")]
    pub pool_address: String,
    /// mainnet, testnet, stagenet or devnet
    #[arg(long, default_value = "mainnet")]
    pub network: String,
    /// Number of the node in its cluster
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub id: u32,
    /// Where it keeps the ledger; relative to the file
    #[arg(long, value_name = "DIRECTORY", default_value = "data")]
    pub data_directory: String,
    /// A XELIS daemon, the preferred one first; may be repeated
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub daemon: Vec<String>,
    /// RPC server of the wallet that pays, such as http://127.0.0.1:8081; without one the node
    /// never pays
    #[arg(long, value_name = "URL")]
    pub wallet: Option<String>,
    /// User name at the wallet
    #[arg(long, value_name = "NAME", default_value = "pool", requires = "wallet")]
    pub wallet_user: String,
    /// By what the other nodes find this one, such as node-1.pool.example:5078; not for a single
    /// node
    #[arg(long, value_name = "HOST:PORT", required_if_eq_any([("kind", "member"), ("kind", "edge")]))]
    pub cluster_address: Option<String>,
    /// Another node of the cluster; may be repeated
    #[arg(long, value_name = "HOST:PORT", requires = "cluster_address")]
    pub peer: Vec<String>,
    /// Where to write it; standard output when not given
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
