//! Answers over HTTP.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Outcome, Service, process};
use crate::net::Connection;

/// Carries out the request in an HTTP body.
pub(crate) async fn answer_http<S: Service>(
    service: &S,
    connection: &Connection,
    body: &[u8],
) -> Response {
    match process(service, body).await {
        Outcome::Answer(None) => StatusCode::OK.into_response(),
        Outcome::Answer(Some(answer)) => (
            [(header::CONTENT_TYPE, "application/json")],
            answer.to_string(),
        )
            .into_response(),
        Outcome::Http500 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Outcome::Broken => {
            connection.break_off();
            std::future::pending().await
        }
        Outcome::Silent => std::future::pending().await,
    }
}
