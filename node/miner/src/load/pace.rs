//! When connections may be made: at a rate, or so many at a time.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Gives out turns.
pub(super) struct Pace {
    /// Time between two, and when the next is due.
    rate: Option<(Duration, Mutex<Instant>)>,
    at_a_time: Semaphore,
}

/// The right to connect now.
pub(super) struct Turn<'a> {
    /// When it should have begun: what a connection takes is measured from here, so that a slow
    /// pool cannot hide behind connections that were not tried.
    pub(super) due: Instant,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Pace {
    pub(super) fn new(per_second: Option<f64>, at_a_time: usize) -> Self {
        let rate = per_second.map(|rate| {
            let gap = Duration::from_secs_f64(1.0 / rate);
            (gap, Mutex::new(Instant::now()))
        });
        Self {
            rate,
            at_a_time: Semaphore::new(at_a_time),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let Some((gap, next)) = &self.rate else {
            // The semaphore is never closed.
            let permit = self.at_a_time.acquire().await.ok();
            return Turn {
                due: Instant::now(),
                _permit: permit,
            };
        };
        let due = {
            let mut next = next.lock();
            // Turns nobody wanted are not made up for.
            let due = (*next).max(Instant::now());
            *next = due + *gap;
            due
        };
        tokio::time::sleep_until(due).await;
        Turn { due, _permit: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_the_rate_and_unwanted_ones_are_not_made_up_for() {
        let pace = Pace::new(Some(10.0), 1);
        let start = Instant::now();
        for turn in 0..5 {
            let due = pace.turn().await.due;
            assert_eq!(due - start, turn * Duration::from_millis(100));
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        let first = pace.turn().await.due;
        assert_eq!(pace.turn().await.due - first, Duration::from_millis(100));
    }
}
