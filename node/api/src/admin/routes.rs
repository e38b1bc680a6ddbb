//! The resources under `/admin/v1` that read the books or propose a command; those of the cluster's
//! members are in `members`, those of bans in `bans`, those of stray blocks in `strays`, and the
//! operator's decisions about payouts in `payouts`.

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{ChangeSettings, PausePayouts, ReleasePayout, Settings};
use raftpool_ledger::view::Audit;
use serde::de::DeserializeOwned;

use super::changes::{Admin, Author, Peer};
use super::{backups, bans, books, drain, members, payouts, reconcile, strays, tokens};
use crate::dto::PageBack;
use crate::dto::admin::{
    AdminSettings, Changed, PauseRequest, ReleaseRequest, SettingsInForce, SettingsRequest, Status,
};
use crate::dto::change::ChangeByHand;
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;

/// Most bytes of a body; the largest useful one, two sets of settings, has below a kilobyte.
const BODY_BYTES_MAX: usize = 16 * 1024;

pub(super) type Answer<T> = Result<T, Problem>;
pub(super) type Given<T> = Result<Json<T>, JsonRejection>;

/// All paths of the admin socket.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/admin/v1/status", get(status))
        .route("/admin/v1/changes", get(changes))
        .route("/admin/v1/payouts/pause", post(pause))
        .route("/admin/v1/payouts/resume", post(resume))
        .route("/admin/v1/payouts/release", post(release))
        .route("/admin/v1/settings", get(settings).post(change_settings))
        .route("/admin/v1/ledger/export", get(books::export_all))
        .route("/admin/v1/ledger/verify", get(books::verify_all))
        .route("/admin/v1/accounts", get(books::accounts))
        .route("/admin/v1/funds/move", post(books::move_funds))
        .route("/admin/v1/bans", get(bans::list))
        .route("/admin/v1/bans/lift", post(bans::lift))
        .route("/admin/v1/blocks/stray", get(strays::list))
        .route("/admin/v1/blocks/simulation", get(books::simulate_block))
        .route("/admin/v1/blocks/acknowledge", post(strays::acknowledge))
        .route("/admin/v1/cluster", get(members::status))
        .route("/admin/v1/cluster/{change}", post(members::change))
        .merge(drain::router())
        .merge(tokens::router())
        .merge(payouts::router())
        .merge(reconcile::router())
        .merge(backups::router())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(admin)
}

/// `GET /admin/v1/status`
async fn status(State(admin): State<Admin>, uri: Uri) -> Answer<At<Status>> {
    let parameters = Parameters::of(&uri, &[])?;
    let source = admin.source().await;
    let nonce = admin.payouts.nonce();
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            Status::read(view, source, nonce)
        })
        .await
}

/// `GET /admin/v1/changes?before=&limit=`
///
/// Everything that was changed by hand, newest first; a change of settings with the whole set.
async fn changes(State(admin): State<Admin>, uri: Uri) -> Answer<At<PageBack<ChangeByHand>>> {
    let parameters = Parameters::of(&uri, &["before", "limit"])?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            let changes = view.audits(before, limit + 1)?;
            let cursor = |change: &Audit| change.index;
            Ok(PageBack::new(changes, limit, cursor, ChangeByHand::from))
        })
        .await
}

/// `GET /admin/v1/settings`
async fn settings(State(admin): State<Admin>, uri: Uri) -> Answer<At<SettingsInForce>> {
    let parameters = Parameters::of(&uri, &[])?;
    let source = admin.source().await;
    let in_force = admin.settings(parameters.min_index()?).await?;
    Ok(in_force.map(|settings| SettingsInForce {
        source,
        settings: settings.map(AdminSettings::from),
    }))
}

/// `POST /admin/v1/payouts/pause`
async fn pause(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<PauseRequest>,
) -> Answer<Changed> {
    set_paused(&admin, peer, body, true).await
}

/// `POST /admin/v1/payouts/resume`
async fn resume(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<PauseRequest>,
) -> Answer<Changed> {
    set_paused(&admin, peer, body, false).await
}

async fn set_paused(
    admin: &Admin,
    peer: Peer,
    body: Given<PauseRequest>,
    paused: bool,
) -> Answer<Changed> {
    let PauseRequest { author, reason } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    let name = match paused {
        true => "payouts_paused",
        false => "payouts_resumed",
    };
    let _turn = admin.turn().await?;
    let body = Body::PausePayouts(PausePayouts {
        paused,
        reason,
        ..PausePayouts::default()
    });
    admin.propose(&author, name, body).await
}

/// `POST /admin/v1/payouts/release`
async fn release(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<ReleaseRequest>,
) -> Answer<Changed> {
    let ReleaseRequest {
        author,
        reason,
        payout_id,
    } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    let _turn = admin.turn().await?;
    let payout_id = match payout_id {
        Some(id) => id,
        None => admin.open_payout_id().await?,
    };
    // Taken now, so that the ledger refuses the command when it is written in another term.
    let term = admin.cluster.leadership().term;
    let body = Body::ReleasePayout(ReleasePayout {
        payout_id,
        reason,
        term,
    });
    let released = admin.propose(&author, "payout_released", body).await?;
    Ok(Changed {
        payout_id: Some(payout_id),
        ..released
    })
}

/// `POST /admin/v1/settings`
async fn change_settings(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<SettingsRequest>,
) -> Answer<Changed> {
    let request: SettingsRequest = of_body(body)?;
    let author = Author::new(request.author, &request.reason, peer)?;
    let wanted = to_ledger(request.settings)?;
    let believed = request.replaces.map(to_ledger).transpose()?;
    let _turn = admin.turn().await?;
    if believed.is_some() {
        admin.check_in_force(believed).await?;
    }
    let body = Body::ChangeSettings(ChangeSettings {
        settings: Some(wanted),
        reason: request.reason,
    });
    admin.propose(&author, "settings_changed", body).await
}

/// Everything that has no resource.
async fn unknown_path(uri: Uri) -> Problem {
    let path = shorten(uri.path());
    let detail = format!("nothing is served at {path}; operators begin at /admin/v1/status");
    Problem::new(problem::UNKNOWN_PATH, detail)
}

/// Every other method on a resource.
async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let (method, path) = (shorten(method.as_str()), shorten(uri.path()));
    Problem::new(
        problem::WRONG_METHOD,
        format!("{method} is not served at {path}"),
    )
}

pub(super) fn of_body<T: DeserializeOwned>(body: Given<T>) -> Answer<T> {
    match body {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(Problem::new(problem::BAD_BODY, rejection.body_text())),
    }
}

fn to_ledger(settings: AdminSettings) -> Answer<Settings> {
    Settings::try_from(settings).map_err(|error| Problem::new(problem::BAD_BODY, error.to_string()))
}
