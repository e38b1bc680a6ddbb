//! Whom a node that is nearly full still lets in: workers the ledger knows, before new ones.
//!
//! A new worker is told so and can go to another node; one that has worked for the pool finds a
//! place also while strangers come in crowds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::ConnectionLimits;
use crate::metrics::Metrics;
use crate::protocol::Refusal;
use crate::why::Why;

/// Part of the verifiers' queue from which on only known workers are let in.
const BUSY_PARTS: (usize, usize) = (1, 2);
/// How a connection ends that is shed.
const SHED: &str = "shed";

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
    pub(crate) limits: Arc<ConnectionLimits>,
    /// Connections beyond which only known workers are let in.
    pub(crate) connections_for_all: usize,
    pub(crate) load: Arc<Load>,
    /// Most shares that may wait for a verifier.
    pub(crate) queue_max: usize,
    pub(crate) metrics: Metrics,
}

impl Shedding {
    /// What a worker is told that has to go elsewhere.
    pub(crate) fn refusal(&self, is_known: bool) -> Option<Refusal> {
        if is_known {
            return None;
        }
        let (part, of) = BUSY_PARTS;
        let (label, message) = if self.limits.open() > self.connections_for_all {
            ("connections", NEARLY_FULL)
        } else if self.load.get().saturating_mul(of) > self.queue_max.saturating_mul(part) {
            ("verification", BUSY)
        } else {
            return None;
        };
        self.metrics.abuse.shed.with_label_values(&[label]).inc();
        let refusal = Refusal::other(message).because(Why::Shed);
        Some(refusal.and_close(SHED))
    }
}
