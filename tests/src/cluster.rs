//! A whole pool of several nodes as real processes, with a proxy on every link between them.
//!
//! Members come and go while other tasks mine and ask, so everything is behind shared references:
//! whoever needs the nodes asks for [`ClusterPool::members`] each time.

mod commands;
mod crash;
mod member;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use tempfile::TempDir;

use crate::devnet::SimulatedNetwork;
use crate::hosts::Hosts;
use crate::processes::{DEADLINE, PoolOptions};
use crate::proxy::Ways;
use crate::wait;

pub use commands::Health;
pub use member::{Member, free_address};

/// Longest time a cluster may need to be healthy again when nothing disturbs it any more.
pub const HEALING_DEADLINE: Duration = Duration::from_secs(90);

/// How a cluster is made.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Nodes it is formed of, all of which vote.
    pub nodes: u64,
    /// What is not about the cluster.
    pub pool: PoolOptions,
    /// Time between two signs of life of the leader.
    pub heartbeat_ms: u64,
    /// Shortest time without one before an election.
    pub election_timeout_ms: u64,
    /// Entries from one snapshot to the next.
    pub snapshot_entries: u64,
    /// Entries kept behind a snapshot.
    pub log_entries_kept: u64,
    /// What `RAFTPOOL_TEST_SABOTAGE` is set to.
    pub sabotage: Option<&'static str>,
    /// Whether [`ClusterPool::order_crash`] can end a node at a step of a payout.
    pub has_crash_file: bool,
    /// Decides the jitter of slow links.
    pub seed: u64,
    /// Each node has a host of its own; such a cluster is plain.
    pub hosts: Option<Hosts>,
    /// What the nodes run, instead of the program that belongs to the test. Each has a copy of its own,
    /// which may be replaced while it runs: [`Member::program`].
    pub program: Option<PathBuf>,
    /// Without proxies and without ways to order faults: for measuring.
    pub is_plain: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            nodes: 3,
            pool: PoolOptions::default(),
            // Slower than usual, because all processes of a test share few cores: a lost leader
            // is replaced after 0.9 to 1.4 s.
            heartbeat_ms: 150,
            election_timeout_ms: 400,
            // Small enough that snapshots are made all the time and that a node which was away
            // for some seconds needs one.
            snapshot_entries: 200,
            log_entries_kept: 100,
            sabotage: None,
            has_crash_file: false,
            seed: 0,
            hosts: None,
            program: None,
            is_plain: false,
        }
    }
}

/// A simulated network, and the nodes of a cluster.
pub struct ClusterPool {
    // Dropped in this order: processes end before their files go.
    members: Mutex<BTreeMap<u64, Arc<Member>>>,
    /// What the pool mines on.
    pub network: SimulatedNetwork,
    /// How bytes pass between the nodes.
    pub ways: Ways,
    options: ClusterOptions,
    next_id: AtomicU64,
    directory: Mutex<TempDir>,
    root: PathBuf,
}

impl ClusterPool {
    /// Starts everything, forms the cluster, and waits until every node serves miners.
    ///
    /// # Errors
    /// When a process does not come up or a command fails.
    pub async fn start(options: ClusterOptions) -> Result<Arc<Self>> {
        let directory = tempfile::tempdir().context("make a directory")?;
        let root = directory.path().to_owned();
        let network = SimulatedNetwork::start(&root, &options.pool).await?;
        let pool = Arc::new(Self {
            members: Mutex::default(),
            network,
            ways: Ways::new(options.seed),
            next_id: AtomicU64::new(1),
            directory: Mutex::new(directory),
            root,
            options,
        });
        let formed = pool.form().await;
        if formed.is_err() {
            pool.keep_files();
        }
        formed.map(|()| pool)
    }

