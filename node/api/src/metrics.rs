//! Prometheus text: what the ledger says at the moment of the scrape, and counts of requests.

mod collector;
mod lateness;
mod network;
mod reserve;

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

use crate::app::App;
use crate::problem::Problem;
use crate::reading::Reader;

pub(crate) use collector::PoolCollector;

/// Bounds of the request histogram in seconds: a read from memory to the deadline.
const DURATION_BUCKETS: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// Counts of requests by route template, never by path: addresses must not become labels.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl HttpMetrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "raftpool_http_requests_total",
                "Requests answered, by route and status.",
            ),
            &["route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "raftpool_http_request_seconds",
                "Time until the answer is ready.",
            )
            .buckets(DURATION_BUCKETS.to_vec()),
            &["route"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { requests, seconds })
    }

    /// Counts one answer.
    pub(crate) fn observe(&self, route: &str, status: StatusCode, elapsed: Duration) {
        self.requests
            .with_label_values(&[route, status_class(status)])
            .inc();
        self.seconds
            .with_label_values(&[route])
            .observe(elapsed.as_secs_f64());
    }
}

/// `GET /metrics`
pub(crate) async fn show(State(app): State<App>) -> Result<Response, Problem> {
    text_of(&app.reader, app.registry).await
}

/// Every metric, as Prometheus reads them.
pub(crate) async fn text_of(reader: &Reader, registry: Registry) -> Result<Response, Problem> {
    // Collectors read the ledger and therefore the disk: off the network runtime.
    let text = reader.run(move || encode(&registry)).await?;
    let text = text.map_err(|error| {
        tracing::error!(%error, "encode the metrics");
        Problem::new(
            crate::problem::LEDGER_UNREADABLE,
            "the metrics could not be encoded",
        )
    })?;
    let content_type = HeaderValue::from_static(prometheus::TEXT_FORMAT);
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

fn encode(registry: &Registry) -> Result<Vec<u8>, prometheus::Error> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
