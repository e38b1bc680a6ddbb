//! A node's figures, for metrics and the operator.

use std::net::SocketAddr;

use openraft::ServerState;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use raftpool_ledger::cluster::{Leadership, read};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{COMMAND_FORMAT, Cluster};
use raftpool_store::{LogStatus, StateStatus};

use crate::network::{checkpoint_messages, member_message, peer};
use crate::node::RaftNode;

/// What a node is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leader,
    /// It votes and follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It has stopped.
    Stopped,
}

impl Role {
    /// Name as it appears in metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Stopped => "stopped",
        }
    }
}

/// Proposals of this node by what became of them, since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProposalCounts {
    /// Committed and applied.
    pub committed: u64,
    /// Not taken.
    pub not_accepted: u64,
    /// Fate unknown.
    pub unknown: u64,
    /// Met a stopped node.
    pub stopped: u64,
}

/// A node's figures at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftStatus {
    /// Its role.
    pub role: Role,
    /// Term and leader.
    pub leadership: Leadership,
    /// Node ids that vote.
    pub voters: Vec<u64>,
    /// Node ids that follow without a vote.
    pub learners: Vec<u64>,
    /// Index of the newest entry of the log.
    pub last_log_index: Option<u64>,
    /// Newest index known to be committed.
    pub committed_index: Option<u64>,
    /// Newest applied index.
    pub applied_index: Option<u64>,
    /// Newest index covered by a snapshot.
    pub snapshot_index: Option<u64>,
    /// Newest index removed from the log.
    pub purged_index: Option<u64>,
    /// Proposals waiting to be committed.
    pub in_flight: u64,
    /// Their bytes, in steps of 1 KiB each.
    pub in_flight_bytes: u64,
    /// Proposals so far.
    pub proposals: ProposalCounts,
    /// The log's figures; all zero once the node was shut down.
    pub log: LogStatus,
    /// The state's figures.
    pub state: StateStatus,
    /// Whether this node is a member of a cluster. A joining node is none until it was added.
    pub joined: bool,
    /// Its side towards the others; `None` in a node that runs alone.
    pub peer: Option<PeerStatus>,
    /// How this node's ledger differs from that of others, when nobody can say which one is right,
    /// or when it is this one and the node stops. Stays until the restart, unless more than half of
    /// the voters turn out to agree with this node.
    pub divergence: Option<String>,
    /// Newest index at which the ledgers of all peers that answered were the same as this one.
    pub compared_index: Option<u64>,
    /// Up to which version commands may be used, as far as this node has applied the log; 0 when its
    /// state cannot be read.
    pub finalized_version: u32,
    /// Why the node does nothing any more.
    pub stopped: Option<String>,
}

/// What a node's peers see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Where it listens; `None` once the node was shut down.
    pub listening: Option<SocketAddr>,
    /// Host and port by which the others reach it.
    pub address: String,
    /// When its certificate expires, in milliseconds since the Unix epoch.
    pub certificate_expires_at_ms: u64,
    /// When the first of the authorities it trusts expires, in milliseconds since the Unix epoch.
    pub authority_expires_at_ms: u64,
    /// How often it took up certificates, the start included.
    pub certificate_generation: u64,
}

impl RaftNode {
    /// This node's figures. Cheap enough for every scrape.
    pub fn status(&self) -> RaftStatus {
        let stopped = self.stopped();
        let state = self.reader.status();
        let compared = self.compared.lock().clone();
        let leadership = self.leadership();
        // Copied, because a borrow is a lock that lets nobody in any more once consensus waits to
        // write: whoever held it and borrowed again, as what is asked below may do, would wait for
        // consensus, and consensus for him.
        let metrics = self.raft.metrics().borrow_watched().clone();
        let role = match metrics.state {
            _ if stopped.is_some() => Role::Stopped,
            ServerState::Learner => Role::Learner,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Leader => Role::Leader,
            ServerState::Shutdown => Role::Stopped,
        };
        let index = |log_id: Option<raftpool_store::LogId>| log_id.map(|log_id| log_id.index());
        let membership = metrics.membership_config.membership();
        RaftStatus {
            role,
            leadership,
            voters: membership.voter_ids().collect(),
            learners: membership.learner_ids().collect(),
            last_log_index: metrics.last_log_index,
            committed_index: index(metrics.local_committed),
            // openraft's figures lag behind what a reader sees already.
            applied_index: state.applied_index,
            snapshot_index: index(metrics.snapshot),
            purged_index: index(metrics.purged),
            in_flight: self.admission.in_flight(),
            in_flight_bytes: self.admission.in_flight_bytes(),
            proposals: self.admission.counts(),
            log: self.log_status().unwrap_or_default(),
            state,
            joined: membership.get_node(&self.config.identity.node_id).is_some(),
            peer: self.peer_status(),
            divergence: compared.divergence,
            compared_index: compared.index,
            finalized_version: self
                .finalized_version()
                .map_or(0, |finalized| finalized.version),
            stopped,
        }
    }

    /// The same for other nodes.
    pub(crate) fn status_message(&self) -> peer::StatusResponse {
        let status = self.status();
        let head = read(self, |state| {
            let view = LedgerView::new(state);
            Ok((view.digest()?, view.index()?))
        });
        let (digest, digest_index) = head.unwrap_or_default();
        let members_index = self.members_index();
        let members = self.members_here();
        // Changed in between: without an index, nobody concludes anything from the members.
        let is_unchanged = self.members_index() == members_index;
        peer::StatusResponse {
            node_id: self.config.identity.node_id,
            command_format: COMMAND_FORMAT,
            is_initialized: self.is_initialized(),
            role: status.role.name().to_owned(),
            term: status.leadership.term,
            leader_id: status.leadership.leader_id.unwrap_or(0),
            last_log_index: status.last_log_index.unwrap_or(0),
            committed_index: status.committed_index.unwrap_or(0),
            applied_index: status.applied_index.unwrap_or(0),
            digest: digest.to_vec().into(),
            digest_index,
            members: members.iter().map(member_message).collect(),
            checkpoints: checkpoint_messages(&self.reader.checkpoints()),
            ids_up_to: self.ids_up_to(),
            members_index: if is_unchanged { members_index } else { 0 },
            command_version: self.config.command_version,
            finalized_version: status.finalized_version,
        }
    }

    fn members_index(&self) -> u64 {
        let stored = self.stored_membership();
        stored.log_id().map_or(0, |log_id| log_id.index())
    }

    /// Whether it has a log or a vote of its own.
    fn is_initialized(&self) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.last_log_index.is_some() || metrics.vote.leader_id.term > 0
    }
}
