//! Errors as `application/problem+json` (RFC 9457): what was wrong, and what would be right.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::dto::names::one_of;
use crate::reading::INDEX_HEADER;

/// One kind of problem; the table below is all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
}

/// A query parameter is unknown, repeated, or has a value that cannot be used.
pub(crate) const BAD_PARAMETER: Kind = Kind {
    status: StatusCode::BAD_REQUEST,
    code: "bad_parameter",
    title: "A parameter cannot be used",
};
/// A part of the path cannot be what it stands for.
pub(crate) const BAD_PATH: Kind = Kind {
    status: StatusCode::BAD_REQUEST,
    code: "bad_path",
    title: "A part of the path cannot be used",
};
/// The thing asked for is not in the ledger.
pub(crate) const NOT_FOUND: Kind = Kind {
    status: StatusCode::NOT_FOUND,
    code: "not_found",
    title: "Not in the ledger",
};
/// No resource has this path.
pub(crate) const UNKNOWN_PATH: Kind = Kind {
    status: StatusCode::NOT_FOUND,
    code: "unknown_path",
    title: "No such path",
};
/// The resource exists, but not with this method.
pub(crate) const METHOD_NOT_ALLOWED: Kind = Kind {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "method_not_allowed",
    title: "The path is served with another method",
};
/// The request came with a body.
pub(crate) const BODY_NOT_ALLOWED: Kind = Kind {
    status: StatusCode::PAYLOAD_TOO_LARGE,
    code: "body_not_allowed",
    title: "Requests carry no body",
};
/// This node has not applied the wanted index yet.
pub(crate) const INDEX_NOT_REACHED: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "index_not_reached",
    title: "This node is not that far yet",
};
/// An address asks too often.
pub(crate) const TOO_MANY_REQUESTS: Kind = Kind {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: "too_many_requests",
    title: "Too many requests",
};
/// As many streams of events are open as may be.
pub(crate) const TOO_MANY_STREAMS: Kind = Kind {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: "too_many_streams",
    title: "Too many streams of events",
};
/// Too many reads are under way.
pub(crate) const BUSY: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "busy",
    title: "Too many requests are under way",
};
/// The request did not finish before its deadline.
pub(crate) const TOO_SLOW: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "too_slow",
    title: "The request took too long",
};
/// The ledger of this node cannot be read.
pub(crate) const LEDGER_UNREADABLE: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "ledger_unreadable",
    title: "This node cannot read its ledger",
};
/// The body is not what the resource takes.
pub(crate) const BAD_BODY: Kind = Kind {
    status: StatusCode::BAD_REQUEST,
    code: "bad_body",
    title: "The body cannot be used",
};
/// The resource is read with GET, or changed with POST, and not the other way.
pub(crate) const WRONG_METHOD: Kind = Kind {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "wrong_method",
    title: "The path is served with another method",
};
/// The text that was signed is not one of the pool's, or not good any more.
pub(crate) const CHALLENGE_REFUSED: Kind = Kind {
    status: StatusCode::BAD_REQUEST,
    code: "challenge_refused",
    title: "The signed text is not taken",
};
/// The signature is not one of the address over the text.
pub(crate) const SIGNATURE_WRONG: Kind = Kind {
    status: StatusCode::UNAUTHORIZED,
    code: "signature_wrong",
    title: "The signature does not prove it",
};
/// Only the owner of the address may ask.
pub(crate) const SESSION_REQUIRED: Kind = Kind {
    status: StatusCode::UNAUTHORIZED,
    code: "session_required",
    title: "Only the owner of the address may do this",
};
/// The command was committed and its outcome is a refusal.
pub(crate) const REFUSED: Kind = Kind {
    status: StatusCode::CONFLICT,
    code: "refused",
    title: "The ledger refuses this",
};
/// The ledger is not in the state that the request was made for.
pub(crate) const OVERTAKEN: Kind = Kind {
    status: StatusCode::CONFLICT,
    code: "overtaken",
    title: "The ledger is not as the request assumes",
};
/// A signed payout is not known to be impossible.
pub(crate) const MAY_EXECUTE: Kind = Kind {
    status: StatusCode::CONFLICT,
    code: "may_execute",
    title: "The payout may still execute",
};
/// The books cannot be reconciled with the chain now.
pub(crate) const NOT_RECONCILED: Kind = Kind {
    status: StatusCode::CONFLICT,
    code: "not_reconciled",
    title: "The books cannot be reconciled now",
};
/// No backup was made.
pub(crate) const NO_BACKUP: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "no_backup",
    title: "No backup was made",
};
/// What a payout run would do cannot be said now.
pub(crate) const NOT_SIMULATED: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "not_simulated",
    title: "What a payout run would do is not known",
};
/// The cluster does not make a change of its members.
pub(crate) const MEMBERS_REFUSED: Kind = Kind {
    status: StatusCode::CONFLICT,
    code: "members_refused",
    title: "The cluster refuses this",
};
/// The command is not in the log and never will be.
pub(crate) const NOT_ACCEPTED: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "not_accepted",
    title: "The cluster did not accept the command",
};
/// The command may or may not be in the log.
pub(crate) const OUTCOME_UNKNOWN: Kind = Kind {
    status: StatusCode::GATEWAY_TIMEOUT,
    code: "outcome_unknown",
    title: "It is not known whether the command takes effect",
};
/// Storage or consensus of this node has stopped for good.
pub(crate) const NODE_STOPPED: Kind = Kind {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    code: "node_stopped",
    title: "This node has stopped",
};

