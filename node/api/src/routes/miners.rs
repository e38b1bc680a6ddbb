//! Miners, their workers and payouts.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use raftpool_ledger::StateError;
use raftpool_ledger::view::{self, LedgerView};

use super::{Answer, PathText, about_miner, address_of, unknown_miner, unknown_worker, worker_of};
use crate::app::App;
use crate::dto::miner::{Miner, MinerDetail, TopMiners};
use crate::dto::payout::MinerPayout;
use crate::dto::refusal::Refusals;
use crate::dto::reward::{Reward, Whose};
use crate::dto::worker::{WorkerDetail, WorkerHealth, sessions_of};
use crate::dto::{Page, PageBack};
use crate::parameters::Parameters;
use crate::parameters::known::{BackInTime, ByName, OfMiner, OfWorker, RANKINGS, Ranking};
use crate::problem::{INDEX_NOT_REACHED, Problem};
use crate::reading::At;
use crate::weights::WeightsKept;

/// Miners by address.
///
/// Those that want to be left out of lists are not among them, so that a page may have less rows than
/// its limit and still say with `next_after` where to go on.
#[utoipa::path(
    get,
    path = "/api/v1/miners",
    tag = "miners",
    params(ByName),
    responses((status = 200, description = "As of the index it names", body = At<Page<Miner>>))
)]
pub(crate) async fn miners(State(app): State<App>, uri: Uri) -> Answer<Page<Miner>> {
    let parameters = Parameters::of(&uri, ByName::NAMES)?;
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    app.reader
        .read(parameters.min_index()?, move |view| {
            let window_score = view.totals()?.window_score;
            let miners = view.miners(after.as_deref(), limit + 1)?;
            let row = |miner: view::Miner| {
                let is_shown = !view.is_hidden(&miner.address)?;
                Ok(is_shown.then(|| Miner::new(miner, window_score)))
            };
            let address = |miner: &view::Miner| miner.address.clone();
            Page::some(miners, limit, address, row)
        })
        .await
}

/// One miner: money, counts, terms, and sums over its workers.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}",
    tag = "miners",
    params(OfMiner),
    responses((status = 200, description = "As of the index it names", body = At<MinerDetail>))
)]
pub(crate) async fn miner(State(app): State<App>, uri: Uri, path: PathText) -> Answer<MinerDetail> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, &[])?);
    let wanted = address.clone();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        MinerDetail::read(view, &wanted)
    });
    found.await?.or_not_found(|| unknown_miner(&address))
}

/// A miner's workers by name.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/workers",
    tag = "miners",
    params(OfMiner, ByName),
    responses((status = 200, description = "As of the index it names", body = At<Page<WorkerHealth>>))
)]
pub(crate) async fn workers(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<Page<WorkerHealth>> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, ByName::NAMES)?);
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let now_ms = app.clock.now_ms();
    about_miner(&app, &parameters, address, move |view, address| {
        let workers = view.workers(address, after.as_deref(), limit + 1)?;
        let rows = workers
            .into_iter()
            .map(|worker| WorkerHealth::read(view, address, worker, now_ms));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let name = |row: &WorkerHealth| row.worker.name.clone();
        Ok(Page::new(rows, limit, name, |row| row))
    })
    .await
}

/// One worker: its state in words, counters by reason, speed, and sessions.
///
/// The sessions are those of the answering node, of this moment.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/workers/{worker}",
    tag = "miners",
    params(OfWorker),
    responses((status = 200, description = "As of the index it names", body = At<WorkerDetail>))
)]
pub(crate) async fn worker(
    State(app): State<App>,
    uri: Uri,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Answer<WorkerDetail> {
    let (address, name) = worker_of(path)?;
    let parameters = Parameters::of(&uri, &[])?;
    let (wanted, wanted_name) = (address.clone(), name.clone());
    let now_ms = app.clock.now_ms();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        let worker = view.worker(&wanted, &wanted_name)?;
        let health = worker.map(|worker| WorkerHealth::read(view, &wanted, worker, now_ms));
        health.transpose()
    });
    let found = found
        .await?
        .or_not_found(|| unknown_worker(&address, &name))?;
    let sessions = app.live.sessions(&address);
    let sessions_node_id = app.cluster.leadership().node_id;
    Ok(found.map(|health| WorkerDetail {
        health,
        sessions_node_id,
        sessions: sessions_of(&name, sessions),
    }))
}

