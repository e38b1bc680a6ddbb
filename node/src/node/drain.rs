//! Letting go of the node's work in good order, and taking it up again.
//!
//! The order is: not ready any more, so that balancers and resolvers send nobody; wait for them;
//! take no new miners; hand over the lead; let the miners go, spread over a time, each after its
//! shares under way are answered. A drained node still follows the log and votes, so that stopping
//! it costs the cluster nothing it has not lost before.
//!
//! What may surprise: a node that drains does not stand for election, but only as long as somebody
//! else leads. With nobody else it has to, since it may be the only one that has all entries; it
//! hands over as soon as another one can take over.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use raftpool_api::DrainControl;
use raftpool_api::dto::cluster::ClusterStatus;
use raftpool_api::dto::drain::DrainStatus;
use raftpool_ledger::Cluster;
use raftpool_ledger::cluster::BoxFuture;
use raftpool_raft::RaftNode;
use raftpool_stratum::MinersExit;
use tokio::task::JoinHandle;

use super::desk::ClusterDesk;
use super::serving::Slot;
use crate::system::now_ms;

/// Between two looks at who leads, while the node drains.
const LEAD_INTERVAL: Duration = Duration::from_secs(1);
/// For the word of a majority that somebody leads.
const LEAD_TIMEOUT: Duration = Duration::from_secs(1);
/// So many looks in a row without a leader, and the node stands for election after all.
const LEADERLESS_MAX: u32 = 2;

/// How long the parts of draining take.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrainTimes {
    /// Until balancers and resolvers have noticed, when an operator asks.
    pub(super) wait: Duration,
    /// For the miners to go, when an operator asks and does not say.
    pub(super) over: Duration,
    /// Until balancers and resolvers have noticed, when the process is to stop.
    pub(super) stop_wait: Duration,
    /// For the miners to go, when the process is to stop.
    pub(super) stop_over: Duration,
}

/// How far the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Whether it may; for the other nodes it drains already, for balancers it does not.
    Asking,
    /// For balancers and resolvers to notice.
    Waiting,
    /// Miners go.
    Leaving,
    /// All of it is done.
    Drained,
}

impl Phase {
    /// Its name in answers and reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Waiting => "waiting",
            Self::Leaving => "leaving",
            Self::Drained => "drained",
        }
    }
}

/// Where it is written whether the node drains; for all who tell of it.
#[derive(Clone, Default)]
pub(super) struct DrainMark(Arc<Mutex<Option<(Phase, u64)>>>);

impl DrainMark {
    /// The phase and when it began, in milliseconds since the Unix epoch.
    pub(super) fn get(&self) -> Option<(Phase, u64)> {
        *self.0.lock()
    }

    /// Whether nobody is to be sent to the node.
    pub(super) fn is_draining(&self) -> bool {
        self.get().is_some_and(|(phase, _)| phase != Phase::Asking)
    }

    fn set(&self, phase: Option<Phase>) {
        *self.0.lock() = phase.map(|phase| (phase, now_ms()));
        if let Some(phase) = phase {
            tracing::info!(phase = phase.name(), "draining");
        }
    }

    /// Begins, unless it has begun.
    fn begin(&self) -> Option<Asking> {
        let mut mark = self.0.lock();
        if mark.is_some() {
            return None;
        }
        *mark = Some((Phase::Asking, now_ms()));
        Some(Asking(self.clone()))
    }
}

/// As long as a node asks the others. Whoever wanted to know may be gone before they have answered;
/// then the node must not go on asking for ever, which would keep every other one from draining.
struct Asking(DrainMark);

impl Drop for Asking {
    fn drop(&mut self) {
        let mut mark = self.0.0.lock();
        mark.take_if(|(phase, _)| *phase == Phase::Asking);
    }
}

