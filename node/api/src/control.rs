//! The cluster as a whole, as the binary shows it and lets operators change it.

use raftpool_ledger::cluster::BoxFuture;

use crate::dto::cluster::{ClusterStatus, MemberChange};

/// What the API knows of the other nodes, and the only way to change who they are.
pub trait ClusterControl: Send + Sync + 'static {
    /// Every member with what is known of it. Asks the other nodes, or answers from an answer
    /// that is about a second old: anybody may ask.
    fn status(&self) -> BoxFuture<'_, ClusterStatus>;

    /// Makes a change that somebody asks for, or says in words that it is made already.
    ///
    /// # Errors
    /// See [`ChangeRefusal`].
    fn change(
        &self,
        change: MemberChange,
        author: String,
    ) -> BoxFuture<'_, Result<MemberChanged, ChangeRefusal>>;
}

/// How far a change of the members has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChanged {
    /// It is made; in words.
    Done(String),
    /// The first part is made, the rest waits for something; in words. Ask again.
    UnderWay(String),
}

/// A change of the members was not made, or may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// It was refused, and why.
    Refused(String),
    /// Nobody led it; it may be asked for again.
    NotLed(String),
    /// It may still happen: look at the status.
    Unknown(String),
}
