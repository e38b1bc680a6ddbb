//! Payouts as operators decide about them: approvals, holds, giving up, preferences, the history,
//! and what a run would do now.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Extension, Router};
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    AbandonPayout, ApprovePayout, HoldAddress, RejectPayout, Scheme, SetMinerPreferences,
};

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use super::tokens::address_of;
use crate::dto::admin::{Changed, scheme};
use crate::dto::rules::{
    AbandonRequest, DecisionRequest, History, HistoryEntry, Hold, HoldRequest, Holds, MinerTerms,
    PreferencesRequest, Simulation,
};
use crate::dto::{Decimal, Page, PageBack};
use crate::parameters::Parameters;
use crate::problem::{self, Problem};
use crate::reading::At;

/// The paths about payouts beside pausing, resuming and releasing.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/admin/v1/payouts", get(history))
        .route("/admin/v1/payouts/simulation", get(simulation))
        .route("/admin/v1/payouts/approve", post(approve))
        .route("/admin/v1/payouts/reject", post(reject))
        .route("/admin/v1/payouts/abandon", post(abandon))
        .route("/admin/v1/holds", get(holds).post(hold))
        .route("/admin/v1/miners/{address}", get(miner))
        .route("/admin/v1/miners/preferences", post(prefer))
}

/// `GET /admin/v1/payouts?before=&limit=&payees=1`
async fn history(State(admin): State<Admin>, uri: Uri) -> Answer<At<History>> {
    let parameters = Parameters::of(&uri, &["before", "limit", "payees"])?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    let with_payees = parameters
        .number("payees")?
        .is_some_and(|wanted| wanted > 0);
    let source = admin.source().await;
    let stable_topoheight = admin.payouts.stable_topoheight().await;
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            let payouts = view.payouts(before, limit + 1)?;
            let entry = |payout| HistoryEntry::new(payout, stable_topoheight, with_payees);
            let payouts = PageBack::new(payouts, limit, |payout| payout.id, entry);
            Ok(History {
                source,
                stable_topoheight,
                payouts,
            })
        })
        .await
}

/// `GET /admin/v1/payouts/simulation`
async fn simulation(State(admin): State<Admin>, uri: Uri) -> Answer<At<Simulation>> {
    let parameters = Parameters::of(&uri, &[])?;
    let simulated = admin.payouts.simulate().await;
    let simulated = simulated.map_err(|error| Problem::new(problem::NOT_SIMULATED, error))?;
    admin
        .reader
        .read(parameters.min_index()?, move |_| Ok(simulated))
        .await
}

/// `POST /admin/v1/payouts/approve`
async fn approve(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<DecisionRequest>,
) -> Answer<Changed> {
    let make = |payout_id, reason| Body::ApprovePayout(ApprovePayout { payout_id, reason });
    approve_or_reject(&admin, peer, body, "payout_approved", make).await
}

/// `POST /admin/v1/payouts/reject`
async fn reject(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<DecisionRequest>,
) -> Answer<Changed> {
    let make = |payout_id, reason| Body::RejectPayout(RejectPayout { payout_id, reason });
    approve_or_reject(&admin, peer, body, "payout_rejected", make).await
}

/// What both decisions have in common; `make` turns the payout and the reason into the command.
async fn approve_or_reject(
    admin: &Admin,
    peer: Peer,
    body: Given<DecisionRequest>,
    change: &'static str,
    make: impl FnOnce(u64, String) -> Body,
) -> Answer<Changed> {
    let DecisionRequest {
        author,
        reason,
        payout_id,
    } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    decide(admin, &author, change, payout_id, make(payout_id, reason)).await
}

/// `POST /admin/v1/payouts/abandon`
async fn abandon(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<AbandonRequest>,
) -> Answer<Changed> {
    let AbandonRequest {
        author,
        reason,
        payout_id,
        is_forced,
    } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    if is_forced {
        let (name, uid) = (&author.name, author.uid);
        tracing::warn!(
            author = name,
            uid,
            payout_id,
            "a payout is given up by force"
        );
    } else {
        check_nonce_gone(&admin, payout_id)?;
    }
    // By force, nobody knows that the nonce is gone: the next payout finds out, and takes it if it
    // is free, so that at most one of both executes.
    let body = Body::AbandonPayout(AbandonPayout {
        payout_id,
        reason,
        keeps_nonce: is_forced,
    });
    decide(&admin, &author, "payout_abandoned", payout_id, body).await
}

