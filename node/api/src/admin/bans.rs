//! Bans: looking at them and lifting them.

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::command::LiftBan;
use raftpool_ledger::command::command::Body;

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use crate::bans::LocalBanOf;
use crate::dto::admin::Changed;
use crate::dto::ban::{Bans, LiftRequest};
use crate::parameters::Parameters;
use crate::problem::{self, Problem};
use crate::reading::At;

/// `GET /admin/v1/bans`
pub(super) async fn list(State(admin): State<Admin>, uri: Uri) -> Answer<At<Bans>> {
    let parameters = Parameters::of(&uri, &["after_miner", "after_worker"])?;
    let after = parameters.text("after_miner")?;
    let after = after.zip(parameters.text("after_worker")?);
    let source = admin.source().await;
    let of_this_node = admin.bans.list();
    let now_ms = admin.now_ms();
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            Bans::read(view, source, after, of_this_node, now_ms)
        })
        .await
}

/// `POST /admin/v1/bans/lift`
pub(super) async fn lift(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<LiftRequest>,
) -> Answer<Changed> {
    let LiftRequest {
        author,
        reason,
        miner,
        worker,
        ip,
    } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    let _turn = admin.turn().await?;
    match (miner, worker, ip) {
        (Some(miner), Some(worker), None) => {
            lift_worker(&admin, &author, miner, worker, reason).await
        }
        (None, None, Some(ip)) => {
            let is_lifted = admin.bans.lift(&LocalBanOf::Ip(ip));
            let who = format!("this node does not refuse {ip}");
            lifted_here(&admin, &author, is_lifted, who).await
        }
        _ => {
            let detail = "give either miner and worker, or ip";
            Err(Problem::new(problem::BAD_BODY, detail))
        }
    }
}

async fn lift_worker(
    admin: &Admin,
    author: &Author,
    miner: String,
    worker: String,
    reason: String,
) -> Answer<Changed> {
    admin.catch_up().await?;
    let of_this_node = LocalBanOf::Worker {
        miner: miner.clone(),
        worker: worker.clone(),
    };
    let is_lifted_here = admin.bans.lift(&of_this_node);
    let (of_miner, of_worker) = (miner.clone(), worker.clone());
    let now_ms = admin.now_ms();
    let present = admin
        .reader
        .read(None, move |view| view.ban(&of_miner, &of_worker, now_ms))
        .await?;
    if present.value.is_none() {
        let detail = format!("worker \"{worker}\" of {miner} is not banned");
        return lifted_here(admin, author, is_lifted_here, detail).await;
    }
    let body = Body::LiftBan(LiftBan {
        miner,
        worker,
        reason,
    });
    admin.propose(author, "ban_lifted", body).await
}

/// The answer when nothing is in the ledger.
async fn lifted_here(
    admin: &Admin,
    author: &Author,
    is_lifted: bool,
    detail: String,
) -> Answer<Changed> {
    let At { index, .. } = admin.reader.read(None, |_| Ok(())).await?;
    if !is_lifted {
        return Err(Problem::new(problem::OVERTAKEN, detail).at(index));
    }
    let Author { name, uid } = author;
    tracing::info!(author = name, uid, "a ban of this node was lifted");
    Ok(Changed {
        index,
        change: "ban_lifted",
        payout_id: None,
    })
}
