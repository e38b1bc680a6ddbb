//! What the tests of the node share.

#![allow(dead_code, clippy::unwrap_used)]

pub mod cluster;

use std::path::Path;
use std::sync::{Arc, Mutex};

use raftpool_ledger::cluster::{Committed, ProposeError, read};
use raftpool_ledger::command::Command;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::testing::{change_settings, credit_shares, sample_settings, sample_share};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Cluster, Outcome, compose};
use raftpool_raft::{Identity, RaftNode, RaftNodeConfig};

pub const IDENTITY: Identity = Identity {
    cluster_id: [0xc1; 16],
    node_id: 1,
};

/// Reasons given to `on_fatal`.
pub type Fatal = Arc<Mutex<Vec<String>>>;

pub fn config(directory: &Path) -> (RaftNodeConfig, Fatal) {
    let fatal: Fatal = Arc::default();
    let told = fatal.clone();
    let on_fatal = move |reason: &str| told.lock().unwrap().push(reason.to_owned());
    (
        RaftNodeConfig::new(directory, IDENTITY, Arc::new(on_fatal)),
        fatal,
    )
}

pub async fn start(directory: &Path) -> Arc<RaftNode> {
    RaftNode::start(config(directory).0).await.unwrap()
}

pub fn command(body: Body) -> Command {
    compose("test", 1, body)
}

/// The batch of a sequence is always the same: one share of a miner of its own.
pub fn batch(sequence: u64) -> Command {
    let share = sample_share(&miner_of(sequence), 10, 1_000_000);
    command(credit_shares(sequence, vec![share]))
}

pub fn miner_of(sequence: u64) -> String {
    format!("miner-{sequence}")
}

pub async fn found(node: &RaftNode) {
    let founded = node
        .propose(command(change_settings(sample_settings())))
        .await
        .unwrap();
    assert_eq!(founded.outcome, Outcome::SettingsChanged);
}

pub async fn credit(node: &RaftNode, sequence: u64) -> Result<Committed, ProposeError> {
    node.propose(batch(sequence)).await
}

/// Digest and shares of the ledger.
pub fn summary(node: &RaftNode) -> ([u8; 32], u64) {
    read(node, |state| {
        let view = LedgerView::new(state);
        Ok((view.digest()?, view.totals()?.shares))
    })
    .unwrap()
}

/// How often the batch of a sequence was credited.
pub fn credited(node: &RaftNode, sequence: u64) -> u64 {
    let miner = read(node, |state| {
        LedgerView::new(state).miner(&miner_of(sequence))
    })
    .unwrap();
    miner.map_or(0, |miner| miner.shares)
}
