//! One connection from its first byte to its last, whatever it runs over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes a connection buffers; the head of a request must fit.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// How long a connection that has reached its age may take to finish its request.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Says that the answer to a request goes on for as long as its client listens: then the age of the
/// connection does not end it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LongAnswer(Arc<AtomicBool>);

impl LongAnswer {
    /// From now on the answer decides when it ends.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Longest time it may take to send the head of a request.
    pub(crate) header_timeout: Duration,
    /// Longest life of its connection; it is closed after the request it is in.
    pub(crate) connection_age_max: Duration,
}

/// Serves one connection until it ends, is upgraded, is too old, or `stopped` changes. Handlers
/// find `peer`, where there is one, as `ConnectInfo`.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Option<SocketAddr>,
    router: Router,
    patience: Patience,
    mut stopped: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let long_answer = LongAnswer::default();
    let mark = long_answer.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        request.extensions_mut().insert(mark.clone());
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.header_timeout)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let age = tokio::time::sleep(patience.connection_age_max);
    tokio::select! {
        // A client that breaks off or sends nonsense is its own affair.
        _ = connection.as_mut() => {}
        () = age => {
            connection.as_mut().graceful_shutdown();
            if long_answer.is_begun() {
                // It ends by itself, when the server stops at the latest.
                let _ = connection.await;
            } else {
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection).await;
            }
        }
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Waits for connections that were told to end, and cuts those that do not in time.
pub(crate) async fn end_all(mut connections: JoinSet<()>, timeout: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(timeout, all_ended).await.is_err() {
        // Waits until the cut connections have let go of what they served from.
        connections.shutdown().await;
    }
}
