//! HTTP on a listener of miners, as much of it as leads to a WebSocket: one request a connection,
//! within the hello time-out. On the API's listener somebody else does this.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, StatusCode, header};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::getwork::{GetworkDoor, getwork_router};
use crate::arrival::Arrived;
use crate::limits::Place;
use crate::places::Ticket;

/// Bytes a connection buffers; the head of its request must fit.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The place of a connection whose request is still to come.
#[derive(Clone)]
pub(super) struct Seat {
    place: Arc<Mutex<Option<Place>>>,
    pub(super) is_encrypted: bool,
}

impl Seat {
    /// The place, for the one who is served on it.
    pub(super) fn take(&self) -> Option<Place> {
        self.place.lock().take()
    }

    /// The claim to the place, as long as nobody is served on it.
    pub(super) fn ticket(&self) -> Option<Arc<Ticket>> {
        let place = self.place.lock();
        place.as_ref().map(|place| place.ticket().clone())
    }

    fn is_taken(&self) -> bool {
        self.place.lock().is_none()
    }
}

/// Brings the miners of one listener to their WebSockets.
#[derive(Clone)]
pub(super) struct Greeter {
    router: Router,
    drain: CancellationToken,
}

impl Greeter {
    pub(super) fn new(door: GetworkDoor) -> Self {
        Self {
            drain: door.drain.clone(),
            router: getwork_router(move || Some(door.clone())),
        }
    }

    /// Serves one request, which has to come in time. A WebSocket that comes of it is served on, and counted, by itself.
    ///
    /// # Errors
    /// Why there is none: one of a small set of words.
    pub(super) async fn greet(
        &self,
        arrived: Arrived,
        place: Place,
        until: Instant,
    ) -> Result<(), &'static str> {
        let Arrived {
            stream,
            remote,
            is_encrypted,
        } = arrived;
        let ticket = place.ticket().clone();
        let seat = Seat {
            place: Arc::new(Mutex::new(Some(place))),
            is_encrypted,
        };
        let router = TowerToHyperService::new(self.router.clone());
        let taken = seat.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(remote));
            request.extensions_mut().insert(taken.clone());
            let answered = router.call(request);
            async move {
                let mut answer = answered.await?;
                if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::select! {
            // What a stranger breaks off or sends amiss is told by the place that is left.
            served = tokio::time::timeout_at(until, connection) => {
                served.map_err(|_| "hello").map(|_| ())?;
            }
            () = self.drain.cancelled() => return Err("drained"),
            // Before its request there is nobody to tell in HTTP.
            dismissed = ticket.dismissal.wait(), if !seat.is_taken() => {
                return Err(dismissed.reason);
            }
        }
        match seat.is_taken() {
            true => Ok(()),
            false => Err("no_websocket"),
        }
    }
}
