//! Who is in the cluster, and what may be asked of it.

use openraft::Instant;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use raftpool_ledger::Cluster;

use crate::network::{Purpose, member_of, peer};
use crate::node::RaftNode;

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub node_id: u64,
    /// Host and port of its peer listener.
    pub address: String,
    /// Whether it votes; otherwise it is a learner.
    pub is_voter: bool,
    /// Whether it leads.
    pub is_leader: bool,
    /// Newest index known to be on its disk; only the leader knows.
    pub matched_index: Option<u64>,
    /// Entries of the leader's log that are not known to be on its disk; only the leader knows.
    pub lag: Option<u64>,
    /// Milliseconds since it last answered; only the leader knows.
    pub silent_ms: Option<u64>,
}

/// A learner further behind gets no vote: the cluster would have to wait for it.
const PROMOTE_LAG_MAX: u64 = 1_000;
/// A member that was not heard for so long is counted as gone.
const SILENT_MAX_MS: u64 = 1_000;

impl Member {
    /// Whether it answered lately, as far as the leader knows.
    pub fn is_heard(&self) -> bool {
        self.silent_ms
            .is_some_and(|silent_ms| silent_ms <= SILENT_MAX_MS)
    }

    /// Whether it has nearly all of the leader's log, so that it may vote.
    pub fn has_caught_up(&self) -> bool {
        self.lag.is_some_and(|lag| lag <= PROMOTE_LAG_MAX)
    }
}

/// A change of the membership did not happen, or may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Nobody led it; it may be tried again.
    #[error("no leader took the change: {0}")]
    NotLed(String),
    /// It was refused, and why.
    #[error("refused: {0}")]
    Refused(String),
    /// It may still happen: look at the members, then ask again.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    AddLearner {
        node_id: u64,
        address: String,
    },
    Promote {
        node_ids: Vec<u64>,
        is_forced: bool,
    },
    Remove {
        node_id: u64,
        is_forced: bool,
    },
    Transfer {
        node_id: u64,
    },
    Swap {
        old: u64,
        new: u64,
    },
    /// Not of who the members are, but of what all of them are known to understand.
    Finalize {
        version: u32,
        author: String,
        reason: String,
    },
}

/// Changes of the membership. Any node takes them and passes them on to the leader. Each may be
/// asked for again: what is done already is done. Each fails with [`ChangeError::Refused`] rather
/// than do what would cost the cluster its majority.
#[allow(clippy::missing_errors_doc)]
impl RaftNode {
    /// Adds a node, which then receives the log but has no vote. It must be running, and waiting in
    /// an empty directory. Ids are never used
    /// again: the id must be larger than every id the cluster has ever seen.
    pub async fn add_learner(&self, node_id: u64, address: &str) -> Result<(), ChangeError> {
        let address = address.to_owned();
        self.change(Change::AddLearner { node_id, address }).await
    }

    /// Gives learners that have caught up a vote, all in one change. Two voters are refused
    /// unless forced: with two, the loss of either one stops the cluster.
    pub async fn promote(&self, node_ids: &[u64], is_forced: bool) -> Result<(), ChangeError> {
        let node_ids = node_ids.to_vec();
        self.change(Change::Promote {
            node_ids,
            is_forced,
        })
        .await
    }

    /// Removes a node for ever; a leader hands over first. Two remaining voters are refused
    /// unless forced.
    pub async fn remove(&self, node_id: u64, is_forced: bool) -> Result<(), ChangeError> {
        self.change(Change::Remove { node_id, is_forced }).await
    }

    /// Gives the vote of `old` to `new`, which was added before and has caught up, and removes `old`
    /// for ever, all in one change: the number of voters stays as it is. This is how a node that
    /// lost its disk is replaced.
    pub async fn swap(&self, old: u64, new: u64) -> Result<(), ChangeError> {
        self.change(Change::Swap { old, new }).await
    }

    /// Makes a voter the leader.
    pub async fn transfer(&self, node_id: u64) -> Result<(), ChangeError> {
        self.change(Change::Transfer { node_id }).await
    }

