//! What answers peers.

use std::sync::{Arc, Weak};

use openraft::errors::{Fatal, RaftError};
use openraft::storage::Snapshot;
use raftpool_store::{TypeConfig, Vote};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::envelope::Caller;
use super::outcome::outcome_message;
use super::peer::peer_server::Peer;
use super::{convert, peer, snapshot};
use crate::membership::{Change, ChangeError};
use crate::node::RaftNode;
use crate::propose::Attempt;

/// A node as its peers see it. It does not keep the node alive.
pub(crate) struct Service {
    node: Weak<RaftNode>,
}

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    pub(crate) fn new(node: &Arc<RaftNode>) -> Self {
        Self {
            node: Arc::downgrade(node),
        }
    }

    /// The node, and who calls it and knows that it does.
    fn enter<T>(&self, request: &Request<T>) -> Result<(Arc<RaftNode>, Caller), Status> {
        let (node, caller) = self.enter_unknowing(request)?;
        if !caller.knows_callee {
            let reason = "whoever does not know which node it calls may only ask for the status";
            return Err(Status::failed_precondition(reason));
        }
        Ok((node, caller))
    }

    /// As `enter`, also for callers that know only the address.
    fn enter_unknowing<T>(&self, request: &Request<T>) -> Result<(Arc<RaftNode>, Caller), Status> {
        let gone = || Status::unavailable("the node was shut down");
        let node = self.node.upgrade().ok_or_else(gone)?;
        let caller = request.extensions().get::<Caller>().copied();
        let caller = caller.ok_or_else(|| Status::internal("the call was not checked"))?;
        Ok((node, caller))
    }

    /// As `enter`, for what only a node with a history, or one that is known to have none, may
    /// answer.
    fn take_part<T>(&self, request: &Request<T>) -> Result<(Arc<RaftNode>, Caller), Status> {
        let (node, caller) = self.enter(request)?;
        if !node.is_admitted() {
            let id = node.config.identity.node_id;
            return Err(Status::failed_precondition(format!(
                "node {id} is empty and was not added to the cluster; if it was a member before \
                 and lost its disk, remove node {id} and add the machine under a new id"
            )));
        }
        Ok((node, caller))
    }

    /// As `enter`, for what only members may ask.
    fn serve_member<T>(&self, request: &Request<T>) -> Result<Arc<RaftNode>, Status> {
        let (node, caller) = self.enter(request)?;
        if node.leads() && !node.knows_member(caller.node_id) {
            let (caller, id) = (caller.node_id, node.config.identity.node_id);
            return Err(Status::failed_precondition(format!(
                "node {caller} is not a member of the cluster that node {id} leads"
            )));
        }
        Ok(node)
    }
}

#[async_trait]
impl Peer for Service {
    async fn append_entries(
        &self,
        request: Request<peer::AppendEntriesRequest>,
    ) -> Answer<peer::AppendEntriesResponse> {
        let (node, caller) = self.take_part(&request)?;
        let request = convert::append_request(request.into_inner())?;
        check_owner(&request.vote, caller)?;
        let response = node.raft.append_entries(request).await.map_err(stopped)?;
        Ok(Response::new(convert::append_answer(&response)))
    }

    async fn vote(&self, request: Request<peer::VoteRequest>) -> Answer<peer::VoteResponse> {
        let (node, caller) = self.take_part(&request)?;
        let request = convert::vote_request(request.get_ref())?;
        check_owner(&request.vote, caller)?;
        let response = node.raft.vote(request).await.map_err(stopped)?;
        Ok(Response::new(convert::vote_answer(&response)))
    }

