//! Why a node does not start.

use raftpool_store::StoreError;

/// A node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RaftNodeError {
    /// The data directory cannot be used.
    #[error("open the data directory")]
    Store(#[source] StoreError),
    /// Opening the data directory panicked.
    #[error("open the data directory: panicked")]
    OpenPanicked,
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
