//! Owners of addresses: how they prove it, and what they change.
//!
//! An owner signs a text of the pool with the key of the address and gets a session for it. The text
//! says everything that makes it good: for whom, for which pool, when it was made, and a number that
//! is used once. So any node takes it, also one that did not make it, and whoever made the text up
//! himself has won nothing: only the signature counts. The session is known to the ledger by its
//! hash, so any node takes that as well.
//!
//! These are the only commands that the public listener proposes. Each names its session, and the
//! ledger judges that; what is looked at here only gives better answers.

mod challenge;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{ChangeByOwner, CloseOwnerSession, OpenOwnerSession};
use raftpool_ledger::compose;
use raftpool_ledger::owners::{SESSION_PREFIX, session_hash};

use crate::app::App;
use crate::problem::{self, Problem};
use crate::proposing;
use crate::reading::At;
use crate::routes::unknown_miner;
use challenge::Challenge;

/// How long a session lasts.
pub(crate) const SESSION_TIME_MS: u64 = 1_800_000;
/// Characters of a session: its beginning and 256 bits.
const SESSION_CHARS: usize = SESSION_PREFIX.len() + 43;

/// A text to sign, and until when it is good.
pub(crate) struct TextToSign {
    pub(crate) text: String,
    pub(crate) expires_at_ms: u64,
}

/// An open session of an address, as a request proves it.
pub(crate) struct Session {
    pub(crate) miner: String,
    pub(crate) hash: [u8; 32],
    pub(crate) expires_at_ms: u64,
}

/// A text for the owner of an address to sign.
pub(crate) async fn text_to_sign(app: &App, miner: &str) -> Result<At<TextToSign>, Problem> {
    let pool = pool_of(app, miner).await?;
    let mut nonce = [0; challenge::NONCE_BYTES];
    nonce.copy_from_slice(&app.issuer.random()[..challenge::NONCE_BYTES]);
    let made_at_ms = app.clock.now_ms();
    Ok(pool.map(|pool_address| {
        let challenge = Challenge {
            miner: miner.to_owned(),
            pool_address,
            made_at_ms,
            nonce,
        };
        TextToSign {
            text: challenge.text(),
            expires_at_ms: made_at_ms + challenge::GOOD_FOR_MS,
        }
    }))
}

/// Opens a session for whoever has signed a text of the pool; gives the log index, the session's
/// text, and when it ends.
pub(crate) async fn open(
    app: &App,
    miner: &str,
    text: &str,
    signature: &str,
) -> Result<(u64, String, u64), Problem> {
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature.trim(), &mut bytes).map_err(|_| {
        let detail = "signature: 128 hex digits, as the wallet's sign_data answers";
        Problem::new(problem::BAD_BODY, detail)
    })?;
    let pool = pool_of(app, miner).await?;
    let now_ms = app.clock.now_ms();
    let refused = |detail| Problem::new(problem::CHALLENGE_REFUSED, detail);
    let challenge = Challenge::read(text).map_err(refused)?;
    challenge
        .check(miner, &pool.value, now_ms)
        .map_err(refused)?;
    let signed = app.issuer.check_signature(miner, text, &bytes);
    signed.map_err(|detail| Problem::new(problem::SIGNATURE_WRONG, detail))?;
    let session = format!(
        "{SESSION_PREFIX}{}",
        URL_SAFE_NO_PAD.encode(app.issuer.random())
    );
    // The ledger's time is the one that ends it, and may be ahead of this node's.
    let expires_at_ms = now_ms.max(pool.ledger_time_ms) + SESSION_TIME_MS;
    let body = Body::OpenOwnerSession(OpenOwnerSession {
        miner: miner.to_owned(),
        session_hash: session_hash(&session).to_vec(),
        challenge: challenge.nonce.to_vec(),
        expires_at_ms,
    });
    let index = propose(app, miner, "session opened", body).await?;
    Ok((index, session, expires_at_ms))
}

/// Ends a session.
pub(crate) async fn close(app: &App, session: &Session) -> Result<u64, Problem> {
    let body = Body::CloseOwnerSession(CloseOwnerSession {
        miner: session.miner.clone(),
        session_hash: session.hash.to_vec(),
    });
    propose(app, &session.miner, "session closed", body).await
}

/// Proposes what `change` says for the owner who has the session; gives the log index.
pub(crate) async fn change(
    app: &App,
    session: &Session,
    change: ChangeByOwner,
) -> Result<u64, Problem> {
    let body = Body::ChangeByOwner(ChangeByOwner {
        miner: session.miner.clone(),
        session_hash: session.hash.to_vec(),
        ..change
    });
    propose(app, &session.miner, "changed", body).await
}

async fn propose(app: &App, miner: &str, what: &'static str, body: Body) -> Result<u64, Problem> {
    let command = compose(format!("miner {miner}"), app.clock.now_ms(), body);
    let index = proposing::propose(&*app.cluster, command).await?;
    tracing::info!(miner, what, index, "the owner of an address");
    Ok(index)
}

/// The session that a request's `Authorization` header names, if it is open and of this address.
pub(crate) async fn session_of(
    app: &App,
    miner: String,
    headers: &HeaderMap,
) -> Result<Session, Problem> {
    let required = |detail: &str| Problem::new(problem::SESSION_REQUIRED, detail);
    let given = headers.get(header::AUTHORIZATION);
    let given = given.ok_or_else(|| {
        required("prove that the address is yours, and give the session as a bearer token")
    })?;
    let text = given.to_str().ok().and_then(bearer);
    let text = text.filter(|text| text.len() == SESSION_CHARS);
    let text = text.ok_or_else(|| required("the header is no bearer token of a session"))?;
    let hash = session_hash(text);
    let mut expires_at_ms = look(app, &miner, hash).await?;
    if expires_at_ms.is_none() && app.cluster.linearize().await.is_ok() {
        // It may have been opened at another node a moment ago.
        expires_at_ms = look(app, &miner, hash).await?;
    }
    let over = || required("the session is over, or of another address: prove it again");
    let expires_at_ms = expires_at_ms.ok_or_else(over)?;
    Ok(Session {
        miner,
        hash,
        expires_at_ms,
    })
}

async fn look(app: &App, miner: &str, hash: [u8; 32]) -> Result<Option<u64>, Problem> {
    let (miner, now_ms) = (miner.to_owned(), app.clock.now_ms());
    let found = app.reader.read(None, move |view| {
        let now_ms = now_ms.max(view.time_ms()?);
        view.owner_session_expires_at_ms(&miner, &hash, now_ms)
    });
    Ok(found.await?.value)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(SESSION_PREFIX)).then_some(token)
}

/// The address that names this pool; a refusal when the miner never worked for it.
async fn pool_of(app: &App, miner: &str) -> Result<At<String>, Problem> {
    let wanted = miner.to_owned();
    let found = app.reader.read(None, move |view| {
        let (miner, settings) = (view.miner(&wanted)?, view.settings()?);
        Ok(miner.and(settings).map(|settings| settings.pool_address))
    });
    found.await?.or_not_found(|| unknown_miner(miner))
}
