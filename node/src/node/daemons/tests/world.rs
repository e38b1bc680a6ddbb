//! Nodes with one daemon each, and the links between them. Time is paused in all of these tests,
//! so waiting costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use raftpool_chain::{BoxFuture, DaemonSet, HealthSettings, Network};
use raftpool_proto::node::node_request::Request;
use raftpool_proto::node::node_response::Response;
use raftpool_proto::node::{DaemonRequest, NodeRequest, NodeResponse};
use raftpool_raft::AskError;
use tokio::time;

use super::fakes::FakeDaemon;
use crate::node::daemons::ask::AskPeers;
use crate::node::daemons::kind::Kind;
use crate::node::daemons::{ClusterDaemons, DaemonDesk};

const DEADLINE: Duration = Duration::from_secs(120);

/// What befalls a question to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    Works,
    /// Not even sent.
    Down,
    /// Refused unseen.
    Refuses,
    /// Carried out, and the answer is lost at once.
    AnswerLost,
    /// Swallowed: nothing comes back before the deadline.
    Silent,
    /// Something else comes back.
    Babbles(Bytes),
}

pub(super) struct World {
    pub(super) daemons: BTreeMap<u64, Arc<FakeDaemon>>,
    sets: BTreeMap<u64, Arc<DaemonSet>>,
    pub(super) desks: BTreeMap<u64, DaemonDesk>,
    /// Who belongs to the cluster.
    pub(super) members: Mutex<Vec<u64>>,
    links: Mutex<BTreeMap<u64, Link>>,
    /// Who asked whom for what.
    asked: Mutex<Vec<(u64, u64, &'static str)>>,
}

/// The other nodes as one of them sees them.
struct Peers {
    me: u64,
    world: Arc<World>,
}

impl World {
    /// Nodes 1 to `nodes`; the height of each one's chain is 100 times its id.
    pub(super) fn start(nodes: u64) -> Arc<Self> {
        let ids = 1..=nodes;
        let daemons: BTreeMap<u64, Arc<FakeDaemon>> = ids
            .clone()
            .map(|id| (id, FakeDaemon::new(100 * id)))
            .collect();
        let settings = HealthSettings {
            interval: Duration::from_millis(100),
            ..HealthSettings::default()
        };
        let sets: BTreeMap<u64, Arc<DaemonSet>> = daemons
            .iter()
            .map(|(id, daemon)| {
                let set = DaemonSet::start_with(vec![daemon.clone()], Network::Devnet, settings);
                (*id, set)
            })
            .collect();
        let desk = |set: &Arc<DaemonSet>| DaemonDesk::new(set.clone(), Network::Devnet);
        let desks = sets.iter().map(|(id, set)| (*id, desk(set))).collect();
        Arc::new(Self {
            daemons,
            sets,
            desks,
            members: Mutex::new(ids.collect()),
            links: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    pub(super) fn peers(self: &Arc<Self>, me: u64) -> Arc<dyn AskPeers> {
        let world = self.clone();
        Arc::new(Peers { me, world })
    }

    /// What the parts of a node get as their daemons.
    pub(super) fn cluster_daemons(self: &Arc<Self>, me: u64) -> Arc<ClusterDaemons> {
        ClusterDaemons::start(self.sets[&me].clone(), self.peers(me), Network::Devnet)
    }

    /// Switches a node's daemon off or on, and waits until the node knows.
    pub(super) async fn switch(&self, node_id: u64, is_on: bool) {
        self.daemons[&node_id].set(|state| state.is_off = !is_on);
        let set = &self.sets[&node_id];
        eventually("the node knows how its daemon is", || {
            set.health()[0].healthy == is_on
        })
        .await;
    }

    pub(super) fn link(&self, to: u64, link: Link) {
        self.links.lock().insert(to, link);
    }

    /// Who was asked by this node for that, in order.
    pub(super) fn asked_by(&self, from: u64, method: &str) -> Vec<u64> {
        let asked = self.asked.lock();
        let matching = asked
            .iter()
            .filter(|(who, _, what)| *who == from && *what == method);
        matching.map(|(_, whom, _)| *whom).collect()
    }

    async fn carry(&self, from: u64, to: u64, request: Bytes) -> Result<Bytes, AskError> {
        let request = read_request(request);
        let kind = Kind::from(request.call.as_ref().expect("a call"));
        self.asked.lock().push((from, to, kind.method));
        let link = self.links.lock().get(&to).cloned().unwrap_or(Link::Works);
        match &link {
            Link::Down => return Err(AskError::NotSent("the link is down".into())),
            Link::Refuses => return Err(AskError::Refused("not today".into())),
            Link::Silent => std::future::pending().await,
            Link::Babbles(bytes) => return Ok(bytes.clone()),
            Link::Works | Link::AnswerLost => {}
        }
        let answer = self.desks[&to].answer(from, request).await;
        if link == Link::AnswerLost {
            return Err(AskError::NoAnswer("the link broke".into()));
        }
        let response = NodeResponse {
            response: Some(Response::Daemon(answer.map_err(AskError::Refused)?)),
        };
        Ok(response.encode_to_vec().into())
    }
}

fn read_request(request: Bytes) -> DaemonRequest {
    let request = NodeRequest::decode(request).expect("our requests are readable");
    match request.request {
        Some(Request::Daemon(request)) => request,
        other => panic!("not a question for daemons: {other:?}"),
    }
}

impl AskPeers for Peers {
    fn ask(
        &self,
        node_id: u64,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Bytes, AskError>> {
        Box::pin(async move {
            let carrying = self.world.carry(self.me, node_id, request);
            let answer = time::timeout(timeout, carrying).await;
            answer.unwrap_or_else(|_| Err(AskError::NoAnswer("the deadline passed".into())))
        })
    }

    fn other_members(&self) -> Vec<u64> {
        let members = self.world.members.lock();
        members
            .iter()
            .copied()
            .filter(|id| *id != self.me)
            .collect()
    }
}

/// Bounds a future, so that a test fails instead of hanging.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("took too long: {what}"))
}

/// Waits until the condition holds.
pub(super) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"));
}
