//! The miners' side as miners see it: scripts over real TCP, real hashing, the real ledger in
//! memory.

#![forbid(unsafe_code)]
// Helpers of tests fail by panicking, like the tests themselves.
#![allow(clippy::unwrap_used)]

mod harness;

#[path = "../emulators/mod.rs"]
mod emulators;

mod arrivals;
mod attacks;
mod bans;
mod blocks;
mod clients;
mod difficulty;
mod durability;
mod getwork;
mod getwork_port;
mod hostile;
mod newcomers;
mod places;
mod sessions;
mod shares;
mod tokens;
mod xatum;
