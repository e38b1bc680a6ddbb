//! The other members of the cluster, who change while this node runs, and how their daemons are.

use std::sync::Arc;
use std::time::Duration;

use raftpool_chain::{Daemon, Network};
use tokio::task::JoinSet;
use tokio::time::{self, MissedTickBehavior};

use super::ask::AskPeers;
use super::peer::PeerDaemon;
use super::standing::Standing;

/// How often every other node is asked how its daemons see the chain.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// The other members' daemons.
#[derive(Clone)]
pub(super) struct Others {
    peers: Arc<dyn AskPeers>,
    network: Network,
    standing: Arc<Standing>,
}

impl Others {
    pub(super) fn new(peers: Arc<dyn AskPeers>, network: Network) -> Self {
        Self {
            peers,
            network,
            standing: Arc::default(),
        }
    }

    /// The other members as of now, in the order in which they are asked.
    pub(super) fn in_order(&self) -> Vec<u64> {
        self.standing.in_order(self.peers.other_members())
    }

    pub(super) fn daemon(&self, node_id: u64) -> Arc<PeerDaemon> {
        let (peers, standing) = (self.peers.clone(), self.standing.clone());
        Arc::new(PeerDaemon::new(node_id, self.network, peers, standing))
    }

    /// Whether its daemons can be believed now.
    pub(super) fn has_answered_lately(&self, node_id: u64) -> bool {
        self.standing.has_answered_lately(node_id)
    }

    /// The next reads begin with this node.
    pub(super) fn prefer(&self, node_id: u64) {
        self.standing.prefer(node_id);
    }

    /// Asks every member again and again; what comes of it is noted on the way.
    pub(super) async fn probe(self) {
        let mut ticks = time::interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let members = self.peers.other_members();
            self.standing.retain(&members);
            let mut asking = JoinSet::new();
            for node_id in members {
                let daemon = self.daemon(node_id);
                asking.spawn(async move { daemon.info().await });
            }
            while asking.join_next().await.is_some() {}
        }
    }
}
