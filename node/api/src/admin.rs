//! The operators' side: a listener of its own, on a Unix-domain socket.
//!
//! Who may open the socket is decided by the file system: it belongs to the node's user and has
//! mode 0600, and a peer of any other user but root is closed on. Everything about money that an
//! operator changes is a command of the ledger, with an author and a reason; this is the only part
//! of the crate that proposes. Changes of the members are written into the log by consensus itself.
//!
//! What may surprise: the author is what the client says. The user id of the peer, which nobody
//! can choose, is in the log beside it.

mod backups;
mod bans;
mod books;
mod changes;
mod drain;
mod members;
mod payouts;
mod reconcile;
mod routes;
mod socket;
mod strays;
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use raftpool_ledger::{Clock, Cluster};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::backups::BackupControl;
use crate::bans::LocalBans;
use crate::control::ClusterControl;
use crate::drain::DrainControl;
use crate::issuer::TokenIssuer;
use crate::payouts::PayoutInsight;
use crate::server::serving::{Patience, end_all, serve};
use changes::{Admin, Peer};
use socket::Socket;

pub use socket::AdminError;

/// Most open connections: operators are few.
const CONNECTIONS_MAX: usize = 32;
/// Pause after a failed accept, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest time a shutdown waits for requests that are under way.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
const PATIENCE: Patience = Patience {
    header_timeout: Duration::from_secs(10),
    connection_age_max: Duration::from_secs(300),
};

/// What the admin socket works with.
pub struct AdminParts {
    /// The cluster; read, and proposed to.
    pub cluster: Arc<dyn Cluster>,
    /// Wall-clock time, which goes into the commands.
    pub clock: Arc<dyn Clock>,
    /// The nodes, and the way to change who they are.
    pub control: Arc<dyn ClusterControl>,
    /// Taking this node out of service, and back.
    pub drain: Arc<dyn DrainControl>,
    /// What making tokens takes.
    pub issuer: Arc<dyn TokenIssuer>,
    /// What this node refuses by itself.
    pub bans: Arc<dyn LocalBans>,
    /// What this node's payout duty knows.
    pub payouts: Arc<dyn PayoutInsight>,
    /// Making backups.
    pub backups: Arc<dyn BackupControl>,
}

/// A running admin socket. Dropping it ends it at once and removes the file;
/// [`AdminServer::shutdown`] lets requests that are under way finish before.
pub struct AdminServer {
    path: PathBuf,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl AdminServer {
    /// Makes the socket at `path`, in place of one that a dead process left, and serves it.
    ///
    /// # Errors
    /// When the directory does not exist, the path is too long for a socket, is taken by
    /// something else or by a living process, or cannot be made private.
    pub async fn start(path: &Path, parts: AdminParts) -> Result<Self, AdminError> {
        let socket = Socket::bind(path).await?;
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(socket, Admin::new(parts), stopped));
        tracing::info!(path = %path.display(), "serving the admin socket");
        Ok(Self {
            path: path.into(),
            stop,
            accepting,
        })
    }

    /// Stops listening, lets the requests that are under way finish in time, and removes the
    /// socket's file.
    pub async fn shutdown(mut self) {
        // The receiver is gone only when the task has ended, which is what is wanted.
        let _ = self.stop.send(true);
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "the admin listener failed");
        }
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "remove the admin socket");
        }
    }
}

async fn accept(socket: Socket, admin: Admin, mut stopped: watch::Receiver<bool>) {
    let router = routes::router(admin);
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) if tasks.len() < CONNECTIONS_MAX => {
                let Some(peer) = admitted(&stream, &socket) else {
                    continue;
                };
                let router = router.clone().layer(Extension(peer));
                tasks.spawn(serve(stream, None, router, PATIENCE, stopped.clone()));
            }
            Ok(_) => tracing::warn!("too many connections to the admin socket, closed"),
            Err(error) => {
                tracing::warn!(%error, "accept a connection to the admin socket");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(socket);
    end_all(tasks, SHUTDOWN_TIMEOUT).await;
}

/// Lets in the socket's owner and root. The file's mode says the same, but only from the moment
/// it is set, which is after the socket can be connected to.
fn admitted(stream: &UnixStream, socket: &Socket) -> Option<Peer> {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == 0 || peer.uid() == socket.owner_id => {
            Some(Peer { uid: peer.uid() })
        }
        Ok(peer) => {
            let uid = peer.uid();
            tracing::warn!(uid, "a stranger at the admin socket, closed");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "ask who is at the admin socket");
            None
        }
    }
}
