//! Between openraft's messages and those on the wire.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse,
};
use raftpool_store::{
    Checkpoint, Entry, LogId, StoreError, TypeConfig, Vote, decode_entry, decode_log_id,
    decode_vote, encode_entry, encode_log_id, encode_vote,
};
use tonic::Status;

use super::peer;
use super::peer::append_entries_response::Result as AppendResult;
use crate::membership::Member;

/// What cannot be read was damaged on its way, or comes from a program that does not fit.
pub(super) fn unreadable(error: StoreError) -> Status {
    Status::invalid_argument(crate::error::chain(&error))
}

pub(super) fn vote_bytes(vote: &Vote) -> Bytes {
    encode_vote(vote).into()
}

pub(super) fn vote_of(bytes: &[u8]) -> Result<Vote, Status> {
    decode_vote(bytes).map_err(unreadable)
}

pub(super) fn log_id_bytes(log_id: Option<&LogId>) -> Bytes {
    log_id.map(encode_log_id).unwrap_or_default().into()
}

pub(super) fn log_id_of(bytes: &[u8]) -> Result<Option<LogId>, Status> {
    match bytes.is_empty() {
        true => Ok(None),
        false => decode_log_id("log position", bytes)
            .map(Some)
            .map_err(unreadable),
    }
}

pub(super) fn append_message(
    request: &AppendEntriesRequest<TypeConfig>,
) -> peer::AppendEntriesRequest {
    let entries = request.entries.iter();
    peer::AppendEntriesRequest {
        vote: vote_bytes(&request.vote),
        prev_log_id: log_id_bytes(request.prev_log_id.as_ref()),
        entries: entries.map(|entry| encode_entry(entry).into()).collect(),
        leader_commit: log_id_bytes(request.leader_commit.as_ref()),
    }
}

pub(super) fn append_request(
    message: peer::AppendEntriesRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
    let entries = message.entries.iter();
    let entries: Result<Vec<Entry>, _> = entries.map(|entry| decode_entry(entry)).collect();
    let request: AppendEntriesRequest<TypeConfig> = AppendEntriesRequest {
        vote: vote_of(&message.vote)?,
        prev_log_id: log_id_of(&message.prev_log_id)?,
        entries: entries.map_err(unreadable)?,
        leader_commit: log_id_of(&message.leader_commit)?,
    };
    let next = request.prev_log_id.map_or(0, |log_id| log_id.index() + 1);
    let mut placed = (next..).zip(&request.entries);
    if placed.any(|(index, entry)| entry.log_id.index() != index) {
        return Err(Status::invalid_argument("the entries leave a hole"));
    }
    Ok(request)
}

pub(super) fn append_answer(
    response: &AppendEntriesResponse<TypeConfig>,
) -> peer::AppendEntriesResponse {
    let result = match response {
        AppendEntriesResponse::Success => AppendResult::Success(true),
        AppendEntriesResponse::PartialSuccess(log_id) => {
            AppendResult::PartialSuccess(log_id_bytes(log_id.as_ref()))
        }
        AppendEntriesResponse::Conflict => AppendResult::Conflict(true),
        AppendEntriesResponse::HigherVote(vote) => AppendResult::HigherVote(vote_bytes(vote)),
    };
    peer::AppendEntriesResponse {
        result: Some(result),
    }
}

pub(super) fn append_response(
    answer: peer::AppendEntriesResponse,
) -> Result<AppendEntriesResponse<TypeConfig>, Status> {
    Ok(match answer.result {
        Some(AppendResult::Success(_)) => AppendEntriesResponse::Success,
        Some(AppendResult::PartialSuccess(log_id)) => {
            AppendEntriesResponse::PartialSuccess(log_id_of(&log_id)?)
        }
        Some(AppendResult::Conflict(_)) => AppendEntriesResponse::Conflict,
        Some(AppendResult::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote_of(&vote)?),
        None => return Err(Status::invalid_argument("the answer has no result")),
    })
}

pub(super) fn vote_message(request: &VoteRequest<TypeConfig>) -> peer::VoteRequest {
    peer::VoteRequest {
        vote: vote_bytes(&request.vote),
        last_log_id: log_id_bytes(request.last_log_id.as_ref()),
        is_leadership_transfer: request.leadership_transfer,
    }
}

pub(super) fn vote_request(message: &peer::VoteRequest) -> Result<VoteRequest<TypeConfig>, Status> {
    let mut request = VoteRequest::new(vote_of(&message.vote)?, log_id_of(&message.last_log_id)?);
    request.leadership_transfer = message.is_leadership_transfer;
    Ok(request)
}

pub(super) fn vote_answer(response: &VoteResponse<TypeConfig>) -> peer::VoteResponse {
    peer::VoteResponse {
        vote: vote_bytes(&response.vote),
        is_granted: response.vote_granted,
        last_log_id: log_id_bytes(response.last_log_id.as_ref()),
    }
}

pub(super) fn vote_response(
    answer: &peer::VoteResponse,
) -> Result<VoteResponse<TypeConfig>, Status> {
    Ok(VoteResponse::new(
        vote_of(&answer.vote)?,
        log_id_of(&answer.last_log_id)?,
        answer.is_granted,
    ))
}

pub(super) fn transfer_message(
    request: &TransferLeaderRequest<TypeConfig>,
) -> peer::TransferLeaderRequest {
    peer::TransferLeaderRequest {
        from_leader: vote_bytes(request.from_leader()),
        to_node_id: *request.to_node_id(),
        last_log_id: log_id_bytes(request.last_log_id()),
    }
}

pub(super) fn transfer_request(
    message: &peer::TransferLeaderRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Status> {
    Ok(TransferLeaderRequest::new(
        vote_of(&message.from_leader)?,
        message.to_node_id,
        log_id_of(&message.last_log_id)?,
    ))
}

pub(crate) fn member_message(member: &Member) -> peer::Member {
    peer::Member {
        node_id: member.node_id,
        address: member.address.clone(),
        is_voter: member.is_voter,
        matched_index: member.matched_index,
        silent_ms: member.silent_ms,
        lag: member.lag,
        is_leader: member.is_leader,
    }
}

pub(crate) fn member_of(message: peer::Member) -> Member {
    Member {
        node_id: message.node_id,
        address: message.address,
        is_voter: message.is_voter,
        matched_index: message.matched_index,
        silent_ms: message.silent_ms,
        lag: message.lag,
        is_leader: message.is_leader,
    }
}

/// Checkpoints told at most; those who ask often miss none.
const CHECKPOINTS_MAX: usize = 64;

/// The newest of a node's checkpoints, oldest first.
pub(crate) fn checkpoint_messages(checkpoints: &[Checkpoint]) -> Vec<peer::Checkpoint> {
    let surplus = checkpoints.len().saturating_sub(CHECKPOINTS_MAX);
    let newest = checkpoints.iter().skip(surplus);
    newest
        .map(|checkpoint| peer::Checkpoint {
            index: checkpoint.index,
            digest: checkpoint.digest.to_vec().into(),
        })
        .collect()
}

/// The checkpoints a status tells; what is no digest is left out.
pub(crate) fn checkpoints_of(status: &peer::StatusResponse) -> Vec<Checkpoint> {
    let told = status.checkpoints.iter();
    told.filter_map(|checkpoint| {
        Some(Checkpoint {
            index: checkpoint.index,
            digest: checkpoint.digest.as_ref().try_into().ok()?,
        })
    })
    .collect()
}
