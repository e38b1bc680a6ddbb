//! The reconcilers against a real ledger in memory and a chain that fits into a test.

mod chain;
mod endpoints;
pub(crate) mod fixtures;
mod node_cluster;
mod world;

mod conditions;
mod follower;
mod kills;
mod matrix;
mod rows;
mod rules;
mod scanner;
mod schedule;
mod service;
mod strays;
mod untrusted;
