//! Making a change: who asks, one at a time, and what is known of its fate.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use raftpool_ledger::command::Settings;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::{Clock, Cluster, compose};
use tokio::sync::{Mutex, MutexGuard};

use super::AdminParts;
use crate::backups::BackupControl;
use crate::bans::LocalBans;
use crate::control::ClusterControl;
use crate::drain::DrainControl;
use crate::dto::admin::{Changed, Source};
use crate::issuer::TokenIssuer;
use crate::payouts::PayoutInsight;
use crate::problem::{self, Problem};
use crate::proposing;
use crate::reading::{At, INDEX_HEADER, Reader};

/// Most bytes of an author's name.
const AUTHOR_BYTES_MAX: usize = 64;
/// Most bytes of a reason; it is kept for ever.
const REASON_BYTES_MAX: usize = 500;
/// Most reads of the ledger at the same time.
const READS_MAX: usize = 4;
/// Longest time `min_index` waits.
const MIN_INDEX_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time a change waits for the one before it.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// What every handler shares.
#[derive(Clone)]
pub(super) struct Admin {
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) reader: Reader,
    pub(super) control: Arc<dyn ClusterControl>,
    pub(super) drain: Arc<dyn DrainControl>,
    pub(super) issuer: Arc<dyn TokenIssuer>,
    pub(super) bans: Arc<dyn LocalBans>,
    pub(super) payouts: Arc<dyn PayoutInsight>,
    pub(super) backups: Arc<dyn BackupControl>,
    clock: Arc<dyn Clock>,
    /// Held from the look at what is in force to the answer, so that changes through this node
    /// come one after the other.
    turn: Arc<Mutex<()>>,
}

/// Who is at the other end, by the word of the system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) uid: u32,
}

/// Who asks for a change, by his own word.
pub(super) struct Author {
    pub(super) name: String,
    pub(super) uid: u32,
}

impl Author {
    /// Checks the name and the reason: both are kept for ever and shown on terminals and pages.
    pub(super) fn new(name: String, reason: &str, peer: Peer) -> Result<Self, Problem> {
        check_line("reason", reason, REASON_BYTES_MAX)?;
        Self::without_reason(name, peer)
    }

    /// For what is not kept in the books.
    pub(super) fn without_reason(name: String, peer: Peer) -> Result<Self, Problem> {
        check_line("author", &name, AUTHOR_BYTES_MAX)?;
        let uid = peer.uid;
        Ok(Self { name, uid })
    }
}

impl Admin {
    pub(super) fn new(parts: AdminParts) -> Self {
        let AdminParts {
            cluster,
            clock,
            control,
            drain,
            bans,
            issuer,
            payouts,
            backups,
        } = parts;
        Self {
            reader: Reader::new(Arc::clone(&cluster), READS_MAX, MIN_INDEX_TIMEOUT),
            cluster,
            control,
            drain,
            bans,
            issuer,
            payouts,
            backups,
            clock,
            turn: Arc::default(),
        }
    }

    /// The time that goes into commands.
    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Catches up with the leader, if there is one, and says so.
    pub(super) async fn source(&self) -> Source {
        let is_current = self.cluster.linearize().await.is_ok();
        Source::new(self.cluster.leadership(), is_current)
    }

    /// The settings in force, as this node knows them.
    pub(super) async fn settings(
        &self,
        min_index: Option<u64>,
    ) -> Result<At<Option<Settings>>, Problem> {
        self.reader.read(min_index, |view| view.settings()).await
    }

    /// The open payout.
    pub(super) async fn open_payout_id(&self) -> Result<u64, Problem> {
        self.catch_up().await?;
        let open = self.reader.read(None, |view| view.open_payout()).await?;
        let At { index, value, .. } = open;
        let payout =
            value.ok_or_else(|| Problem::new(problem::OVERTAKEN, "no payout is open").at(index))?;
        Ok(payout.id)
    }

    /// Refuses when other settings are in force than the operator saw.
    pub(super) async fn check_in_force(&self, believed: Option<Settings>) -> Result<(), Problem> {
        self.catch_up().await?;
        let At { index, value, .. } = self.settings(None).await?;
        if value == believed {
            return Ok(());
        }
        let detail = "somebody else has changed the settings since they were looked at; \
                      nothing has changed: look again";
        Err(Problem::new(problem::OVERTAKEN, detail).at(index))
    }

    /// Waits for the change before this one.
    pub(super) async fn turn(&self) -> Result<MutexGuard<'_, ()>, Problem> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.turn.lock()).await;
        turn.map_err(|_| {
            Problem::new(
                problem::BUSY,
                "another change is under way; nothing has changed",
            )
        })
    }

    /// Proposes a change and says what became of it.
    pub(super) async fn propose(
        &self,
        author: &Author,
        change: &'static str,
        body: Body,
    ) -> Result<Changed, Problem> {
        let command = compose(author.name.as_str(), self.clock.now_ms(), body);
        let Author { name, uid } = author;
        match proposing::propose(&*self.cluster, command).await {
            Ok(index) => {
                tracing::info!(author = name, uid, change, index, "a change by an operator");
                Ok(Changed {
                    index,
                    change,
                    payout_id: None,
                })
            }
            Err(problem) => {
                tracing::warn!(
                    author = name,
                    uid,
                    change,
                    problem = problem.detail(),
                    "an operator's change was refused or not committed"
                );
                Err(problem)
            }
        }
    }

    /// Waits until this node knows everything that was committed before.
    pub(super) async fn catch_up(&self) -> Result<(), Problem> {
        let caught_up = self.cluster.linearize().await;
        caught_up.map(drop).map_err(|error| {
            let detail = format!("{error}; nothing was proposed and nothing has changed");
            Problem::new(problem::NOT_ACCEPTED, detail)
        })
    }
}

impl IntoResponse for Changed {
    fn into_response(self) -> Response {
        let index = HeaderValue::from(self.index);
        ([(INDEX_HEADER, index)], axum::Json(self)).into_response()
    }
}

pub(super) fn check_line(field: &str, text: &str, bytes_max: usize) -> Result<(), Problem> {
    let problem = if text.trim().is_empty() {
        "must not be empty".to_owned()
    } else if text.len() > bytes_max {
        format!("has {} bytes, {bytes_max} at most", text.len())
    } else if text.chars().any(char::is_control) {
        "must be one line without control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Problem::new(
        problem::BAD_BODY,
        format!("{field}: {problem}"),
    ))
}
