//! Is the process well (`/livez`), and should anybody be sent to it (`/readyz`)?

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use raftpool_ledger::Cluster;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;
use crate::dto::node::{ConditionState, Readiness};
use crate::facts::Condition;

/// How long the cluster may take to confirm that this node is up to date.
const QUORUM_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a confirmation is good for. Anybody may ask `/readyz`, and each confirmation costs
/// the cluster a round of messages.
const QUORUM_REUSE: Duration = Duration::from_millis(200);

/// Asks the cluster for a confirmation, once for all who ask at the same time.
#[derive(Default)]
pub(crate) struct Probe {
    newest: Mutex<Option<(Instant, Condition)>>,
}

/// `GET /livez`: answers from memory alone.
pub(crate) async fn livez(State(app): State<App>) -> Response {
    let liveness = app.live.liveness();
    let status = status_of(liveness.met);
    (status, Json(ConditionState::from(liveness))).into_response()
}

/// `GET /readyz`: asks the ledger, the cluster and what the process knows of its daemons.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let mut conditions = vec![
        ledger_readable(&app).await,
        leader_known(&*app.cluster),
        app.probe.quorum(&*app.cluster).await,
    ];
    conditions.extend(app.live.conditions());
    let readiness = Readiness::from(conditions);
    (status_of(readiness.ready), Json(readiness)).into_response()
}

impl Probe {
    async fn quorum(&self, cluster: &dyn Cluster) -> Condition {
        let mut newest = self.newest.lock().await;
        if let Some((at, condition)) = &*newest
            && at.elapsed() < QUORUM_REUSE
        {
            return condition.clone();
        }
        let condition = match tokio::time::timeout(QUORUM_TIMEOUT, cluster.linearize()).await {
            Ok(Ok(index)) => Condition::new(
                "quorum_confirmed",
                true,
                format!("a majority confirms index {index}"),
            ),
            Ok(Err(error)) => Condition::new("quorum_confirmed", false, error.to_string()),
            Err(_) => Condition::new(
                "quorum_confirmed",
                false,
                format!("no confirmation within {} ms", QUORUM_TIMEOUT.as_millis()),
            ),
        };
        *newest = Some((Instant::now(), condition.clone()));
        condition
    }
}

async fn ledger_readable(app: &App) -> Condition {
    match app.reader.read(None, |view| view.settings()).await {
        Ok(read) if read.value.is_some() => Condition::new(
            "ledger_readable",
            true,
            format!("read at index {}", read.index),
        ),
        Ok(_) => Condition::new("ledger_readable", false, "the pool has no settings yet"),
        Err(_) => Condition::new(
            "ledger_readable",
            false,
            "this node cannot read its ledger now",
        ),
    }
}

fn leader_known(cluster: &dyn Cluster) -> Condition {
    let leadership = cluster.leadership();
    match leadership.leader_id {
        Some(id) => Condition::new(
            "leader_known",
            true,
            format!("node {id} leads in term {}", leadership.term),
        ),
        None => Condition::new(
            "leader_known",
            false,
            format!("no leader is known in term {}", leadership.term),
        ),
    }
}

fn status_of(is_met: bool) -> StatusCode {
    if is_met {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
