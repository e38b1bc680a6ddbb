//! Questions between nodes that are not about consensus: the rest of the program has its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use raftpool_ledger::cluster::BoxFuture;
use raftpool_store::Checkpoint;

use crate::membership::Member;
use crate::network::{CallError, Purpose, checkpoints_of, peer};
use crate::node::RaftNode;
use crate::version::announced;

/// For a question about a node's state.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// What the rest of the program answers to other nodes.
pub trait PeerService: Send + Sync + 'static {
    /// Answers a request of a member. What the bytes mean is between the programs at both ends.
    ///
    /// # Errors
    /// Why the request is refused, in words.
    fn answer(&self, from_node: u64, request: Bytes) -> BoxFuture<'_, Result<Bytes, String>>;
}

/// There is no answer of another node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// The node refused.
    #[error("{0}")]
    Refused(String),
    /// It may have been carried out.
    #[error("{0}")]
    NoAnswer(String),
}

impl From<CallError> for AskError {
    fn from(error: CallError) -> Self {
        match &error {
            CallError::NotSent { .. } => Self::NotSent(error.to_string()),
            CallError::Refused { .. } => Self::Refused(error.to_string()),
            CallError::NoAnswer { .. } => Self::NoAnswer(error.to_string()),
        }
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// "leader", "follower", "candidate", "learner" or "stopped".
    pub role: String,
    /// Its term.
    pub term: u64,
    /// The leader it knows.
    pub leader_id: Option<u64>,
    /// Newest index of its log; 0 when it is empty.
    pub last_log_index: u64,
    /// Newest index it has applied; 0 when there is none.
    pub applied_index: u64,
    /// Newest format of commands it can apply.
    pub command_format: u32,
    /// Newest version of commands it knows.
    pub command_version: u32,
    /// Up to which version commands may be used, as far as it has applied the log.
    pub finalized_version: u32,
    /// The newest digests of its ledger, oldest first.
    pub checkpoints: Vec<Checkpoint>,
}

impl RaftNode {
    /// Has `service` answer the other nodes from now on; only the first call counts.
    pub fn serve_peers(&self, service: Arc<dyn PeerService>) {
        if self.service.set(service).is_err() {
            tracing::error!("other nodes are answered already");
        }
    }

    /// Asks another member.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(
        &self,
        node_id: u64,
        request: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, AskError> {
        let not_sent = |reason: String| Err(AskError::NotSent(reason));
        let Some(channels) = &self.channels else {
            return not_sent("this node runs alone".to_owned());
        };
        let Some(address) = self.address_of(node_id) else {
            return not_sent(format!("node {node_id} is not a member"));
        };
        let answer = channels
            .call(
                (node_id, &address),
                Purpose::Service,
                timeout,
                peer::AskRequest { request },
                |mut client, request| async move { client.ask(request).await },
            )
            .await?;
        Ok(answer.response)
    }

    /// Ids of all other members, in order.
    pub fn other_members(&self) -> Vec<u64> {
        let own_id = self.config.identity.node_id;
        let stored = self.stored_membership();
        let ids = stored.membership().nodes().map(|(node_id, _)| *node_id);
        ids.filter(|node_id| *node_id != own_id).collect()
    }

    /// Every member, as the leader sees it if it can be reached, with what it says of itself.
    /// Whoever does not answer says why not.
    pub async fn survey(&self) -> Vec<(Member, Result<NodeStatus, String>)> {
        let members = self.members().await;
        let asked = members.iter().map(|member| self.ask_member(member));
        let answers = join_all(asked).await;
        members.into_iter().zip(answers).collect()
    }

    async fn ask_member(&self, member: &Member) -> Result<NodeStatus, String> {
        let status = match member.node_id == self.config.identity.node_id {
            true => self.status_message(),
            false => self
                .ask_node((member.node_id, &member.address))
                .await
                .map_err(|error| error.to_string())?,
        };
        Ok(NodeStatus {
            term: status.term,
            leader_id: Some(status.leader_id).filter(|leader| *leader != 0),
            last_log_index: status.last_log_index,
            applied_index: status.applied_index,
            command_format: status.command_format,
            command_version: announced(status.command_version),
            finalized_version: announced(status.finalized_version),
            checkpoints: checkpoints_of(&status),
            role: status.role,
        })
    }

    /// Asks a node how it is.
    pub(crate) async fn ask_node(
        &self,
        peer: (u64, &str),
    ) -> Result<peer::StatusResponse, CallError> {
        let Some(channels) = &self.channels else {
            return Err(CallError::NotSent {
                target: peer.0,
                address: peer.1.to_owned(),
                reason: "this node runs alone".to_owned(),
            });
        };
        let call = channels.call(
            peer,
            Purpose::Forward,
            STATUS_TIMEOUT,
            peer::StatusRequest {},
            |mut client, request| async move { client.status(request).await },
        );
        call.await
    }

    fn address_of(&self, node_id: u64) -> Option<String> {
        let stored = self.stored_membership();
        let node = stored.membership().get_node(&node_id)?;
        Some(node.peer_address.clone())
    }
}
