//! Found blocks.

use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::view::{self, BlockStatus};

use super::{Answer, PathText, hash_of, unknown_block};
use crate::app::App;
use crate::dto::block::{Block, BlockShares, MinerShare};
use crate::dto::names::BlockState;
use crate::dto::{Page, PageBack};
use crate::parameters::Parameters;
use crate::parameters::known::{BlocksPage, OfBlock, Shares};
use crate::problem::Problem;
use crate::reading::At;

/// Most blocks that one request looks at for those that are asked for.
const LOOKED_AT_MAX: usize = 2_000;

/// Found blocks, newest first.
///
/// A page of some of them looks at 2,000 blocks at most: it may have less rows than its limit, none
/// even, and still say with `next_before` where to go on.
#[utoipa::path(
    get,
    path = "/api/v1/blocks",
    tag = "blocks",
    params(BlocksPage),
    responses((status = 200, description = "As of the index it names", body = At<PageBack<Block>>))
)]
pub(crate) async fn blocks(State(app): State<App>, uri: Uri) -> Answer<PageBack<Block>> {
    let parameters = Parameters::of(&uri, BlocksPage::NAMES)?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    let status = parameters.word("status", BlockState::NAMES)?;
    let miner = parameters.address("miner")?;
    app.reader
        .read(parameters.min_index()?, move |view| {
            let is_wanted = |block: &view::Block| {
                status.is_none_or(|status| BlockState::from(&block.status).name() == status)
                    && miner.as_ref().is_none_or(|miner| block.miner == *miner)
            };
            let read = |before, count| view.blocks(before, count);
            PageBack::some(before, limit, LOOKED_AT_MAX, read, |block| {
                is_wanted(&block)
                    .then(|| Block::read(view, block))
                    .transpose()
            })
        })
        .await
}

/// One block.
#[utoipa::path(
    get,
    path = "/api/v1/blocks/{hash}",
    tag = "blocks",
    params(OfBlock),
    responses((status = 200, description = "As of the index it names", body = At<Block>))
)]
pub(crate) async fn block(State(app): State<App>, uri: Uri, path: PathText) -> Answer<Block> {
    let (hash, parameters) = (hash_of(path)?, Parameters::of(&uri, &[])?);
    let found = app
        .reader
        .read(parameters.min_index()?, move |view| {
            let block = view.block(&hash)?;
            block.map(|block| Block::read(view, block)).transpose()
        })
        .await?;
    found.or_not_found(|| unknown_block(&hash))
}

/// Who gets how much of a block.
///
/// A settled block is shared with the amount the chain paid, one that is maturing with what it was
/// expected to pay when it was found; where that is not known, the amount to reckon with must be given.
/// The weights of old blocks are forgotten; then, and for orphaned blocks, there are
/// no rows.
#[utoipa::path(
    get,
    path = "/api/v1/blocks/{hash}/shares",
    tag = "blocks",
    params(OfBlock, Shares),
    responses((status = 200, description = "As of the index it names", body = At<BlockShares>))
)]
pub(crate) async fn block_shares(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<BlockShares> {
    let (hash, parameters) = (hash_of(path)?, Parameters::of(&uri, Shares::NAMES)?);
    let (after, limit) = (parameters.cursor("after")?, parameters.limit()?);
    let given = parameters.number("amount_atomic")?;
    let found = app.reader.read(parameters.min_index()?, move |view| {
        let Some(block) = view.block(&hash)? else {
            return Ok(None);
        };
        let paid = match block.status {
            BlockStatus::Settled { amount_atomic, .. } => Some(amount_atomic),
            BlockStatus::Orphaned { .. } => Some(0),
            BlockStatus::Maturing => Some(block.expected_atomic).filter(|amount| *amount > 0),
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
        let shares = Page::new(shares, limit, |(miner, _)| miner.clone(), row);
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
