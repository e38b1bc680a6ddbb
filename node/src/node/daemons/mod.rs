//! The daemons of every node, for every node.
//!
//! [`ClusterDaemons`] stands where a single list of daemons stood before. It reads from this
//! node's own daemons, and from another node's when none of its own answers. Blocks and
//! transactions go to the daemons of all nodes at the same time. [`DaemonDesk`] is the other end:
//! it answers other nodes, from this node's own daemons only, so that no question travels twice.
//!
//! Surprising: "I do not know it" said by another node is no answer to a read. It may mean that
//! its daemon is behind, and payouts would act on it. It is an opinion
//! ([`raftpool_chain::Daemon::opinions`]), which can only ever stop something.

mod ask;
mod cluster;
mod codec;
mod desk;
mod kind;
mod others;
mod peer;
mod standing;

#[cfg(test)]
mod tests;

pub use cluster::ClusterDaemons;
pub use desk::DaemonDesk;
