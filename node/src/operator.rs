//! What an operator asks of a running node, and how the answers look on a terminal.
//!
//! The node is reached through the admin socket in its data directory, so its configuration file
//! is all that a command needs to find it, and the file system says who may.

mod bans;
mod client;
mod cluster;
mod settings;
mod status;
mod tokens;

pub(crate) use bans::ban_listing;
pub(crate) use client::AdminClient;
pub(crate) use cluster::{node_table, restart_table};
pub(crate) use settings::{difference, listing};
pub(crate) use status::describe;
pub(crate) use tokens::{rule_list, token_list};