/// A refusal of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    parameter: Option<String>,
    index: Option<u64>,
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of a kind, with what was wrong and what would be right.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            parameter: None,
            index: None,
            retry_after_s: None,
        }
    }

    /// A query parameter that cannot be used.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self {
            parameter: Some(name.into()),
            ..Self::new(BAD_PARAMETER, detail)
        }
    }

    /// What was wrong, and what would be right.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Says after how many seconds to ask again.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after_s: Some(seconds),
            ..self
        }
    }

    /// Says which state the answer was read from.
    pub(crate) fn at(self, index: u64) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }
}

/// Why a request was refused (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// `urn:raftpool:problem:` and the code.
    r#type: String,
    /// The kind of problem, in words.
    title: &'static str,
    /// Status of the answer.
    status: u16,
    /// The kind of problem, for programs.
    #[schema(value_type = ProblemCode)]
    code: &'static str,
    /// What was wrong with this request, and what would be right.
    detail: String,
    /// The query parameter that was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Log index of the state that the answer is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
}

/// Kinds of problems of the public API.
pub(crate) enum ProblemCode {}

/// What the public API refuses with; the others are the operators'.
const PUBLIC: [Kind; 20] = [
    BAD_PARAMETER,
    BAD_PATH,
    NOT_FOUND,
    UNKNOWN_PATH,
    METHOD_NOT_ALLOWED,
    BODY_NOT_ALLOWED,
    TOO_MANY_REQUESTS,
    TOO_MANY_STREAMS,
    INDEX_NOT_REACHED,
    BUSY,
    TOO_SLOW,
    LEDGER_UNREADABLE,
    BAD_BODY,
    CHALLENGE_REFUSED,
    SIGNATURE_WRONG,
    SESSION_REQUIRED,
    REFUSED,
    NOT_ACCEPTED,
    OUTCOME_UNKNOWN,
    NODE_STOPPED,
];

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        one_of("Kind of a problem.", PUBLIC.map(|kind| kind.code))
    }
}

impl ToSchema for ProblemCode {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:raftpool:problem:{}", self.kind.code),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            code: self.kind.code,
            detail: self.detail,
            parameter: self.parameter,
            index: self.index,
        };
        let mut response = (self.kind.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(index) = self.index {
            headers.insert(INDEX_HEADER, HeaderValue::from(index));
        }
        let is_busy = self.kind.status == StatusCode::SERVICE_UNAVAILABLE;
        let retry_after_s = self.retry_after_s.or(is_busy.then_some(1));
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == SESSION_REQUIRED || self.kind == SIGNATURE_WRONG {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