/// What blocks brought a miner, newest first.
///
/// Reckoned from the weights that were frozen when each block was found, so that every amount can be
/// computed again; those of the newest 10,000 blocks are kept, and what came of older ones is in the
/// statement. A page looks at 1,000 blocks at most: it may have less rows than its limit, none even,
/// and still say with `next_before` where to go on. Work of PPS and FPPS is not paid by blocks; it is
/// in the statement.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/rewards",
    tag = "miners",
    params(OfMiner, BackInTime),
    responses((status = 200, description = "As of the index it names", body = At<PageBack<Reward>>))
)]
pub(crate) async fn rewards(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<PageBack<Reward>> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, BackInTime::NAMES)?);
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    let kept = Arc::clone(&app.weights);
    about_miner(&app, &parameters, address, move |view, address| {
        let looked_at_max = REWARDS_LOOKED_AT_MAX;
        rewards_of(view, &kept, address, before, limit, looked_at_max)
    })
    .await
}

/// Most blocks that one request looks at for those that paid a miner.
const REWARDS_LOOKED_AT_MAX: usize = 1_000;

/// Rewards of a miner below a block number.
pub(crate) fn rewards_of(
    view: &LedgerView<'_>,
    kept: &WeightsKept,
    address: &str,
    before: Option<u64>,
    limit: usize,
    looked_at_max: usize,
) -> Result<PageBack<Reward>, StateError> {
    let Some(whose) = Whose::find(view, address, kept)? else {
        return Ok(PageBack::new(Vec::new(), limit, |_| 0, |row| row));
    };
    let read = |before, count| view.blocks(before, count);
    PageBack::some(before, limit, looked_at_max, read, |block| {
        Reward::read(view, &block, &whose)
    })
}

/// The first miners of an order.
///
/// Counted at most ten seconds before, as of the index it names.
#[utoipa::path(
    get,
    path = "/api/v1/miners/top",
    tag = "miners",
    params(Ranking),
    responses((status = 200, description = "As of the index it names", body = At<TopMiners>))
)]
pub(crate) async fn top_miners(State(app): State<App>, uri: Uri) -> Answer<TopMiners> {
    let parameters = Parameters::of(&uri, Ranking::NAMES)?;
    let by = parameters.word("by", &RANKINGS)?.unwrap_or(RANKINGS[0]);
    let (limit, min_index) = (parameters.limit()?, parameters.min_index()?);
    let counted = app.census.take(&app.reader).await?;
    let is_old = min_index.is_some_and(|min_index| counted.index < min_index);
    if is_old {
        let detail = format!(
            "min_index is above {}, where miners were counted last; that is done every ten seconds",
            counted.index
        );
        return Err(Problem::new(INDEX_NOT_REACHED, detail).at(counted.index));
    }
    Ok(At {
        index: counted.index,
        ledger_time_ms: counted.ledger_time_ms,
        value: TopMiners::new(&counted.value, by, limit),
    })
}

/// What the answering node has refused to workers of a miner, and no ledger says.
///
/// Of this node's memory and not of the ledger, so it carries no log index; a miner the ledger does
/// not know is what it is for.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/refusals",
    tag = "miners",
    params(OfMiner),
    responses((status = 200, description = "As of this moment", body = Refusals))
)]
pub(crate) async fn refusals(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Result<Json<Refusals>, Problem> {
    let address = address_of(path)?;
    Parameters::of(&uri, &[])?;
    let node_id = app.cluster.leadership().node_id;
    let workers = app.live.refused_workers(&address);
    Ok(Json(Refusals::new(node_id, workers)))
}

/// Payouts to a miner, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/payouts",
    tag = "miners",
    params(OfMiner, BackInTime),
    responses((status = 200, description = "As of the index it names", body = At<PageBack<MinerPayout>>))
)]
pub(crate) async fn miner_payouts(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<PageBack<MinerPayout>> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, BackInTime::NAMES)?);
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    about_miner(&app, &parameters, address, move |view, address| {
        let payouts = view.miner_payouts(address, before, limit + 1)?;
        let item = |payout| MinerPayout::new(&payout, address);
        Ok(PageBack::new(payouts, limit, |payout| payout.id, item))
    })
    .await
}
