//! The door for miners that come over HTTP: `/getwork/{address}/{worker}`.
//!
//! The API's HTTP listener belongs to somebody else and may serve before miners are served, so the
//! routes ask for the way in with every request; a listener of our own has the same routes (module
//! `greet`). Everything that can be wrong with a miner is said as HTTP, since the official miner
//! prints only that.
//!
//! The dialect has no password. What stratum miners say in theirs is said in the query instead
//! (`?scheme=solo&d=5000`), which reaches the pool also from the official miner, since that one
//! writes a worker's name into the address as it is. A difficulty may follow the worker's name too.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, Path, Query, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::greet::Seat;
use super::{Shared, StratumServer};
use crate::authorize::Grant;
use crate::getwork::{Session, Socket};
use crate::limits::TOO_MANY_REQUESTS;
use crate::listener::Terms;
use crate::miner::{Miner, Protocol, Visitor};
use crate::protocol::{self, Refusal};
use crate::why::Why;

/// Longest message read: a submission has about 250 bytes.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Written bytes that wait for the miner; jobs have about 400.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Longest worker name, in characters, as at the daemon.
const WORKER_CHARS_MAX: usize = 32;

/// The way in to a running server for miners that come over HTTP.
#[derive(Clone)]
pub struct GetworkDoor {
    pub(super) shared: Arc<Shared>,
    pub(super) connections: TaskTracker,
    pub(super) drain: CancellationToken,
    pub(super) terms: Arc<Terms>,
}

/// What a miner says with its request.
struct Knock<'a> {
    remote: SocketAddr,
    address: &'a str,
    worker: &'a str,
    query: Vec<(String, String)>,
    agent: String,
    /// As far as it is known: the API's listener does not say.
    is_encrypted: bool,
    /// `None`: it has no place yet.
    seat: Option<Seat>,
}

impl StratumServer {
    /// The way in for miners that come over HTTP. It leads nowhere once the server shuts down.
    pub fn getwork_door(&self) -> GetworkDoor {
        GetworkDoor {
            shared: self.shared.clone(),
            connections: self.connections.clone(),
            drain: self.drain.clone(),
            terms: Arc::default(),
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
              query: Result<Query<Vec<(String, String)>>, QueryRejection>,
              seat: Option<Extension<Seat>>,
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
                let (path, query) = match (path, query) {
                    (Ok(Path(path)), Ok(Query(query))) => (path, query),
                    (Err(rejection), _) => return door.malformed(remote, rejection.body_text()),
                    (_, Err(rejection)) => return door.malformed(remote, rejection.body_text()),
                };
                let agent = headers.get(header::USER_AGENT);
                let agent = agent.and_then(|agent| agent.to_str().ok());
                let knock = Knock {
                    remote,
                    address: &path.0,
                    worker: &path.1,
                    query: with_bearer(query, &headers),
                    agent: protocol::clean_agent(agent.unwrap_or("getwork")),
                    is_encrypted: seat.as_ref().is_some_and(|seat| seat.is_encrypted),
                    seat: seat.map(|Extension(seat)| seat),
                };
                door.connect(knock, upgrade)
            }
        };
    Router::new().route("/getwork/{address}/{worker}", get(connect))
}

impl GetworkDoor {
    fn connect(
        self,
        knock: Knock<'_>,
        upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    ) -> Response {
        let remote = knock.remote;
        if !self.shared.limits.may_ask(remote.ip()) {
            let gatekeeper = &self.shared.pool.authorizer.gatekeeper;
            gatekeeper.note_refused_request(remote, Why::TooMany, TOO_MANY_REQUESTS);
            return refuse(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS);
        }
        if knock.worker.chars().count() > WORKER_CHARS_MAX {
            let message = format!("the worker's name has more than {WORKER_CHARS_MAX} characters");
            return self.malformed(remote, message);
        }
        let place = match knock.seat {
            Some(_) => None,
            None => match self.shared.limits.admit_from(remote.ip()) {
                Ok(place) => Some(place),
                Err(refused) => {
                    self.shared.count_refused(remote, refused);
                    return refuse(StatusCode::SERVICE_UNAVAILABLE, refused.message());
                }
            },
        };
        let (worker, password) = knock_login(knock.worker, &knock.query);
        let authorizer = &self.shared.pool.authorizer;
        let ticket = match &place {
            Some(place) => Some(place.ticket().clone()),
            None => knock.seat.as_ref().and_then(Seat::ticket),
        };
        let Some(ticket) = ticket else {
            return refuse(StatusCode::BAD_REQUEST, "one request a connection");
        };
        let visitor = Visitor {
            remote,
            is_encrypted: knock.is_encrypted,
            terms: self.terms.clone(),
            ticket,
        };
        let granted = authorizer.authorize(knock.address, Some(worker), Some(&password), &visitor);
        let grant = match granted {
            Ok(grant) => grant,
            Err(refusal) => {
                authorizer.gatekeeper.note_refusal(remote, &refusal);
                return refuse(status_of(&refusal), refusal.message);
            }
        };
        let upgrade = match upgrade {
            Ok(upgrade) => upgrade,
            Err(rejection) => return rejection.into_response(),
        };
        let Some(place) = place.or_else(|| knock.seat.and_then(|seat| seat.take())) else {
            return refuse(StatusCode::BAD_REQUEST, "one request a connection");
        };
        let agent = knock.agent;
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
                // It has said who it is.
                served
                    .attend(visitor, place, drain, Instant::now(), open)
                    .await;
                drop(token);
            })
    }

    fn malformed(&self, remote: SocketAddr, message: String) -> Response {
        let gatekeeper = &self.shared.pool.authorizer.gatekeeper;
        gatekeeper.note_refused_request(remote, Why::Malformed, &message);
        refuse(StatusCode::BAD_REQUEST, message)
    }

    fn open(
        &self,
        miner: &Arc<Miner>,
        grant: Grant,
        agent: String,
        socket: axum::extract::ws::WebSocket,
    ) -> Socket {
        // A fresh miner has neither.
        let _ = miner.agent.set(agent.into());
        grant.take_effect(miner, Protocol::Getwork);
        Socket::new(socket, Session::new(miner.clone()))
    }
}

/// The worker's name, and what would be the password of a stratum miner.
pub(crate) fn knock_login<'a>(worker: &'a str, query: &[(String, String)]) -> (&'a str, String) {
    let mut parts: Vec<String> = Vec::new();
    let name = match worker.rsplit_once('+') {
        Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            parts.push(format!("d={digits}"));
            name
        }
        _ => worker,
    };
    parts.extend(query.iter().map(|(key, value)| match &**key {
        "password" => value.clone(),
        // What one part of a query says must not pass for another part of a password.
        _ => format!("{key}={value}").replace(',', "?"),
    }));
    (name, parts.join(","))
}

/// The query, and the token of an `Authorization: Bearer` header when the query has none.
fn with_bearer(mut query: Vec<(String, String)>, headers: &HeaderMap) -> Vec<(String, String)> {
    let bearer = || {
        let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    if query.iter().all(|(key, _)| key != "token")
        && let Some(token) = bearer()
    {
        query.push(("token".to_owned(), token.to_owned()));
    }
    query
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
