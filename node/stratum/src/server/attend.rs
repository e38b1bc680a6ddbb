//! A connection among all others: counted and visible for as long as it is served, whatever is
//! spoken over it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::connection::Connection;
use crate::dialect::Dialect;
use crate::limits::{Place, Refused};
use crate::miner::{Miner, Visitor};

/// How a connection ends whose task ends without saying why.
const PANICKED: &str = "panic";

impl Shared {
    /// Notes that a connection is not taken.
    pub(super) fn count_refused(&self, remote: SocketAddr, refused: Refused) {
        self.metrics
            .connections_refused
            .with_label_values(&[refused.label()])
            .inc();
        if matches!(refused, Refused::Banned { .. }) {
            self.metrics
                .abuse
                .banned_refusals
                .with_label_values(&["ip"])
                .inc();
        }
        tracing::debug!(%remote, reason = refused.label(), "connection refused");
    }

    /// Serves one connection to its end; `open` makes the dialect of its miner, who has until
    /// `hello_until` to say who it is.
    pub(super) async fn attend<D: Dialect>(
        self: Arc<Self>,
        visitor: Visitor,
        place: Place,
        drain: CancellationToken,
        hello_until: Instant,
        open: impl FnOnce(&Arc<Miner>) -> D,
    ) {
        let number = self.pool.extra_nonces.draw();
        tracing::debug!(connection = number, remote = %visitor.remote, "connected");
        self.metrics.connections.inc();
        let extra_nonce = self.pool.extra_nonces.numbered(number);
        let remote = visitor.remote;
        let (miner, answers) = Miner::new(number, visitor, self.clock.now_ms(), extra_nonce);
        self.miners.lock().insert(number, miner.clone());
        // Everything about the connection goes with its task, also when the task panics.
        let mut guard = Registered {
            shared: self.clone(),
            miner: miner.clone(),
            reason: PANICKED,
            _place: place,
        };
        let dialect = open(&miner);
        let connection = Connection::new(
            dialect,
            self.pool.clone(),
            miner,
            answers,
            self.times,
            hello_until,
        );
        guard.reason = connection.serve(drain).await;
        if guard.miner.account.get().is_none() {
            self.bans.note_garbage(remote.ip(), guard.reason);
        }
    }
}

struct Registered {
    shared: Arc<Shared>,
    miner: Arc<Miner>,
    /// Why the connection ends.
    reason: &'static str,
    _place: Place,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let Self {
            shared,
            miner,
            reason,
            ..
        } = self;
        shared.miners.lock().remove(&miner.id);
        shared.bans.note_left(miner);
        shared.metrics.connections.dec();
        let ended = &shared.metrics.disconnects;
        ended.with_label_values(&[*reason]).inc();
        if *reason == PANICKED {
            tracing::error!(connection = miner.id, remote = %miner.visitor.remote, "a connection's task panicked");
        } else {
            tracing::debug!(connection = miner.id, remote = %miner.visitor.remote, reason, "disconnected");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::dialect::Next;
    use crate::jobs::Job;
    use crate::miner::Answer;
    use crate::pool::Pool;
    use crate::testing;

    /// A dialect that is ready at once and panics at its first input.
    struct Broken;

    impl Dialect for Broken {
        type Input = ();

        fn is_ready(&self) -> bool {
            true
        }
        async fn read(&mut self) {}
        fn take(&mut self, (): (), _: &Pool) -> Next {
            panic!("made to panic by the test");
        }
        fn answer(&mut self, _: Answer) {}
        fn job(&mut self, _: &Arc<Job>, _: &Pool) {}
        fn ping(&mut self) {}
        fn last_word(&mut self, _: &str) {}
        async fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
        async fn close(&mut self, _: &'static str) {}
    }

    #[tokio::test]
    async fn a_connection_whose_task_panics_leaves_nothing_behind() {
        let server = testing::server().await;
        let shared = server.shared.clone();
        let place = shared
            .limits
            .admit_from([127, 0, 0, 1].into())
            .ok()
            .unwrap();
        let (drain, now) = (CancellationToken::new(), Instant::now());
        let served = shared
            .clone()
            .attend(testing::visitor(), place, drain, now, |_| Broken);
        assert!(tokio::spawn(served).await.unwrap_err().is_panic());
        let metrics = &shared.metrics;
        assert_eq!((metrics.workers.get(), metrics.connections.get()), (0, 0));
        assert_eq!(shared.limits.open(), 0);
        assert!(shared.miners.lock().is_empty());
        let ended = metrics.disconnects.with_label_values(&[PANICKED]).get();
        assert_eq!(ended, 1);
    }
}
