//! Errors as they go over the wire.

use std::fmt;

use serde_json::{Value, json};

use crate::chain::{BlockRefusal, TransactionRefusal};

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) kind: String,
    pub(crate) message: String,
}

impl RpcError {
    pub(crate) fn new(code: i64, kind: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: kind.to_owned(),
            message: message.into(),
        }
    }

    /// The body is no request at all.
    pub(crate) fn body() -> Self {
        Self::new(-32_700, "BODY_ERROR", "Invalid body in request")
    }

    pub(crate) fn invalid_request() -> Self {
        Self::new(-32_600, "INVALID_REQUEST", "Invalid request")
    }

    pub(crate) fn invalid_version() -> Self {
        Self::new(-32_600, "INVALID_VERSION", "Invalid JSON-RPC version")
    }

    pub(crate) fn batch_limit(limit: usize) -> Self {
        Self::new(
            -32_600,
            "BATCH_LIMIT_EXCEEDED",
            format!("Batch limit of {limit} exceeded"),
        )
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        let message = format!("Method '{method}' in request was not found");
        Self::new(-32_601, "METHOD_NOT_FOUND", message)
    }

    pub(crate) fn unexpected_params() -> Self {
        Self::new(
            -32_602,
            "UNEXPECTED_PARAMS",
            "Unexpected parameters for this method",
        )
    }

    pub(crate) fn invalid_params(reason: impl fmt::Display) -> Self {
        Self::new(
            -32_602,
            "INVALID_PARAMS",
            format!("Invalid params: {reason}"),
        )
    }

    pub(crate) fn internal(reason: impl fmt::Display) -> Self {
        Self::new(
            -32_603,
            "INTERNAL_ERROR",
            format!("Internal error: {reason}"),
        )
    }

    /// An error of the chain or the wallet with its own name.
    pub(crate) fn named(kind: &str, message: impl fmt::Display) -> Self {
        Self::new(-32_004, kind, message.to_string())
    }

    /// An error of the chain whose name the daemon hides behind an explanation.
    pub(crate) fn unspecified(message: impl fmt::Display) -> Self {
        Self::named("UNSPECIFIED", message)
    }

    pub(crate) fn not_found_on_disk() -> Self {
        Self::named("NOT_FOUND_ON_DISK", "Data not found on disk: load data")
    }

    pub(crate) fn to_json(&self, id: &Value) -> Value {
        json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": { "code": self.code, "kind": self.kind, "message": self.message },
        })
    }
}

impl From<BlockRefusal> for RpcError {
    fn from(refusal: BlockRefusal) -> Self {
        Self::named(refusal.kind(), refusal)
    }
}

impl From<TransactionRefusal> for RpcError {
    fn from(refusal: TransactionRefusal) -> Self {
        Self::named(refusal.kind(), refusal)
    }
}
