//! Several nodes in one process, over mutual TLS on loopback.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raftpool_ledger::Cluster as _;
use raftpool_ledger::cluster::{Committed, ProposeError};
use raftpool_ledger::command::Command;
use raftpool_raft::{
    CertificateAuthority, Identity, PeerSettings, RaftNode, RaftNodeConfig, RaftNodeError,
};
use tempfile::TempDir;

use super::{IDENTITY, summary};

pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as u64
}

/// Polls until a condition holds.
pub async fn wait_until(what: &str, condition: impl AsyncFn() -> bool) {
    let polled = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, polled)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// The nodes that run, by id, and what all of them share.
pub struct Nodes {
    pub root: TempDir,
    pub authority: CertificateAuthority,
    running: BTreeMap<u64, Arc<RaftNode>>,
    addresses: BTreeMap<u64, SocketAddr>,
    /// Whom nodes with an empty directory ask.
    pub seeds: Vec<String>,
    /// Changes the settings of nodes that are started from now on.
    pub adjust: fn(&mut RaftNodeConfig),
}

impl Nodes {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let authority =
            CertificateAuthority::create(&root.path().join("ca"), IDENTITY.cluster_id, now_ms());
        Self {
            authority: authority.unwrap(),
            root,
            running: BTreeMap::new(),
            addresses: BTreeMap::new(),
            seeds: Vec::new(),
            adjust: |_| {},
        }
    }

    /// A cluster of the given voters; the first one founds it.
    pub async fn form(ids: &[u64]) -> Self {
        Self::form_with(ids, |_| {}).await
    }

    pub async fn form_with(ids: &[u64], adjust: fn(&mut RaftNodeConfig)) -> Self {
        let mut nodes = Self::new();
        nodes.adjust = adjust;
        for id in ids {
            nodes.start(*id).await;
        }
        let founder = nodes.get(ids[0]);
        super::found(&founder).await;
        for id in &ids[1..] {
            nodes.add(&founder, *id).await;
        }
        if ids.len() > 1 {
            nodes.promote(&founder, &ids[1..]).await;
        }
        nodes
    }

    pub fn directory(&self, id: u64) -> PathBuf {
        self.root.path().join(format!("node-{id}"))
    }

    pub fn certificates(&self, id: u64) -> PathBuf {
        self.root.path().join(format!("certificates-{id}"))
    }

    pub fn config(&self, id: u64) -> RaftNodeConfig {
        let certificates = self.certificates(id);
        if !certificates.exists() {
            self.authority
                .issue(&certificates, id, &[], now_ms())
                .unwrap();
        }
        let identity = Identity {
            node_id: id,
            ..IDENTITY
        };
        let mut config = RaftNodeConfig::new(
            self.directory(id),
            identity,
            Arc::new(move |reason: &str| println!("node {id} has stopped: {reason}")),
        );
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        config.peers = Some(PeerSettings {
            listen: self.addresses.get(&id).copied().unwrap_or(anywhere),
            address: "localhost:0".to_owned(),
            certificates,
            seeds: self.seeds.clone(),
            connect_from: None,
        });
        (self.adjust)(&mut config);
        config
    }

    pub async fn try_start(&mut self, id: u64) -> Result<Arc<RaftNode>, RaftNodeError> {
        let node = RaftNode::start(self.config(id)).await?;
        self.addresses.insert(id, node.peer_address().unwrap());
        self.running.insert(id, node.clone());
        Ok(node)
    }

    /// Node 1 founds, the others wait to be added.
    pub async fn start(&mut self, id: u64) -> Arc<RaftNode> {
        let is_founder = id == 1 && !self.directory(id).exists();
        let node = self.try_start(id).await.unwrap();
        if is_founder {
            node.found_cluster().await.unwrap();
        }
        node
    }

    /// Ends a node without a word to the others.
    pub async fn stop(&mut self, id: u64) {
        self.running.remove(&id).unwrap().shutdown().await;
    }

    pub fn get(&self, id: u64) -> Arc<RaftNode> {
        self.running[&id].clone()
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<RaftNode>> {
        self.running.values()
    }

    pub fn address(&self, id: u64) -> String {
        self.get(id).status().peer.unwrap().address
    }

    pub async fn add(&self, through: &RaftNode, id: u64) {
        through.add_learner(id, &self.address(id)).await.unwrap();
    }

    /// Promotes as soon as the nodes have caught up.
    pub async fn promote(&self, through: &RaftNode, ids: &[u64]) {
        wait_until("the nodes have a vote", async || {
            match through.promote(ids, false).await {
                Ok(()) => true,
                Err(error) => {
                    assert!(
                        error.to_string().contains("behind")
                            || error.to_string().contains("answer"),
                        "{error}"
                    );
                    false
                }
            }
        })
        .await;
    }

    /// The id of the node that leads, once all that run agree on it.
    pub async fn leader(&self) -> u64 {
        let agreed = || {
            let mut seen = self.all().map(|node| node.leadership().leader_id);
            let first = seen.next()??;
            (self.running.contains_key(&first) && seen.all(|leader| leader == Some(first)))
                .then_some(first)
        };
        wait_until("all agree on a leader", async || agreed().is_some()).await;
        agreed().unwrap_or_default()
    }

    /// Any running node that does not lead.
    pub async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        *self.running.keys().find(|id| **id != leader).unwrap()
    }

    /// Waits until all have applied the same, and compares what it made of them.
    pub async fn assert_alike(&self) {
        let leader = self.get(self.leader().await);
        let index = leader.linearize().await.unwrap();
        wait_until("all have applied everything", async || {
            self.all()
                .all(|node| node.status().applied_index >= Some(index))
        })
        .await;
        let expected = summary(&leader);
        for node in self.all() {
            assert_eq!(summary(node), expected);
        }
    }
}

/// Proposes the same command until its fate is known to be success.
pub async fn insist(node: &RaftNode, command: &Command) -> Committed {
    let proposed = async {
        loop {
            match node.propose(command.clone()).await {
                Ok(committed) => return committed,
                Err(ProposeError::Stopped(reason)) => panic!("stopped: {reason}"),
                Err(ProposeError::NotAccepted(_) | ProposeError::Unknown(_)) => {
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    tokio::time::timeout(DEADLINE, proposed).await.unwrap()
}
