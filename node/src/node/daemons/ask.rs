//! How other nodes are asked, as a trait, so that tests need no network.

use std::time::Duration;

use bytes::Bytes;
use raftpool_chain::BoxFuture;
use raftpool_raft::{AskError, RaftNode};

/// The way to the other nodes of the cluster.
pub trait AskPeers: Send + Sync + 'static {
    /// Sends an encoded `NodeRequest` to a node and waits for the encoded `NodeResponse`, no
    /// longer than `timeout`.
    fn ask(
        &self,
        node_id: u64,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Bytes, AskError>>;

    /// The ids of all other members as of now; empty in a node that runs alone.
    fn other_members(&self) -> Vec<u64>;
}

impl AskPeers for RaftNode {
    fn ask(
        &self,
        node_id: u64,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Bytes, AskError>> {
        Box::pin(RaftNode::ask(self, node_id, request, timeout))
    }

    fn other_members(&self) -> Vec<u64> {
        RaftNode::other_members(self)
    }
}
