//! Why the miners' side could not start. Once it runs it has no errors of its own: what goes
//! wrong with one miner ends with that miner's connection.

use std::net::SocketAddr;

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StratumError {
    /// A setting cannot work.
    #[error("stratum setting `{setting}` {problem}")]
    InvalidConfig {
        /// Which one.
        setting: &'static str,
        /// What would be right.
        problem: String,
    },
    /// A listening address is not available.
    #[error("listen for miners on {address}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error("set up TLS for miners")]
    Tls(#[source] tokio_rustls::rustls::Error),
    /// The system gave no thread.
    #[error("start verifier thread {number}")]
    SpawnVerifier {
        /// Which of the threads.
        number: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A metric could not be registered: the registry has one of the same name already.
    #[error("register the stratum metrics")]
    Metrics(#[from] prometheus::Error),
    /// The node's id does not fit the four bytes it has in an extra nonce.
    #[error("node id {0} is too large for the extra nonce, which has room up to 4294967295")]
    NodeIdTooLarge(u64),
}
