//! The miners' side of a node: the stratum and Xatum dialects over TCP and TLS, the getwork dialect
//! over WebSockets, jobs, difficulty, share verification, and the way of shares and blocks into the
//! cluster.
//!
//! What it promises, and the test that tries to break it:
//!
//! - P1: "accepted" is written after the share's batch is committed and applied (module `credit`;
//!   `nothing_is_accepted_before_it_is_committed`).
//! - P2: a batch keeps its id through all attempts to store it (modules `proposing`, `credit`;
//!   `a_batch_whose_answer_was_lost_is_credited_once`), and a share is recognized when it comes
//!   again (module `duplicates`; `a_share_sent_twice_is_credited_once`).
//! - P6: without a quorum jobs go on and shares get an error that says so
//!   (`without_a_quorum_shares_get_an_error_and_jobs_go_on`).
//! - P7: a worker's difficulty comes from the replicated state
//!   (module `authorize`; `difficulty_continues_after_a_reconnect`), and so does a ban (module
//!   `bans`; `a_ban_made_by_one_node_holds_on_another`).
//! - A token that is revoked lets nobody in, on no node (modules `gatekeeper`, `server`;
//!   the tests in `tests/stratum/tokens.rs`).
//! - P9: a hostile miner costs its own connection (modules `connection`, `fair_queue`, `limits`,
//!   `bans`, `strikes`, `shedding`; the tests in `tests/stratum/hostile.rs`, `bans.rs` and
//!   `attacks.rs`).
//!
//! A share's way through the modules, which is also the order to read them in: `arrival` undoes
//! what a proxy and TLS have wrapped, `connection` has `lines` read a line, `session` understands
//! it (`xatum` the lines of another dialect, which `talk` tells apart, and `getwork` does both for
//! WebSockets), `pipeline` makes the cheap checks, `verifier` hashes, `judge` decides, `credit` or
//! `blocks` have it stored, `share` gives the answer.
//!
//! Only what is in this crate's own memory is lost with the process: sessions, jobs and
//! statistics. The crate knows the cluster as a handle, the chain as a trait, and it reads neither
//! configuration nor a wall clock nor random numbers by itself.

#![forbid(unsafe_code)]

mod arrival;
mod certificate;
mod connection;
mod dialect;
mod dismissal;
mod listener;
mod server;

mod authorize;
mod gatekeeper;
mod getwork;
mod lapses;
mod lines;
mod pool;
mod protocol;
mod session;
mod talk;
mod username;
mod why;
mod works;
mod xatum;

mod extra_nonce;
mod jobs;
mod sent_jobs;
mod sent_works;
mod tips;

mod evidence;
pub mod vardiff;

mod duplicates;
mod fair_queue;
mod judge;
mod miner;
mod pipeline;
mod share;
mod verifier;

mod blocks;
mod credit;
mod newcomers;
mod proposing;
mod reports;
mod roll;

mod bans;
mod shedding;
mod standing;
mod strikes;

mod config;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod metrics;
mod places;
#[cfg(test)]
mod testing;

pub use bans::{LocalBan, LocalBanOf};
pub use certificate::{CertificateError, ServerCertificate};
pub use config::{BanConfig, StratumConfig, Verification};
pub use error::StratumError;
pub use listener::{Encryption, Listener, Speaks};
pub use miner::{Protocol, SessionSnapshot};
pub use newcomers::RefusedWorker;
pub use server::{
    GetworkDoor, MinersExit, NodeIdentity, StratumParts, StratumServer, getwork_router,
};
