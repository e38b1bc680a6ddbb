//! The books as a whole: exported, verified, and money moved between accounts.

use std::io;
use std::ops::ControlFlow;

use axum::Extension;
use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use raftpool_ledger::cluster::{ReadError, read};
use raftpool_ledger::command::MoveFunds;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::view::{LedgerView, account_of_name};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::changes::{Admin, Author, Peer};
use super::routes::{Answer, Given, of_body};
use super::tokens::address_of;
use crate::dto::admin::{Changed, MoveRequest, Verified};
use crate::dto::books::AccountsAndReserve;
use crate::dto::export::{ExportRow, export};
use crate::dto::journal::BlockProof;
use crate::dto::selection::Selection;
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;
use crate::routes;

/// Bytes of lines that are handed on together.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for a slow reader before the export waits for it.
const CHUNKS_WAITING: usize = 8;

/// `GET /admin/v1/ledger/export?account=&miner=&block=&payout=&since_ms=&until_ms=`: every line of
/// the books, or those of the journal that all of this holds for, as of one moment.
///
/// The lines come out of one consistent view, which is kept until the last one is written. What
/// breaks off on the way breaks the answer off too, so that nobody takes a part for the whole.
pub(super) async fn export_all(State(admin): State<Admin>, uri: Uri) -> Answer<Response> {
    let selection = selection(&admin, &uri)?;
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
    let cluster = admin.cluster.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut lines = Lines {
            sender,
            waiting: Vec::new(),
        };
        read(cluster.as_ref(), |state| {
            export(&LedgerView::new(state), &selection, &mut |row| {
                lines.write(&row)
            })
        })?;
        // Who no longer reads misses nothing.
        let _ = lines.flush();
        Ok(())
    });
    let chunks = stream::unfold((receiver, Some(reading)), next_chunk);
    let body = HttpBody::from_stream(chunks);
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn selection(admin: &Admin, uri: &Uri) -> Answer<Selection> {
    let known = [
        "account", "miner", "block", "payout", "since_ms", "until_ms",
    ];
    let parameters = Parameters::of(uri, &known)?;
    let miner = parameters.text("miner")?;
    Ok(Selection {
        account: parameters.account("account")?,
        miner: miner.map(|miner| address_of(admin, &miner)).transpose()?,
        block_number: parameters.number("block")?,
        payout_id: parameters.number("payout")?,
        since_ms: parameters.number("since_ms")?,
        until_ms: parameters.number("until_ms")?,
    })
}

/// Lines that wait to be sent, and what reads more of them until it has ended.
type Reading = (
    mpsc::Receiver<Bytes>,
    Option<JoinHandle<Result<(), ReadError>>>,
);

async fn next_chunk((mut receiver, reading): Reading) -> Option<(io::Result<Bytes>, Reading)> {
    if let Some(chunk) = receiver.recv().await {
        return Some((Ok(chunk), (receiver, reading)));
    }
    let error = match reading?.await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => io::Error::other(error),
        Err(error) => io::Error::other(error),
    };
    tracing::error!(%error, "read the ledger for an export");
    Some((Err(error), (receiver, None)))
}

struct Lines {
    sender: mpsc::Sender<Bytes>,
    waiting: Vec<u8>,
}

impl Lines {
    fn write(&mut self, row: &ExportRow) -> ControlFlow<()> {
        if serde_json::to_writer(&mut self.waiting, row).is_err() {
            return ControlFlow::Break(());
        }
        self.waiting.push(b'\n');
        match self.waiting.len() < CHUNK_BYTES {
            true => ControlFlow::Continue(()),
            false => self.flush(),
        }
    }

    /// Breaks when nobody reads any more.
    fn flush(&mut self) -> ControlFlow<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.waiting));
        match self.sender.blocking_send(chunk) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// `GET /admin/v1/ledger/verify`: every invariant over the whole books, which takes a while.
pub(super) async fn verify_all(State(admin): State<Admin>, uri: Uri) -> Answer<At<Verified>> {
    let parameters = Parameters::of(&uri, &[])?;
    let min_index = parameters.min_index()?;
    admin.reader.read(min_index, Verified::read).await
}

/// `GET /admin/v1/accounts`: every account, and how safe the reserve is.
pub(super) async fn accounts(
    State(admin): State<Admin>,
    uri: Uri,
) -> Answer<At<AccountsAndReserve>> {
    let parameters = Parameters::of(&uri, &[])?;
    let source = admin.source().await;
    admin
        .reader
        .read(parameters.min_index()?, move |view| {
            AccountsAndReserve::read(view, source)
        })
        .await
}

/// `GET /admin/v1/blocks/simulation?amount_atomic=&after=&limit=`
///
/// What a PPLNS block would pay if it were found now.
pub(super) async fn simulate_block(State(admin): State<Admin>, uri: Uri) -> Answer<At<BlockProof>> {
    routes::simulate_block(&admin.reader, &uri).await
}

/// `POST /admin/v1/funds/move`
pub(super) async fn move_funds(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    body: Given<MoveRequest>,
) -> Answer<Changed> {
    let MoveRequest {
        author,
        reason,
        from,
        to,
        miner,
        amount_atomic,
    } = of_body(body)?;
    let author = Author::new(author, &reason, peer)?;
    let account = |field: &str, name: &str| {
        account_of_name(name).ok_or_else(|| {
            let detail = format!("{field}: there is no account \"{}\"", shorten(name));
            Problem::new(problem::BAD_BODY, detail)
        })
    };
    let (from, to) = (account("from", &from)?, account("to", &to)?);
    let amount_atomic = u64::try_from(amount_atomic.0).map_err(|_| {
        Problem::new(
            problem::BAD_BODY,
            "amount_atomic: is more than there can be",
        )
    })?;
    let miner = miner.map(|miner| address_of(&admin, &miner)).transpose()?;
    let _turn = admin.turn().await?;
    let body = Body::MoveFunds(MoveFunds {
        from: from.into(),
        to: to.into(),
        miner: miner.unwrap_or_default(),
        amount_atomic,
        reason,
    });
    admin.propose(&author, "funds_moved", body).await
}
