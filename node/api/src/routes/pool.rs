//! The pool as a whole.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::view::LedgerView;

use super::Answer;
use crate::app::App;
use crate::dto::effort::Effort;
use crate::dto::lateness::Lateness;
use crate::dto::node::Node;
use crate::dto::pool::PoolAndNode;
use crate::parameters::Parameters;
use crate::reading::At;

/// The pool: rules, money, counts, and the node that answers.
#[utoipa::path(
    get,
    path = "/api/v1/pool",
    tag = "pool",
    responses((status = 200, description = "As of the index it names", body = At<PoolAndNode>))
)]
pub(crate) async fn pool(State(app): State<App>, uri: Uri) -> Answer<PoolAndNode> {
    let parameters = Parameters::of(&uri, &[])?;
    let (kept, min_index) = (Arc::clone(&app.pool), parameters.min_index()?);
    let read = move |view: &LedgerView<'_>| kept.read(view, min_index);
    let pool = app.reader.read(min_index, read).await?;
    let active = app.census.take(&app.reader).await?.value.active;
    let node = Node::new(
        app.live.node(),
        app.cluster.leadership(),
        app.clock.now_ms(),
    );
    Ok(pool.map(|pool| PoolAndNode { pool, active, node }))
}

/// What became of found blocks, by how late they were.
///
/// The ledger bounds how many blocks are added up, so this read is bounded as well.
#[utoipa::path(
    get,
    path = "/api/v1/pool/lateness",
    tag = "pool",
    responses((status = 200, description = "As of the index it names", body = At<Lateness>))
)]
pub(crate) async fn lateness(State(app): State<App>, uri: Uri) -> Answer<Lateness> {
    let parameters = Parameters::of(&uri, &[])?;
    app.reader
        .read(parameters.min_index()?, |view| {
            Ok(Lateness::from(view.lateness()?))
        })
        .await
}

/// Work the newest blocks took, and luck.
///
/// Nothing is rescaled: an effort of "1.000000" is what a block is expected to take.
#[utoipa::path(
    get,
    path = "/api/v1/pool/effort",
    tag = "pool",
    responses((status = 200, description = "As of the index it names", body = At<Effort>))
)]
pub(crate) async fn effort(State(app): State<App>, uri: Uri) -> Answer<Effort> {
    let parameters = Parameters::of(&uri, &[])?;
    app.reader.read(parameters.min_index()?, Effort::read).await
}
