//! One setting as a register that clients read and write through any node, and the check that
//! what they saw is linearizable.
//!
//! The register is `payout_payees_max`. A write whose fate is unknown stays in the history with an
//! end that never comes: it may take effect at any time, or never. A read counts only when the
//! node says that its answer is current.

mod client;
mod history;

pub use client::{Clients, RegisterOptions};
pub use history::{Action, History, Verdict};
