//! The pool's books as a pure, deterministic state machine.
//!
//! No clock, no randomness, no floats, no I/O: [`apply()`] folds a [`command::Command`] into an
//! ordered key-value state and returns an [`Outcome`], which is a value also when it is a
//! refusal. Whatever persists the state implements [`StateRead`]; whoever only reads uses
//! [`view::LedgerView`]; whoever talks to the cluster uses the [`Cluster`] handle.

#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod apply;
pub mod outcome;

// What commands do, in the order in which money comes about.
pub mod settings;

mod batches;
pub mod schemes;
mod score;
pub mod series;
pub mod shares;
pub mod window;

mod blocks;
mod given_up;
pub mod settlement;
pub mod weights;

pub mod network;
pub mod reserve;
pub mod strays;

mod payouts;
mod terms;

mod funds;

pub mod bans;
pub mod owners;
pub mod tokens;

pub mod version;

pub mod invariant;
pub mod verify;

// What they are written with.
mod arithmetic;
mod books;
mod journal;
mod key;
mod meter;
mod record;
pub mod state;

// How others know the ledger.
pub mod cluster;
pub mod testing;
pub mod view;

pub use apply::{ApplyError, COMMAND_FORMAT, EntryContext, apply, compose};
pub use cluster::{Clock, Cluster};
pub use outcome::{Outcome, Rejection};
pub use raftpool_proto::command;
pub use score::SCORE_OF_A_BLOCK;
pub use state::{StateError, StateRead};
pub use verify::{Violation, verify};
pub use version::{COMMAND_VERSION, FIRST_COMMAND_VERSION};
