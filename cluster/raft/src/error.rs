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
