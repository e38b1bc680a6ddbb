//! The known miners, each as strict as it is: what they send, what they read, and what they choke
//! on. Run against one server in the tests of the miners' side, and against a cluster that loses
//! its leader in the tests of whole pools; both include this module.
//!
//! What a miner could not read is a failed assertion. A connection that ends is a value, because
//! nodes may be killed.

mod getwork;
mod lines;
mod stratum;

pub use getwork::GetworkEmulator;
pub use lines::Wire;
pub use stratum::Emulator;

use std::time::Duration;

/// Longest wait for one message.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A miner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads raw text: the first line is the subscribe reply, the second the authorize reply, the
    /// rest is searched for fixed pieces without parsing.
    BernMiner,
    /// Needs a first line, an integer third result, a string job id, an object as error, a true
    /// clean flag, and offers only the older spelling.
    TnnMiner,
    /// Sends authorize right behind subscribe; its share ids are large multiples.
    LuminousMiner,
    /// Says `jsonrpc`, splits `wallet.worker` itself, offers several spellings.
    MoMiner,
    /// Two parameters, the worker in the user name, the difficulty in the password.
    SrbMiner,
    /// Three parameters and no `jsonrpc`, and drops what it does not know.
    Rigel,
    /// Authorizes before it subscribes, with ids that are text and null.
    AuthorizesFirst,
    /// The marketplace that wants `"error":null` in good answers.
    NiceHash,
}

impl Kind {
    /// All miners that speak stratum.
    pub const ALL: [Self; 8] = [
        Self::BernMiner,
        Self::TnnMiner,
        Self::LuminousMiner,
        Self::MoMiner,
        Self::SrbMiner,
        Self::Rigel,
        Self::AuthorizesFirst,
        Self::NiceHash,
    ];
}

/// The connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What a miner understood of the answer to a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It counts.
    Accepted,
    /// It does not, for this reason.
    Refused(String),
}
