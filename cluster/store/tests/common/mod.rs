//! What the tests of the store share.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use openraft::EntryPayload;
use openraft::alias::LeaderIdOf;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use openraft::vote::RaftLeaderId;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{Command, PausePayouts};
use raftpool_ledger::testing::{change_settings, sample_settings};
use raftpool_store::{
    Entry, Identity, LogId, LogStore, OnFatal, Proposal, Store, StoreOptions, TypeConfig,
};

pub const IDENTITY: Identity = Identity {
    cluster_id: [0xc1; 16],
    node_id: 1,
};

/// Options of a small store, for which any failure is one of the test.
pub fn options(directory: &Path) -> StoreOptions {
    let on_fatal: OnFatal = Arc::new(|reason| panic!("the store stopped: {reason}"));
    options_with(directory, on_fatal)
}

pub fn options_with(directory: &Path, on_fatal: OnFatal) -> StoreOptions {
    let mut options = StoreOptions::new(directory, IDENTITY, on_fatal);
    options.memtable_bytes = 256 << 10;
    options.state_cache_bytes = 1 << 20;
    options
}

pub fn open(directory: &Path) -> Store {
    Store::open(&options(directory)).unwrap()
}

pub fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(LeaderIdOf::<TypeConfig>::new(term, 1).to_committed(), index)
}

pub fn blank(term: u64, index: u64) -> Entry {
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Blank,
    }
}

/// A command that leaves a trace of `text` in a pool that has settings.
pub fn command(term: u64, index: u64, text: &str) -> Entry {
    let body = Body::PausePayouts(PausePayouts {
        paused: true,
        reason: text.to_owned(),
        ..PausePayouts::default()
    });
    entry_of(term, index, body)
}

/// What a pool begins with.
pub fn settings(term: u64, index: u64) -> Entry {
    entry_of(term, index, change_settings(sample_settings()))
}

fn entry_of(term: u64, index: u64, body: Body) -> Entry {
    let command: Command = raftpool_ledger::compose("test", index, body);
    Entry {
        log_id: log_id(term, index),
        payload: EntryPayload::Normal(Proposal::new(command)),
    }
}

/// Appends and returns what tells that the entries are durable.
pub async fn append(
    log: &mut LogStore,
    entries: Vec<Entry>,
) -> std::io::Result<impl Future<Output = std::io::Result<()>> + use<>> {
    let (flushed, durable) = TypeConfig::oneshot();
    log.append(entries, IOFlushed::signal(flushed)).await?;
    Ok(async move { durable.await.expect("the callback is called") })
}
