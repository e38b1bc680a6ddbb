//! Taking connections: from the listening socket to a served session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Shared;
use crate::arrival::{Arrived, Port};
use crate::limits::{Place, Refused};
use crate::lines::Lines;
use crate::miner::Miner;
use crate::protocol;
use crate::session::Session;

/// Pause after the system refused a connection, for instance for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a last word may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes the connections of one listener.
pub(super) struct Accept {
    pub(super) shared: Arc<Shared>,
    pub(super) port: Arc<Port>,
    pub(super) connections: TaskTracker,
    pub(super) drain: CancellationToken,
}

impl Accept {
    pub(super) async fn run(self, listener: TcpListener) {
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
        let limits = &self.shared.limits;
        // A proxy brings many; each is counted once it is known who it is.
        let admitted = match self.port.is_proxy(remote) {
            true => limits.admit(),
            false => limits.admit_from(remote.ip()),
        };
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
        self.count_refused(remote, refused);
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
        let Arrived { stream, remote, .. } = arrived;
        let line_bytes_max = self.line_bytes_max;
        let open =
            |miner: &Arc<Miner>| Lines::new(stream, Session::new(miner.clone()), line_bytes_max);
        let terms = port.terms.clone();
        self.attend(remote, terms, place, drain, open).await;
    }
}
