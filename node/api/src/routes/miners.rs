//! Miners, their workers and payouts.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::{Answer, PathText, address_of, unknown_miner};
use crate::app::App;
use crate::dto::miner::{Miner, MinerDetail, Worker, WorkerSums};
use crate::dto::payout::MinerPayout;
use crate::dto::refusal::Refusals;
use crate::dto::rules::Preferences;
use crate::dto::{Page, PageBack};
use crate::parameters::Parameters;
use crate::parameters::known::{BackInTime, ByName, OfMiner};
use crate::problem::Problem;
use crate::reading::At;

/// Miners by address.
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
            let item = |miner| Miner::new(miner, window_score);
            Ok(Page::new(miners, limit, |miner| &miner.address, item))
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
        let Some(miner) = view.miner(&wanted)? else {
            return Ok(None);
        };
        let terms = view.terms(&wanted)?;
        let is_set_up = view.settings()?.is_some();
        // The ledger bounds the workers of one miner, so this read is bounded as well.
        let workers = view.workers(&wanted, None, usize::MAX)?;
        Ok(Some(MinerDetail {
            miner: Miner::new(miner, view.totals()?.window_score),
            immature_atomic: view.immature_atomic(&wanted)?.into(),
            payout_threshold_atomic: is_set_up.then(|| terms.threshold_atomic.into()),
            preferences: Preferences::new(&terms),
            on_hold: terms.hold.is_some(),
            workers: WorkerSums::of(&workers),
        }))
    });
    found.await?.or_not_found(|| unknown_miner(&address))
}

/// A miner's workers by name.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/workers",
    tag = "miners",
    params(OfMiner, ByName),
    responses((status = 200, description = "As of the index it names", body = At<Page<Worker>>))
)]
pub(crate) async fn workers(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<Page<Worker>> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, ByName::NAMES)?);
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let wanted = address.clone();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        if view.miner(&wanted)?.is_none() {
            return Ok(None);
        }
        let workers = view.workers(&wanted, after.as_deref(), limit + 1)?;
        Ok(Some(Page::new(
            workers,
            limit,
            |worker| &worker.name,
            Worker::from,
        )))
    });
    found.await?.or_not_found(|| unknown_miner(&address))
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
    let wanted = address.clone();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        if view.miner(&wanted)?.is_none() {
            return Ok(None);
        }
        let payouts = view.miner_payouts(&wanted, before, limit + 1)?;
        let item = |payout| MinerPayout::new(&payout, &wanted);
        Ok(Some(PageBack::new(
            payouts,
            limit,
            |payout| payout.id,
            item,
        )))
    });
    found.await?.or_not_found(|| unknown_miner(&address))
}
