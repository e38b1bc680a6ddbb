//! A node takes its place: it founds a cluster, goes on in the one it knows, or waits to be added.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use openraft::errors::{Fatal, InitializeError, RaftError};
use raftpool_store::{PoolNode, TypeConfig};
use tokio::net::TcpListener;

use crate::error::RaftNodeError;
use crate::membership::ChangeError;
use crate::network::{ANYBODY, Listener, Service, peer};
use crate::node::RaftNode;

impl RaftNode {
    /// Takes the place in the cluster that the data directory and the settings say.
    pub(crate) async fn join_in(
        self: &Arc<Self>,
        listener: Option<(TcpListener, SocketAddr)>,
    ) -> Result<(), RaftNodeError> {
        let is_founded = self.raft.is_initialized().await;
        let is_founded = is_founded.map_err(|fatal| self.failed(fatal.to_string()))?;
        let has_peers = self.config.peers.is_some();
        if is_founded || !has_peers {
            self.admit();
        }
        if let (Some(listener), Some(certificates)) = (listener, &self.certificates) {
            let (identity, service) = (self.config.identity, Service::new(self));
            let listener = Listener::serve(listener, identity, certificates.clone(), service);
            *self.listener.lock() = Some(listener);
        }
        if !is_founded && has_peers {
            return self.refuse_known_id().await;
        }
        if is_founded && !self.raft.voter_ids().eq([self.config.identity.node_id]) {
            return Ok(());
        }
        match is_founded {
            // Nobody else could lead a node that is alone: no reason to wait for the timer.
            true => self.raft.trigger().elect(false).await,
            false => self.initialize().await,
        }
        .map_err(|fatal| self.failed(fatal.to_string()))?;
        self.wait_recovered().await?;
        self.tell_address().await
    }

    /// Refuses to wait for being added under an id that the cluster knows already: what the owner
    /// of that id voted and stored is gone with its disk.
    async fn refuse_known_id(&self) -> Result<(), RaftNodeError> {
        let node_id = self.config.identity.node_id;
        for status in self.ask_seeds().await {
            let known = status
                .members
                .iter()
                .find(|member| member.node_id == node_id);
            let is_used = match known {
                // A learner of which nobody has seen anything may only have been restarted.
                Some(member) => member.is_voter || member.matched_index.is_some(),
                None => status.ids_up_to >= node_id,
            };
            if is_used {
                return Err(RaftNodeError::IdInUse {
                    node_id,
                    is_member: known.is_some(),
                    told_by: status.node_id,
                    next_node_id: status.ids_up_to + 1,
                });
            }
        }
        Ok(())
    }

    /// What the seeds, and the leaders they name, say of the cluster. Seeds that do not answer, or
    /// are in no cluster, are left out.
    async fn ask_seeds(&self) -> Vec<peer::StatusResponse> {
        let seeds = self.config.peers.as_ref().map(|peers| peers.seeds.clone());
        let seeds = seeds.unwrap_or_default();
        let asked = seeds.iter().map(|seed| self.ask_node((ANYBODY, seed)));
        let mut answers = Vec::new();
        for (seed, answer) in seeds.iter().zip(join_all(asked).await) {
            match answer {
                Ok(status) if status.is_initialized => answers.push(status),
                Ok(_) => {}
                Err(error) => tracing::info!(seed, %error, "a seed does not answer"),
            }
        }
        let mut leaders: Vec<_> = answers
            .iter()
            .flat_map(|status| &status.members)
            .filter(|member| member.is_leader)
            .map(|member| (member.node_id, member.address.clone()))
            .collect();
        leaders.sort();
        leaders.dedup();
        for (leader, address) in leaders {
            answers.extend(self.ask_node((leader, &address)).await);
        }
        answers
    }

    /// Founds a cluster of one, when this node waits in an empty data directory. Does nothing in a
    /// node that is a member of a cluster already.
    ///
    /// # Errors
    /// When a seed is a member of a cluster with this id already, or the node has stopped.
    pub async fn found_cluster(&self) -> Result<(), ChangeError> {
        let stopped = |fatal: Fatal<TypeConfig>| ChangeError::Unknown(fatal.to_string());
        if self.raft.is_initialized().await.map_err(stopped)? {
            return Ok(());
        }
        if let Some(status) = self.ask_seeds().await.first() {
            return Err(ChangeError::Refused(format!(
                "node {} says that the cluster exists: add this node to it (on a member: \
                 `raftpool cluster add CONFIG {} {}`)",
                status.node_id, self.config.identity.node_id, self.address
            )));
        }
        self.admit();
        self.initialize().await.map_err(stopped)?;
        let recovered = self.wait_recovered().await;
        recovered.map_err(|error| ChangeError::Unknown(error.to_string()))
    }

    async fn initialize(&self) -> Result<(), Fatal<TypeConfig>> {
        let node = PoolNode {
            peer_address: self.address.clone(),
            ids_up_to: 0,
        };
        let members = BTreeMap::from([(self.config.identity.node_id, node)]);
        match self.raft.initialize(members).await {
            // Somebody was faster, which is as good.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(RaftError::Fatal(fatal)) => Err(fatal),
            // It is its own only member.
            Err(RaftError::APIError(InitializeError::NotInMembers(_))) => Err(Fatal::Stopped),
        }
    }

    async fn wait_recovered(&self) -> Result<(), RaftNodeError> {
        let timeout = self.config.start_timeout;
        let recovered = self.recovered(timeout).await;
        if let Some(reason) = self.stopped() {
            return Err(self.failed(reason));
        }
        recovered.map_err(|error| RaftNodeError::NoLeader {
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            state: error.to_string(),
        })
    }

    /// Writes this node's address into the membership, when it is the only member: it may have
    /// been alone until now, or have moved. Others learn addresses by being added.
    async fn tell_address(&self) -> Result<(), RaftNodeError> {
        let stored = self.stored_membership();
        let node_id = self.config.identity.node_id;
        let mut nodes = stored.membership().nodes();
        let own = match (nodes.next(), nodes.next()) {
            (Some((only, own)), None) if *only == node_id => own.clone(),
            _ => return Ok(()),
        };
        if self.address.is_empty() || own.peer_address == self.address {
            return Ok(());
        }
        let node = PoolNode {
            peer_address: self.address.clone(),
            ..own
        };
        let change = openraft::ChangeMembers::SetNodes(BTreeMap::from([(node_id, node)]));
        let written = self.write_membership(&stored, change, true).await;
        written.map_err(|error| self.failed(error.to_string()))
    }
}
