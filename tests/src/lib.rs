//! What needs several crates or processes: end to end, faults, crashes, and the shape of the house.
//!
//! The library holds the shared means: a whole pool as real processes, a scripted miner, waiting
//! for conditions, and seeds.

#![forbid(unsafe_code)]

pub mod miner;
pub mod processes;
pub mod random;
pub mod story;
pub mod wait;
