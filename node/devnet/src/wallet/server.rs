//! The wallet's HTTP route, behind Basic authentication.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::Wallet;
use crate::{net::Connection, rpc::answer_http};

/// Largest body of a request, in bytes.
const BODY_LIMIT_BYTES: usize = 256 * 1_024;

/// Everything one wallet serves.
pub(crate) fn router(wallet: Arc<Wallet>) -> Router {
    Router::new()
        .route("/json_rpc", post(answer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(wallet)
}

async fn answer(
    State(wallet): State<Arc<Wallet>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_authorized(&wallet, &headers) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"wallet\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    answer_http(&*wallet, &connection, &body).await
}

fn is_authorized(wallet: &Wallet, headers: &HeaderMap) -> bool {
    let expected = format!("{}:{}", wallet.username, wallet.password);
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .is_some_and(|credentials| credentials == expected.as_bytes())
}
