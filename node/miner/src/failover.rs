//! Which pool to mine at: the first that lives, and back to the first when it lives again.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::config::PoolAddress;
use crate::connection::{Connection, ConnectionError};
use crate::events::MinerEvent;
use crate::job::FoundShare;
use crate::session::{End, Return, Session, Shared};

/// A connection that lived this long counts as good even without an accepted share.
const GOOD_AFTER: Duration = Duration::from_secs(60);

/// Mines until the miner shuts down.
pub(crate) async fn mine(shared: &Shared, mut shares: mpsc::Receiver<FoundShare>) {
    let mut failover = Failover {
        shared,
        pool_idx: 0,
        failures: 0,
        connections: 0,
    };
    let mut reached = None;
    while !shared.cancel.is_cancelled() {
        let connection = match reached.take() {
            Some(connection) => connection,
            None => match failover.connect().await {
                Some(connection) => connection,
                None => continue,
            },
        };
        reached = failover.mine_over(connection, &mut shares).await;
    }
    while shares.try_recv().is_ok() {
        shared.counters.count_lost(1);
    }
}

struct Failover<'a> {
    shared: &'a Shared,
    /// The pool in use, or to try next.
    pool_idx: usize,
    /// Attempts and short connections since something good happened.
    failures: u32,
    /// Connections ever tried, which numbers them.
    connections: u64,
}

impl Failover<'_> {
    fn pool(&self) -> &PoolAddress {
        &self.shared.config.pools[self.pool_idx]
    }

    /// Tries the current pool after a pause; goes to the next when that fails.
    async fn connect(&mut self) -> Option<Connection> {
        let pause = self.pause();
        let shared = self.shared;
        let pool = self.pool().clone();
        self.connections += 1;
        let attempt = async {
            sleep(pause).await;
            shared.counters.note_connecting(&pool);
            shared.tell(MinerEvent::Connecting { pool: pool.clone() });
            Connection::open(self.connections, &pool, &shared.config).await
        };
        let result = tokio::select! {
            result = attempt => result,
            () = shared.cancel.cancelled() => return None,
        };
        result.map_err(|error| self.fail(&error)).ok()
    }

    /// Mines over a connection; a connection to the first pool is returned if that lives again.
    async fn mine_over(
        &mut self,
        connection: Connection,
        shares: &mut mpsc::Receiver<FoundShare>,
    ) -> Option<Connection> {
        let shared = self.shared;
        shared.counters.note_connected(&connection.pool);
        shared.tell(MinerEvent::Connected {
            pool: connection.pool.clone(),
        });
        let started = Instant::now();
        let better: Return<'_> = if self.pool_idx == 0 {
            Box::pin(std::future::pending())
        } else {
            Box::pin(reach_first_pool(shared, &mut self.connections))
        };
        let (end, was_credited) = Session::new(shared, connection).run(shares, better).await;
        if was_credited || started.elapsed() >= GOOD_AFTER {
            self.failures = 0;
        }
        match end {
            End::Cancelled => {
                shared.counters.note_disconnected(None);
                None
            }
            End::Lost(error) => {
                self.fail(&error);
                None
            }
            End::Better(connection) => {
                self.pool_idx = 0;
                Some(*connection)
            }
        }
    }

    fn fail(&mut self, error: &ConnectionError) {
        let reason = error.to_string();
        self.shared.counters.note_disconnected(Some(&reason));
        self.shared.tell(MinerEvent::Disconnected {
            pool: self.pool().clone(),
            reason,
        });
        self.failures = self.failures.saturating_add(1);
        self.pool_idx = (self.pool_idx + 1) % self.shared.config.pools.len();
    }

    /// No pause while there are pools left to try, then one that doubles with each round.
    fn pause(&self) -> Duration {
        let timing = self.shared.timing();
        let rounds = self.failures / self.shared.config.pools.len() as u32;
        if rounds == 0 {
            return Duration::ZERO;
        }
        let doubled = timing.backoff_min.saturating_mul(1 << (rounds - 1).min(16));
        spread(
            doubled.min(timing.backoff_max),
            self.shared.config.nonce_seed,
            self.failures,
        )
    }
}

/// Shortens a pause by up to half, differently for each miner, so that thousands that lost the
/// same pool do not come back in the same moment.
fn spread(pause: Duration, seed: u64, failures: u32) -> Duration {
    let mixed = (seed ^ u64::from(failures)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    pause.mul_f64(1.0 - mixed as f64 / f64::from(u32::MAX) / 2.0)
}

/// Tries the first pool now and then until it can be mined at.
async fn reach_first_pool(shared: &Shared, connections: &mut u64) -> Box<Connection> {
    let pool = &shared.config.pools[0];
    loop {
        sleep(shared.timing().return_interval).await;
        *connections += 1;
        match Connection::open(*connections, pool, &shared.config).await {
            Ok(connection) => return Box::new(connection),
            Err(error) => tracing::debug!(%pool, %error, "the first pool is not back"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_between_miners_and_stay_in_bounds() {
        let pause = Duration::from_secs(10);
        let pauses: Vec<Duration> = (0..1000).map(|seed| spread(pause, seed, 3)).collect();
        assert!(
            pauses
                .iter()
                .all(|spread| (pause / 2..=pause).contains(spread))
        );
        let early = pauses
            .iter()
            .filter(|spread| **spread < pause * 3 / 4)
            .count();
        assert!(
            (300..700).contains(&early),
            "{early} of 1000 are in the first half"
        );
    }
}
