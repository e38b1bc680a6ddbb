//! The resources about the books themselves: the journal, a miner's statement, the reserve, and
//! how a block is shared.

use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::command::Account;
use raftpool_ledger::view::{BlockPart, EntryKind, EntryPlace, JournalEntry, JournalQuery};

use super::{Answer, PathText, about_miner, address_of, hash_of, unknown_block};
use crate::app::App;
use crate::dto::block::amount_of;
use crate::dto::journal::{BlockProof, Entry, ProofPart, Reserve, StatementLine, Weights};
use crate::dto::{Page, PageBack};
use crate::parameters::known::{BackInTime, JournalPage, OfBlock, OfMiner, Parts};
use crate::parameters::{Parameters, shorten};
use crate::problem::Problem;
use crate::reading::{At, Reader};

/// What PPS and FPPS are paid from.
#[utoipa::path(
    get,
    path = "/api/v1/reserve",
    tag = "books",
    responses((status = 200, description = "As of the index it names", body = At<ReserveAnswer>))
)]
pub(crate) async fn reserve(
    State(app): State<App>,
    uri: Uri,
) -> Result<At<ReserveAnswer>, Problem> {
    let parameters = Parameters::of(&uri, &[])?;
    app.reader
        .read(parameters.min_index()?, |view| {
            let reserve = Reserve::read(view)?;
            Ok(ReserveAnswer { reserve })
        })
        .await
}

/// The reserve; null while no scheme is paid from it and nothing is in it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ReserveAnswer {
    reserve: Option<Reserve>,
}

/// Entries of the journal, oldest first.
///
/// All, those about a block or a payout, those that began at a time or later, or those that change
/// an account; only one of `block`, `payout`, `since_ms` and `after` can be given, and `after` beside
/// `account`. What `next_after` says goes on where the page ends; a page of an account can be short,
/// or empty, and go on all the same.
#[utoipa::path(
    get,
    path = "/api/v1/journal",
    tag = "books",
    params(JournalPage),
    responses((status = 200, description = "As of the index it names", body = At<Page<Entry>>))
)]
pub(crate) async fn journal(State(app): State<App>, uri: Uri) -> Answer<Page<Entry>> {
    let parameters = Parameters::of(&uri, JournalPage::NAMES)?;
    let limit = parameters.limit()?;
    let after = parameters.cursor("after")?;
    let after = after.map(|text| cursor(&text)).transpose()?;
    if let Some(account) = parameters.account("account")? {
        let others = ["block", "payout", "since_ms"];
        if let Some(other) = others.iter().find(|name| parameters.has(name)) {
            let problem = "cannot be given beside account; `raftpool ledger export` can";
            return Err(Problem::parameter(other, problem));
        }
        return journal_of_account(&app, parameters.min_index()?, account, after, limit).await;
    }
    let given = [
        parameters.number("block")?.map(JournalQuery::Block),
        parameters.number("payout")?.map(JournalQuery::Payout),
        parameters.number("since_ms")?.map(JournalQuery::Since),
        after.map(|after| JournalQuery::After(Some(after))),
    ];
    let mut given = given.into_iter().flatten();
    let query = given.next().unwrap_or(JournalQuery::After(None));
    if given.next().is_some() {
        let problem = "only one of block, payout, since_ms and after can be given";
        return Err(Problem::parameter("", problem));
    }
    app.reader
        .read(parameters.min_index()?, move |view| {
            let entries = view.journal(query, limit + 1)?;
            let entries = entries.into_iter();
            let rows = entries.map(|entry| (place((entry.index, entry.kind)), entry));
            let row = |(_, entry)| Entry::from(entry);
            Ok(Page::new(
                rows.collect(),
                limit,
                |(after, _)| after.clone(),
                row,
            ))
        })
        .await
}

async fn journal_of_account(
    app: &App,
    min_index: Option<u64>,
    account: Account,
    after: Option<EntryPlace>,
    limit: usize,
) -> Answer<Page<Entry>> {
    app.reader
        .read(min_index, move |view| {
            let (entries, next) = view.journal_of_account(account, after, limit)?;
            let entries = entries.into_iter().map(Entry::from).collect();
            let next = next.map(place);
            Ok(Page::up_to(entries, next))
        })
        .await
}

/// An entry as a cursor names it.
fn place((index, kind): EntryPlace) -> String {
    format!("{index}-{}", i32::from(kind))
}

