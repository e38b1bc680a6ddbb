//! One consistent read per request, within bounds of time and number.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use raftpool_ledger::cluster::{BoxStream, ClusterEvent, ReadError};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Cluster, StateError};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use crate::problem::{self, Problem};

/// Carries the log index an answer was read at.
pub(crate) const INDEX_HEADER: HeaderName = HeaderName::from_static("x-raftpool-index");

/// How long a request waits for its turn before it is told that the node is busy.
const TURN_TIMEOUT: Duration = Duration::from_millis(500);

/// Reads the ledger for the handlers.
///
/// Reads touch the disk, so they run beside the network runtime; their number is bounded,
/// because a visitor must not be able to keep the disk from the miners.
#[derive(Clone)]
pub(crate) struct Reader {
    cluster: Arc<dyn Cluster>,
    turns: Arc<Semaphore>,
    min_index_timeout: Duration,
}

/// A value, with the moment of the ledger it belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct At<T> {
    /// Log index the value was read at.
    pub(crate) index: u64,
    /// Ledger time of that moment.
    pub(crate) ledger_time_ms: u64,
    /// The value.
    #[serde(flatten)]
    pub(crate) value: T,
}

impl<T> At<T> {
    /// The same moment with another value.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        let Self {
            index,
            ledger_time_ms,
            value,
        } = self;
        At {
            index,
            ledger_time_ms,
            value: change(value),
        }
    }
}

impl<T> At<Option<T>> {
    /// The value, or a "not found" that says at which index it was missing.
    pub(crate) fn or_not_found(self, detail: impl FnOnce() -> String) -> Result<At<T>, Problem> {
        let Self {
            index,
            ledger_time_ms,
            value,
        } = self;
        match value {
            Some(value) => Ok(At {
                index,
                ledger_time_ms,
                value,
            }),
            None => Err(Problem::new(problem::NOT_FOUND, detail()).at(index)),
        }
    }
}

impl<T: Serialize> IntoResponse for At<T> {
    fn into_response(self) -> Response {
        match serde_json::to_string(&self.value) {
            Ok(value) => of_text(self.index, self.ledger_time_ms, &value),
            Err(error) => {
                tracing::error!(%error, "an answer of the API could not be written");
                let detail = "the answer could not be written";
                Problem::new(problem::LEDGER_UNREADABLE, detail).into_response()
            }
        }
    }
}

/// An answer, with a tag for its value alone: while shares come the index rises every second, and a
/// list that stays the same need not be sent again for it.
fn of_text(index: u64, ledger_time_ms: u64, value: &str) -> Response {
    let tag = entity_tag(value.as_bytes());
    let fields = value.strip_prefix('{').unwrap_or("}");
    let comma = if fields == "}" { "" } else { "," };
    let body = format!("{{\"index\":{index},\"ledger_time_ms\":{ledger_time_ms}{comma}{fields}");
    let headers = [
        (INDEX_HEADER, HeaderValue::from(index)),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, tag),
    ];
    (headers, body).into_response()
}

/// A weak tag: equal ones are answers that say the same.
pub(crate) fn entity_tag(bytes: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(bytes);
    let tag = format!("W/\"{}\"", hex::encode(&digest[..16]));
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("W/\"\""))
}

impl Reader {
    /// A reader that runs at most `reads_max` reads at once.
    pub(crate) fn new(
        cluster: Arc<dyn Cluster>,
        reads_max: usize,
        min_index_timeout: Duration,
    ) -> Self {
        Self {
            cluster,
            turns: Arc::new(Semaphore::new(reads_max)),
            min_index_timeout,
        }
    }

    /// Runs `query` over the ledger as of one moment, at `min_index` or later.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        min_index: Option<u64>,
        query: impl FnOnce(&LedgerView<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<At<T>, Problem> {
        if let Some(min_index) = min_index {
            self.wait_for(min_index).await?;
        }
        let cluster = Arc::clone(&self.cluster);
        let answer = self.run(move || read_at(&*cluster, query)).await?;
        answer.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "read the ledger for the API"
            );
            Problem::new(problem::LEDGER_UNREADABLE, "ask another node of the pool")
        })
    }

    /// Runs blocking work when it is its turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn().await?;
        // The turn ends with the work and not with the request, which may give up earlier.
        let done = tokio::task::spawn_blocking(move || {
            let value = work();
            drop(turn);
            value
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a request failed inside the API");
            Problem::new(
                problem::LEDGER_UNREADABLE,
                "the answer could not be computed",
            )
        })
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(TURN_TIMEOUT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Problem::new(
                problem::BUSY,
                "try again in a second, or ask another node",
            )),
        }
    }

    /// What is applied, beginning with the present state.
    pub(crate) fn events(&self) -> BoxStream<ClusterEvent> {
        self.cluster.watch()
    }

    /// Waits a moment until this node has come to an index.
    pub(crate) async fn wait_for(&self, min_index: u64) -> Result<(), Problem> {
        let mut events = self.events();
        let mut newest = 0;
        let reached = async {
            while let Some(event) = events.next().await {
                if let ClusterEvent::Applied { index } = event {
                    newest = newest.max(index);
                    if newest >= min_index {
                        return true;
                    }
                }
            }
            false
        };
        let is_reached = tokio::time::timeout(self.min_index_timeout, reached).await;
        if is_reached.unwrap_or(false) {
            return Ok(());
        }
        let detail = format!(
            "min_index={min_index} is wanted, this node has applied {newest}; \
             try again, ask another node, or leave min_index out"
        );
        Err(Problem::new(problem::INDEX_NOT_REACHED, detail).at(newest))
    }
}

/// Runs `query` over the ledger as of one moment.
pub(crate) fn read_at<T: Send>(
    cluster: &dyn Cluster,
    query: impl FnOnce(&LedgerView<'_>) -> Result<T, StateError> + Send,
) -> Result<At<T>, ReadError> {
    let mut query = Some(query);
    let mut answer = None;
    let index = cluster.read(&mut |state| {
        if let Some(query) = query.take() {
            let view = LedgerView::new(state);
            answer = Some((view.time_ms()?, query(&view)?));
        }
        Ok(())
    })?;
    let (ledger_time_ms, value) =
        answer.ok_or_else(|| ReadError::NotCurrent("the query was not run".into()))?;
    Ok(At {
        index,
        ledger_time_ms,
        value,
    })
}
