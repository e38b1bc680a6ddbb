//! Accepting connections within bounds, until it is stopped.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::connections::Connections;
use super::serving::{Patience, end_all, serve};

/// Pause after a failed accept, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of one listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Most open connections; more are closed at once.
    pub(crate) connections_max: usize,
    /// Most open connections of one address.
    pub(crate) connections_per_ip_max: usize,
    /// How long clients are waited for.
    pub(crate) patience: Patience,
    /// Longest time the end waits for requests that are under way.
    pub(crate) shutdown_timeout: Duration,
}

/// A listener that serves. Dropping it ends it at once; [`Listening::shutdown`] ends it gently.
pub(crate) struct Listening {
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Starts to listen and serve. `stop` is what the end is told to everybody with.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(crate) async fn start(
        address: SocketAddr,
        router: Router,
        bounds: Bounds,
        stop: watch::Sender<bool>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, router, bounds, stop.subscribe()));
        Ok(Self {
            local_addr,
            stop,
            accepting,
        })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops listening, lets the requests that are under way finish within the bounds, and ends.
    /// After that nothing here holds on to what the router was made of.
    pub(crate) async fn shutdown(mut self) {
        // The receivers are gone only when the task has ended, which is what is wanted.
        let _ = self.stop.send(true);
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, address = %self.local_addr, "a listener failed");
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves every connection of a listener until `stopped` changes.
async fn accept(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    let limits = Connections::new(bounds.connections_max, bounds.connections_per_ip_max);
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(slot) = limits.admit(peer.ip()) else {
                    tracing::debug!(%peer, "too many connections, closed");
                    continue;
                };
                let serving = serve(
                    stream,
                    Some(peer),
                    router.clone(),
                    bounds.patience,
                    stopped.clone(),
                );
                tasks.spawn(async move {
                    serving.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept an HTTP connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    end_all(tasks, bounds.shutdown_timeout).await;
}
