//! The `raftpool` binary as a library: configuration, wiring and command line.
//!
//! Only this crate reads files of configuration, the environment, the wall clock and randomness,
//! and hands them down. Read it in this order: [`cli`], [`commands`], [`node`].

#![forbid(unsafe_code)]

mod amount;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
mod dns;
mod doctor;
pub mod node;
mod operator;
pub mod process;
mod support;
pub mod system;
