//! The OpenAPI document of the public API, made from the handlers and the types of their answers.
//!
//! What holds for every path is added here and not at each handler, as `guard.rs` does it for the
//! answers: the common parameter, the refusals, and the header with the log index. The document is
//! the same on every node and for every configuration.

mod tidy;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, Info, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Response as Described,
};
use utoipa::{PartialSchema, ToSchema};

use crate::dto::block::MinerShare;
use crate::dto::event;
use crate::dto::journal::ProofPart;
use crate::dto::pool::Pool;
use crate::parameters::known::MIN_INDEX;
use crate::problem::{ProblemBody, ProblemCode};
use crate::reading::{At, INDEX_HEADER};
use crate::routes;

/// Where it is served.
pub(crate) const PATH: &str = "/api/v1/openapi.json";

/// Media type of refusals.
const PROBLEM_TYPE: &str = "application/problem+json";

const DESCRIPTION: &str = "\
Everything about the pool that is public, the same on every node.

Every answer of the ledger is one consistent read and names the log index it was read at, as `index` \
and in the header `x-raftpool-index`. Whoever moves to another node gives that number as \
`min_index`, and is never shown an older state.

Units: names ending in `_atomic` are decimal text in atomic units (1e-8 XEL); work and difficulties \
are decimal text in expected hashes; names ending in `_ms` are numbers, in milliseconds (points in \
time since the Unix epoch); `_bps` are hundredths of a percent; hashes are 64 digits of lower-case \
hex; ratios are decimal text with six digits, rounded down. A time that has not come and a value \
that is not known are null.

Refusals are `application/problem+json` (RFC 9457) with a `code` for programs. Parameters that a path \
does not know are refused, as is one that is given twice.";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    // A document made of constants is written without an error, or the first test fails.
    let mut document = serde_json::to_value(document()).unwrap_or_default();
    tidy::tidy(&mut document);
    format!("{document:#}\n")
});

/// The document as text: sorted, indented, and the same for the same program.
pub fn openapi_json() -> &'static str {
    &TEXT
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn show() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, openapi_json()).into_response()
}

fn document() -> OpenApi {
    let mut document = routes::resources().into_openapi();
    document.info = info();
    let components = document.components.get_or_insert_default();
    components.schemas.extend(unnamed());
    for refusal in REFUSALS {
        let described = refusal.describe();
        components
            .responses
            .insert(refusal.name.into(), RefOr::T(described));
    }
    let session = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let session = session.description(Some("A session, as `POST …/session` answers."));
    let session = SecurityScheme::Http(session.build());
    components.add_security_scheme("session", session);
    for item in document.paths.paths.values_mut() {
        if let Some(operation) = &mut item.get {
            complete(operation);
        }
        let changes = [
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in changes.into_iter().flatten() {
            complete_change(operation);
        }
    }
    document
}

/// Schemas that no answer has as a whole: problems, rows of parts, and what events say.
fn unnamed() -> Vec<(String, RefOr<Schema>)> {
    macro_rules! named {
        ($($kind:ty),*) => {
            vec![$((<$kind>::name().into_owned(), <$kind>::schema())),*]
        };
    }
    let mut schemas = named![
        ProblemBody,
        ProblemCode,
        MinerShare,
        ProofPart,
        event::Hello,
        event::Reset,
        event::Ping,
        event::BlockChanges,
        event::BlockChange,
        event::PayoutChanges,
        event::PayoutChange,
        event::MinerNews
    ];
    schemas.push(("At_Pool".into(), At::<Pool>::schema()));
    schemas
}

fn info() -> Info {
    let license = LicenseBuilder::new().name("MIT").identifier(Some("MIT"));
    InfoBuilder::new()
        .title("Raftpool")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license.build()))
        .build()
}

/// Adds what holds for every path.
fn complete(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    let names_something = parameters
        .iter()
        .any(|parameter| parameter.parameter_in == ParameterIn::Path);
    parameters.push(MIN_INDEX.document(ParameterIn::Query));
    let responses = &mut operation.responses.responses;
    if let Some(RefOr::T(answer)) = responses.get_mut("200")
        && names_index(answer)
    {
        let index = HeaderBuilder::new()
            .description(Some("Log index the answer was read at."))
            .schema(ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)));
        answer
            .headers
            .insert(INDEX_HEADER.as_str().into(), index.build());
    }
    let is_for_owners = operation.security.is_some();
    for refusal in REFUSALS {
        let holds = match refusal.status {
            "401" => is_for_owners,
            "404" => names_something,
            "409" | "504" => false,
            _ => true,
        };
        if holds {
            let reference = Ref::from_response_name(refusal.name);
            responses.insert(refusal.status.into(), RefOr::Ref(reference));
        }
    }
}

/// Adds what holds for every path that changes something.
fn complete_change(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for refusal in REFUSALS {
        let reference = Ref::from_response_name(refusal.name);
        responses.insert(refusal.status.into(), RefOr::Ref(reference));
    }
}

/// Whether an answer is read from the ledger, or only of the moment.
fn names_index(answer: &Described) -> bool {
    answer.content.iter().any(|(kind, content)| {
        let is_read = |schema: &RefOr<Schema>| match schema {
            RefOr::Ref(reference) => reference.ref_location.contains("/At_"),
            RefOr::T(_) => false,
        };
        kind == "text/csv" || content.schema.as_ref().is_some_and(is_read)
    })
}

/// A refusal that any path may give.
struct Refusal {
    status: &'static str,
    name: &'static str,
    description: &'static str,
}

const REFUSALS: [Refusal; 7] = [
    Refusal {
        status: "400",
        name: "BadRequest",
        description: "A parameter, a part of the path or the body cannot be used: `bad_parameter`, \
                      `bad_path`, `bad_body`, or `challenge_refused` for a text that is not good.",
    },
    Refusal {
        status: "401",
        name: "Unauthorized",
        description: "Only the owner of the address may do this: `session_required`, or \
                      `signature_wrong`.",
    },
    Refusal {
        status: "404",
        name: "NotFound",
        description: "What the path names is not in the ledger, as of the index: `not_found`.",
    },
    Refusal {
        status: "409",
        name: "Refused",
        description: "The ledger refuses the change, and says why: `refused`.",
    },
    Refusal {
        status: "429",
        name: "TooManyRequests",
        description: "The address asks too often, or has too many streams open: `too_many_requests` \
                      or `too_many_streams`. Ask again after `Retry-After` seconds; `RateLimit` and \
                      `RateLimit-Policy` of every answer say how much is left of what.",
    },
    Refusal {
        status: "503",
        name: "Unavailable",
        description: "This node cannot answer now: `index_not_reached`, `busy`, `too_slow`, \
                      `ledger_unreadable` or `not_accepted`. Ask again after `Retry-After` seconds, or ask \
                      another node.",
    },
    Refusal {
        status: "504",
        name: "Unknown",
        description: "The change may or may not take effect: `outcome_unknown`. Look before asking again.",
    },
];

impl Refusal {
    fn describe(&self) -> Described {
        let schema = Ref::from_schema_name(ProblemBody::name());
        ResponseBuilder::new()
            .description(self.description)
            .content(PROBLEM_TYPE, Content::new(Some(schema)))
            .build()
    }
}
