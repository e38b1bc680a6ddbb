//! Payouts.

use axum::extract::State;
use axum::http::Uri;

use super::{Answer, PathText, path_text};
use crate::app::App;
use crate::dto::PageBack;
use crate::dto::names::PayoutStage;
use crate::dto::payout::{PayoutDetail, PayoutSummary};
use crate::parameters::known::{OfPayout, PayoutsPage};
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;

/// Most payouts that one request looks at for those that are asked for.
const LOOKED_AT_MAX: usize = 500;

/// Payouts, newest first.
///
/// A page of some of them looks at 500 payouts at most: it may have less rows than its limit, none
/// even, and still say with `next_before` where to go on.
#[utoipa::path(
    get,
    path = "/api/v1/payouts",
    tag = "payouts",
    params(PayoutsPage),
    responses((
        status = 200,
        description = "As of the index it names",
        body = At<PageBack<PayoutSummary>>
    ))
)]
pub(crate) async fn payouts(State(app): State<App>, uri: Uri) -> Answer<PageBack<PayoutSummary>> {
    let parameters = Parameters::of(&uri, PayoutsPage::NAMES)?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    let status = parameters.word("status", PayoutStage::NAMES)?;
    app.reader
        .read(parameters.min_index()?, move |view| {
            let read = |before, count| view.payouts(before, count);
            PageBack::some(before, limit, LOOKED_AT_MAX, read, |payout| {
                let stage = PayoutStage::from(&payout.status);
                let is_wanted = status.is_none_or(|status| stage.name() == status);
                Ok(is_wanted.then(|| PayoutSummary::from(&payout)))
            })
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
