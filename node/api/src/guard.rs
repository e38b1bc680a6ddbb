//! What holds for every request: no body but where one is taken, a deadline, a rate, tags, headers for browsers, a metric.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::app::App;
use crate::problem::{self, Problem};
use crate::rates::Left;
use crate::routes::methods_of;

/// Added to every answer that has not set the header itself.
///
/// Nearly everything served is public. Nothing may be framed, and nothing but the pages
/// (which bring their own policy) runs scripts.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "x-raftpool-index, etag, retry-after, ratelimit, ratelimit-policy",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// Wraps every request.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let allowed_origin = app.origins.allowed(request.headers());
    let known_tags = request.headers().get(header::IF_NONE_MATCH).cloned();
    let mut left = None;
    let methods = route.as_ref().and_then(|route| methods_of(route.as_str()));
    let mut response = if methods.is_none() && has_body(request.headers()) {
        refuse_body()
    } else if is_preflight(&request) && route.is_some() {
        preflight(methods.unwrap_or("GET, HEAD"))
    } else {
        let (left_of_rate, refusal) = rate(&app, &request);
        left = left_of_rate;
        match refusal {
            Some(problem) => problem.into_response(),
            None => answer(&app, request, next).await,
        }
    };
    if let Some(known) = known_tags {
        leave_out_what_is_known(&mut response, &known);
    }
    let headers = response.headers_mut();
    if let Some(left) = left {
        left.write(headers);
    }
    if let Some(origin) = allowed_origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    if !app.origins.are_all() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    for (name, value) in &HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    app.http_metrics
        .observe(route, response.status(), started.elapsed());
    response
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    match tokio::time::timeout(app.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) if changes => Problem::new(
            problem::OUTCOME_UNKNOWN,
            "it took too long; the change may or may not take effect: look before asking again",
        )
        .into_response(),
        Err(_) => Problem::new(
            problem::TOO_SLOW,
            "try again in a second, or ask another node of the pool",
        )
        .into_response(),
    }
}

/// Pages, metrics, health and the paths of miners have limits of their own, or none.
fn rate(app: &App, request: &Request) -> (Option<Left>, Option<Problem>) {
    let is_limited = request.uri().path().starts_with("/api/");
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    match (&app.rates, peer) {
        (Some(rates), Some(ConnectInfo(peer))) if is_limited => {
            let (left, refusal) = rates.count(peer.ip());
            (Some(left), refusal)
        }
        _ => (None, None),
    }
}

/// Whoever has an answer with the same tag is told so, and not given it again.
fn leave_out_what_is_known(response: &mut Response, known: &HeaderValue) {
    let Some(tag) = response.headers().get(header::ETAG) else {
        return;
    };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Ok(tag), Ok(known)) = (tag.to_str(), known.to_str()) else {
        return;
    };
    let is_known =
        known.trim() == "*" || known.split(',').any(|known| opaque(known) == opaque(tag));
    if response.status() == StatusCode::OK && is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_TYPE);
        headers.remove(header::CONTENT_ENCODING);
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    let is_empty = headers
        .get(header::CONTENT_LENGTH)
        .is_none_or(|length| length == "0");
    !is_empty || headers.contains_key(header::TRANSFER_ENCODING)
}

/// The body is never read: the connection ends after the answer.
fn refuse_body() -> Response {
    let problem = Problem::new(
        problem::BODY_NOT_ALLOWED,
        "this path only reads; send GET without a body",
    );
    ([(header::CONNECTION, "close")], problem).into_response()
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// A session is given as a header and never by itself, as a cookie would be, so that any page that
/// may read may also ask for changes.
fn preflight(methods: &'static str) -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*, authorization"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Whose pages may read the answers.
#[derive(Clone)]
pub(crate) struct Origins(Arc<Vec<String>>);

impl Origins {
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Self(Arc::new(origins))
    }

    fn are_all(&self) -> bool {
        self.0.iter().any(|origin| origin == "*")
    }

    /// What is said to a page of the origin that a request names.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.are_all() {
            return Some(HeaderValue::from_static("*"));
        }
        let origin = headers.get(header::ORIGIN)?;
        let is_allowed = self.0.iter().any(|allowed| origin == allowed.as_str());
        is_allowed.then(|| origin.clone())
    }
}
