//! What can go wrong between the pool and a daemon or wallet.

use std::error::Error;

use crate::network::Network;

/// JSON-RPC code of a failure inside the daemon, which says nothing about the request.
const INTERNAL_ERROR: i64 = -32603;

/// A call failed. Says which endpoint, which method, what came back.
///
/// Endpoints read `daemon host:port` or `wallet host:port`; they never hold credentials.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The configured URL cannot be used.
    #[error("the URL `{url}` cannot be used: {problem}")]
    InvalidUrl {
        /// The URL, without credentials.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Encrypted connections are not part of this build.
    #[error(
        "the URL `{url}` asks for TLS, which this build does not support; use http:// (or ws://) over a private network, a tunnel or a local proxy"
    )]
    TlsNotSupported {
        /// The URL, without credentials.
        url: String,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client for {endpoint}")]
    ClientSetUp {
        /// Who should have been called.
        endpoint: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// No connection, hence nothing was sent.
    #[error("{endpoint} cannot be reached for {method}")]
    Unreachable {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The deadline passed after the request may have been sent.
    #[error("{endpoint} did not answer {method} within {timeout_ms} ms")]
    TimedOut {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// The deadline.
        timeout_ms: u64,
    },
    /// The connection broke after the request may have been sent.
    #[error("the connection to {endpoint} broke during {method}")]
    ConnectionLost {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// How it broke.
        #[source]
        source: reqwest::Error,
    },
    /// Not the HTTP status of an RPC answer.
    #[error("{endpoint} answered {method} with HTTP status {status}: {answer}")]
    HttpStatus {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// The status.
        status: u16,
        /// What came back, shortened.
        answer: String,
    },
    /// The answer was cut off because nothing legitimate is that long.
    #[error("{endpoint} answered {method} with more than {limit_bytes} bytes")]
    AnswerTooLarge {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// The answer is not what the method promises.
    #[error("{endpoint} answered {method} with something unexpected ({problem}): {answer}")]
    UnexpectedAnswer {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What came back, shortened.
        answer: String,
    },
    /// The endpoint understood and refused.
    #[error("{endpoint} refused {method}: {message} ({kind}, {code})")]
    Rpc {
        /// Who was called.
        endpoint: String,
        /// The RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// Name of the error, `UNSPECIFIED` when the endpoint gave none.
        kind: String,
        /// Text of the error, shortened.
        message: String,
    },
    /// The endpoint is on another network than the pool.
    #[error("{endpoint} is on {found}, the pool is configured for {expected}")]
    WrongNetwork {
        /// Who was called.
        endpoint: String,
        /// The pool's network.
        expected: Network,
        /// The endpoint's network.
        found: Network,
    },
    /// No daemon of the list can be trusted or reached now.
    #[error("no healthy daemon: {}", list_problems(.problems))]
    NoHealthyDaemon {
        /// Each daemon's name and problem, in configured order.
        problems: Vec<(String, String)>,
    },
    /// Another node of the cluster was asked to ask its daemons; that failed there or on the way.
    #[error("{endpoint} gave no answer to {method}: {problem}")]
    OtherNode {
        /// The node that was asked.
        endpoint: String,
        /// The daemon's method.
        method: &'static str,
        /// What went wrong, in words.
        problem: String,
        /// Whether the call may nevertheless have been carried out.
        is_ambiguous: bool,
    },
    /// The wallet built a transaction whose bytes have another hash than it said.
    #[error("{endpoint} named the transaction {claimed}, but its bytes hash to {computed}")]
    BuiltWrongHash {
        /// The wallet.
        endpoint: String,
        /// The wallet's word.
        claimed: crate::hash::Hash,
        /// BLAKE3 of the bytes.
        computed: crate::hash::Hash,
    },
    /// The wallet built a transaction with another nonce than asked for.
    #[error("{endpoint} built a transaction with the nonce {found} instead of {expected}")]
    BuiltWrongNonce {
        /// The wallet.
        endpoint: String,
        /// The nonce asked for.
        expected: u64,
        /// The nonce built.
        found: u64,
    },
    /// The wallet built a transaction of another account.
    #[error("{endpoint} built a transaction that pays from {found} instead of {expected}")]
    BuiltWrongSource {
        /// The wallet.
        endpoint: String,
        /// The wallet's address.
        expected: String,
        /// The paying address.
        found: String,
    },
    /// The wallet built a transaction with other payees than asked for.
    #[error("{endpoint} built a transaction with other transfers than asked for: {problem}")]
    BuiltWrongTransfers {
        /// The wallet.
        endpoint: String,
        /// The first difference.
        problem: String,
    },
}

impl ChainError {
    /// Whether the call may nevertheless have been carried out (time-out, lost answer).
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::TimedOut { .. }
            | Self::ConnectionLost { .. }
            | Self::AnswerTooLarge { .. }
            | Self::UnexpectedAnswer { .. } => true,
            // A proxy or a crashing handler says 5xx after the call may have been passed on.
            Self::HttpStatus { status, .. } => *status < 400 || *status >= 500,
            Self::Rpc { code, .. } => *code == INTERNAL_ERROR,
            Self::OtherNode { is_ambiguous, .. } => *is_ambiguous,
            Self::InvalidUrl { .. }
            | Self::TlsNotSupported { .. }
            | Self::ClientSetUp { .. }
            | Self::Unreachable { .. }
            | Self::WrongNetwork { .. }
            | Self::NoHealthyDaemon { .. }
            | Self::BuiltWrongHash { .. }
            | Self::BuiltWrongNonce { .. }
            | Self::BuiltWrongSource { .. }
            | Self::BuiltWrongTransfers { .. } => false,
        }
    }

    /// The error with everything that caused it, on one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}

fn list_problems(problems: &[(String, String)]) -> String {
    if problems.is_empty() {
        return "none is configured".to_owned();
    }
    let lines: Vec<String> = problems
        .iter()
        .map(|(name, problem)| format!("{name}: {problem}"))
        .collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_node_told_is_as_open_as_it_said() {
        for is_ambiguous in [true, false] {
            let error = ChainError::OtherNode {
                endpoint: "node 2".into(),
                method: "submit_block",
                problem: "busy".into(),
                is_ambiguous,
            };
            assert_eq!(error.is_ambiguous(), is_ambiguous);
            assert_eq!(
                error.with_causes(),
                "node 2 gave no answer to submit_block: busy"
            );
        }
    }
}
