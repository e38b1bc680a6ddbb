//! JSON-RPC 2.0 over HTTP, as the official daemon and wallet speak it.
//!
//! Every call has a deadline and a limit for its answer, and every failure says whether the
//! request may have been carried out. The HTTP status is 200 also for errors.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use reqwest::{Response, Url, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::error::ChainError;

pub(crate) mod endpoint;

/// Far above any legitimate answer: the largest is a transaction of 255 transfers, under 1 MiB.
const ANSWER_SIZE_MAX: usize = 4 * 1024 * 1024;
/// Characters of a foreign answer that go into errors and logs.
const EXCERPT_CHARS: usize = 200;
/// Without an answer to the connection attempt by then, the host is taken for dead.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// Shorter than the idle time after which the daemon closes, so that no request meets a closing connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// What the official software calls an error whose kind got lost on the way.
pub(crate) const UNSPECIFIED: &str = "UNSPECIFIED";

/// User name and password of HTTP Basic authentication. Has no `Debug` on purpose.
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A client for one endpoint.
pub(crate) struct RpcClient {
    http: reqwest::Client,
    url: Url,
    /// `daemon host:port` or `wallet host:port`.
    endpoint: String,
    credentials: Option<Credentials>,
    timeout: Duration,
    next_id: AtomicU64,
}

impl RpcClient {
    /// `role` is `daemon` or `wallet` and becomes part of every error.
    pub(crate) fn new(
        role: &str,
        url: &str,
        credentials: Option<Credentials>,
        timeout: Duration,
    ) -> Result<Self, ChainError> {
        let url = endpoint::http_url(url)?;
        let endpoint = format!("{role} {}", endpoint::authority(&url));
        let http = reqwest::Client::builder()
            // Neither the environment nor the endpoint may send our requests elsewhere.
            .no_proxy()
            .redirect(redirect::Policy::none())
            // Half of the deadline at most, so that a dead host is told apart from a silent one.
            .connect_timeout(CONNECT_TIMEOUT_MAX.min(timeout / 2))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(|source| ChainError::ClientSetUp {
                endpoint: endpoint.clone(),
                source,
            })?;
        Ok(Self {
            http,
            url,
            endpoint,
            credentials,
            timeout,
            next_id: AtomicU64::new(1),
        })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        endpoint::authority(&self.url)
    }

    /// Calls a method and returns its result as it is.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Option<Value>,
    ) -> Result<T, ChainError> {
        self.call_and_read(method, params, |result: T| Ok(result))
            .await
    }

    /// Calls a method and reads its result with `read`, whose error says what is wrong with it.
    pub(crate) async fn call_and_read<T: DeserializeOwned, R>(
        &self,
        method: &'static str,
        params: Option<Value>,
        read: impl FnOnce(T) -> Result<R, String>,
    ) -> Result<R, ChainError> {
        let result = self.request(method, params).await?;
        T::deserialize(&result)
            .map_err(|error| error.to_string())
            .and_then(read)
            .map_err(|problem| self.unexpected(method, problem, &result.to_string()))
    }

    async fn request(
        &self,
        method: &'static str,
        params: Option<Value>,
    ) -> Result<Value, ChainError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut body = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if let Some(params) = params {
            // Methods without parameters refuse even an empty object.
            body["params"] = params;
        }
        let mut request = self
            .http
            .post(self.url.clone())
            .timeout(self.timeout)
            .json(&body);
        if let Some(Credentials { username, password }) = &self.credentials {
            request = request.basic_auth(username, Some(password));
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.failed(method, error))?;
        let status = response.status();
        let answer = self.read_body(method, response).await?;
        if !status.is_success() {
            return Err(ChainError::HttpStatus {
                endpoint: self.endpoint.clone(),
                method,
                status: status.as_u16(),
                answer: excerpt(&String::from_utf8_lossy(&answer)),
            });
        }
        self.unwrap_answer(method, id, &answer)
    }

    async fn read_body(
        &self,
        method: &'static str,
        mut response: Response,
    ) -> Result<Vec<u8>, ChainError> {
        let mut answer = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failed(method, error))?
        {
            if answer.len() + chunk.len() > ANSWER_SIZE_MAX {
                return Err(ChainError::AnswerTooLarge {
                    endpoint: self.endpoint.clone(),
                    method,
                    limit_bytes: ANSWER_SIZE_MAX,
                });
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    fn unwrap_answer(
        &self,
        method: &'static str,
        id: u64,
        answer: &[u8],
    ) -> Result<Value, ChainError> {
        let unexpected =
            |problem: String| self.unexpected(method, problem, &String::from_utf8_lossy(answer));
        let envelope: Envelope =
            serde_json::from_slice(answer).map_err(|error| unexpected(error.to_string()))?;
        if let Some(RpcError {
            code,
            kind,
            message,
        }) = envelope.error
        {
            return Err(ChainError::Rpc {
                endpoint: self.endpoint.clone(),
                method,
                code,
                kind: kind.map_or_else(|| UNSPECIFIED.to_owned(), |kind| excerpt(&kind)),
                message: excerpt(&message),
            });
        }
        if envelope.id != json!(id) {
            return Err(unexpected(format!(
                "it answers request {}, not {id}",
                envelope.id
            )));
        }
        envelope
            .result
            .ok_or_else(|| unexpected("neither result nor error".to_owned()))
    }

    fn failed(&self, method: &'static str, error: reqwest::Error) -> ChainError {
        let endpoint = self.endpoint.clone();
        let source = error.without_url();
        if source.is_connect() {
            ChainError::Unreachable {
                endpoint,
                method,
                source,
            }
        } else if source.is_timeout() {
            let timeout_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            ChainError::TimedOut {
                endpoint,
                method,
                timeout_ms,
            }
        } else {
            ChainError::ConnectionLost {
                endpoint,
                method,
                source,
            }
        }
    }

    fn unexpected(&self, method: &'static str, problem: String, answer: &str) -> ChainError {
        ChainError::UnexpectedAnswer {
            endpoint: self.endpoint.clone(),
            method,
            problem: excerpt(&problem),
            answer: excerpt(answer),
        }
    }
}

impl fmt::Debug for RpcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcClient")
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    id: Value,
    result: Option<Value>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
    kind: Option<String>,
    #[serde(default)]
    message: String,
}

/// Shortens foreign text and defuses its control characters, for errors and logs.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shortened: String = text
        .chars()
        .take(EXCERPT_CHARS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        shortened.push('…');
    }
    shortened
}

#[cfg(test)]
mod tests;
