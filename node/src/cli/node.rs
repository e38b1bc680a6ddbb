//! The command line of `raftpool node`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::LookArgs;
use super::cluster::NodeArgs;

/// Take a node out of service, and back.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Let the node's miners go to the others, so that it can be stopped without harm
    ///
    /// In this order: `/readyz` says no; `node.drain_wait_ms` pass, for balancers and resolvers to
    /// notice; new miners are told to use another node; the lead is handed over; the miners go one
    /// after the other, each after its shares are answered. The command shows how far it is and ends
    /// when all are gone; the node goes on to drain when the command is interrupted. It is refused
    /// while another member drains or does not answer.
    Drain(DrainArgs),
    /// Have a node that drains, or is drained, serve again
    Undrain(NodeArgs),
    /// Show whether the node serves miners, drains, or is drained
    Status(LookArgs),
}

/// How to drain.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Time over which the miners go, such as 90s or 2m; `node.drain_over_ms` when not given
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub over: Option<Duration>,
    /// Even if another member drains or does not answer
    #[arg(long)]
    pub force: bool,
}
