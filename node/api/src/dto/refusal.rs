//! What a node refused to workers, as only that node knows.

use std::collections::BTreeMap;

use raftpool_ledger::view::reject_reason_name;
use serde::Serialize;
use utoipa::ToSchema;

use crate::facts::RefusedWorkerFacts;

/// Most workers of an answer. Anybody may use anybody's address, so the number has no bound.
const WORKERS_MAX: usize = 100;

/// The answer of `/api/v1/miners/{address}/refusals`: what the answering node has refused to
/// workers of a miner, and no ledger says. It is gone with the process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusals {
    /// The node that answers; each knows its own.
    pub node_id: u64,
    /// Whether all workers are shown; otherwise those that were refused something last.
    pub is_complete: bool,
    /// The workers; the one that was refused something last is first.
    pub items: Vec<RefusedWorker>,
}

/// What was refused to one worker.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedWorker {
    /// Name of the worker, as whoever logged in wrote it.
    pub name: String,
    /// When it was refused something first.
    pub first_at_ms: u64,
    /// When it was refused something last.
    pub last_at_ms: u64,
    /// Refused shares by reason, as long as none was accepted.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Refused logins by reason.
    pub logins: BTreeMap<&'static str, u64>,
    /// What the miner was told last.
    pub last_words: String,
}

impl Refusals {
    pub(crate) fn new(node_id: u64, mut workers: Vec<RefusedWorkerFacts>) -> Self {
        workers.sort_by(|a, b| (b.last_at_ms, &a.worker).cmp(&(a.last_at_ms, &b.worker)));
        Self {
            node_id,
            is_complete: workers.len() <= WORKERS_MAX,
            items: workers
                .into_iter()
                .take(WORKERS_MAX)
                .map(RefusedWorker::from)
                .collect(),
        }
    }
}

impl From<RefusedWorkerFacts> for RefusedWorker {
    fn from(worker: RefusedWorkerFacts) -> Self {
        let rejects = worker.rejects.into_iter();
        Self {
            name: worker.worker,
            first_at_ms: worker.first_at_ms,
            last_at_ms: worker.last_at_ms,
            rejects: rejects
                .map(|(reason, count)| (reject_reason_name(reason), count))
                .collect(),
            logins: worker.logins,
            last_words: worker.last_words,
        }
    }
}
