//! What an operator asks of a running node, and how the answers look on a terminal.
//!
//! The node is reached through the admin socket in its data directory, so its configuration file
//! is all that a command needs to find it, and the file system says who may.

mod accounts;
mod bans;
mod blocks;
mod changes;
mod client;
mod cluster;
mod payouts;
mod settings;
mod status;
mod strays;
mod tokens;

pub(crate) use accounts::account_listing;
pub(crate) use bans::ban_listing;
pub(crate) use blocks::block_simulation;
pub(crate) use changes::change_history;
pub(crate) use client::{AdminClient, is_not_running};
pub(crate) use cluster::{node_table, restart_table};
pub(crate) use payouts::{history, hold_list, miner_terms, simulation};
pub(crate) use settings::{difference, listing};
pub(crate) use status::{describe, items, plain, text};
pub(crate) use strays::stray_listing;
pub(crate) use tokens::{rule_list, token_list};
