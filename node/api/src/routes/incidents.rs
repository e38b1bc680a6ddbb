//! What happened to the pool that visitors should know.

use axum::extract::State;
use axum::http::Uri;

use super::Answer;
use crate::app::App;
use crate::dto::PageBack;
use crate::dto::incident::Incident;
use crate::dto::names::IncidentKind;
use crate::parameters::Parameters;
use crate::parameters::known::IncidentsPage;
use crate::reading::At;

/// Most changes that one request looks at for those that are of interest to everybody.
const LOOKED_AT_MAX: usize = 1_000;

/// Pauses of payouts, payouts that were undone, and changes of the rules, newest first.
///
/// As the books have them, so that every node tells the same; who leads and which nodes are away is not
/// in the books, but in `/api/v1/nodes`. A page looks at 1,000 changes at most: it may have less rows
/// than its limit, none even, and still say with `next_before` where to go on.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    tag = "pool",
    params(IncidentsPage),
    responses((status = 200, description = "As of the index it names", body = At<PageBack<Incident>>))
)]
pub(crate) async fn incidents(State(app): State<App>, uri: Uri) -> Answer<PageBack<Incident>> {
    let parameters = Parameters::of(&uri, IncidentsPage::NAMES)?;
    let (before, limit) = (parameters.number("before")?, parameters.limit()?);
    let what = parameters.word("what", IncidentKind::NAMES)?;
    app.reader
        .read(parameters.min_index()?, move |view| {
            let read = |before, count| view.audits(before, count);
            PageBack::some(before, limit, LOOKED_AT_MAX, read, |audit| {
                let incident = Incident::of(audit);
                Ok(
                    incident
                        .filter(|incident| what.is_none_or(|what| incident.what.name() == what)),
                )
            })
        })
        .await
}
