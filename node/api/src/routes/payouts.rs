//! Payouts.

use axum::extract::State;
use axum::http::Uri;

use super::{Answer, PathText, path_text};
use crate::app::App;
use crate::dto::PageBack;
use crate::dto::payout::{PayoutDetail, PayoutSummary};
use crate::parameters::known::{BackInTime, OfPayout};
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;

/// Payouts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/payouts",
    tag = "payouts",
    params(BackInTime),
    responses((status = 200, description = "As of the index it names", body = At<PageBack<PayoutSummary>>))
)]
pub(crate) async fn payouts(State(app): State<App>, uri: Uri) -> Answer<PageBack<PayoutSummary>> {
    let parameters = Parameters::of(&uri, BackInTime::NAMES)?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    app.reader
        .read(parameters.min_index()?, move |view| {
            let payouts = view.payouts(before, limit + 1)?;
            let item = |payout| PayoutSummary::from(&payout);
            Ok(PageBack::new(payouts, limit, |payout| payout.id, item))
        })
        .await
}

/// One payout: who gets what, and its signed transactions.
#[utoipa::path(
    get,
    path = "/api/v1/payouts/{id}",
    tag = "payouts",
    params(OfPayout),
    responses((status = 200, description = "As of the index it names", body = At<PayoutDetail>))
)]
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
