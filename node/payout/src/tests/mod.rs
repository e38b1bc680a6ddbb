//! The reconcilers against a real ledger in memory and a chain that fits into a test.

mod chain;
mod endpoints;
pub(crate) mod fixtures;
mod world;

mod conditions;
mod follower;
mod kills;
mod rows;
mod schedule;
mod service;
