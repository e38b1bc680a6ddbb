//! Why a node does not start.

use std::net::SocketAddr;

use raftpool_store::StoreError;

use crate::certificates::CertificateError;

/// A node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RaftNodeError {
    /// The data directory cannot be used.
    #[error("open the data directory")]
    Store(#[source] StoreError),
    /// Opening the data directory panicked.
    #[error("open the data directory: panicked")]
    OpenPanicked,
    /// The certificates cannot be used.
    #[error("certificates")]
    Certificates(#[source] CertificateError),
    /// The peer listener's address cannot be taken.
    #[error("listen for peers on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Names of peers could not be looked up.
    #[error("set up the look-up of names: {reason}")]
    Resolver {
        /// What the resolver said.
        reason: String,
    },
    /// The data directory is empty, but the cluster has seen the node's id.
    #[error("{}", id_in_use(*node_id, *is_member, *told_by, *next_node_id))]
    IdInUse {
        /// This node.
        node_id: u64,
        /// Whether the id is still a member's.
        is_member: bool,
        /// The node that knows the id.
        told_by: u64,
        /// The smallest id that may be used.
        next_node_id: u64,
    },
    /// The books may hold commands that this program does not know.
    #[error(
        "version {finalized} of the commands is finalized in this data directory, and this program \
         knows version {known}: run the newer program again"
    )]
    NewerCommands {
        /// What the books say.
        finalized: u32,
        /// What this program knows.
        known: u32,
    },
    /// The timing or sizes do not fit together.
    #[error("raft configuration")]
    Config(#[source] openraft::ConfigError),
    /// Consensus stopped at once, because what it recovered does not fit together or because
    /// storage failed.
    #[error("consensus does not start: {reason}")]
    Consensus {
        /// What openraft or the store said.
        reason: String,
    },
    /// Nobody led in time.
    #[error("no leader within {timeout_ms} ms: {state}")]
    NoLeader {
        /// How long was waited.
        timeout_ms: u64,
        /// What the node saw last.
        state: String,
    },
}

fn id_in_use(node_id: u64, is_member: bool, told_by: u64, next_node_id: u64) -> String {
    let (state, command) = match is_member {
        true => (
            "is a member of the cluster, so it has lost its disk, and with it what it voted and stored",
            format!("raftpool cluster replace CONFIG {node_id} {next_node_id} ADDRESS"),
        ),
        false => (
            "was a member of the cluster once, and ids are never used again",
            format!("raftpool cluster add CONFIG {next_node_id} ADDRESS"),
        ),
    };
    format!(
        "the data directory is empty, but node {told_by} says that node {node_id} {state}: give \
         this machine a certificate and node.id for node {next_node_id} \
         (`raftpool cluster issue {next_node_id}`), start it, and run `{command}` on a member"
    )
}

/// An error and its causes in one line, for those who can only take a text.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their cause.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
