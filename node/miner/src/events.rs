//! What happens to a miner, for people to read line by line.

use std::fmt;

use raftpool_pow::{Algorithm, Difficulty};

use crate::config::PoolAddress;

/// How much attention a message of the pool asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is not as it should be.
    Warning,
    /// Something failed.
    Error,
    /// For those who look for a fault.
    Debug,
}

/// One thing that happened; `Display` gives a line without a line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MinerEvent {
    /// A connection is tried.
    Connecting {
        /// Where to.
        pool: PoolAddress,
    },
    /// The pool accepted the miner and sent a first job.
    Connected {
        /// Where to.
        pool: PoolAddress,
    },
    /// A connection could not be made, or ended.
    Disconnected {
        /// Where to.
        pool: PoolAddress,
        /// Why, in one sentence.
        reason: String,
    },
    /// Hashing goes on with a new job.
    NewJob {
        /// The pool's name of the job.
        job_id: String,
        /// What is hashed.
        algorithm: Algorithm,
        /// Expected hashes per share.
        difficulty: Difficulty,
    },
    /// The pool credited a share.
    ShareAccepted {
        /// From sending to the answer.
        latency_ms: u64,
    },
    /// The pool refused a share.
    ShareRejected {
        /// The pool's words.
        reason: String,
    },
    /// The pool has something to say.
    PoolMessage {
        /// How serious the pool takes it.
        severity: Severity,
        /// The pool's words.
        text: String,
    },
    /// The pool sent something that makes no sense; it was left aside.
    Ignored {
        /// What, in one sentence.
        what: String,
    },
}

impl fmt::Display for MinerEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MinerEvent::Connecting { pool } => write!(formatter, "connecting to {pool}"),
            MinerEvent::Connected { pool } => write!(formatter, "mining at {pool}"),
            MinerEvent::Disconnected { pool, reason } => write!(formatter, "lost {pool}: {reason}"),
            MinerEvent::NewJob {
                job_id,
                algorithm,
                difficulty,
            } => {
                write!(
                    formatter,
                    "job {job_id}: {algorithm}, difficulty {difficulty}"
                )
            }
            MinerEvent::ShareAccepted { latency_ms } => {
                write!(formatter, "share accepted after {latency_ms} ms")
            }
            MinerEvent::ShareRejected { reason } => write!(formatter, "share rejected: {reason}"),
            MinerEvent::PoolMessage { severity, text } => match severity {
                Severity::Info => write!(formatter, "pool: {text}"),
                Severity::Warning => write!(formatter, "pool warns: {text}"),
                Severity::Error => write!(formatter, "pool error: {text}"),
                Severity::Debug => write!(formatter, "pool debug: {text}"),
            },
            MinerEvent::Ignored { what } => write!(formatter, "ignored: {what}"),
        }
    }
}
