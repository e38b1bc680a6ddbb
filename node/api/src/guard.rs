//! What holds for every request: no body, a deadline, headers for browsers, and a metric.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::app::App;
use crate::problem::{self, Problem};

/// Added to every answer that has not set the header itself.
///
/// Everything served is public and read-only, so any site may read it; nothing may be framed,
/// and nothing but the page at `/` (which brings its own policy) runs scripts.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    ),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-raftpool-index"),
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
    let mut response = if has_body(request.headers()) {
        refuse_body()
    } else if is_preflight(&request) && route.is_some() {
        preflight()
    } else {
        match tokio::time::timeout(app.request_timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(
                problem::TOO_SLOW,
                "try again in a second, or ask another node of the pool",
            )
            .into_response(),
        }
    };
    for (name, value) in &HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert_with(|| value.clone());
    }
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    app.http_metrics
        .observe(route, response.status(), started.elapsed());
    response
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
        "this API only reads; send GET without a body",
    );
    ([(header::CONNECTION, "close")], problem).into_response()
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
