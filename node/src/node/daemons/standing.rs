//! Which nodes' daemons have answered lately, as this node saw it.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// An answer older than this says nothing about now: two probes in a row got none.
const LATELY: Duration = Duration::from_secs(12);

/// What this node remembers of the others; shared by all that ask them.
#[derive(Default)]
pub(super) struct Standing {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    answered_at: BTreeMap<u64, Instant>,
    /// Whose view of the chain was used last.
    preferred: Option<u64>,
}

impl Standing {
    pub(super) fn note_answer(&self, node_id: u64) {
        let now = Instant::now();
        self.seen.lock().answered_at.insert(node_id, now);
    }

    /// It is not believed again before it has answered again.
    pub(super) fn note_failure(&self, node_id: u64) {
        self.seen.lock().answered_at.remove(&node_id);
    }

    /// The next reads begin there, so that consecutive facts come from the same view of the chain.
    pub(super) fn prefer(&self, node_id: u64) {
        self.seen.lock().preferred = Some(node_id);
    }

    pub(super) fn has_answered_lately(&self, node_id: u64) -> bool {
        self.seen.lock().has_answered_lately(node_id)
    }

    /// In which order the members are asked: those that answered lately before the others, and
    /// among them the preferred one first.
    pub(super) fn in_order(&self, mut members: Vec<u64>) -> Vec<u64> {
        let seen = self.seen.lock();
        members.sort_by_key(|id| {
            let is_other = seen.preferred != Some(*id);
            (!seen.has_answered_lately(*id), is_other, *id)
        });
        members
    }

    /// Forgets all but these.
    pub(super) fn retain(&self, members: &[u64]) {
        let mut seen = self.seen.lock();
        seen.answered_at.retain(|id, _| members.contains(id));
    }
}

impl Seen {
    fn has_answered_lately(&self, node_id: u64) -> bool {
        let answered_at = self.answered_at.get(&node_id);
        answered_at.is_some_and(|instant| instant.elapsed() < LATELY)
    }
}
