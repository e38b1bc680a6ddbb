//! The pool's books as a pure, deterministic state machine.
//!
//! No clock, no randomness, no floats, no I/O: [`apply()`] folds a [`command::Command`] into an
//! ordered key-value state and returns an [`Outcome`], which is a value also when it is a
//! refusal. Whatever persists the state implements [`StateRead`]; whoever only reads uses
//! [`view::LedgerView`]; whoever talks to the cluster uses the [`Cluster`] handle.

#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod cluster;
pub mod outcome;
pub mod state;
pub mod view;

pub use cluster::{Clock, Cluster};
pub use outcome::{Outcome, Rejection};
pub use raftpool_proto::command;
pub use state::{StateError, StateRead};
