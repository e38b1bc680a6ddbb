//! From the bytes of a request to the value of an answer, faults included.

use serde_json::{Value, json};

use super::{Params, RpcError, Service};
use crate::faults::FaultKind;

/// Most calls in one batch.
const BATCH_LIMIT: usize = 20;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// An answer; empty for calls without id.
    Answer(Option<Value>),
    /// The connection breaks.
    Broken,
    /// No answer ever.
    Silent,
    /// HTTP status 500.
    Http500,
}

/// What becomes of one call.
pub(crate) type Reply = Result<Result<Value, RpcError>, Outcome>;

/// A well-formed call.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: Value,
    pub(crate) method: String,
    pub(crate) params: Params,
}

/// Carries out a request or a batch of them.
pub(crate) async fn process<S: Service>(service: &S, body: &[u8]) -> Outcome {
    let answer_body_error = || Outcome::Answer(Some(RpcError::body().to_json(&Value::Null)));
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return answer_body_error();
    };
    let Value::Array(batch) = body else {
        return match process_one(service, body).await {
            Ok(answer) => Outcome::Answer(answer),
            Err(fault) => fault,
        };
    };
    if batch.len() > BATCH_LIMIT {
        return Outcome::Answer(Some(
            RpcError::batch_limit(BATCH_LIMIT).to_json(&Value::Null),
        ));
    }
    let mut answers = Vec::with_capacity(batch.len());
    for request in batch {
        match process_one(service, request).await {
            Ok(answer) => answers.extend(answer),
            Err(fault) => return fault,
        }
    }
    Outcome::Answer(Some(Value::Array(answers)))
}

/// Checks the shape of a request; the error is the complete answer.
pub(crate) fn read_request(request: Value) -> Result<Request, Value> {
    let Value::Object(mut fields) = request else {
        return Err(RpcError::body().to_json(&Value::Null));
    };
    let id = fields.remove("id").unwrap_or(Value::Null);
    if !(id.is_null() || id.is_string() || id.is_u64()) {
        return Err(RpcError::body().to_json(&Value::Null));
    }
    match fields.get("jsonrpc").and_then(Value::as_str) {
        None => return Err(RpcError::body().to_json(&Value::Null)),
        Some("2.0") => {}
        Some(_) => return Err(RpcError::invalid_version().to_json(&id)),
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Err(RpcError::invalid_request().to_json(&id));
    };
    Ok(Request {
        id,
        method,
        params: Params(fields.remove("params").unwrap_or(Value::Null)),
    })
}

async fn process_one<S: Service>(service: &S, request: Value) -> Result<Option<Value>, Outcome> {
    let request = match read_request(request) {
        Ok(request) => request,
        Err(answer) => return Ok(Some(answer)),
    };
    let result = call_with_faults(service, &request.method, request.params).await?;
    Ok(wrap(&request.id, result))
}

/// The answer to a call; none when it had no id.
pub(crate) fn wrap(id: &Value, result: Result<Value, RpcError>) -> Option<Value> {
    if id.is_null() {
        return None;
    }
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => error.to_json(id),
    })
}

/// Carries out a call, suffering the fault that was ordered for it.
pub(crate) async fn call_with_faults<S: Service>(
    service: &S,
    method: &str,
    params: Params,
) -> Reply {
    let Some(fault) = service
        .faults()
        .strike(service.endpoint(), service.index(), method)
    else {
        return Ok(service.call(method, params).await);
    };
    tracing::debug!(method, kind = ?fault.kind, "suffering an ordered fault");
    match fault.kind {
        FaultKind::Delay => {
            tokio::time::sleep(fault.delay()).await;
            Ok(service.call(method, params).await)
        }
        FaultKind::Refuse => {
            let message = fault
                .error_message
                .as_deref()
                .unwrap_or("refused by an ordered fault");
            Ok(Err(match &fault.error_kind {
                Some(kind) => RpcError::named(kind, message),
                None => RpcError::internal(message),
            }))
        }
        FaultKind::AnswerLostBeforeDoing => Err(Outcome::Broken),
        FaultKind::TimeOutBeforeDoing => Err(Outcome::Silent),
        FaultKind::Http500 => Err(Outcome::Http500),
        FaultKind::AnswerLostAfterDoing | FaultKind::TimeOutAfterDoing => {
            // The result is what gets lost.
            drop(service.call(method, params).await);
            let is_silent = fault.kind == FaultKind::TimeOutAfterDoing;
            Err(if is_silent {
                Outcome::Silent
            } else {
                Outcome::Broken
            })
        }
    }
}
