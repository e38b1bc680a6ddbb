//! What is looked at, and for whom which of it counts.

use std::sync::Arc;
use std::time::Duration;

use raftpool_ledger::Cluster;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::facts::{Condition, LiveFacts};
use crate::reading::Reader;

/// How long the cluster may take to confirm that this node is up to date.
const QUORUM_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a confirmation is good for. Anybody may ask `/readyz`, and each confirmation costs
/// the cluster a round of messages.
const QUORUM_REUSE: Duration = Duration::from_millis(200);

/// What somebody is to be sent to this node for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whatever there is.
    Everything,
    /// To mine.
    Stratum,
    /// To look at the pool.
    Api,
    /// To find the node that leads.
    Leader,
}

impl Purpose {
    /// What `for` may say.
    pub(super) const NAMES: [&str; 3] = ["stratum", "api", "leader"];

    /// The purpose of one of these names.
    pub(super) fn of_name(name: &str) -> Self {
        match name {
            "stratum" => Self::Stratum,
            "api" => Self::Api,
            "leader" => Self::Leader,
            _ => Self::Everything,
        }
    }

    /// Which of the live conditions count for it.
    fn counts(self, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Stratum => name != "daemon",
            Self::Api => matches!(name, "storage" | "caught_up"),
            Self::Leader => name == "storage",
        }
    }
}

/// Looks at everything that health is about.
pub(crate) struct Checks {
    cluster: Arc<dyn Cluster>,
    live: Arc<dyn LiveFacts>,
    reader: Reader,
    /// The cluster's newest confirmation: asked for once for all who ask at the same time.
    quorum: Mutex<Option<(Instant, Condition)>>,
}

impl Checks {
    pub(crate) fn new(
        cluster: Arc<dyn Cluster>,
        live: Arc<dyn LiveFacts>,
        reader: Reader,
    ) -> Arc<Self> {
        Arc::new(Self {
            cluster,
            live,
            reader,
            quorum: Mutex::default(),
        })
    }

    pub(super) fn liveness(&self) -> Condition {
        self.live.liveness()
    }

    /// Every condition that counts for a purpose.
    pub(super) async fn readiness(&self, purpose: Purpose) -> Vec<Condition> {
        let mut conditions = match purpose {
            Purpose::Everything => vec![
                self.ledger_readable().await,
                self.leader_known(),
                self.quorum_confirmed().await,
            ],
            Purpose::Stratum => vec![self.leader_known(), self.quorum_confirmed().await],
            Purpose::Api => vec![self.ledger_readable().await],
            // One that was cut off may still take itself for the leader.
            Purpose::Leader => vec![self.leads(), self.quorum_confirmed().await],
        };
        let live = self.live.conditions().into_iter();
        conditions.extend(live.filter(|condition| purpose.counts(condition.name)));
        conditions
    }

    async fn quorum_confirmed(&self) -> Condition {
        const NAME: &str = "quorum_confirmed";
        let mut newest = self.quorum.lock().await;
        if let Some((at, condition)) = &*newest
            && at.elapsed() < QUORUM_REUSE
        {
            return condition.clone();
        }
        let confirmed = tokio::time::timeout(QUORUM_TIMEOUT, self.cluster.linearize()).await;
        let condition = match confirmed {
            Ok(Ok(index)) => {
                Condition::new(NAME, true, format!("a majority confirms index {index}"))
            }
            Ok(Err(error)) => Condition::new(NAME, false, error.to_string()),
            Err(_) => {
                let waited_ms = QUORUM_TIMEOUT.as_millis();
                Condition::new(
                    NAME,
                    false,
                    format!("no confirmation within {waited_ms} ms"),
                )
            }
        };
        *newest = Some((Instant::now(), condition.clone()));
        condition
    }

    async fn ledger_readable(&self) -> Condition {
        const NAME: &str = "ledger_readable";
        match self.reader.read(None, |view| view.settings()).await {
            Ok(read) if read.value.is_some() => {
                Condition::new(NAME, true, format!("read at index {}", read.index))
            }
            Ok(_) => Condition::new(NAME, false, "the pool has no settings yet"),
            Err(_) => Condition::new(NAME, false, "this node cannot read its ledger now"),
        }
    }

    fn leader_known(&self) -> Condition {
        const NAME: &str = "leader_known";
        let leadership = self.cluster.leadership();
        let term = leadership.term;
        match leadership.leader_id {
            Some(id) => Condition::new(NAME, true, format!("node {id} leads in term {term}")),
            None => Condition::new(NAME, false, format!("no leader is known in term {term}")),
        }
    }

    fn leads(&self) -> Condition {
        let leadership = self.cluster.leadership();
        let detail = match leadership.leader_id {
            Some(id) => format!("node {id} leads in term {}", leadership.term),
            None => format!("no leader is known in term {}", leadership.term),
        };
        Condition::new("leads", leadership.is_leader(), detail)
    }
}
