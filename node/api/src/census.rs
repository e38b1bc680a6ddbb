//! Who works at the moment, counted now and then: it takes a look at every miner, which is too much
//! for every visitor.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use raftpool_ledger::StateError;
use raftpool_ledger::view::{self, LedgerView};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::dto::pool::Active;
use crate::dto::worker::is_active;
use crate::problem::Problem;
use crate::reading::{At, Reader};

/// How long a count is good for.
const REUSE: Duration = Duration::from_secs(10);

/// Miners read at a time.
const CHUNK: usize = 1_000;

/// Most miners of each order that are kept.
pub(crate) const RANKED_MAX: usize = 100;

/// A miner and its speed.
type Row = (view::Miner, u64);

/// What miners are ordered by: speed, work in the window, payments.
const VALUES: [fn(&Row) -> u128; 3] = [
    |row| row.1.into(),
    |row| row.0.window_score,
    |row| row.0.paid_atomic.into(),
];

/// Counts once for all who ask.
#[derive(Default)]
pub(crate) struct Census {
    newest: Mutex<Option<(Instant, Arc<At<Counted>>)>>,
}

/// What was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Who works.
    pub(crate) active: Active,
    /// The fastest miners, with their speed, the fastest first.
    pub(crate) by_hashrate: Vec<Row>,
    /// Those with most work in the window.
    pub(crate) by_window: Vec<Row>,
    /// Those that were paid most.
    pub(crate) by_paid: Vec<Row>,
    /// Score of the whole window.
    pub(crate) window_score: u128,
}

impl Census {
    /// The newest count, at most [`REUSE`] old.
    pub(crate) async fn take(&self, reader: &Reader) -> Result<Arc<At<Counted>>, Problem> {
        let mut newest = self.newest.lock().await;
        if let Some((at, counted)) = &*newest
            && at.elapsed() < REUSE
        {
            return Ok(Arc::clone(counted));
        }
        let counted = Arc::new(reader.read(None, count).await?);
        *newest = Some((Instant::now(), Arc::clone(&counted)));
        Ok(counted)
    }
}

fn count(view: &LedgerView<'_>) -> Result<Counted, StateError> {
    let time_ms = view.time_ms()?;
    let mut counted = Counted {
        active: Active {
            miners: 0,
            workers: 0,
        },
        by_hashrate: Vec::new(),
        by_window: Vec::new(),
        by_paid: Vec::new(),
        window_score: view.totals()?.window_score,
    };
    let mut after: Option<String> = None;
    loop {
        let miners = view.miners(after.as_deref(), CHUNK)?;
        let Some(last) = miners.last() else {
            return Ok(counted);
        };
        after = Some(last.address.clone());
        for miner in miners {
            let hashrate = counted.active.add(view, &miner, time_ms)?;
            counted.rank(view, (miner, hashrate))?;
        }
    }
}

impl Counted {
    /// Takes a miner into the orders of which it is among the first, unless it wants to be in none.
    fn rank(&mut self, view: &LedgerView<'_>, row: Row) -> Result<(), StateError> {
        let orders = [
            &mut self.by_hashrate,
            &mut self.by_window,
            &mut self.by_paid,
        ];
        let places = [0, 1, 2].map(|order| place_in(orders[order], &row, VALUES[order]));
        // That costs a read, and few get this far.
        if places.iter().all(Option::is_none) || view.is_hidden(&row.0.address)? {
            return Ok(());
        }
        for (rows, place) in orders.into_iter().zip(places) {
            if let Some(place) = place {
                rows.insert(place, row.clone());
                rows.truncate(RANKED_MAX);
            }
        }
        Ok(())
    }
}

impl Active {
    /// Counts a miner and its workers; says how fast they are together.
    fn add(
        &mut self,
        view: &LedgerView<'_>,
        miner: &view::Miner,
        time_ms: u64,
    ) -> Result<u64, StateError> {
        if !is_active(miner.last_share_ms, time_ms) {
            return Ok(0);
        }
        self.miners += 1;
        let workers = view.workers(&miner.address, None, usize::MAX)?;
        let active = workers
            .iter()
            .filter(|worker| is_active(worker.last_share_ms, time_ms));
        self.workers += active.count() as u64;
        let speeds = workers.iter().map(|worker| worker.hashrate);
        Ok(speeds.fold(0, u64::saturating_add))
    }
}

/// Where a row stands if it is among the first; of equal ones the one that came first.
fn place_in(rows: &[Row], row: &Row, value: fn(&Row) -> u128) -> Option<usize> {
    let own = value(row);
    let place = rows.partition_point(|other| Reverse(value(other)) <= Reverse(own));
    (own > 0 && place < RANKED_MAX).then_some(place)
}
