//! What can be done to a cluster, in words that a timeline and a person understand.

use std::fmt;

use crate::proxy::{Passage, Way};

/// A node by what it is at the moment of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The one that leads.
    Leader,
    /// One that does not; which one is counted round.
    Follower(usize),
}

/// One fault. Each is undone after a while, except changes of the membership, which stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a node; it is started again.
    Kill(Who),
    /// `kill -9` of all nodes; they are started again.
    KillAll,
    /// A node stands still and then goes on as if nothing had happened.
    Freeze(Who),
    /// Every node is stopped in order and started again, one after the other, the leader last.
    RollingRestart,
    /// A minority with this node in it is cut off.
    CutOff(Who, Passage),
    /// No node reaches any other.
    CutAll(Passage),
    /// What one node sends to the other does not arrive; the other way is open.
    OneWay {
        /// Who is not heard.
        from: Who,
        /// By whom.
        to: Who,
    },
    /// Two halves see each other through one node only.
    Bridge(Who),
    /// All links are slow.
    SlowLinks(Way),
    /// No space is left on one node's disk.
    FullDisk,
    /// Every fsync of a node's log fails; the node is started again when it has ended.
    FailingSync(Who),
    /// Every fsync of a node's log takes so many milliseconds.
    SlowSync(Who, u64),
    /// The books of a node change as by a flipped bit; it must notice, end, and be replaced. This is
    /// no fault for a random schedule: until it ends, the node tells what is not true.
    SpoiledBooks(Who),
    /// A follower takes over in order.
    Transfer(usize),
    /// A node joins and gets a vote, then this one is removed.
    NewMember(Who),
    /// A node loses its disk and is replaced by a new one.
    ReplaceWiped(Who),
    /// A node is away until the others have only a snapshot for it.
    LongAbsence(Who),
}

impl Fault {
    /// Whether it strikes the links and not the nodes.
    pub fn is_of_links(&self) -> bool {
        matches!(
            self,
            Self::CutOff(..)
                | Self::CutAll(_)
                | Self::OneWay { .. }
                | Self::Bridge(_)
                | Self::SlowLinks(_)
        )
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("the leader"),
            Self::Follower(number) => write!(f, "follower {number}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = |passage: &Passage| match passage {
            Passage::Held => "silently",
            Passage::Broken => "with a reset",
            Passage::Open => "not at all",
        };
        match self {
            Self::Kill(who) => write!(f, "kill {who}"),
            Self::KillAll => f.write_str("kill all nodes"),
            Self::Freeze(who) => write!(f, "freeze {who}"),
            Self::RollingRestart => f.write_str("restart one node after the other"),
            Self::CutOff(who, passage) => {
                write!(f, "cut off a minority with {who}, {}", how(passage))
            }
            Self::CutAll(passage) => write!(f, "cut all nodes apart, {}", how(passage)),
            Self::OneWay { from, to } => write!(f, "let {to} not hear {from}"),
            Self::Bridge(who) => write!(f, "leave {who} as the only bridge"),
            Self::SlowLinks(way) => write!(
                f,
                "slow all links: {} ms and up to {} more, {} of 1000 pieces lost",
                way.delay_ms, way.jitter_ms, way.stalls_per_mille
            ),
            Self::FullDisk => f.write_str("fill the disk of a node"),
            Self::FailingSync(who) => write!(f, "let each fsync of {who} fail"),
            Self::SlowSync(who, ms) => write!(f, "let each fsync of {who} take {ms} ms"),
            Self::SpoiledBooks(who) => write!(f, "spoil the books of {who}"),
            Self::Transfer(number) => write!(f, "hand leadership over to follower {number}"),
            Self::NewMember(who) => write!(f, "add a member, and remove {who}"),
            Self::ReplaceWiped(who) => write!(f, "wipe {who} and replace it"),
            Self::LongAbsence(who) => {
                write!(f, "keep {who} away until only a snapshot helps")
            }
        }
    }
}
