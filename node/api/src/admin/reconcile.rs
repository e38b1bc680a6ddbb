//! Comparing restored books with the chain and the wallet, and booking what they lack.

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Extension, Router};
use raftpool_ledger::command::ReconcilePayouts;
use raftpool_ledger::command::command::Body;

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use crate::dto::admin::{Changed, PauseRequest};
use crate::dto::reconcile::Reconciliation;
use crate::parameters::Parameters;
use crate::payouts::Finding;
use crate::problem::{self, Problem};
use crate::reading::At;

/// The path about it.
pub(super) fn router() -> Router<Admin> {
    let path = "/admin/v1/payouts/reconciliation";
    Router::new().route(path, get(look).post(reconcile))
}

/// `GET /admin/v1/payouts/reconciliation`
async fn look(State(admin): State<Admin>, uri: Uri) -> Answer<At<Reconciliation>> {
    let parameters = Parameters::of(&uri, &[])?;
    let found = find(&admin).await?;
    let read = move |view: &raftpool_ledger::view::LedgerView<'_>| Reconciliation::new(view, found);
    admin.reader.read(parameters.min_index()?, read).await
}

/// `POST /admin/v1/payouts/reconciliation`
async fn reconcile(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<PauseRequest>,
) -> Answer<Changed> {
    let PauseRequest { author, reason } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    let _turn = admin.turn().await?;
    // Looked at anew: the chain has gone on since the operator saw it.
    let found = find(&admin).await?;
    if !found.problems.is_empty() {
        let detail = format!("{}; nothing has changed", found.problems.join("; "));
        return Err(Problem::new(problem::NOT_RECONCILED, detail));
    }
    let stable_height = found.stable_height;
    let spends = found.spends.into_iter().map(Some).chain([None]);
    let mut changed = None;
    for spend in spends {
        let is_complete = spend.is_none();
        let body = Body::ReconcilePayouts(ReconcilePayouts {
            spend,
            is_complete,
            stable_height,
            reason: reason.clone(),
        });
        changed = Some(admin.propose(&author, "payouts_reconciled", body).await?);
    }
    changed.ok_or_else(|| Problem::new(problem::NOT_RECONCILED, "nothing was proposed".to_owned()))
}

async fn find(admin: &Admin) -> Answer<Finding> {
    let found = admin.payouts.reconciliation().await;
    found.map_err(|error| Problem::new(problem::NOT_RECONCILED, error))
}
