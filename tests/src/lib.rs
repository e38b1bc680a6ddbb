//! What needs several crates or processes: end to end, faults, crashes, and the shape of the house.
//!
//! The library holds the shared means: pools and clusters as real processes, proxies between
//! nodes, an operator's commands, a scripted miner, a load generator as a process, runs under
//! faults with their audit, waiting for conditions, and seeds.

#![forbid(unsafe_code)]

pub mod processes;

pub mod devnet;

pub mod node;

pub mod command;

pub mod configuration;

pub mod miner;

pub mod loadgen;

pub mod tls;

pub mod names;

pub mod hosts;

pub mod prometheus;

pub mod story;

pub mod cluster;

pub mod proxy;

pub mod disk;

pub mod upgrade;

pub mod chaos;

pub mod random;

pub mod environment;

pub mod wait;
