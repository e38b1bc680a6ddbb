//! Taking connections: from the listening socket to a served session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Shared;
use super::getwork::GetworkDoor;
use super::greet::Greeter;
use crate::arrival::{Arrived, Port, STOPPING, TOO_SLOW, Unready};
use crate::limits::Place;
use crate::lines::Lines;
use crate::listener::{Encryption, Speaks};
use crate::miner::{Miner, Visitor};
use crate::talk::Talk;

/// Pause after the system refused a connection, for instance for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a last word may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Takes the connections of one listener.
#[derive(Clone)]
pub(super) struct Accept {
    shared: Arc<Shared>,
    port: Arc<Port>,
    /// For the ones who come for a WebSocket.
    greeter: Option<Greeter>,
    connections: TaskTracker,
    drain: CancellationToken,
}

impl Accept {
    pub(super) fn new(
        shared: Arc<Shared>,
        port: Port,
        connections: TaskTracker,
        drain: CancellationToken,
    ) -> Self {
        let greeter = (port.listener.speaks == Speaks::Getwork).then(|| {
            Greeter::new(GetworkDoor {
                shared: shared.clone(),
                connections: connections.clone(),
                drain: drain.clone(),
                terms: port.terms.clone(),
            })
        });
        Self {
            shared,
            port: Arc::new(port),
            greeter,
            connections,
            drain,
        }
    }

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
                self.connections
                    .spawn(self.clone().receive(stream, remote, place));
            }
            Err(refused) => {
                self.shared.count_refused(remote, refused);
                self.send_away(stream, refused.message());
            }
        }
    }

    /// Tells somebody who is not taken why, in its own language where that can be afforded.
    fn send_away(&self, stream: TcpStream, message: String) {
        let may_be_tls = self.port.listener.encryption != Encryption::Plain;
        let Some(leave) = may_be_tls.then(|| self.shared.farewells.begin()).flatten() else {
            return self.port.tell_at_once(&stream, &message);
        };
        let port = self.port.clone();
        self.connections.spawn(async move {
            let told = port.send_away(stream, &message);
            let _ = tokio::time::timeout(FAREWELL_TIMEOUT, told).await;
            drop(leave);
        });
    }

    async fn receive(self, stream: TcpStream, socket: SocketAddr, mut place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(remote = %socket, %error, "set TCP_NODELAY");
        }
        let hello_until = Instant::now() + self.port.hello;
        let ended = async {
            tokio::select! {
                () = tokio::time::sleep_until(hello_until) => Unready::new("hello", TOO_SLOW),
                () = self.drain.cancelled() => Unready::new("drained", STOPPING),
                dismissed = place.ticket().dismissal.wait() => {
                    Unready::new(dismissed.reason, &dismissed.message)
                }
            }
        };
        let received = self.port.receive(stream, socket, ended).await;
        let mut arrived = match received {
            Ok(arrived) => arrived,
            Err(rejected) => {
                // Behind a proxy it is not known yet whose connection this was.
                if !self.port.is_proxy(socket) {
                    self.shared.bans.note_garbage(socket.ip(), rejected.reason);
                }
                self.shared.count_disconnect(socket, rejected.reason);
                return self.port.tell_rejected(rejected).await;
            }
        };
        if let Err(refused) = place.claim(arrived.remote.ip()) {
            self.shared.count_refused(arrived.remote, refused);
            let farewell = self.port.listener.speaks.farewell(&refused.message());
            let write = arrived.stream.write_all(&farewell);
            let _ = tokio::time::timeout(FAREWELL_TIMEOUT, write).await;
            return;
        }
        let protection = if arrived.is_encrypted { "tls" } else { "plain" };
        let metrics = &self.shared.metrics;
        metrics.arrivals.with_label_values(&[protection]).inc();
        match &self.greeter {
            Some(greeter) => {
                let remote = arrived.remote;
                if let Err(reason) = greeter.greet(arrived, place, hello_until).await {
                    self.shared.count_disconnect(remote, reason);
                }
            }
            None => self.talk(arrived, place, hello_until).await,
        }
    }

    async fn talk(self, arrived: Arrived, place: Place, hello_until: Instant) {
        let Arrived {
            stream,
            remote,
            is_encrypted,
        } = arrived;
        let Self {
            shared,
            port,
            drain,
            ..
        } = self;
        let speaks = port.listener.speaks;
        let visitor = Visitor {
            remote,
            is_encrypted,
            terms: port.terms.clone(),
            ticket: place.ticket().clone(),
        };
        let line_bytes_max = shared.line_bytes_max;
        let open = |miner: &Arc<Miner>| {
            Lines::new(stream, Talk::new(miner.clone(), speaks), line_bytes_max)
        };
        shared
            .attend(visitor, place, drain, hello_until, open)
            .await;
    }
}

impl Shared {
    /// Notes the end of a connection that was never served.
    fn count_disconnect(&self, remote: SocketAddr, reason: &'static str) {
        self.metrics.disconnects.with_label_values(&[reason]).inc();
        tracing::debug!(%remote, reason, "connection closed before its first words");
    }
}
