//! The resources under `/api/v1`: each is one read of the ledger and one conversion.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use raftpool_ledger::settings::ADDRESS_BYTES_MAX;
use raftpool_ledger::view::BlockStatus;

use crate::app::App;
use crate::dto::Page;
use crate::dto::block::{Block, BlockShares, MinerShare};
use crate::dto::cluster::Nodes;
use crate::dto::effort::Effort;
use crate::dto::lateness::Lateness;
use crate::dto::miner::{Miner, MinerDetail, Worker, WorkerSums};
use crate::dto::node::Node;
use crate::dto::payout::{MinerPayout, PayoutDetail, PayoutSummary};
use crate::dto::pool::{Pool, PoolAndNode};
use crate::dto::refusal::Refusals;
use crate::dto::rules::Preferences;
use crate::number::parse_hash;
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;

pub(crate) type Answer<T> = Result<At<T>, Problem>;
pub(crate) type PathText = Result<Path<String>, PathRejection>;

/// `GET /api/v1/pool`
pub(crate) async fn pool(State(app): State<App>, uri: Uri) -> Answer<PoolAndNode> {
    let parameters = Parameters::of(&uri, &[])?;
    let pool = app.reader.read(parameters.min_index()?, Pool::read).await?;
    let node = Node::new(
        app.live.node(),
        app.cluster.leadership(),
        app.clock.now_ms(),
    );
    Ok(pool.map(|pool| PoolAndNode { pool, node }))
}

/// `GET /api/v1/pool/lateness`
///
/// The ledger bounds how many blocks are added up, so this read is bounded as well.
pub(crate) async fn lateness(State(app): State<App>, uri: Uri) -> Answer<Lateness> {
    let parameters = Parameters::of(&uri, &[])?;
    app.reader
        .read(parameters.min_index()?, |view| {
            Ok(Lateness::from(view.lateness()?))
        })
        .await
}

/// `GET /api/v1/pool/effort`
pub(crate) async fn effort(State(app): State<App>, uri: Uri) -> Answer<Effort> {
    let parameters = Parameters::of(&uri, &[])?;
    app.reader.read(parameters.min_index()?, Effort::read).await
}

/// `GET /api/v1/nodes`
///
/// Of the moment and not of the ledger, so it carries no log index.
pub(crate) async fn nodes(State(app): State<App>, uri: Uri) -> Result<Json<Nodes>, Problem> {
    Parameters::of(&uri, &[])?;
    Ok(Json(app.control.status().await.into()))
}

/// `GET /api/v1/miners?after=&limit=`
pub(crate) async fn miners(State(app): State<App>, uri: Uri) -> Answer<Page<Miner>> {
    let parameters = Parameters::of(&uri, &["after", "limit"])?;
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    app.reader
        .read(parameters.min_index()?, move |view| {
            let window_score = view.totals()?.window_score;
            let miners = view.miners(after.as_deref(), limit + 1)?;
            let item = |miner| Miner::new(miner, window_score);
            Ok(Page::forward(miners, limit, |miner| &miner.address, item))
        })
        .await
}

/// `GET /api/v1/miners/{address}`
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

/// `GET /api/v1/miners/{address}/workers?after=&limit=`
pub(crate) async fn workers(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<Page<Worker>> {
    let (address, parameters) = (
        address_of(path)?,
        Parameters::of(&uri, &["after", "limit"])?,
    );
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let wanted = address.clone();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        if view.miner(&wanted)?.is_none() {
            return Ok(None);
        }
        let workers = view.workers(&wanted, after.as_deref(), limit + 1)?;
        Ok(Some(Page::forward(
            workers,
            limit,
            |worker| &worker.name,
            Worker::from,
        )))
    });
    found.await?.or_not_found(|| unknown_miner(&address))
}

/// `GET /api/v1/miners/{address}/refusals`
///
/// Of this node's memory and not of the ledger, so it carries no log index; a miner the ledger does
/// not know is what it is for.
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

/// `GET /api/v1/miners/{address}/payouts?before=&limit=`
pub(crate) async fn miner_payouts(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<Page<MinerPayout>> {
    let (address, parameters) = (
        address_of(path)?,
        Parameters::of(&uri, &["before", "limit"])?,
    );
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    let wanted = address.clone();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        if view.miner(&wanted)?.is_none() {
            return Ok(None);
        }
        let payouts = view.miner_payouts(&wanted, before, limit + 1)?;
        let item = |payout| MinerPayout::new(&payout, &wanted);
        Ok(Some(Page::backward(
            payouts,
            limit,
            |payout| payout.id,
            item,
        )))
    });
    found.await?.or_not_found(|| unknown_miner(&address))
}

/// `GET /api/v1/blocks?before=&limit=`
pub(crate) async fn blocks(State(app): State<App>, uri: Uri) -> Answer<Page<Block>> {
    let parameters = Parameters::of(&uri, &["before", "limit"])?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    app.reader
        .read(parameters.min_index()?, move |view| {
            let blocks = view.blocks(before, limit + 1)?;
            Ok(Page::backward(
                blocks,
                limit,
                |block| block.number,
                Block::from,
            ))
        })
        .await
}

