//! Letting miners go while the server goes on: for a node that is drained and may be used again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::{Shared, StratumServer};
use crate::limits::DRAINED;
use crate::miner::Miner;

/// Between two looks at who is to go.
const TICK: Duration = Duration::from_millis(50);

/// The way out of a running server. It is to be given up before the server is shut down.
#[derive(Clone)]
pub struct MinersExit {
    shared: Arc<Shared>,
}

impl StratumServer {
    /// The way out for miners.
    pub fn exit(&self) -> MinersExit {
        MinersExit {
            shared: self.shared.clone(),
        }
    }
}

impl MinersExit {
    /// From now on whoever comes is told to use another node. Miners that are connected go on.
    pub fn close(&self) {
        self.shared.limits.set_drained(true);
    }

    /// Lets miners in again.
    pub fn open(&self) {
        self.shared.limits.set_drained(false);
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.shared.limits.open()
    }

    /// Has every connection answer what is under way, say why, and close: one after the other,
    /// evenly over a time, so that the other nodes are not stormed. Ends when all are gone, which
    /// for the last ones takes as long as what they have under way.
    ///
    /// No miner is told where to go: none that is known understands such a hint, and each has the
    /// pool's name or a list of pools to come back to.
    pub async fn let_go(&self, over: Duration) {
        let started = Instant::now();
        let mut staying: VecDeque<_> = self.miners().into();
        let all = staying.len();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let due = due_of(all, started.elapsed(), over);
            while all - staying.len() < due
                && let Some(miner) = staying.pop_front()
            {
                dismiss(&miner);
            }
            if !staying.is_empty() {
                continue;
            }
            // Some were on their way in when the server closed.
            self.miners().iter().for_each(|miner| dismiss(miner));
            if self.connections() == 0 {
                return;
            }
        }
    }

    /// Every connection, in order of connecting.
    fn miners(&self) -> Vec<Arc<Miner>> {
        let mut miners: Vec<_> = self.shared.miners.lock().values().cloned().collect();
        miners.sort_unstable_by_key(|miner| miner.id);
        miners
    }
}

fn dismiss(miner: &Miner) {
    miner.dismissal().dismiss("drained", DRAINED.to_owned());
}

/// How many of `all` must have been told to go after some time.
fn due_of(all: usize, elapsed: Duration, over: Duration) -> usize {
    if elapsed >= over {
        return all;
    }
    // The first one goes at once.
    let part = elapsed.as_secs_f64() / over.as_secs_f64();
    ((all as f64 * part) as usize + 1).min(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn miners_go_evenly_over_the_time() {
        let over = Duration::from_secs(100);
        let due = |all, seconds| due_of(all, Duration::from_secs(seconds), over);
        assert_eq!((due(0, 0), due(10, 0)), (0, 1));
        assert_eq!((due(10, 50), due(10, 99), due(10, 100)), (6, 10, 10));
        assert_eq!(due_of(10, Duration::ZERO, Duration::ZERO), 10);
    }
}
