//! The door for miners that come over HTTP: `/getwork/{address}/{worker}`.
//!
//! The HTTP listener belongs to somebody else and may serve before miners are served, so the
//! routes ask for the way in with every request. Everything that can be wrong with a miner is
//! said as HTTP, since the official miner prints only that.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Path, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Shared, StratumServer};
use crate::authorize::Grant;
use crate::getwork::{Session, Socket};
use crate::listener::Terms;
use crate::protocol::{self, Refusal};

/// Longest message read: a submission has about 250 bytes.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Written bytes that wait for the miner; jobs have about 400.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Longest worker name, in characters, as at the daemon.
const WORKER_CHARS_MAX: usize = 32;

/// The way in to a running server for miners that come over HTTP.
#[derive(Clone)]
pub struct GetworkDoor {
    shared: Arc<Shared>,
    connections: TaskTracker,
    drain: CancellationToken,
}

impl StratumServer {
    /// The way in for miners that come over HTTP. It leads nowhere once the server shuts down.
    pub fn getwork_door(&self) -> GetworkDoor {
        GetworkDoor {
            shared: self.shared.clone(),
            connections: self.connections.clone(),
            drain: self.drain.clone(),
        }
    }
}

/// The routes of the getwork dialect. `find` gives the way in, or `None` while miners are not
/// served. They need the remote address as `ConnectInfo<SocketAddr>`, and connections that can be
/// upgraded.
pub fn getwork_router(
    find: impl Fn() -> Option<GetworkDoor> + Clone + Send + Sync + 'static,
) -> Router {
    let connect =
        move |ConnectInfo(remote): ConnectInfo<SocketAddr>,
              path: Result<Path<(String, String)>, PathRejection>,
              headers: HeaderMap,
              upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>| {
            let door = find().filter(|door| !door.drain.is_cancelled());
            async move {
                let Some(door) = door else {
                    return refuse(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "this node does not serve miners at present, use another one",
                    );
                };
                match path {
                    Ok(Path((address, worker))) => {
                        let agent = headers.get(header::USER_AGENT);
                        let agent = agent.and_then(|agent| agent.to_str().ok());
                        let agent = protocol::clean_agent(agent.unwrap_or("getwork"));
                        door.connect(remote, &address, &worker, agent, upgrade)
                    }
                    Err(rejection) => refuse(StatusCode::BAD_REQUEST, rejection.body_text()),
                }
            }
        };
    Router::new().route("/getwork/{address}/{worker}", get(connect))
}

impl GetworkDoor {
    fn connect(
        self,
        remote: SocketAddr,
        address: &str,
        worker: &str,
        agent: String,
        upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    ) -> Response {
        if worker.chars().count() > WORKER_CHARS_MAX {
            let message = format!("the worker's name has more than {WORKER_CHARS_MAX} characters");
            return refuse(StatusCode::BAD_REQUEST, message);
        }
        let place = match self.shared.limits.admit_from(remote.ip()) {
            Ok(place) => place,
            Err(refused) => {
                self.shared.count_refused(remote, refused);
                return refuse(StatusCode::SERVICE_UNAVAILABLE, refused.message());
            }
        };
        let authorizer = &self.shared.pool.authorizer;
        let terms = Arc::<Terms>::default();
        let grant = match authorizer.authorize(address, Some(worker), None, &terms) {
            Ok(grant) => grant,
            Err(refusal) => return refuse(status_of(&refusal), refusal.message),
        };
        let upgrade = match upgrade {
            Ok(upgrade) => upgrade,
            Err(rejection) => return rejection.into_response(),
        };
        // Counted from now on, so that a shutdown waits for it.
        let token = self.connections.token();
        upgrade
            .max_message_size(MESSAGE_BYTES_MAX)
            .max_frame_size(MESSAGE_BYTES_MAX)
            .read_buffer_size(MESSAGE_BYTES_MAX)
            .write_buffer_size(MESSAGE_BYTES_MAX)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .on_upgrade(move |socket| async move {
                let open = |miner: &Arc<_>| self.open(miner, grant, agent, socket);
                let served = self.shared.clone();
                let drain = self.drain.clone();
                served.attend(remote, terms, place, drain, open).await;
                drop(token);
            })
    }

    fn open(
        &self,
        miner: &Arc<crate::miner::Miner>,
        grant: Grant,
        agent: String,
        socket: axum::extract::ws::WebSocket,
    ) -> Socket {
        // A fresh miner has neither.
        let _ = miner.agent.set(agent.into());
        grant.take_effect(miner);
        let extra_nonces = self.shared.extra_nonces.clone();
        Socket::new(socket, Session::new(miner.clone(), extra_nonces))
    }
}

/// What is the miner's fault is not worth trying again.
fn status_of(refusal: &Refusal) -> StatusCode {
    if refusal.is_unauthorized() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn refuse(status: StatusCode, reason: impl Into<String>) -> Response {
    (status, reason.into()).into_response()
}