fn cursor(text: &str) -> Result<EntryPlace, Problem> {
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once('-');
    let parts = parts.filter(|(index, kind)| is_plain(index) && is_plain(kind));
    let read = parts.and_then(|(index, kind)| {
        let kind: i32 = kind.parse().ok()?;
        Some((index.parse().ok()?, EntryKind::try_from(kind).ok()?))
    });
    read.ok_or_else(|| {
        let given = shorten(text);
        let problem = format!("must be what next_after said, such as \"17-2\", is \"{given}\"");
        Problem::parameter("after", problem)
    })
}

/// A miner's part of the journal, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/statement",
    tag = "books",
    params(OfMiner, BackInTime),
    responses((status = 200, description = "As of the index it names", body = At<PageBack<StatementLine>>))
)]
pub(crate) async fn statement(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<PageBack<StatementLine>> {
    let address = address_of(path)?;
    let parameters = Parameters::of(&uri, BackInTime::NAMES)?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    about_miner(&app, &parameters, address, move |view, address| {
        let lines = view.statement(address, before, limit + 1)?;
        let index = |(entry, _): &(JournalEntry, _)| entry.index;
        Ok(PageBack::new(lines, limit, index, StatementLine::from))
    })
    .await
}

/// How a block is shared, with the weights.
///
/// A maturing block is reckoned with what it was expected to pay, unless an amount is given.
#[utoipa::path(
    get,
    path = "/api/v1/blocks/{hash}/proof",
    tag = "books",
    params(OfBlock, Parts),
    responses((status = 200, description = "As of the index it names", body = At<BlockProof>))
)]
pub(crate) async fn block_proof(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Answer<BlockProof> {
    let (hash, parameters) = (hash_of(path)?, Parameters::of(&uri, Parts::NAMES)?);
    let (after, limit) = (parameters.number("after")?, parameters.limit()?);
    let given = parameters.number("amount_atomic")?;
    let found = app.reader.read(parameters.min_index()?, move |view| {
        let Some(block) = view.block(&hash)? else {
            return Ok(None);
        };
        let amount = given.unwrap_or(amount_of(&block));
        let parts = view.block_parts(&hash, amount, after, limit + 1)?;
        let settings = view.settings_at(block.found_at_ms)?;
        let weights = Weights {
            window_milli: settings.map_or(0, |settings| settings.pplns_window_milli),
            total: block.weights_total,
        };
        let (fee_bps, parts) = (block.fee_bps, page(parts, limit));
        Ok(Some(BlockProof::new(
            Some(&block),
            fee_bps,
            amount,
            weights,
            parts,
        )))
    });
    found.await?.or_not_found(|| unknown_block(&hash))
}

/// What a PPLNS block would pay if it were found now.
///
/// Without an amount: if it paid what the newest block paid or was expected to.
#[utoipa::path(
    get,
    path = "/api/v1/window/shares",
    tag = "books",
    params(Parts),
    responses((status = 200, description = "As of the index it names", body = At<BlockProof>))
)]
pub(crate) async fn window_shares(State(app): State<App>, uri: Uri) -> Answer<BlockProof> {
    simulate_block(&app.reader, &uri).await
}

/// The same for whoever has a reader.
pub(crate) async fn simulate_block(reader: &Reader, uri: &Uri) -> Answer<BlockProof> {
    let parameters = Parameters::of(uri, Parts::NAMES)?;
    let (after, limit) = (parameters.number("after")?, parameters.limit()?);
    let given = parameters.number("amount_atomic")?;
    reader
        .read(parameters.min_index()?, move |view| {
            let amount = match (given, view.blocks(None, 1)?.first()) {
                (Some(amount), _) => amount,
                (None, Some(block)) => amount_of(block),
                (None, None) => 0,
            };
            let (total, parts) = view.window_parts(amount, after, limit + 1)?;
            let settings = view.settings()?.unwrap_or_default();
            let weights = Weights {
                window_milli: settings.pplns_window_milli,
                total,
            };
            let (fee_bps, parts) = (settings.pplns_fee_bps, page(parts, limit));
            Ok(BlockProof::new(None, fee_bps, amount, weights, parts))
        })
        .await
}

fn page(parts: Vec<BlockPart>, limit: usize) -> Page<ProofPart> {
    let rows = parts.into_iter();
    let rows = rows.map(|part| (part.miner_number.to_string(), part));
    let row = |(_, part)| ProofPart::from(part);
    Page::new(rows.collect(), limit, |(after, _)| after.clone(), row)
}
