//! Accepting connections within bounds, until it is stopped.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

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

/// Serves every connection of a listener until `stopped` changes.
pub(crate) async fn accept(
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