    /// The members, as the leader sees them if it can be reached, otherwise as this node knows
    /// them.
    pub async fn members(&self) -> Vec<Member> {
        let (Some((leader, address)), Some(channels)) = (self.leader_elsewhere(), &self.channels)
        else {
            return self.members_here();
        };
        let asked = channels
            .call(
                (leader, &address),
                Purpose::Forward,
                self.config.linearize_timeout,
                peer::StatusRequest {},
                |mut client, request| async move { client.status(request).await },
            )
            .await;
        match asked {
            Ok(status) => status.members.into_iter().map(member_of).collect(),
            Err(_) => self.members_here(),
        }
    }

    pub(crate) fn members_here(&self) -> Vec<Member> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let last = metrics.last_log_index;
        let own_id = self.config.identity.node_id;
        let member = |(node_id, node): (&u64, &raftpool_store::PoolNode)| {
            let matched = metrics
                .replication
                .as_ref()
                .and_then(|all| *all.get(node_id)?);
            let heard = metrics
                .heartbeat
                .as_ref()
                .and_then(|all| *all.get(node_id)?);
            let is_leading_self = *node_id == own_id && metrics.replication.is_some();
            let matched_index = match is_leading_self {
                true => last,
                false => matched.map(|matched| matched.index()),
            };
            let silent_ms = match is_leading_self {
                true => Some(0),
                false => heard.map(|heard| {
                    let silent = heard.elapsed();
                    u64::try_from(silent.as_millis()).unwrap_or(u64::MAX)
                }),
            };
            let next = |index: Option<u64>| index.map_or(0, |index| index + 1);
            let lag = metrics.replication.is_some();
            Member {
                node_id: *node_id,
                address: node.peer_address.clone(),
                is_voter: membership.voter_ids().any(|voter| voter == *node_id),
                is_leader: metrics.current_leader == Some(*node_id),
                matched_index,
                lag: lag.then(|| next(last).saturating_sub(next(matched_index))),
                silent_ms,
            }
        };
        membership.nodes().map(member).collect()
    }

    /// Whether this node leads, as far as it knows.
    pub(crate) fn leads(&self) -> bool {
        self.leadership().is_leader()
    }

    pub(crate) fn knows_member(&self, node_id: u64) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics
            .membership_config
            .membership()
            .get_node(&node_id)
            .is_some()
    }

    /// Leader and address, when another node leads.
    pub(crate) fn leader_elsewhere(&self) -> Option<(u64, String)> {
        let leader = self.leadership().leader_id?;
        if leader == self.config.identity.node_id {
            return None;
        }
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let node = metrics.membership_config.membership().get_node(&leader)?;
        Some((leader, node.peer_address.clone()))
    }
}

impl Change {
    pub(crate) fn of_message(message: peer::change_members_request::Change) -> Option<Self> {
        use peer::change_members_request::Change as Message;
        Some(match message {
            Message::AddLearner(add) => Self::AddLearner {
                node_id: add.node_id,
                address: add.address,
            },
            Message::Promote(promote) => Self::Promote {
                node_ids: promote.node_ids,
                is_forced: promote.is_forced,
            },
            Message::Remove(remove) => Self::Remove {
                node_id: remove.node_id,
                is_forced: remove.is_forced,
            },
            Message::Transfer(transfer) => Self::Transfer {
                node_id: transfer.node_id,
            },
            Message::Swap(swap) => Self::Swap {
                old: swap.old_node_id,
                new: swap.new_node_id,
            },
            Message::Finalize(finalize) => Self::Finalize {
                version: finalize.version,
                author: finalize.author,
                reason: finalize.reason,
            },
        })
    }

    pub(crate) fn message(&self) -> peer::change_members_request::Change {
        use peer::change_members_request::Change as Message;
        match self.clone() {
            Self::AddLearner { node_id, address } => {
                Message::AddLearner(peer::AddLearner { node_id, address })
            }
            Self::Promote {
                node_ids,
                is_forced,
            } => Message::Promote(peer::Promote {
                node_ids,
                is_forced,
            }),
            Self::Remove { node_id, is_forced } => {
                Message::Remove(peer::Remove { node_id, is_forced })
            }
            Self::Transfer { node_id } => Message::Transfer(peer::Transfer { node_id }),
            Self::Swap { old, new } => Message::Swap(peer::Swap {
                old_node_id: old,
                new_node_id: new,
            }),
            Self::Finalize {
                version,
                author,
                reason,
            } => Message::Finalize(peer::Finalize {
                version,
                author,
                reason,
            }),
        }
    }
}
