//! Leader duties around money: settle found blocks, and execute payouts exactly once.
//!
//! Three reconcilers compare the ledger with the chain and take one step at a time: the *follower*
//! brings found blocks to an end, the *driver* brings the open payout to an end and opens the next
//! one, and the *scanner* walks the stable blocks of the whole network, sums up what they pay in
//! fees, and reports those that pay the pool without being in its books. They keep nothing that
//! matters in memory: whoever leads continues from the ledger.
//!
//! How a payout stays exactly once, whatever dies or does not answer:
//!
//! 1. A reservation binds payees and amounts to one nonce of the pool's account; the chain executes
//!    at most one transaction per nonce.
//! 2. Bytes are sent only out of the ledger, hence never before they are committed, and a commit is
//!    refused when its proposer's term is over.
//! 3. Only execution at or below the stable topoheight ends a payout. Until then the same bytes are
//!    sent again; a further variant has the same nonce. Nothing is given back once bytes exist.
//! 4. No error and no "not found" is ever taken for an answer.
//!
//! This crate does not read clocks, files or the environment, and holds no keys: the wallet builds
//! and signs, the daemons send.

#![forbid(unsafe_code)]

mod alarm;
mod config;
mod context;
mod decision;
mod desk;
mod driver;
mod follower;
mod insight;
mod metrics;
mod obstacle;
mod payees;
mod plan;
mod planning;
mod point;
mod reconciler;
mod reconciliation;
mod scanner;
mod service;
mod sightings;
mod simulation;
mod status;

#[cfg(test)]
mod tests;

pub use alarm::{Alarm, AlarmKind};
pub use config::PayoutConfig;
pub use insight::NonceFacts;
pub use point::{PayoutPoint, StepHook, UnknownPoint};
pub use reconciliation::Reconciliation;
pub use service::{PayoutDesk, PayoutParts, PayoutService, StartError};
pub use simulation::{LeftOut, LeftOutReason, Simulation};
pub use status::{BlockStep, Last, PayoutStep, ScanStep, ServiceStatus};
