//! The known miners, each as strict as it is: what they send, what they read, and what they choke
//! on. Run against one server in the tests of the miners' side, and against a cluster that loses
//! its leader in the tests of whole pools; both include this module.
//!
//! Of the miners whose source is closed (Rigel, SRBMiner-MULTI, OneZeroMiner, BzMiner) only what
//! their help and their release notes tell is here: how they say hello, and no more.  What they
//! choke on is not known. The same holds for the older proxy of XelPool, of which there is no
//! source; the one of the XELIS project has taken its place.
//!
//! What a miner could not read is a failed assertion. A connection that ends is a value, because
//! nodes may be killed.

mod getwork;
mod lines;
mod stratum;
mod xatum;

pub use getwork::{GetworkEmulator, GetworkKind};
pub use lines::Wire;
pub use stratum::Emulator;
pub use xatum::XatumEmulator;

use std::time::Duration;

use raftpool_pow::Algorithm;

/// Longest wait for one message.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A miner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hashes version 2 alone. Reads raw text: the first line is the subscribe reply, the second the authorize reply, the
    /// rest is searched for fixed pieces without parsing.
    BernMiner,
    /// Needs a first line, an integer third result, a string job id, an object as error, a true
    /// clean flag; hashes version 2 alone, under its older name.
    TnnMiner,
    /// Sends authorize right behind subscribe; its share ids are large multiples.
    LuminousMiner,
    /// Says `jsonrpc`, splits `wallet.worker` itself, offers several spellings.
    MoMiner,
    /// Two parameters, the worker in the user name, the difficulty in the password.
    SrbMiner,
    /// Three parameters and no `jsonrpc`, and drops what it does not know.
    Rigel,
    /// The published dialect, as it says itself.
    OneZeroMiner,
    /// Two parameters, the worker in the user name, a password that means nothing.
    BzMiner,
    /// Authorizes before it subscribes, with ids that are text and null.
    AuthorizesFirst,
    /// The marketplace that wants `"error":null` in good answers.
    NiceHash,
}

impl Kind {
    /// All miners that speak stratum.
    pub const ALL: [Self; 10] = [
        Self::BernMiner,
        Self::TnnMiner,
        Self::LuminousMiner,
        Self::MoMiner,
        Self::SrbMiner,
        Self::Rigel,
        Self::OneZeroMiner,
        Self::BzMiner,
        Self::AuthorizesFirst,
        Self::NiceHash,
    ];

    /// What it can hash.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::BernMiner | Self::TnnMiner => Algorithm::V2,
            _ => Algorithm::V3,
        }
    }

    /// All miners that can hash this.
    pub fn of(algorithm: Algorithm) -> impl Iterator<Item = Self> {
        let can = move |kind: &Self| kind.algorithm() == algorithm;
        Self::ALL.into_iter().filter(can)
    }
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
