//! What only the owner of an address may ask, and change.
//!
//! Answers are never kept by caches, because they are for whoever gave the session.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use raftpool_ledger::command::{ChangeByOwner, MakeToken, Scheme, WorkerLabel};
use raftpool_ledger::tokens::TOKEN_ID_BYTES;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, PathText, address_of, path_text, worker_of};
use crate::app::App;
use crate::dto::admin::scheme;
use crate::dto::owner::{
    ChangeSettings, MakeOwnToken, OpenSession, OwnTokenMade, OwnerChallenge, OwnerSettings,
    SessionOpened, SetLabel,
};
use crate::issuer::NewToken;
use crate::owners::{self, Session, session_of};
use crate::parameters::known::{OfMiner, OfToken, OfWorker};
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::{At, INDEX_HEADER};

/// Most bytes of a body.
const BODY_BYTES_MAX: usize = 4_096;

type Given<T> = Result<Json<T>, JsonRejection>;
type Pair = Result<Path<(String, String)>, PathRejection>;

/// The resources of owners.
pub(super) fn resources() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(challenge))
        .routes(routes!(open_session, close_session))
        .routes(routes!(settings, change_settings))
        .routes(routes!(set_label))
        .routes(routes!(make_token))
        .routes(routes!(revoke_token))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// What methods beside GET and HEAD a path takes; none for a path that is only read.
pub(crate) fn methods_of(path: &str) -> Option<&'static str> {
    let methods = match path.strip_prefix("/api/v1/miners/{address}/")? {
        "challenge" | "tokens" => "POST",
        "session" => "POST, DELETE",
        "settings" => "GET, HEAD, PATCH",
        "workers/{worker}/label" => "PUT",
        "tokens/{id}" => "DELETE",
        _ => return None,
    };
    Some(methods)
}

/// A text for the owner of an address to sign.
///
/// To be signed with the wallet of the address, by its RPC method `sign_data` with the text as a JSON
/// string. It opens one session, on any node, within ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/miners/{address}/challenge",
    tag = "owners",
    params(OfMiner),
    responses((status = 200, description = "As of the index it names", body = At<OwnerChallenge>))
)]
async fn challenge(State(app): State<App>, uri: Uri, path: PathText) -> Result<Response, Problem> {
    let address = address_of(path)?;
    Parameters::of(&uri, &[])?;
    let made = owners::text_to_sign(&app, &address).await?;
    Ok(not_kept(made.map(|made| OwnerChallenge {
        text: made.text,
        expires_at_ms: made.expires_at_ms,
    })))
}

/// Opens a session for whoever has signed a text of the pool.
///
/// It lasts half an hour, on every node, and is given as a bearer token.
#[utoipa::path(
    post,
    path = "/api/v1/miners/{address}/session",
    tag = "owners",
    params(OfMiner),
    request_body = OpenSession,
    responses((status = 201, description = "The session is open", body = SessionOpened))
)]
async fn open_session(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
    body: Given<OpenSession>,
) -> Result<Response, Problem> {
    let address = address_of(path)?;
    Parameters::of(&uri, &[])?;
    let OpenSession { text, signature } = of_body(body)?;
    let (index, session, expires_at_ms) = owners::open(&app, &address, &text, &signature).await?;
    let opened = SessionOpened {
        index,
        session,
        expires_at_ms,
    };
    Ok(created(index, &opened))
}

/// Ends a session before its time.
#[utoipa::path(
    delete,
    path = "/api/v1/miners/{address}/session",
    tag = "owners",
    params(OfMiner),
    responses((status = 204, description = "The session is over")),
    security(("session" = []))
)]
async fn close_session(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: PathText,
) -> Result<Response, Problem> {
    let session = admit(&app, &uri, path, &headers).await?;
    let index = owners::close(&app, &session).await?;
    Ok(done(index))
}

/// What the owner has set.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/settings",
    tag = "owners",
    params(OfMiner),
    responses((status = 200, description = "As of the index it names", body = At<OwnerSettings>)),
    security(("session" = []))
)]
async fn settings(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: PathText,
) -> Result<Response, Problem> {
    let min_index = Parameters::of(&uri, &[])?.min_index()?;
    let session = session_of(&app, address_of(path)?, &headers).await?;
    Ok(not_kept(read(&app, session, min_index).await?))
}

/// Changes what the body names, all of it or nothing.
#[utoipa::path(
    patch,
    path = "/api/v1/miners/{address}/settings",
    tag = "owners",
    params(OfMiner),
    request_body = ChangeSettings,
    responses((status = 200, description = "The settings after it", body = At<OwnerSettings>)),
    security(("session" = []))
)]
async fn change_settings(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: PathText,
    body: Given<ChangeSettings>,
) -> Result<Response, Problem> {
    let session = admit(&app, &uri, path, &headers).await?;
    let change = change_of(of_body(body)?)?;
    change_and_read(&app, session, change).await
}

/// Gives a worker a label, or takes it away.
#[utoipa::path(
    put,
    path = "/api/v1/miners/{address}/workers/{worker}/label",
    tag = "owners",
    params(OfWorker),
    request_body = SetLabel,
    responses((status = 200, description = "The settings after it", body = At<OwnerSettings>)),
    security(("session" = []))
)]
async fn set_label(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: Pair,
    body: Given<SetLabel>,
) -> Result<Response, Problem> {
    let (address, worker) = worker_of(path)?;
    Parameters::of(&uri, &[])?;
    let session = session_of(&app, address, &headers).await?;
    let SetLabel { label } = of_body(body)?;
    let change = ChangeByOwner {
        label: Some(WorkerLabel { worker, label }),
        ..ChangeByOwner::default()
    };
    change_and_read(&app, session, change).await
}