/// Drains the node.
#[derive(Clone)]
pub(super) struct Drainer {
    raft: Arc<RaftNode>,
    serving: Arc<Slot>,
    desk: Arc<ClusterDesk>,
    mark: DrainMark,
    times: DrainTimes,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Drainer {
    pub(super) fn new(
        raft: Arc<RaftNode>,
        serving: Arc<Slot>,
        desk: Arc<ClusterDesk>,
        mark: DrainMark,
        times: DrainTimes,
    ) -> Self {
        Self {
            raft,
            serving,
            desk,
            mark,
            times,
            task: Arc::default(),
        }
    }

    /// Drains before the process stops, as far as that has not happened yet. A node whose miners
    /// have no other node to go to does not wait for anything.
    pub(super) async fn leave(&self) {
        self.give_up();
        let phase = self.mark.get().map(|(phase, _)| phase);
        if phase == Some(Phase::Drained) || !self.has_company().await {
            return;
        }
        let wait = match phase {
            Some(Phase::Leaving) => Duration::ZERO,
            _ => self.times.stop_wait,
        };
        self.let_go(wait, self.times.stop_over).await;
    }

    /// Ends what drains by itself; the mark stays.
    pub(super) fn give_up(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }

    /// Whether another node serves miners.
    async fn has_company(&self) -> bool {
        if self.raft.peer_address().is_none() || self.exit().is_none() {
            return false;
        }
        let status = self.desk.look_again().await;
        let mut nodes = status.nodes.iter();
        nodes.any(|node| node.id != status.node_id && node.serving && node.drain_phase.is_none())
    }

    fn exit(&self) -> Option<MinersExit> {
        self.serving.look(|serving| serving.stratum.exit())
    }

    /// From "not ready" to "drained".
    async fn let_go(&self, wait: Duration, over: Duration) {
        self.mark.set(Some(Phase::Waiting));
        tokio::time::sleep(wait).await;
        self.mark.set(Some(Phase::Leaving));
        let exit = self.exit();
        if let Some(exit) = &exit {
            exit.close();
        }
        if !self.raft.hand_over().await {
            tracing::warn!("draining, but no other voter can take over the lead at once");
        }
        let going = async {
            if let Some(exit) = exit {
                exit.let_go(over).await;
            }
        };
        tokio::select! {
            () = going => {}
            () = self.stay_out_of_the_lead() => {}
        }
        self.mark.set(Some(Phase::Drained));
    }

    /// Hands over whatever lead comes to this node. Never ends.
    async fn stay_out_of_the_lead(&self) {
        let mut ticks = tokio::time::interval(LEAD_INTERVAL);
        let mut leaderless = 0;
        loop {
            ticks.tick().await;
            if self.raft.leadership().is_leader() {
                if !self.raft.hand_over().await {
                    tracing::warn!("draining, and leading because no other voter can");
                }
                continue;
            }
            let confirmed = tokio::time::timeout(LEAD_TIMEOUT, self.raft.linearize()).await;
            let is_led = matches!(confirmed, Ok(Ok(_)));
            leaderless = if is_led { 0 } else { leaderless + 1 };
            self.raft.stand_for_election(leaderless >= LEADERLESS_MAX);
        }
    }

    /// Why the node may not be drained now.
    async fn obstacle(&self) -> Option<String> {
        let status = self.desk.look_again().await;
        obstacle_in(&status)
    }

    fn now(&self) -> DrainStatus {
        let leadership = self.raft.leadership();
        let connections = self.exit().map(|exit| exit.connections());
        let mark = self.mark.get();
        DrainStatus {
            node_id: leadership.node_id,
            drain_phase: mark.map(|(phase, _)| phase.name().to_owned()),
            since_ms: mark.map(|(_, since_ms)| since_ms),
            connections: connections.unwrap_or(0) as u64,
            is_leader: leadership.is_leader(),
            serving: connections.is_some(),
        }
    }
}

impl DrainControl for Drainer {
    fn drain(
        &self,
        over: Option<Duration>,
        is_forced: bool,
    ) -> BoxFuture<'_, Result<DrainStatus, String>> {
        Box::pin(async move {
            // The mark comes first: of two nodes that are asked at the same time each sees the other.
            let Some(_asking) = self.mark.begin() else {
                return Ok(self.now());
            };
            let obstacle = match is_forced {
                true => None,
                false => self.obstacle().await,
            };
            if let Some(obstacle) = obstacle {
                return Err(format!("{obstacle}; --force drains this node nevertheless"));
            }
            let over = over.unwrap_or(self.times.over);
            // For whoever asks next: the task may begin late.
            self.mark.set(Some(Phase::Waiting));
            let drainer = self.clone();
            let task = tokio::spawn(async move {
                drainer.let_go(drainer.times.wait, over).await;
                drainer.stay_out_of_the_lead().await;
            });
            *self.task.lock() = Some(task);
            Ok(self.now())
        })
    }

