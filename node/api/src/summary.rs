//! The pool as a whole, kept for all who ask: a page asks for it whenever something happens.
//!
//! Nothing of the ledger changes without its index, so that what was read at an index is good as long
//! as that is the newest one. Who waits to be paid is not counted again with every share, because that
//! takes a look at each of them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftpool_ledger::StateError;
use raftpool_ledger::view::LedgerView;
use tokio::time::Instant;

use crate::dto::pool::{PayoutQueue, Pool};

/// How long a count of who waits to be paid is good for while the ledger goes on.
const QUEUE_REUSE: Duration = Duration::from_secs(1);

/// What was read last.
#[derive(Default)]
pub(crate) struct PoolKept {
    newest: Mutex<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    index: u64,
    pool: Pool,
    queue_counted: Instant,
}

impl PoolKept {
    /// The pool as of the view, with a count of who waits to be paid that is of `min_index` or newer.
    pub(crate) fn read(
        &self,
        view: &LedgerView<'_>,
        min_index: Option<u64>,
    ) -> Result<Pool, StateError> {
        let index = view.index()?;
        let kept = self.newest().clone();
        let kept = kept.filter(|kept| kept.is_queue_good(index, min_index));
        let (queue, queue_counted) = match kept {
            Some(kept) if kept.index == index => return Ok(kept.pool),
            Some(kept) => (kept.pool.payouts.queue, kept.queue_counted),
            None => (PayoutQueue::read(view)?, Instant::now()),
        };
        let pool = Pool::with_queue(view, queue)?;
        *self.newest() = Some(Kept {
            index,
            pool: pool.clone(),
            queue_counted,
        });
        Ok(pool)
    }

    fn newest(&self) -> MutexGuard<'_, Option<Kept>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_queue_good(&self, index: u64, min_index: Option<u64>) -> bool {
        let counted_at = self.pool.payouts.queue.index;
        let is_new = self.queue_counted.elapsed() < QUEUE_REUSE;
        // A count of a later moment would be the future of this view.
        let is_of_view = counted_at == index;
        is_of_view || (is_new && counted_at < index && counted_at >= min_index.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
