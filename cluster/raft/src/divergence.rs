//! Comparing ledgers: nodes tell each other their digests, and one that differs stops.
//!
//! A digest runs over everything that was ever applied, so nodes that differ once differ for
//! ever: a comparison that is missed is made at a later index. A node stops when more than half of
//! the voters agree on another digest than its own; its ledger cannot be trusted, and it would
//! hand the damage on with snapshots. Without such a majority nobody can say who is right, and
//! all go on and say so.
//!
//! In the same answers a node sees that it is no member any more: the leader may have stopped
//! talking to it before it could hear of its removal.

mod comparison;
mod removal;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use parking_lot::Mutex;
use raftpool_store::{FailStop, StateReader};
use tokio::time::MissedTickBehavior;

use self::comparison::{Comparison, Difference, Finding};
use self::removal::MembersKnown;
use crate::network::{Channels, Purpose, checkpoints_of, peer};
use crate::node::Raft;
use crate::status::Role;

/// How long a peer has to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What comparing has shown so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compared {
    /// How this node differs from others.
    pub(crate) divergence: Option<String>,
    /// Newest index at which all nodes that answered agreed.
    pub(crate) index: Option<u64>,
}

/// The task that compares this node with its peers.
pub(crate) struct Watcher {
    pub(crate) node_id: u64,
    pub(crate) interval: Duration,
    pub(crate) data_directory: PathBuf,
    pub(crate) channels: Arc<Channels>,
    pub(crate) raft: Raft,
    pub(crate) reader: StateReader,
    pub(crate) fail_stop: Arc<FailStop>,
    pub(crate) compared: Arc<Mutex<Compared>>,
}

impl Watcher {
    /// Ends when this node has stopped.
    pub(crate) async fn run(self) {
        let mut interval = tokio::time::interval(self.interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut comparison = Comparison::default();
        let mut undecided_since = None;
        while self.fail_stop.reason().is_none() {
            interval.tick().await;
            let (voters, peers) = self.members();
            let answers = self.ask(peers).await;
            if let Some(index) = self.removed_at(&answers) {
                return self.end_removed(index);
            }
            let answers = answers.into_iter().map(|(node_id, answer)| {
                let answer = answer.filter(|status| status.role != Role::Stopped.name());
                (node_id, answer.map(|status| checkpoints_of(&status)))
            });
            let answers = answers.collect();
            // Read after the others have answered, so that it reaches as far as theirs.
            let own = self.reader.checkpoints();
            let judgement = comparison.judge(self.node_id, &voters, &own, answers);
            for finding in &judgement.findings {
                if let Finding::Undecided(difference) = finding {
                    undecided_since.get_or_insert(difference.index);
                }
                self.report(finding, voters.len());
            }
            // Those who were missing are back, and agree with this node.
            if undecided_since.is_some_and(|index| judgement.confirmed_index >= Some(index)) {
                tracing::info!("more than half of the voters have the ledger of this node");
                undecided_since = None;
                self.compared.lock().divergence = None;
            }
            let mut compared = self.compared.lock();
            compared.index = compared.index.max(judgement.agreed_index);
        }
    }

    /// The voters, and the addresses of all other members.
    fn members(&self) -> (BTreeSet<u64>, BTreeMap<u64, String>) {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let peers = membership.nodes().filter(|(id, _)| **id != self.node_id);
        (
            membership.voter_ids().collect(),
            peers
                .map(|(id, node)| (*id, node.peer_address.clone()))
                .collect(),
        )
    }

    /// The entry that removed this node, if it or a peer knows one.
    fn removed_at(&self, answers: &BTreeMap<u64, Option<peer::StatusResponse>>) -> Option<u64> {
        let own = {
            let metrics = self.raft.metrics();
            MembersKnown::here(&metrics.borrow_watched())
        };
        let told = answers.values().flatten().map(MembersKnown::told);
        let mut known = told.chain([own]);
        known.find_map(|known| known.removal_of(self.node_id))
    }

    fn end_removed(&self, index: u64) {
        let (id, directory) = (self.node_id, self.data_directory.display());
        self.fail_stop.trip(&format!(
            "node {id} was removed from the cluster by entry {index}, and its id is never used \
             again; do not start it again. To take part anew, use an empty data directory instead \
             of {directory} and a new id (`raftpool cluster add`)"
        ));
    }

    /// What all peers say of themselves; `None` of one that does not answer.
    async fn ask(
        &self,
        peers: BTreeMap<u64, String>,
    ) -> BTreeMap<u64, Option<peer::StatusResponse>> {
        let channels = &self.channels;
        let asked = peers.into_iter().map(|(node_id, address)| async move {
            let answer = channels.call(
                (node_id, &address),
                Purpose::Forward,
                ANSWER_TIMEOUT,
                peer::StatusRequest {},
                |mut client, request| async move { client.status(request).await },
            );
            (node_id, answer.await.ok())
        });
        join_all(asked).await.into_iter().collect()
    }

    fn report(&self, finding: &Finding, voters: usize) {
        match finding {
            Finding::OwnIsWrong {
                index,
                own,
                theirs,
                nodes,
            } => {
                let (own, theirs) = (hex::encode(own), hex::encode(theirs));
                let (id, nodes) = (self.node_id, list(nodes));
                let directory = self.data_directory.display();
                let reason = format!(
                    "the ledger of node {id} differs: at index {index} its digest is {own}, but \
                     {nodes}, more than half of the {voters} voters, have {theirs}; keep \
                     {directory} for inspection and replace node {id} by a new one (`raftpool \
                     cluster replace`)"
                );
                self.compared.lock().divergence = Some(reason.clone());
                self.fail_stop.trip(&reason);
                // It must not lead or send snapshots any longer, also while the process still
                // ends. In a task of its own, because this one is aborted with the node.
                let raft = self.raft.clone();
                tokio::spawn(async move { raft.shutdown().await });
            }
            Finding::PeerIsWrong(difference) => {
                let difference = self.describe(difference);
                tracing::error!(
                    difference,
                    "a peer's ledger is wrong: more than half of the voters agree with this node; \
                     replace the peer (`raftpool cluster replace`)"
                );
            }
            Finding::Undecided(difference) => {
                let difference = self.describe(difference);
                tracing::error!(
                    difference,
                    "ledgers differ, and nobody can say which one is right: more than half of the \
                     voters agree on neither"
                );
                self.compared.lock().divergence = Some(format!(
                    "{difference}; more than half of the {voters} voters agree on neither, so \
                     that nobody can say which one is right"
                ));
            }
        }
    }

    fn describe(&self, difference: &Difference) -> String {
        let Difference {
            node_id,
            index,
            own,
            theirs,
        } = difference;
        let id = self.node_id;
        let (own, theirs) = (hex::encode(own), hex::encode(theirs));
        format!(
            "the ledgers of nodes {id} and {node_id} differ: at index {index} node {id} has the \
             digest {own}, node {node_id} has {theirs}"
        )
    }
}

/// "node 2", "nodes 2 and 3", "nodes 2, 3 and 5".
fn list(nodes: &[u64]) -> String {
    let names: Vec<_> = nodes.iter().map(u64::to_string).collect();
    match names.split_last() {
        None => "no node".to_owned(),
        Some((only, [])) => format!("node {only}"),
        Some((last, first)) => format!("nodes {} and {last}", first.join(", ")),
    }
}
