//! A new cluster of one out of what is left of another one: of a backup, or of a node whose majority
//! is gone for good.
//!
//! The new cluster begins with two entries behind everything the state or the log holds: the
//! membership, of this node alone, and a command of the caller. They are of a later term than
//! anything this node has seen, and its cluster has another id, so that nodes of the old one are
//! strangers to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use openraft::EntryPayload;
use openraft::alias::LeaderIdOf;
use openraft::vote::RaftLeaderId;
use raftpool_ledger::command::Command;
use rocksdb::WriteBatch;
use tokio::sync::mpsc;

use super::{damaged, verify_backup};
use crate::database::{Claim, Database, family};
use crate::error::StoreError;
use crate::fail_stop::FailStop;
use crate::files::{self, DirectoryLock};
use crate::header;
use crate::log::{COMMITTED, LogCore, PURGED, VOTE, key};
use crate::options::StoreOptions;
use crate::record;
use crate::snapshot::{SnapshotFiles, Snapshots};
use crate::state::{CLUSTER, MEMBERSHIP, Position, generation};
use crate::types::{
    Entry, LogId, Membership, PoolNode, Proposal, StoredMembership, TypeConfig, Vote,
};

/// What a new cluster begins with.
#[derive(Debug, Clone)]
pub struct Founding {
    /// How other nodes will reach this one; empty when it runs alone.
    pub peer_address: String,
    /// The first command.
    pub command: Command,
}

/// Fills an empty data directory from a backup, as the only member of the cluster in `options`.
/// Blocks.
///
/// # Errors
/// When the directory is not empty, the backup is damaged, or the identity is one that the backup's
/// cluster has used. A directory that was only half filled is never opened: empty it and try again.
pub fn restore_backup(
    backup: &Path,
    options: &StoreOptions,
    founding: &Founding,
) -> Result<(), StoreError> {
    let directory = &options.directory;
    if directory.exists() && !files::names(directory)?.is_empty() {
        return Err(StoreError::NotEmpty {
            path: directory.into(),
        });
    }
    let (info, ()) = verify_backup(backup, |_| Ok(()))?;
    let old = info.cluster_id(backup)?;
    let snapshot = SnapshotFiles::open(backup, old)?;
    let used = ids_up_to(snapshot.meta().last_membership.membership());
    let node_id = options.identity.node_id;
    if node_id <= used {
        return Err(StoreError::UsedNodeId { node_id, used });
    }
    files::create_directory(directory)?;
    let state = directory.join("state");
    files::create_directory(&state)?;
    let current = state.join("gen-00000001");
    files::create_directory(&current)?;
    for (file, _) in snapshot.files() {
        files::copy(&file, &current.join(file.file_name().unwrap_or_default()))?;
    }
    files::sync(&current)?;
    generation::switch(&state, &current)?;
    refound(options, founding, old)
}

/// Makes a node that is stopped the only member of the cluster in `options`, with everything that
/// its log holds. May be repeated after a crash. Blocks.
///
/// # Errors
/// When the directory is in use, holds no data, or cannot be written.
pub fn found_anew(
    options: &StoreOptions,
    founding: &Founding,
    old_cluster_id: [u8; 16],
) -> Result<(), StoreError> {
    refound(options, founding, old_cluster_id)
}