    async fn pre_vote(&self, request: Request<peer::VoteRequest>) -> Answer<peer::VoteResponse> {
        let (node, caller) = self.take_part(&request)?;
        let request = convert::vote_request(request.get_ref())?;
        check_owner(&request.vote, caller)?;
        let response = node.raft.pre_vote(request).await.map_err(stopped)?;
        Ok(Response::new(convert::vote_answer(&response)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotPart>>,
    ) -> Answer<peer::InstallSnapshotResponse> {
        let (node, caller) = self.take_part(&request)?;
        // One at a time: a second one would only take the first one's disk.
        let Ok(_receiving) = node.receiving.try_lock() else {
            return Err(Status::unavailable("another snapshot is being received"));
        };
        tracing::info!(from_node = caller.node_id, "receiving a snapshot");
        let (vote, files) = snapshot::receive(&node.state, request.into_inner()).await?;
        check_owner(&vote, caller)?;
        let (meta, size_bytes) = (files.meta().clone(), files.size_bytes());
        let index = meta.last_log_id.map(|last| last.index());
        let snapshot = Snapshot {
            meta,
            snapshot: Arc::new(files),
        };
        let installed = node.raft.install_full_snapshot(vote, snapshot).await;
        let response = installed.map_err(ended)?;
        tracing::info!(index, size_bytes, "a snapshot was received");
        Ok(Response::new(peer::InstallSnapshotResponse {
            vote: convert::vote_bytes(&response.vote),
        }))
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Answer<peer::TransferLeaderResponse> {
        let (node, caller) = self.take_part(&request)?;
        let request = convert::transfer_request(request.get_ref())?;
        check_owner(request.from_leader(), caller)?;
        let taken = node.raft.handle_transfer_leader(request).await;
        let result = match taken.map_err(ended)? {
            Ok(()) => peer::transfer_leader_response::Result::Accepted(true),
            Err(error) => peer::transfer_leader_response::Result::Refused(error.to_string()),
        };
        Ok(Response::new(peer::TransferLeaderResponse {
            result: Some(result),
        }))
    }

    async fn propose(
        &self,
        request: Request<peer::ProposeRequest>,
    ) -> Answer<peer::ProposeResponse> {
        use peer::propose_response::Result as Proposed;
        use raftpool_ledger::cluster::ProposeError;
        let node = self.serve_member(&request)?;
        let result = match node.propose_for_peer(request.into_inner()).await {
            Attempt::NotLed(reason) => Proposed::NotLeader(reason),
            Attempt::Ended(Ok(committed)) => Proposed::Committed(peer::Committed {
                index: committed.index,
                term: committed.term,
                outcome: Some(outcome_message(&committed.outcome)),
            }),
            Attempt::Ended(Err(ProposeError::NotAccepted(reason))) => Proposed::NotAccepted(reason),
            // This node's end is not the end of the proposal.
            Attempt::Ended(Err(ProposeError::Unknown(reason) | ProposeError::Stopped(reason))) => {
                Proposed::Unknown(reason)
            }
        };
        Ok(Response::new(peer::ProposeResponse {
            result: Some(result),
        }))
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Answer<peer::ReadIndexResponse> {
        use peer::read_index_response::Result as Read;
        let node = self.serve_member(&request)?;
        let result = match node.read_index_here().await {
            Ok(index) => Read::Index(index),
            Err(reason) => Read::Refused(reason),
        };
        Ok(Response::new(peer::ReadIndexResponse {
            result: Some(result),
        }))
    }

    async fn status(&self, request: Request<peer::StatusRequest>) -> Answer<peer::StatusResponse> {
        let (node, _) = self.enter_unknowing(&request)?;
        Ok(Response::new(node.status_message()))
    }

    async fn admit(&self, request: Request<peer::AdmitRequest>) -> Answer<peer::AdmitResponse> {
        let (node, caller) = self.enter(&request)?;
        tracing::info!(by_node = caller.node_id, "this node is being added");
        node.admit();
        Ok(Response::new(peer::AdmitResponse {}))
    }

    async fn change_members(
        &self,
        request: Request<peer::ChangeMembersRequest>,
    ) -> Answer<peer::ChangeMembersResponse> {
        use peer::change_members_response::Result as Changed;
        let node = self.serve_member(&request)?;
        let request = request.into_inner();
        let change = request.change.and_then(Change::of_message);
        let change = change.ok_or_else(|| Status::invalid_argument("no known change"))?;
        let result = match node.change_for_peer(change, request.hops).await {
            Ok(()) => Changed::Done(true),
            Err(ChangeError::NotLed(reason)) => Changed::NotLeader(reason),
            Err(ChangeError::Refused(reason)) => Changed::Refused(reason),
            Err(ChangeError::Unknown(reason)) => Changed::Unknown(reason),
        };
        Ok(Response::new(peer::ChangeMembersResponse {
            result: Some(result),
        }))
    }

    async fn ask(&self, request: Request<peer::AskRequest>) -> Answer<peer::AskResponse> {
        let (node, caller) = self.enter(&request)?;
        let id = node.config.identity.node_id;
        if !node.knows_member(caller.node_id) {
            return Err(Status::failed_precondition(format!(
                "node {id} does not know node {} as a member",
                caller.node_id
            )));
        }
        let service = node.service.get().cloned();
        let service = service.ok_or_else(|| {
            Status::failed_precondition(format!("node {id} has not finished starting"))
        })?;
        let answer = service.answer(caller.node_id, request.into_inner().request);
        let response = answer.await.map_err(Status::failed_precondition)?;
        Ok(Response::new(peer::AskResponse { response }))
    }
}

/// Whoever speaks as leader or candidate must be the one.
fn check_owner(vote: &Vote, caller: Caller) -> Result<(), Status> {
    let owner = vote.leader_id.node_id;
    if owner == caller.node_id {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "node {} speaks for node {owner}",
        caller.node_id
    )))
}

fn stopped(error: RaftError<TypeConfig>) -> Status {
    Status::unavailable(format!("the node has stopped: {error}"))
}

fn ended(error: Fatal<TypeConfig>) -> Status {
    Status::unavailable(format!("the node has stopped: {error}"))
}