    fn undrain(&self) -> DrainStatus {
        self.give_up();
        self.raft.stand_for_election(true);
        if let Some(exit) = self.exit() {
            exit.open();
        }
        self.mark.set(None);
        tracing::info!("the node takes up its work again");
        self.now()
    }

    fn status(&self) -> DrainStatus {
        self.now()
    }
}

/// What speaks against draining the node that gave this answer.
fn obstacle_in(status: &ClusterStatus) -> Option<String> {
    let others = || status.nodes.iter().filter(|node| node.id != status.node_id);
    if others().next().is_none() {
        return Some("this node is the only one: its miners have nowhere to go".to_owned());
    }
    let busy = others().find_map(|node| {
        let phase = node.drain_phase.as_ref()?;
        Some(match phase.as_str() {
            "drained" => format!("node {} is drained: undrain or start it first", node.id),
            _ => format!("node {} is being drained: one node at a time", node.id),
        })
    });
    let absent = others().find(|node| !node.reachable);
    let absent = absent.map(|node| format!("node {} does not answer", node.id));
    let idle = others().find(|node| node.reachable && !node.serving);
    let idle = idle.map(|node| format!("node {} does not serve miners yet", node.id));
    busy.or(absent).or(idle)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(nodes: &[(u64, bool, Option<&str>)]) -> ClusterStatus {
        let node = |(id, is_up, phase): &(u64, bool, Option<&str>)| -> Value {
            json!({
                "id": id, "address": "a:1", "reachable": is_up, "serving": is_up,
                "version": null, "role": "follower", "is_voter": true, "term": 1,
                "applied_index": 1, "lag": 0, "digest": null, "digest_index": null,
                "database_bytes": null, "daemon_height": null, "connections": null,
                "shares_per_second": null, "hashrate": null, "payout_status": null, "api": null,
                "started_at_ms": null, "drain_phase": phase, "errors": [],
            })
        };
        let status = json!({
            "cluster_id": "c1", "node_id": 1, "is_member": true, "waiting_for": null,
            "health": "healthy", "leader_id": 1, "term": 1, "next_node_id": 4, "problems": [],
            "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn who_stops_to_listen_while_the_others_are_asked_leaves_no_mark() {
        let mark = DrainMark::default();
        let asking = mark.begin().unwrap();
        assert!(mark.begin().is_none() && !mark.is_draining());
        drop(asking);
        assert_eq!(mark.get(), None);
        let asking = mark.begin().unwrap();
        mark.set(Some(Phase::Waiting));
        drop(asking);
        assert!(mark.is_draining());
    }

    #[test]
    fn a_node_is_drained_only_when_all_others_serve() {
        let obstacle = |others: &[(u64, bool, Option<&str>)]| {
            let mut nodes = vec![(1, true, Some("asking"))];
            nodes.extend(others);
            obstacle_in(&status(&nodes)).unwrap_or_default()
        };
        assert_eq!(obstacle(&[(2, true, None), (3, true, None)]), "");
        let text = obstacle(&[(2, true, None), (3, true, Some("leaving"))]);
        assert!(text.contains("node 3 is being drained"), "{text}");
        let text = obstacle(&[(2, true, Some("drained")), (3, true, None)]);
        assert!(text.contains("node 2 is drained"), "{text}");
        let text = obstacle(&[(2, false, None), (3, true, None)]);
        assert!(text.contains("node 2 does not answer"), "{text}");
        assert!(obstacle(&[]).contains("only one"));
    }
}
