//! A connection among all others: counted and visible for as long as it is served, whatever is
//! spoken over it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::connection::{Connection, Times};
use crate::dialect::Dialect;
use crate::limits::{Place, Refused};
use crate::listener::Terms;
use crate::miner::Miner;

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

    /// Serves one connection to its end; `open` makes the dialect of its miner.
    pub(super) async fn attend<D: Dialect>(
        self: Arc<Self>,
        remote: SocketAddr,
        terms: Arc<Terms>,
        place: Place,
        drain: CancellationToken,
        times: Times,
        open: impl FnOnce(&Arc<Miner>) -> D,
    ) {
        let number = self.pool.extra_nonces.draw();
        tracing::debug!(connection = number, %remote, "connected");
        self.metrics.connections.inc();
        let extra_nonce = self.pool.extra_nonces.numbered(number);
        let (miner, answers) = Miner::new(number, remote, terms, self.clock.now_ms(), extra_nonce);
        self.miners.lock().insert(number, miner.clone());
        // Everything about the connection goes with its task, also when the task panics.
        let guard = Registered {
            shared: self.clone(),
            miner: miner.clone(),
            _place: place,
        };
        let dialect = open(&miner);
        let connection = Connection::new(dialect, self.pool.clone(), miner, answers, times);
        let reason = connection.serve(drain).await;
        if guard.miner.account.get().is_none() {
            self.bans.note_garbage(remote.ip(), reason);
        }
        self.metrics.disconnects.with_label_values(&[reason]).inc();
        tracing::debug!(connection = number, %remote, reason, "disconnected");
        drop(guard);
    }
}

struct Registered {
    shared: Arc<Shared>,
    miner: Arc<Miner>,
    _place: Place,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.miners.lock().remove(&self.miner.id);
        self.shared.bans.note_left(&self.miner);
        self.shared.metrics.connections.dec();
    }
}
