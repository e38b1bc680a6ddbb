//! Tokens of addresses: made, listed, revoked, and required.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{MakeToken, RequireToken, RevokeToken};
use raftpool_ledger::tokens::{TOKEN_ID_BYTES, TOKEN_LABEL_BYTES_MAX};

use super::changes::{Admin, Author, Peer, check_line};
use super::routes::{Answer, Given, of_body};
use crate::dto::Page;
use crate::dto::admin::Changed;
use crate::dto::token::{
    MakeTokenRequest, RequireTokenRequest, RevokeTokenRequest, Token, TokenMade, TokenRule,
    TokenRules, Tokens,
};
use crate::issuer::NewToken;
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::{At, INDEX_HEADER};

/// Longest name that a worker has; longer ones are cut when it authorizes.
const WORKER_CHARS_MAX: usize = 32;

/// The paths about tokens.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/admin/v1/tokens", get(rules))
        .route("/admin/v1/tokens/{address}", get(tokens))
        .route("/admin/v1/tokens/make", post(make))
        .route("/admin/v1/tokens/revoke", post(revoke))
        .route("/admin/v1/tokens/require", post(require))
}

/// `GET /admin/v1/tokens?after=&limit=`
async fn rules(State(admin): State<Admin>, uri: Uri) -> Answer<At<TokenRules>> {
    let parameters = Parameters::of(&uri, &["after", "limit"])?;
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let source = admin.source().await;
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            let rules = view.token_rules(after.as_deref(), limit + 1)?;
            let rules = Page::new(rules, limit, |rule| rule.address.clone(), TokenRule::from);
            Ok(TokenRules { source, rules })
        })
        .await
}

/// `GET /admin/v1/tokens/{address}`
async fn tokens(
    State(admin): State<Admin>,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
) -> Answer<At<Tokens>> {
    let parameters = Parameters::of(&uri, &[])?;
    let Path(text) =
        path.map_err(|_| Problem::new(problem::BAD_PATH, "the path does not decode to UTF-8"))?;
    let address = admin.issuer.canonical_address(&text);
    let address = address.map_err(|error| Problem::new(problem::BAD_PATH, error))?;
    let source = admin.source().await;
    let now_ms = admin.now_ms();
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            let gate = view.gate(&address)?;
            let items = gate.tokens.into_iter();
            Ok(Tokens {
                source,
                address,
                is_required: gate.is_required,
                items: items.map(|token| Token::new(token, now_ms)).collect(),
            })
        })
        .await
}

/// `POST /admin/v1/tokens/make`
async fn make(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<MakeTokenRequest>,
) -> Answer<TokenMade> {
    let request = of_body(body)?;
    let author = Author::new(request.author, &request.reason, peer)?;
    let address = address_of(&admin, &request.address)?;
    if !request.label.is_empty() {
        check_line("label", &request.label, TOKEN_LABEL_BYTES_MAX)?;
    }
    let worker = request.worker.map(check_worker).transpose()?;
    let token = NewToken::make(&*admin.issuer);
    let _turn = admin.turn().await?;
    let body = Body::MakeToken(MakeToken {
        miner: address.clone(),
        token_hash: token.hash.to_vec(),
        ending: token.ending().to_owned(),
        label: request.label,
        worker: worker.unwrap_or_default(),
        expires_at_ms: request.expires_at_ms.unwrap_or(0),
        reason: request.reason,
    });
    let Changed { index, change, .. } = admin.propose(&author, "token_made", body).await?;
    Ok(TokenMade {
        index,
        change,
        address,
        id: token.id(),
        token: token.text,
    })
}

/// `POST /admin/v1/tokens/revoke`
async fn revoke(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<RevokeTokenRequest>,
) -> Answer<Changed> {
    let request = of_body(body)?;
    let author = Author::new(request.author, &request.reason, peer)?;
    let miner = address_of(&admin, &request.address)?;
    let mut token_id = vec![0; TOKEN_ID_BYTES];
    hex::decode_to_slice(&request.id, &mut token_id).map_err(|_| {
        let detail = format!(
            "id: 16 hex digits, as the list shows them; \"{}\" is not",
            shorten(&request.id)
        );
        Problem::new(problem::BAD_BODY, detail)
    })?;
    let _turn = admin.turn().await?;
    let body = Body::RevokeToken(RevokeToken {
        miner,
        token_id,
        reason: request.reason,
    });
    admin.propose(&author, "token_revoked", body).await
}

/// `POST /admin/v1/tokens/require`
async fn require(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<RequireTokenRequest>,
) -> Answer<Changed> {
    let request = of_body(body)?;
    let author = Author::new(request.author, &request.reason, peer)?;
    let miner = address_of(&admin, &request.address)?;
    let change = match request.is_required {
        true => "token_required",
        false => "token_not_required",
    };
    let _turn = admin.turn().await?;
    let body = Body::RequireToken(RequireToken {
        miner,
        is_required: request.is_required,
        reason: request.reason,
    });
    admin.propose(&author, change, body).await
}

pub(super) fn address_of(admin: &Admin, text: &str) -> Answer<String> {
    let address = admin.issuer.canonical_address(text);
    address.map_err(|error| Problem::new(problem::BAD_BODY, format!("address: {error}")))
}

/// Refuses a name no worker can have, because its token would let nobody in.
fn check_worker(name: String) -> Answer<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
    if (1..=WORKER_CHARS_MAX).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(name);
    }
    let detail = format!(
        "worker: 1 to {WORKER_CHARS_MAX} letters, digits and any of -_.:@ make a name; \"{}\" is not one",
        shorten(&name)
    );
    Err(Problem::new(problem::BAD_BODY, detail))
}

impl IntoResponse for TokenMade {
    fn into_response(self) -> Response {
        let index = HeaderValue::from(self.index);
        ([(INDEX_HEADER, index)], axum::Json(self)).into_response()
    }
}
