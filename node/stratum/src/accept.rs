//! Taking connections: from the listening socket to a served session.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use raftpool_ledger::Clock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrival::{Arrived, Port};
use crate::connection::{Connection, Times};
use crate::extra_nonce::ExtraNonces;
use crate::limits::{ConnectionLimits, Place, Refused};
use crate::metrics::Metrics;
use crate::miner::Miner;
use crate::protocol;
use crate::session::Pool;

/// Pause after the system refused a connection, for instance for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a last word may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// What listeners and connections share.
pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    pub(crate) limits: Arc<ConnectionLimits>,
    pub(crate) miners: Mutex<HashMap<u64, Arc<Miner>>>,
    pub(crate) extra_nonces: ExtraNonces,
    pub(crate) next_connection: AtomicU64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) times: Times,
    pub(crate) line_bytes_max: usize,
}

/// Takes the connections of one listener.
pub(crate) struct Accept {
    pub(crate) shared: Arc<Shared>,
    pub(crate) port: Arc<Port>,
    pub(crate) connections: TaskTracker,
    pub(crate) drain: CancellationToken,
}

impl Accept {
    pub(crate) async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.drain.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => self.take(stream, remote),
                Err(error) => {
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, remote: SocketAddr) {
        let admitted = self.shared.limits.admit().and_then(|mut place| {
            // A proxy brings many; each is counted once it is known who it is.
            if !self.port.is_proxy(remote) {
                place.claim(remote.ip())?;
            }
            Ok(place)
        });
        match admitted {
            Ok(place) => {
                let (shared, port) = (self.shared.clone(), self.port.clone());
                let serve = shared.receive(port, stream, remote, place, self.drain.clone());
                self.connections.spawn(serve);
            }
            Err(refused) => {
                let farewell = self.shared.refuse(refused, remote);
                if self.port.may_speak_first() {
                    // A fresh socket takes a line at once; if not, nobody waits for it.
                    let _: io::Result<usize> = stream.try_write(&farewell);
                }
            }
        }
    }
}

impl Shared {
    /// Counts a refusal; returns what the miner may be told.
    fn refuse(&self, refused: Refused, remote: SocketAddr) -> bytes::BytesMut {
        let reason = refused.label();
        self.metrics
            .connections_refused
            .with_label_values(&[reason])
            .inc();
        tracing::debug!(%remote, reason, "connection refused");
        let mut line = bytes::BytesMut::new();
        protocol::write_print(&mut line, refused.message());
        line
    }

    async fn receive(
        self: Arc<Self>,
        port: Arc<Port>,
        stream: TcpStream,
        socket: SocketAddr,
        mut place: Place,
        drain: CancellationToken,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(remote = %socket, %error, "set TCP_NODELAY");
        }
        let received = tokio::select! {
            received = port.receive(stream, socket) => received,
            () = drain.cancelled() => Err("drained"),
        };
        let mut arrived = match received {
            Ok(arrived) => arrived,
            Err(reason) => {
                self.metrics.disconnects.with_label_values(&[reason]).inc();
                tracing::debug!(remote = %socket, reason, "connection closed before its first line");
                return;
            }
        };
        if let Err(refused) = place.claim(arrived.remote.ip()) {
            let farewell = self.refuse(refused, arrived.remote);
            let write = arrived.stream.write_all(&farewell);
            let _ = tokio::time::timeout(FAREWELL_TIMEOUT, write).await;
            return;
        }
        let protection = if arrived.is_encrypted { "tls" } else { "plain" };
        self.metrics.arrivals.with_label_values(&[protection]).inc();
        self.serve(arrived, &port, place, drain).await;
    }

    async fn serve(
        self: Arc<Self>,
        arrived: Arrived,
        port: &Port,
        place: Place,
        drain: CancellationToken,
    ) {
        let Arrived { stream, remote, .. } = arrived;
        let number = self.next_connection.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(connection = number, %remote, "connected");
        self.metrics.connections.inc();
        let extra_nonce = self.extra_nonces.of_connection(number);
        let terms = port.terms.clone();
        let (miner, answers) = Miner::new(number, remote, terms, self.clock.now_ms(), extra_nonce);
        self.miners.lock().insert(number, miner.clone());
        // Everything about the connection goes with its task, also when the task panics.
        let guard = Registered {
            shared: self.clone(),
            number,
            _place: place,
        };
        let connection = Connection::new(
            stream,
            self.pool.clone(),
            miner,
            answers,
            self.times,
            self.line_bytes_max,
        );
        let reason = connection.serve(drain).await;
        self.metrics.disconnects.with_label_values(&[reason]).inc();
        tracing::debug!(connection = number, %remote, reason, "disconnected");
        drop(guard);
    }
}

struct Registered {
    shared: Arc<Shared>,
    number: u64,
    _place: Place,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.miners.lock().remove(&self.number);
        self.shared.metrics.connections.dec();
    }
}
