//! How entries, votes and positions are encoded on disk, and on the way to other nodes: protobuf
//! behind a CRC-32C.
//!
//! Tags are never reused. openraft's own serialization is not used: it may change with a release.

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use openraft::alias::LeaderIdOf;
use openraft::vote::RaftLeaderId;
use prost::Message;
use raftpool_ledger::command::Command;

use crate::error::StoreError;
use crate::types::{
    Entry, LogId, Membership, PoolNode, Proposal, StoredMembership, TypeConfig, Vote,
};

#[derive(Clone, PartialEq, Message)]
struct LogIdRecord {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node_id: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

#[derive(Clone, PartialEq, Message)]
struct VoteRecord {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node_id: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, PartialEq, Message)]
struct VotersRecord {
    #[prost(uint64, repeated, tag = "1")]
    node_ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeRecord {
    #[prost(uint64, tag = "1")]
    node_id: u64,
    #[prost(string, tag = "2")]
    peer_address: String,
    #[prost(uint64, tag = "3")]
    ids_up_to: u64,
}

#[derive(Clone, PartialEq, Message)]
struct MembershipRecord {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<VotersRecord>,
    #[prost(message, repeated, tag = "2")]
    nodes: Vec<NodeRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredMembershipRecord {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogIdRecord>,
    #[prost(message, optional, tag = "2")]
    membership: Option<MembershipRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct EntryRecord {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogIdRecord>,
    #[prost(oneof = "PayloadRecord", tags = "2, 3, 4")]
    payload: Option<PayloadRecord>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum PayloadRecord {
    #[prost(bool, tag = "2")]
    Blank(bool),
    /// An encoded [`Command`]; kept apart so that encoding does not have to copy the message.
    #[prost(bytes = "vec", tag = "3")]
    Command(Vec<u8>),
    #[prost(message, tag = "4")]
    Membership(MembershipRecord),
}

/// Encodes a log entry.
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    let payload = match &entry.payload {
        EntryPayload::Blank => PayloadRecord::Blank(true),
        EntryPayload::Normal(proposal) => {
            PayloadRecord::Command(proposal.command().encode_to_vec())
        }
        EntryPayload::Membership(membership) => {
            PayloadRecord::Membership(membership_record(membership))
        }
    };
    seal(&EntryRecord {
        log_id: Some(log_id_record(&entry.log_id)),
        payload: Some(payload),
    })
}

/// Decodes the log entry stored under `index`.
pub(crate) fn decode_entry_at(index: u64, bytes: &[u8]) -> Result<Entry, StoreError> {
    let entry = decode_entry(bytes)?;
    if entry.log_id.index() != index {
        let problem = format!("{} under the key of {index}", entry.log_id.index());
        return Err(damaged("log entry", &problem));
    }
    Ok(entry)
}

/// Decodes a log entry.
///
/// # Errors
/// When the record is damaged, or holds what this program does not know.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, StoreError> {
    const WHAT: &str = "log entry";
    let record: EntryRecord = open(WHAT, bytes)?;
    let log_id = record
        .log_id
        .map(log_id_of)
        .ok_or_else(|| damaged(WHAT, "no log id"))?;
    let payload = match record.payload {
        Some(PayloadRecord::Blank(_)) => EntryPayload::Blank,
        Some(PayloadRecord::Command(bytes)) => {
            let command = Command::decode(bytes.as_slice());
            let command = command.map_err(|error| damaged(WHAT, &error.to_string()))?;
            EntryPayload::Normal(Proposal::new(command))
        }
        Some(PayloadRecord::Membership(record)) => EntryPayload::Membership(membership_of(record)?),
        None => return Err(damaged(WHAT, "no payload this program knows")),
    };
    Ok(Entry { log_id, payload })
}

/// Encodes a vote.
pub fn encode_vote(vote: &Vote) -> Vec<u8> {
    let leader = &vote.leader_id;
    let (term, node_id) = (leader.term, leader.node_id);
    seal(&VoteRecord {
        term,
        node_id,
        committed: vote.committed,
    })
}

/// Decodes a vote.
///
/// # Errors
/// When the record is damaged.
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, StoreError> {
    let record: VoteRecord = open("vote", bytes)?;
    let mut vote = Vote::new(record.term, record.node_id);
    vote.committed = record.committed;
    Ok(vote)
}

/// Encodes a position in the log.
pub fn encode_log_id(log_id: &LogId) -> Vec<u8> {
    seal(&log_id_record(log_id))
}

/// Decodes a position in the log; `what` it is appears in the error.
///
/// # Errors
/// When the record is damaged.
pub fn decode_log_id(what: &'static str, bytes: &[u8]) -> Result<LogId, StoreError> {
    Ok(log_id_of(open::<LogIdRecord>(what, bytes)?))
}

/// Encodes a membership with its position.
pub(crate) fn encode_membership(stored: &StoredMembership) -> Vec<u8> {
    seal(&StoredMembershipRecord {
        log_id: stored.log_id().as_ref().map(log_id_record),
        membership: Some(membership_record(stored.membership())),
    })
}

/// Decodes a membership with its position.
pub(crate) fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, StoreError> {
    let record: StoredMembershipRecord = open("membership", bytes)?;
    let membership = membership_of(record.membership.unwrap_or_default())?;
    Ok(StoredMembership::new(
        record.log_id.map(log_id_of),
        membership,
    ))
}

fn seal(record: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + record.encoded_len());
    bytes.extend_from_slice(&[0; 4]);
    // Writing into a vector that grows cannot fail.
    record.encode_raw(&mut bytes);
    let checksum = crc32c::crc32c(&bytes[4..]).to_le_bytes();
    bytes[..4].copy_from_slice(&checksum);
    bytes
}

fn open<R: Message + Default>(what: &'static str, bytes: &[u8]) -> Result<R, StoreError> {
    let Some((checksum, body)) = bytes.split_first_chunk::<4>() else {
        return Err(damaged(what, "shorter than its checksum"));
    };
    if crc32c::crc32c(body).to_le_bytes() != *checksum {
        return Err(damaged(what, "the checksum does not fit"));
    }
    R::decode(body).map_err(|error| damaged(what, &error.to_string()))
}

fn damaged(what: &'static str, problem: &str) -> StoreError {
    StoreError::Damaged {
        what,
        problem: problem.to_owned(),
    }
}

fn log_id_record(log_id: &LogId) -> LogIdRecord {
    let leader = log_id.committed_leader_id();
    LogIdRecord {
        term: leader.term,
        node_id: leader.node_id,
        index: log_id.index(),
    }
}

fn log_id_of(record: LogIdRecord) -> LogId {
    let leader = LeaderIdOf::<TypeConfig>::new(record.term, record.node_id);
    LogId::new(leader.to_committed(), record.index)
}

fn membership_record(membership: &Membership) -> MembershipRecord {
    let configs = membership.get_joint_config().iter();
    let configs = configs.map(|ids| VotersRecord {
        node_ids: ids.iter().copied().collect(),
    });
    let nodes = membership.nodes().map(|(node_id, node)| NodeRecord {
        node_id: *node_id,
        peer_address: node.peer_address.clone(),
        ids_up_to: node.ids_up_to,
    });
    MembershipRecord {
        configs: configs.collect(),
        nodes: nodes.collect(),
    }
}

fn membership_of(record: MembershipRecord) -> Result<Membership, StoreError> {
    if record.configs.is_empty() && record.nodes.is_empty() {
        return Ok(Membership::default());
    }
    let configs: Vec<BTreeSet<u64>> = record
        .configs
        .into_iter()
        .map(|voters| voters.node_ids.into_iter().collect())
        .collect();
    let nodes: BTreeMap<u64, PoolNode> = record
        .nodes
        .into_iter()
        .map(|node| {
            (
                node.node_id,
                PoolNode {
                    peer_address: node.peer_address,
                    ids_up_to: node.ids_up_to,
                },
            )
        })
        .collect();
    Membership::new(configs, nodes).map_err(|error| damaged("membership", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(term: u64, index: u64) -> LogId {
        log_id_of(LogIdRecord {
            term,
            node_id: 1,
            index,
        })
    }

    fn membership() -> Membership {
        let nodes = [1, 2, 3, 9].map(|id| {
            (
                id,
                PoolNode {
                    peer_address: format!("node{id}:7"),
                    ids_up_to: 0,
                },
            )
        });
        let joint = vec![BTreeSet::from([1, 2]), BTreeSet::from([1, 2, 3])];
        Membership::new(joint, BTreeMap::from(nodes)).unwrap()
    }

    #[test]
    fn entries_of_each_kind_are_read_back() {
        let command = Command {
            format: 1,
            author: "node 1".into(),
            ..Command::default()
        };
        for payload in [
            EntryPayload::Blank,
            EntryPayload::Normal(Proposal::new(command)),
            EntryPayload::Membership(membership()),
        ] {
            let entry = Entry {
                log_id: position(3, 7),
                payload,
            };
            assert_eq!(decode_entry_at(7, &encode_entry(&entry)).unwrap(), entry);
        }
    }

    #[test]
    fn every_flipped_bit_of_an_entry_is_noticed() {
        let payload = EntryPayload::Membership(membership());
        let bytes = encode_entry(&Entry {
            log_id: position(3, 7),
            payload,
        });
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_entry_at(7, &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn entry_under_another_key_is_refused() {
        let bytes = encode_entry(&Entry {
            log_id: position(3, 7),
            payload: EntryPayload::Blank,
        });
        assert!(decode_entry_at(8, &bytes).is_err());
    }

    #[test]
    fn votes_and_memberships_are_read_back() {
        for vote in [Vote::new(4, 2), Vote::new_committed(4, 2)] {
            assert_eq!(decode_vote(&encode_vote(&vote)).unwrap(), vote);
        }
        for stored in [
            StoredMembership::default(),
            StoredMembership::new(Some(position(1, 2)), membership()),
        ] {
            assert_eq!(
                decode_membership(&encode_membership(&stored)).unwrap(),
                stored
            );
        }
    }

    /// What version 1 of the data directory holds. A change here is a new version of the format,
    /// and the old one must still be read.
    #[test]
    fn records_on_disk_stay_what_they_are() {
        let command = Command {
            format: 1,
            author: "node 1".into(),
            ..Command::default()
        };
        let entry = |payload| {
            encode_entry(&Entry {
                log_id: position(3, 7),
                payload,
            })
        };
        let stored = StoredMembership::new(Some(position(1, 2)), membership());
        for (record, expected) in [
            (entry(EntryPayload::Blank), "ac6844a10a060803100118071001"),
            (
                entry(EntryPayload::Normal(Proposal::new(command))),
                "5afff2f10a060803100118071a0a08011a066e6f64652031",
            ),
            (
                encode_vote(&Vote::new_committed(4, 2)),
                "2f88d821080410021801",
            ),
            (encode_log_id(&position(3, 7)), "f0a12145080310011807"),
            (
                encode_membership(&stored),
                "8e8a6fb80a0608011001180212410a040a0201020a050a03010203120b080112076e6f6465313a37120b080212076e6f6465323a37120b080312076e6f6465333a37120b080912076e6f6465393a37",
            ),
        ] {
            assert_eq!(hex::encode(record), expected);
        }
    }
}