/// Only what the leader has seen on the chain allows to give a signed payout up.
fn check_nonce_gone(admin: &Admin, payout_id: u64) -> Answer<()> {
    let seen = admin.payouts.nonce();
    let detail = match seen.filter(|seen| seen.payout_id == payout_id) {
        Some(seen) if seen.is_used_by_another => return Ok(()),
        Some(seen) => format!(
            "nonce {} of payout {payout_id} is not known to be used up by another transaction: \
             the account's next nonce is {} at the top and {} where the chain is stable",
            seen.nonce, seen.top_nonce, seen.stable_nonce
        ),
        None => {
            let leadership = admin.cluster.leadership();
            match leadership.leader_id {
                Some(leader) if !leadership.is_leader() => {
                    format!("this node does not follow payouts: ask node {leader}, which leads")
                }
                _ => format!("this node has not seen what the chain says of payout {payout_id}"),
            }
        }
    };
    let detail = format!("{detail}; nothing has changed");
    Err(Problem::new(problem::MAY_EXECUTE, detail))
}

async fn decide(
    admin: &Admin,
    author: &Author,
    change: &'static str,
    payout_id: u64,
    body: Body,
) -> Answer<Changed> {
    let _turn = admin.turn().await?;
    let changed = admin.propose(author, change, body).await?;
    Ok(Changed {
        payout_id: Some(payout_id),
        ..changed
    })
}

/// `GET /admin/v1/holds?after=&limit=`
async fn holds(State(admin): State<Admin>, uri: Uri) -> Answer<At<Holds>> {
    let parameters = Parameters::of(&uri, &["after", "limit"])?;
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let source = admin.source().await;
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            let holds = view.holds(after.as_deref(), limit + 1)?;
            let holds = Page::new(holds, limit, |hold| hold.miner.clone(), Hold::from);
            Ok(Holds { source, holds })
        })
        .await
}

/// `POST /admin/v1/holds`
async fn hold(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<HoldRequest>,
) -> Answer<Changed> {
    let request = of_body(body)?;
    let author = Author::new(request.author, &request.reason, peer)?;
    let miner = address_of(&admin, &request.address)?;
    let change = match request.is_held {
        true => "address_held",
        false => "address_not_held",
    };
    let _turn = admin.turn().await?;
    let body = Body::HoldAddress(HoldAddress {
        miner,
        is_held: request.is_held,
        reason: request.reason,
    });
    admin.propose(&author, change, body).await
}

/// `GET /admin/v1/miners/{address}`
async fn miner(
    State(admin): State<Admin>,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
) -> Answer<At<MinerTerms>> {
    let parameters = Parameters::of(&uri, &[])?;
    let Path(text) =
        path.map_err(|_| Problem::new(problem::BAD_PATH, "the path does not decode to UTF-8"))?;
    let address = admin.issuer.canonical_address(&text);
    let address = address.map_err(|error| Problem::new(problem::BAD_PATH, error))?;
    let unknown = format!("{address} has no accepted work here");
    let source = admin.source().await;
    let found = admin.reader.read(parameters.min_index()?, move |view| {
        let Some(miner) = view.miner(&address)? else {
            return Ok(None);
        };
        let terms = view.terms(&address)?;
        Ok(Some(MinerTerms::new(source, miner, terms)))
    });
    found.await?.or_not_found(|| unknown)
}

/// `POST /admin/v1/miners/preferences`
async fn prefer(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<PreferencesRequest>,
) -> Answer<Changed> {
    let request = of_body(body)?;
    let author = Author::new(request.author, &request.reason, peer)?;
    let miner = address_of(&admin, &request.address)?;
    let Decimal(threshold) = request.payout_threshold_atomic;
    let payout_threshold_atomic = u64::try_from(threshold).map_err(|_| {
        let detail = format!("payout_threshold_atomic: {threshold} is more than there can be");
        Problem::new(problem::BAD_BODY, detail)
    })?;
    let wanted = match &request.scheme {
        None => Scheme::Unspecified,
        Some(name) => scheme("scheme", name)
            .map_err(|error| Problem::new(problem::BAD_BODY, error.to_string()))?,
    };
    let _turn = admin.turn().await?;
    let body = Body::SetMinerPreferences(SetMinerPreferences {
        miner,
        payout_threshold_atomic,
        scheme: wanted.into(),
        reason: request.reason,
    });
    admin.propose(&author, "preferences_set", body).await
}