fn refound(
    options: &StoreOptions,
    founding: &Founding,
    old_cluster_id: [u8; 16],
) -> Result<(), StoreError> {
    let directory = &options.directory;
    if options.identity.cluster_id == old_cluster_id {
        let problem = "a new cluster needs an id of its own, but this one is the old one's";
        return Err(damaged(directory, problem.to_owned()));
    }
    let lock = Arc::new(DirectoryLock::acquire(directory)?);
    let (open, _released) = mpsc::channel(1);
    let claim = Claim {
        _lock: lock,
        _open: open,
    };
    let raft = directory.join("raft");
    files::create_directory(&raft)?;
    let fail_stop = Arc::new(FailStop::new(options.on_fatal.clone()));
    let raft = Database::open_raft(&raft, options, claim.clone())?;
    let log = LogCore::open(raft, options, fail_stop)?;
    let state = directory.join("state");
    let current = generation::current(&state)?;
    let state = Database::open_state(&current, options, claim)?;
    let position = Position::read(|key| state.meta(key))?;

    let begin = Beginning::of(&log, &position, options, founding)?;
    begin.write_log(&log.database, &position, &founding.command)?;
    let mut batch = WriteBatch::default();
    let meta = state.family(family::META);
    batch.put_cf(meta, CLUSTER, options.identity.cluster_id);
    let stored = StoredMembership::new(position.applied, begin.membership.clone());
    batch.put_cf(meta, MEMBERSHIP, record::encode_membership(&stored));
    state.write("the new cluster", batch)?;
    state.sync()?;
    // Snapshots of the old cluster are of no use; a node that joins needs one of the new.
    let snapshots = directory.join("snapshots");
    files::remove_directory(&snapshots)?;
    Snapshots::open(snapshots, options.identity, options.snapshots_kept)?.build(&state)?;
    // Last: without it the directory is not opened as the new cluster's.
    header::replace(directory, options.identity)
}

/// The first entries of the new cluster.
struct Beginning {
    membership: Membership,
    /// The last position of the old cluster.
    last: LogId,
    term: u64,
    node_id: u64,
}

impl Beginning {
    fn of(
        log: &LogCore,
        position: &Position,
        options: &StoreOptions,
        founding: &Founding,
    ) -> Result<Self, StoreError> {
        let index = log.index.lock();
        let last = position.applied.max(index.last).max(index.purged);
        let Some(last) = last else {
            let problem = "it holds nothing to begin a cluster with".to_owned();
            return Err(damaged(&options.directory, problem));
        };
        let voted = index.vote.map_or(0, |vote| vote.leader_id.term);
        let node_id = options.identity.node_id;
        let node = PoolNode {
            peer_address: founding.peer_address.clone(),
            ids_up_to: ids_up_to(position.membership.membership()).max(node_id),
        };
        let voters = vec![BTreeSet::from([node_id])];
        let membership = Membership::new(voters, BTreeMap::from([(node_id, node)]));
        let membership = membership.map_err(|error| StoreError::Damaged {
            what: "membership",
            problem: error.to_string(),
        })?;
        Ok(Self {
            membership,
            last,
            term: voted.max(last.committed_leader_id().term) + 1,
            node_id,
        })
    }

    fn write_log(
        &self,
        raft: &Database,
        position: &Position,
        command: &Command,
    ) -> Result<(), StoreError> {
        let leader = LeaderIdOf::<TypeConfig>::new(self.term, self.node_id);
        let payloads = [
            EntryPayload::Membership(self.membership.clone()),
            EntryPayload::Normal(Proposal::new(command.clone())),
        ];
        let mut batch = WriteBatch::default();
        for (payload, index) in payloads.into_iter().zip(self.last.index() + 1..) {
            let entry = Entry {
                log_id: LogId::new(leader.to_committed(), index),
                payload,
            };
            let log = raft.family(family::LOG);
            batch.put_cf(log, key(index), record::encode_entry(&entry));
        }
        let meta = raft.family(family::META);
        let vote = Vote::new(self.term, self.node_id);
        batch.put_cf(meta, VOTE, record::encode_vote(&vote));
        // Without entries of the old cluster the log begins behind the state.
        if position.applied == Some(self.last) && raft.meta(PURGED)?.is_none() {
            let last = record::encode_log_id(&self.last);
            batch.put_cf(meta, PURGED, &last);
            batch.put_cf(meta, COMMITTED, last);
        }
        raft.write("the first entries of a cluster", batch)?;
        raft.sync()
    }
}

fn ids_up_to(membership: &Membership) -> u64 {
    let ids = membership.nodes().map(|(id, node)| node.ids_up_to.max(*id));
    ids.max().unwrap_or(0)
}