    async fn form(&self) -> Result<()> {
        self.make_authority().await?;
        let mut founders = Vec::new();
        for _ in 0..self.options.nodes {
            founders.push(self.prepare_member().await?);
        }
        let fronts: Vec<SocketAddr> = founders.iter().map(|member| member.address()).collect();
        for member in &founders {
            member.write_configuration(&self.options, &self.network, &fronts)?;
        }
        try_join_all(founders.iter().map(|member| member.process.start(&[]))).await?;
        for member in &founders {
            self.lock().insert(member.id, member.clone());
        }
        self.found(&founders[0]).await?;
        let mut ids = Vec::new();
        for member in &founders[1..] {
            let (id, address) = (member.id.to_string(), member.address().to_string());
            self.insist(&["add"], &[&id, &address]).await?;
            ids.push(id);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if !ids.is_empty() {
            self.insist(&["promote"], &ids).await?;
        }
        self.wait_healthy(HEALING_DEADLINE).await?;
        let founders = &founders;
        wait::until("every node serves miners", DEADLINE, || async move {
            let mut all = founders.iter();
            Ok(all
                .all(|member| member.process.stratum().is_some())
                .then_some(()))
        })
        .await
    }

    /// Makes a further node, with certificates and configuration, and starts it. It is no member
    /// yet and waits to be added.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_newcomer(&self) -> Result<Arc<Member>> {
        let member = self.prepare_member().await?;
        self.write_configuration(&member)?;
        member.process.start(&[]).await?;
        self.lock().insert(member.id, member.clone());
        Ok(member)
    }

    /// Writes the configuration of a node that does not run, so that it asks the present members.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_configuration(&self, member: &Member) -> Result<()> {
        let present = self.members();
        let peers: Vec<SocketAddr> = present.iter().map(|member| member.address()).collect();
        member.write_configuration(&self.options, &self.network, &peers)
    }

    async fn prepare_member(&self) -> Result<Arc<Member>> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        // One disk that can be full is enough; the others are as durable as this machine's.
        let has_limited_disk = id == self.options.nodes && !self.options.is_plain;
        let member = Member::new(id, &self.root, &self.options, &self.ways, has_limited_disk);
        let member = Arc::new(member.await?);
        self.issue(&member).await?;
        Ok(member)
    }

    /// Forgets a node, which should not run any more. Its files stay.
    pub fn forget(&self, id: u64) {
        self.lock().remove(&id);
    }

    /// The nodes, running or not, in the order of their ids.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.lock().values().cloned().collect()
    }

    /// One node.
    ///
    /// # Errors
    /// When it was removed.
    pub fn member(&self, id: u64) -> Result<Arc<Member>> {
        let found = self.lock().get(&id).cloned();
        found.with_context(|| format!("there is no node {id}"))
    }

    /// The nodes that run.
    pub async fn running(&self) -> Vec<Arc<Member>> {
        let mut running = Vec::new();
        for member in self.members() {
            if member.process.is_running().await {
                running.push(member);
            }
        }
        running
    }

    /// The node that leads, by the word of whoever knows of the newest term.
    ///
    /// # Errors
    /// When nobody knows a leader in time.
    pub async fn leader(&self) -> Result<u64> {
        wait::until("a leader is known", DEADLINE, || async {
            Ok(self.leader_now().await)
        })
        .await
    }

    /// As `leader`, but without waiting; `None` when nobody knows one.
    pub async fn leader_now(&self) -> Option<u64> {
        let mut newest = (0, None);
        for member in self.running().await {
            let Ok(answer) = member.process.api("/api/v1/pool").await else {
                continue;
            };
            let node = &answer["node"];
            let (term, leader) = (node["term"].as_u64()?, node["leader_id"].as_u64());
            if term >= newest.0 {
                newest = (term, leader.or(newest.1));
            }
        }
        newest.1
    }

    /// Checks that every connection between nodes went through a proxy that knew whose it is.
    ///
    /// # Errors
    /// When one did not.
    pub fn check_links(&self) -> Result<()> {
        for member in self.members() {
            let strangers = member.strangers();
            ensure!(
                strangers == 0,
                "{strangers} connections to node {} came from no node's address",
                member.id
            );
        }
        Ok(())
    }

    /// How many entries the log must grow until a node that is away needs a snapshot.
    pub fn entries_until_purged(&self) -> u64 {
        2 * (self.options.snapshot_entries + self.options.log_entries_kept)
    }

    /// Where all files are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps the files when this is dropped, for whoever wants to know what happened.
    pub fn keep_files(&self) {
        for member in self.members() {
            member.save_files();
        }
        let mut directory = self
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        directory.disable_cleanup(true);
        println!("the files of this run are kept in {}", self.root.display());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
