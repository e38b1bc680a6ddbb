//! The stream of events.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::events::{Topics, open};
use crate::parameters::known::Stream;
use crate::parameters::{Parameters, shorten};
use crate::problem::Problem;
use crate::server::serving::LongAnswer;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What keeps a proxy from collecting events before it passes them on.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A stream of server-sent events: what happens, as it happens.
///
/// The first is `hello`. `blocks` and `payouts` have what happened, in the order of the log: `index`
/// and `change` name an event on every node, and the id is the index up to which everything was told.
/// Whoever comes back with that id, to this node or to another one, gets the rest, nothing twice and
/// nothing never. `pool` (the body of `/api/v1/pool` without `active` and `node`), `nodes` and `miner`
/// say how things are: the newest one counts. `reset` says that something was missed and everything
/// must be asked for anew; `ping` comes after 15 seconds of silence. Changes that no money moves with,
/// such as the signing of a payout, are no events. There is at most one message a second and topic,
/// but for blocks and payouts that change in turn within a second. A stream ends after an hour.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(Stream),
    responses((
        status = 200,
        description = "The stream. The data of each event is JSON: `Hello`, `Reset`, `Ping`, \
            `BlockChanges`, `PayoutChanges`, `At_Pool`, `Nodes` or `MinerNews`",
        body = String,
        content_type = "text/event-stream"
    ))
)]
pub(crate) async fn events(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), Stream::NAMES)?;
    let topics = Topics::read(parameters.text("topics")?.as_deref())?;
    let last_id = match request.headers().get(LAST_EVENT_ID) {
        Some(value) => Some(index_of(value)?),
        None => parameters.number("last_event_id")?,
    };
    if let Some(min_index) = parameters.min_index()? {
        app.reader.wait_for(min_index).await?;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let ip = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    let node_id = app.cluster.leadership().node_id;
    let stream = open(&app.hub, node_id, ip, topics, last_id).await?;
    if let Some(answer) = request.extensions().get::<LongAnswer>() {
        answer.begin();
    }
    let mut response = Sse::new(stream).into_response();
    let headers = response.headers_mut();
    let no_transform = HeaderValue::from_static("no-cache, no-transform");
    headers.insert(header::CACHE_CONTROL, no_transform);
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn index_of(value: &HeaderValue) -> Result<u64, Problem> {
    let text = value.to_str().unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(|| {
        let given = shorten(text);
        let detail = format!("the header Last-Event-ID must be a whole number, is \"{given}\"");
        Problem::parameter("last_event_id", detail)
    })
}
