//! What openraft sends through.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use raftpool_store::{PoolNode, SnapshotFiles, TypeConfig, Vote};
use tonic::Status;

use super::channels::{CallError, Channels, Purpose};
use super::{convert, peer, snapshot};

/// A message with entries may take longer than a heartbeat.
const ENTRIES_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes clients for peers.
#[derive(Clone)]
pub(crate) struct Network {
    /// `None` in a node that runs alone.
    pub(crate) channels: Option<Arc<Channels>>,
    pub(crate) snapshot_bytes_per_second: u64,
}

/// A client for one peer.
pub(crate) struct Client {
    network: Network,
    target: u64,
    address: String,
    /// What entries and heartbeats go over.
    purpose: Purpose,
}

impl Network {
    fn client(&self, target: u64, node: &PoolNode, purpose: Purpose) -> Client {
        Client {
            network: self.clone(),
            target,
            address: node.peer_address.clone(),
            purpose,
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: u64, node: &PoolNode) -> Client {
        self.client(target, node, Purpose::Replication)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &PoolNode) -> Client {
        self.client(target, node, Purpose::Control)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &PoolNode) -> Client {
        self.client(target, node, Purpose::Snapshot)
    }
}

impl Client {
    fn channels(&self) -> Result<&Channels, Unreachable<TypeConfig>> {
        self.network.channels.as_deref().ok_or_else(|| {
            let target = self.target;
            let reason = format!("this node runs alone and has no connection to node {target}");
            Unreachable::from_string(reason)
        })
    }

    fn peer(&self) -> (u64, &str) {
        (self.target, &self.address)
    }
}

/// Whatever the reason, openraft waits a little and tries again.
fn unreachable(error: CallError) -> RPCError<TypeConfig> {
    Unreachable::new(&error).into()
}

fn unreadable(status: Status) -> RPCError<TypeConfig> {
    Unreachable::from_string(status.message()).into()
}

impl RaftNetworkV2<TypeConfig> for Client {
    type SnapshotData = Arc<SnapshotFiles>;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let deadline = match self.purpose {
            Purpose::Control => option.hard_ttl(),
            _ => option.hard_ttl().max(ENTRIES_TIMEOUT),
        };
        let message = convert::append_message(&request);
        let answer = self
            .channels()?
            .call(
                self.peer(),
                self.purpose,
                deadline,
                message,
                |mut client, request| async move { client.append_entries(request).await },
            )
            .await;
        convert::append_response(answer.map_err(unreachable)?).map_err(unreadable)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = convert::vote_message(&request);
        let answer = self
            .channels()?
            .call(
                self.peer(),
                Purpose::Control,
                option.hard_ttl(),
                message,
                |mut client, request| async move { client.vote(request).await },
            )
            .await;
        convert::vote_response(&answer.map_err(unreachable)?).map_err(unreadable)
    }

    // openraft's default would grant the vote in the peer's name.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = convert::vote_message(&request);
        let answer = self
            .channels()?
            .call(
                self.peer(),
                Purpose::Control,
                option.hard_ttl(),
                message,
                |mut client, request| async move { client.pre_vote(request).await },
            )
            .await;
        convert::vote_response(&answer.map_err(unreachable)?).map_err(unreadable)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: openraft::alias::SnapshotOf<TypeConfig, Arc<SnapshotFiles>>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let channels = self.channels()?;
        let bytes_per_second = self.network.snapshot_bytes_per_second;
        let sent = snapshot::send(
            channels,
            self.peer(),
            &vote,
            snapshot.snapshot,
            bytes_per_second,
        );
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = sent => match sent {
                Ok(vote) => Ok(SnapshotResponse::new(vote)),
                Err(error) => {
                    let target = self.target;
                    tracing::warn!(target_node = target, %error, "a snapshot was not sent");
                    Err(Unreachable::new(&error).into())
                }
            },
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = convert::transfer_message(&request);
        let answer = self
            .channels()?
            .call(
                self.peer(),
                Purpose::Control,
                option.hard_ttl(),
                message,
                |mut client, request| async move { client.transfer_leader(request).await },
            )
            .await;
        match answer.map_err(unreachable)?.result {
            Some(peer::transfer_leader_response::Result::Accepted(_)) => Ok(Ok(())),
            // Not as a refusal: openraft would want the peer's vote and log with it.
            Some(peer::transfer_leader_response::Result::Refused(reason)) => {
                Err(Unreachable::from_string(reason).into())
            }
            None => Err(Unreachable::from_string("the answer has no result").into()),
        }
    }
}
