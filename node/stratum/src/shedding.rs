//! Whom a node that is nearly full still lets in: workers the ledger knows, before new ones.
//!
//! A new worker is told so and can go to another node; one that has worked for the pool finds a
//! place also while strangers come in crowds. Who has to leave when there is none is said in
//! `places`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::SHED;
use crate::metrics::Metrics;
use crate::places::Ticket;
use crate::protocol::Refusal;
use crate::why::Why;

/// Part of the verifiers' queue from which on only known workers are let in.
const BUSY_PARTS: (usize, usize) = (1, 2);

const NEARLY_FULL: &str =
    "the node is nearly full and keeps its last places for known workers, use another node";
const BUSY: &str = "the node checks as many shares as it can and lets only known workers in for now, use another node";

/// How many shares wait for a verifier.
#[derive(Debug, Default)]
pub(crate) struct Load(AtomicUsize);

impl Load {
    pub(crate) fn set(&self, waiting: usize) {
        self.0.store(waiting, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Decides who is let in.
pub(crate) struct Shedding {
    pub(crate) load: Arc<Load>,
    /// Most shares that may wait for a verifier.
    pub(crate) queue_max: usize,
    pub(crate) metrics: Metrics,
}

impl Shedding {
    /// What a worker is told that has to go elsewhere; otherwise it may keep its place.
    pub(crate) fn refusal(&self, is_known: bool, ticket: &Ticket) -> Option<Refusal> {
        let (part, of) = BUSY_PARTS;
        let is_busy = self.load.get().saturating_mul(of) > self.queue_max.saturating_mul(part);
        let (label, message) = if is_busy && !is_known {
            ("verification", BUSY)
        } else if !ticket.settle(is_known) {
            ("connections", NEARLY_FULL)
        } else {
            return None;
        };
        self.metrics.abuse.shed.with_label_values(&[label]).inc();
        let refusal = Refusal::other(message).because(Why::Shed);
        Some(refusal.and_close(SHED))
    }
}
