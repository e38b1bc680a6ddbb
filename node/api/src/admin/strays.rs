//! Stray blocks: looking at them and acknowledging them.

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use raftpool_ledger::command::AcknowledgeBlock;
use raftpool_ledger::command::command::Body;

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use crate::dto::admin::Changed;
use crate::dto::stray::{AcknowledgeRequest, StrayBlocks};
use crate::number::parse_hash;
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;

/// `GET /admin/v1/blocks/stray`
pub(super) async fn list(State(admin): State<Admin>, uri: Uri) -> Answer<At<StrayBlocks>> {
    let parameters = Parameters::of(&uri, &[])?;
    let source = admin.source().await;
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            StrayBlocks::read(view, source)
        })
        .await
}

/// `POST /admin/v1/blocks/acknowledge`
pub(super) async fn acknowledge(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<AcknowledgeRequest>,
) -> Answer<Changed> {
    let AcknowledgeRequest {
        author,
        reason,
        hash,
    } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    let hash = parse_hash(&hash).ok_or_else(|| {
        let given = shorten(&hash);
        let detail = format!("hash: 64 hex digits are wanted; \"{given}\" is not");
        Problem::new(problem::BAD_BODY, detail)
    })?;
    let _turn = admin.turn().await?;
    let body = Body::AcknowledgeBlock(AcknowledgeBlock {
        hash: hash.to_vec(),
        reason,
    });
    admin.propose(&author, "block_acknowledged", body).await
}