/// Makes a token, which is told in this answer and never again.
#[utoipa::path(
    post,
    path = "/api/v1/miners/{address}/tokens",
    tag = "owners",
    params(OfMiner),
    request_body = MakeOwnToken,
    responses((status = 201, description = "The token is made", body = OwnTokenMade)),
    security(("session" = []))
)]
async fn make_token(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: PathText,
    body: Given<MakeOwnToken>,
) -> Result<Response, Problem> {
    let session = admit(&app, &uri, path, &headers).await?;
    let wanted = of_body(body)?;
    let made = NewToken::make(&*app.issuer);
    let token = MakeToken {
        miner: session.miner.clone(),
        token_hash: made.hash.to_vec(),
        ending: made.ending().to_owned(),
        label: wanted.label,
        worker: wanted.worker.unwrap_or_default(),
        expires_at_ms: wanted.expires_at_ms.unwrap_or(0),
        reason: String::new(),
    };
    let change = ChangeByOwner {
        token: Some(Box::new(token)),
        ..ChangeByOwner::default()
    };
    let index = owners::change(&app, &session, change).await?;
    let made = OwnTokenMade {
        index,
        id: made.id(),
        token: made.text,
    };
    Ok(created(index, &made))
}

/// Ends a token.
#[utoipa::path(
    delete,
    path = "/api/v1/miners/{address}/tokens/{id}",
    tag = "owners",
    params(OfToken),
    responses((status = 204, description = "The token lets nobody in any more")),
    security(("session" = []))
)]
async fn revoke_token(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    path: Pair,
) -> Result<Response, Problem> {
    let (address, id) = worker_of(path)?;
    Parameters::of(&uri, &[])?;
    let mut token_id = vec![0; TOKEN_ID_BYTES];
    hex::decode_to_slice(&id, &mut token_id).map_err(|_| {
        let detail = format!("a token's id is 16 hex digits; \"{}\" is not", shorten(&id));
        Problem::new(problem::BAD_PATH, detail)
    })?;
    let session = session_of(&app, address, &headers).await?;
    let change = ChangeByOwner {
        revoked_token_id: token_id,
        ..ChangeByOwner::default()
    };
    Ok(done(owners::change(&app, &session, change).await?))
}

/// The session of a request that has no parameters.
async fn admit(
    app: &App,
    uri: &Uri,
    path: PathText,
    headers: &HeaderMap,
) -> Result<Session, Problem> {
    let address = super::address(path_text(path)?)?;
    Parameters::of(uri, &[])?;
    session_of(app, address, headers).await
}

fn change_of(wanted: ChangeSettings) -> Result<ChangeByOwner, Problem> {
    let bad_body = |detail| Problem::new(problem::BAD_BODY, detail);
    let threshold = wanted.payout_threshold_atomic.map(|threshold| {
        let value = threshold.map_or(0, |threshold| threshold.0);
        let too_much = |_| bad_body(format!("payout_threshold_atomic: {value} is too much"));
        match threshold {
            // The ledger takes zero for "the pool's", which is said by null here.
            Some(_) if value == 0 => Err(bad_body(
                "payout_threshold_atomic: null is the pool's, anything else is above zero".into(),
            )),
            _ => u64::try_from(value).map_err(too_much),
        }
    });
    if wanted.is_empty() {
        return Err(bad_body("it names nothing to change".into()));
    }
    let scheme = wanted.scheme.map(|name| match name {
        None => Ok(Scheme::Unspecified),
        Some(name) => scheme("scheme", &name).map_err(|error| bad_body(error.to_string())),
    });
    Ok(ChangeByOwner {
        payout_threshold_atomic: threshold.transpose()?,
        scheme: scheme.transpose()?.map(i32::from),
        is_hidden: wanted.is_hidden,
        is_token_required: wanted.is_token_required,
        ..ChangeByOwner::default()
    })
}

async fn change_and_read(
    app: &App,
    session: Session,
    change: ChangeByOwner,
) -> Result<Response, Problem> {
    let index = owners::change(app, &session, change).await?;
    Ok(not_kept(read(app, session, Some(index)).await?))
}

async fn read(app: &App, session: Session, min_index: Option<u64>) -> Answer<OwnerSettings> {
    let read = app.reader.read(min_index, move |view| {
        OwnerSettings::read(view, &session.miner, session.expires_at_ms)
    });
    read.await
}

fn of_body<T>(body: Given<T>) -> Result<T, Problem> {
    match body {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(Problem::new(problem::BAD_BODY, rejection.body_text())),
    }
}

fn created(index: u64, value: &impl Serialize) -> Response {
    let headers = [(INDEX_HEADER, HeaderValue::from(index))];
    (StatusCode::CREATED, headers, Json(value)).into_response()
}

fn done(index: u64) -> Response {
    let headers = [(INDEX_HEADER, HeaderValue::from(index))];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What is for one reader is kept by nobody, and has no tag that would let it be.
fn not_kept<T: Serialize>(answer: At<T>) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.remove(header::ETAG);
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    response
}