/// `GET /api/v1/blocks/{hash}`
pub(crate) async fn block(State(app): State<App>, uri: Uri, path: PathText) -> Answer<Block> {
    let (hash, parameters) = (hash_of(path)?, Parameters::of(&uri, &[])?);
    let found = app
        .reader
        .read(parameters.min_index()?, move |view| {
            Ok(view.block(&hash)?.map(Block::from))
        })
        .await?;
    found.or_not_found(|| unknown_block(&hash))
}

/// `GET /api/v1/blocks/{hash}/shares?amount_atomic=&after=&limit=`
///
/// Who gets how much of a block. A settled block is shared with the amount the chain paid; one
/// that is maturing needs the amount to reckon with. The weights of old blocks are forgotten;
/// then, and for orphaned blocks, there are no rows.
pub(crate) async fn block_shares(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<BlockShares> {
    let known = ["amount_atomic", "after", "limit"];
    let (hash, parameters) = (hash_of(path)?, Parameters::of(&uri, &known)?);
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let given = parameters.number("amount_atomic")?;
    let found = app.reader.read(parameters.min_index()?, move |view| {
        let Some(block) = view.block(&hash)? else {
            return Ok(None);
        };
        let paid = match block.status {
            BlockStatus::Settled { amount_atomic, .. } => Some(amount_atomic),
            BlockStatus::Orphaned { .. } => Some(0),
            BlockStatus::Maturing => None,
        };
        let Some(amount) = given.or(paid) else {
            return Ok(Some(None));
        };
        let mut shares = view.block_shares(&hash, amount)?;
        shares.retain(|(miner, _)| after.as_ref().is_none_or(|after| after < miner));
        let row = |(miner, share): (String, u64)| MinerShare {
            miner,
            share_atomic: share.into(),
        };
        let shares = Page::forward(shares, limit, |(miner, _)| miner, row);
        Ok(Some(Some(BlockShares {
            amount_atomic: amount.into(),
            shares,
        })))
    });
    let At {
        index,
        ledger_time_ms,
        value,
    } = found.await?.or_not_found(|| unknown_block(&hash))?;
    let value = value.ok_or_else(|| {
        let detail = "the block is maturing and its amount not known; say which to reckon with";
        Problem::parameter("amount_atomic", detail).at(index)
    })?;
    Ok(At {
        index,
        ledger_time_ms,
        value,
    })
}

/// `GET /api/v1/payouts?before=&limit=`
pub(crate) async fn payouts(State(app): State<App>, uri: Uri) -> Answer<Page<PayoutSummary>> {
    let parameters = Parameters::of(&uri, &["before", "limit"])?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    app.reader
        .read(parameters.min_index()?, move |view| {
            let payouts = view.payouts(before, limit + 1)?;
            let item = |payout| PayoutSummary::from(&payout);
            Ok(Page::backward(payouts, limit, |payout| payout.id, item))
        })
        .await
}

/// `GET /api/v1/payouts/{id}`
pub(crate) async fn payout(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<PayoutDetail> {
    let (text, parameters) = (path_text(path)?, Parameters::of(&uri, &[])?);
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let id: u64 = text.parse().ok().filter(|_| is_number).ok_or_else(|| {
        let given = shorten(&text);
        Problem::new(
            problem::BAD_PATH,
            format!("a payout id is a number; \"{given}\" is not"),
        )
    })?;
    let found = app
        .reader
        .read(parameters.min_index()?, move |view| {
            Ok(view.payout(id)?.map(PayoutDetail::from))
        })
        .await?;
    found.or_not_found(|| format!("there is no payout {id}"))
}

/// Everything that has no resource.
pub(crate) async fn unknown_path(uri: Uri) -> Problem {
    let path = shorten(uri.path());
    let detail = format!("nothing is served at {path}; the API begins at /api/v1/pool");
    Problem::new(problem::UNKNOWN_PATH, detail)
}

/// Every other method on a resource.
pub(crate) async fn method_not_allowed(method: axum::http::Method) -> Problem {
    let method = shorten(method.as_str());
    Problem::new(
        problem::METHOD_NOT_ALLOWED,
        format!("{method} is not served; use GET"),
    )
}

fn path_text(path: PathText) -> Result<String, Problem> {
    let Path(text) =
        path.map_err(|_| Problem::new(problem::BAD_PATH, "the path does not decode to UTF-8"))?;
    Ok(text)
}

pub(crate) fn hash_of(path: PathText) -> Result<[u8; 32], Problem> {
    let text = path_text(path)?;
    parse_hash(&text).ok_or_else(|| {
        let given = shorten(&text);
        Problem::new(
            problem::BAD_PATH,
            format!("a hash is 64 hex digits; \"{given}\" is not"),
        )
    })
}

pub(crate) fn address_of(path: PathText) -> Result<String, Problem> {
    let text = path_text(path)?;
    let is_plausible = (1..=ADDRESS_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    if is_plausible {
        return Ok(text);
    }
    let detail = format!(
        "an address is letters, digits and one colon, such as xel:…; \"{}\" is not",
        shorten(&text)
    );
    Err(Problem::new(problem::BAD_PATH, detail))
}

pub(crate) fn unknown_miner(address: &str) -> String {
    format!("no share of {address} was ever accepted; check the address for typing errors")
}

pub(crate) fn unknown_block(hash: &[u8; 32]) -> String {
    format!("this pool has recorded no block {}", hex::encode(hash))
}
