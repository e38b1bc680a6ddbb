//! The resources under `/api/v1`: each is one read of the ledger and one conversion.
//!
//! A handler is registered once, for its path and for the document of the API.

mod blocks;
mod books;
mod connect;
mod downloads;
mod events;
mod incidents;
mod miners;
mod network;
mod nodes;
mod owners;
mod payouts;
mod pool;
mod series;

use axum::extract::rejection::PathRejection;
use axum::extract::{MatchedPath, Path};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use raftpool_ledger::StateError;
use raftpool_ledger::settings::ADDRESS_BYTES_MAX;
use raftpool_ledger::view::LedgerView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::number::parse_hash;
use crate::parameters::{Parameters, shorten};
use crate::problem::{self, Problem};
use crate::reading::At;

pub(crate) use books::simulate_block;
#[cfg(test)]
pub(crate) use miners::rewards_of;
pub(crate) use owners::methods_of;

/// Longest name of a worker that a path may have; the ledger's are shorter.
const NAME_LENGTH_MAX: usize = 256;

pub(crate) type Answer<T> = Result<At<T>, Problem>;
pub(crate) type PathText = Result<Path<String>, PathRejection>;

/// Every resource, with what the document says of it.
pub(crate) fn resources() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(pool::pool))
        .routes(routes!(pool::effort))
        .routes(routes!(pool::lateness))
        .routes(routes!(series::pool_series))
        .routes(routes!(connect::connect))
        .routes(routes!(network::network))
        .routes(routes!(network::network_fees))
        .routes(routes!(nodes::nodes))
        .routes(routes!(incidents::incidents))
        .routes(routes!(books::reserve))
        .routes(routes!(books::journal))
        .routes(routes!(books::window_shares))
        .routes(routes!(miners::miners))
        .routes(routes!(miners::top_miners))
        .routes(routes!(miners::miner))
        .routes(routes!(miners::workers))
        .routes(routes!(miners::worker))
        .routes(routes!(miners::rewards))
        .routes(routes!(downloads::rewards_csv))
        .routes(routes!(downloads::payouts_csv))
        .routes(routes!(miners::refusals))
        .routes(routes!(miners::miner_payouts))
        .routes(routes!(books::statement))
        .routes(routes!(series::miner_series))
        .routes(routes!(blocks::blocks))
        .routes(routes!(blocks::block))
        .routes(routes!(blocks::block_shares))
        .routes(routes!(books::block_proof))
        .routes(routes!(payouts::payouts))
        .routes(routes!(payouts::payout))
        .routes(routes!(events::events))
        .merge(owners::resources())
}

/// Everything that has no resource.
pub(crate) async fn unknown_path(uri: Uri) -> Problem {
    let path = shorten(uri.path());
    let detail = format!("nothing is served at {path}; the API begins at /api/v1/pool");
    Problem::new(problem::UNKNOWN_PATH, detail)
}

/// Every other method on a resource.
pub(crate) async fn method_not_allowed(
    method: axum::http::Method,
    path: Option<MatchedPath>,
) -> Response {
    let method = shorten(method.as_str());
    let allowed = path.and_then(|path| methods_of(path.as_str()));
    let allowed = allowed.unwrap_or("GET, HEAD");
    let detail = format!("{method} is not served here; use {allowed}");
    let problem = Problem::new(problem::METHOD_NOT_ALLOWED, detail);
    ([(header::ALLOW, allowed)], problem).into_response()
}

pub(crate) fn path_text(path: PathText) -> Result<String, Problem> {
    let Path(text) = path.map_err(|_| not_text())?;
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

/// What `query` finds about a miner, who is "not found" while no share of it was accepted.
async fn about_miner<T: Send + 'static>(
    app: &App,
    parameters: &Parameters,
    address: String,
    query: impl FnOnce(&LedgerView<'_>, &str) -> Result<T, StateError> + Send + 'static,
) -> Answer<T> {
    let wanted = address.clone();
    let found = app.reader.read(parameters.min_index()?, move |view| {
        let is_known = view.miner(&wanted)?.is_some();
        is_known.then(|| query(view, &wanted)).transpose()
    });
    found.await?.or_not_found(|| unknown_miner(&address))
}

pub(crate) fn address_of(path: PathText) -> Result<String, Problem> {
    address(path_text(path)?)
}

/// The two parts of a worker's path.
pub(crate) fn worker_of(
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<(String, String), Problem> {
    let Path((miner, worker)) = path.map_err(|_| not_text())?;
    let miner = address(miner)?;
    if worker.chars().count() <= NAME_LENGTH_MAX {
        return Ok((miner, worker));
    }
    let detail = format!("a worker's name has {NAME_LENGTH_MAX} characters at most");
    Err(Problem::new(problem::BAD_PATH, detail))
}

fn not_text() -> Problem {
    Problem::new(problem::BAD_PATH, "the path does not decode to UTF-8")
}

fn address(text: String) -> Result<String, Problem> {
    if is_address(&text) {
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

pub(crate) fn unknown_worker(address: &str, worker: &str) -> String {
    let (address, worker) = (shorten(address), shorten(worker));
    format!("{address} has no worker \"{worker}\" in the ledger")
}

pub(crate) fn unknown_block(hash: &[u8; 32]) -> String {
    format!("this pool has recorded no block {}", hex::encode(hash))
}

/// Whether a text could be an address; what it is of, the ledger knows.
pub(crate) fn is_address(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b':';
    (1..=ADDRESS_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}
