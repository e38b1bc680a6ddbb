//! What a miner got, as tables for spreadsheets.
//!
//! One read for the whole table, so that it is of one moment; the bound of rows is far above what a
//! miner of this pool gets in a year.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use super::miners::rewards_of;
use super::{PathText, about_miner, address_of};
use crate::app::App;
use crate::dto::payout::MinerPayout;
use crate::parameters::Parameters;
use crate::parameters::known::OfMiner;
use crate::problem::{LEDGER_UNREADABLE, Problem};
use crate::reading::{At, INDEX_HEADER};

/// Most rows of a table.
const ROWS_MAX: usize = 10_000;

/// A miner's rewards as CSV: a line for each of the newest 10,000 blocks that paid it.
///
/// Amounts are atomic units, times milliseconds since the Unix epoch.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/rewards.csv",
    tag = "miners",
    params(OfMiner),
    responses((
        status = 200,
        description = "As of the index in the header",
        body = String,
        content_type = "text/csv"
    ))
)]
pub(crate) async fn rewards_csv(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Result<Response, Problem> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, &[])?);
    let kept = Arc::clone(&app.weights);
    let found = about_miner(&app, &parameters, address, move |view, address| {
        rewards_of(view, &kept, address, None, ROWS_MAX, ROWS_MAX)
    })
    .await?;
    let head = [
        "block_number",
        "block_hash",
        "height",
        "status",
        "scheme",
        "found_at_ms",
        "settled_at_ms",
        "part",
        "amount_atomic",
        "is_expected",
    ];
    let rows = found.value.into_items();
    table("rewards", found.index, &head, &rows)
}

/// Payouts to a miner as CSV, the newest 10,000.
///
/// Amounts are atomic units, times milliseconds since the Unix epoch.
#[utoipa::path(
    get,
    path = "/api/v1/miners/{address}/payouts.csv",
    tag = "miners",
    params(OfMiner),
    responses((
        status = 200,
        description = "As of the index in the header",
        body = String,
        content_type = "text/csv"
    ))
)]
pub(crate) async fn payouts_csv(
    State(app): State<App>,
    uri: Uri,
    path: PathText,
) -> Result<Response, Problem> {
    let (address, parameters) = (address_of(path)?, Parameters::of(&uri, &[])?);
    let found = about_miner(&app, &parameters, address, |view, address| {
        let payouts = view.miner_payouts(address, None, ROWS_MAX)?;
        let row = |payout| Line::from(MinerPayout::new(payout, address));
        Ok(payouts.iter().map(row).collect::<Vec<_>>())
    });
    let At { index, value, .. } = found.await?;
    let head = [
        "payout_id",
        "status",
        "reserved_at_ms",
        "confirmed_at_ms",
        "tx_hash",
        "topoheight",
        "debit_atomic",
        "transfer_atomic",
    ];
    table("payouts", index, &head, &value)
}

/// One payout in the table.
#[derive(serde::Serialize)]
struct Line {
    payout_id: u64,
    status: crate::dto::names::PayoutStage,
    reserved_at_ms: u64,
    confirmed_at_ms: Option<u64>,
    tx_hash: Option<crate::dto::Hash>,
    topoheight: Option<u64>,
    debit_atomic: crate::dto::Decimal,
    transfer_atomic: crate::dto::Decimal,
}

impl From<MinerPayout> for Line {
    fn from(own: MinerPayout) -> Self {
        Self {
            payout_id: own.payout.id,
            status: own.payout.status,
            reserved_at_ms: own.payout.reserved_at_ms,
            confirmed_at_ms: own.payout.confirmed_at_ms,
            tx_hash: own.payout.tx_hash,
            topoheight: own.payout.topoheight,
            debit_atomic: own.debit_atomic,
            transfer_atomic: own.transfer_atomic,
        }
    }
}

fn table(
    name: &'static str,
    index: u64,
    head: &[&str],
    rows: &[impl serde::Serialize],
) -> Result<Response, Problem> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    // The head is written even when there is no row.
    let written = writer
        .write_record(head)
        .and_then(|()| rows.iter().try_for_each(|row| writer.serialize(row)));
    let text = written.ok().and_then(|()| writer.into_inner().ok());
    let text =
        text.ok_or_else(|| Problem::new(LEDGER_UNREADABLE, "the table could not be written"))?;
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (INDEX_HEADER, HeaderValue::from(index)),
    ];
    Ok((headers, text).into_response())
}
