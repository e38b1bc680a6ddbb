//! A whole pool as real processes: a simulated network and a node, killed and restarted at will.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use raftpool_pow::Algorithm;
use serde_json::Value;
use tempfile::TempDir;

use crate::devnet::SimulatedNetwork;
use crate::node::NodeProcess;
use crate::{configuration, wait};

/// How long a process may take to come up, or a condition to become true, on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Valid addresses of the test networks that are nobody's in particular.
pub const MINERS: [&str; 2] = [
    "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca",
    "xet:gpw20kcesg7dfpxwvwtrmj7ygumysq92xv3wl4fpr7327yhcaywqqjdh97c",
];

/// What a test wants to be different from the usual.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Network difficulty of the simulated network.
    pub network_difficulty: u64,
    /// Its proof of work.
    pub algorithm: Algorithm,
    /// Where it listens.
    pub network_host: IpAddr,
    /// Heights until a block is stable.
    pub stable_depth: u64,
    /// Time between foreign blocks; 0 lets the test produce every block.
    pub foreign_block_every_ms: u64,
    /// Difficulty of every worker.
    pub share_difficulty: u64,
    /// Check shares by hashing.
    pub hashing: bool,
    /// Smallest balance that is paid.
    pub payout_threshold_atomic: u64,
    /// Earliest time between two payouts.
    pub payout_interval_ms: u64,
    /// The pool's part of what PPLNS pays, in hundredths of a percent.
    pub pplns_fee_bps: u32,
    /// Longest wait for one answer of the wallet.
    pub wallet_timeout_ms: u64,
    /// Threads of a node that check shares.
    pub verifier_threads: usize,
    /// There is a second listener, for getwork, and miners may use TLS on the same ports; the certificate is the one of [`crate::tls`].
    pub has_tls: bool,
    /// Members of a cluster answer for the name `pool.example`, in which node N is 192.0.2.N.
    pub has_dns: bool,
    /// Most connections of miners, in all as well as from one address.
    pub connections_max: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            network_difficulty: 10_000_000_000,
            algorithm: Algorithm::V3,
            network_host: Ipv4Addr::LOCALHOST.into(),
            stable_depth: 24,
            foreign_block_every_ms: 0,
            share_difficulty: 1_000,
            hashing: false,
            payout_threshold_atomic: 1_000_000,
            payout_interval_ms: 200,
            pplns_fee_bps: 100,
            wallet_timeout_ms: 5_000,
            verifier_threads: 1,
            has_tls: false,
            has_dns: false,
            connections_max: 1_000,
        }
    }
}

/// A simulated network and a node that runs alone.
pub struct Pool {
    directory: TempDir,
    /// The node.
    pub node: NodeProcess,
    /// What it mines on.
    pub network: SimulatedNetwork,
}

impl Pool {
    /// Starts both.
    ///
    /// # Errors
    /// When one does not come up; the error holds the end of its log.
    pub async fn start(options: PoolOptions) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory")?;
        let network = SimulatedNetwork::start(directory.path(), &options).await?;
        let text = configuration::alone(&options, &network.addresses, network.password_file());
        let node = NodeProcess::new("node", directory.path(), Vec::new())?;
        std::fs::write(node.config_file(), text).context("write the configuration")?;
        node.start(&[]).await?;
        Ok(Self {
            directory,
            node,
            network,
        })
    }

    /// Starts the node, which must not be running, and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_node(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        self.node.start(environment).await
    }

    /// Kills the node as a crash would.
    pub async fn kill_node(&mut self) {
        self.node.kill().await;
    }

    /// Stops the node as an operator would, and says whether it ended cleanly.
    pub async fn stop_node(&mut self) -> bool {
        self.node.stop().await
    }

    /// Waits until the node ends by itself.
    ///
    /// # Errors
    /// When it does not within the deadline.
    pub async fn node_ends(&mut self) -> Result<()> {
        self.node.ends().await
    }

    /// Where miners connect.
    pub fn stratum(&self) -> std::net::SocketAddr {
        self.node.stratum().expect("a node was started")
    }

    /// The answer of the API to `GET path`.
    ///
    /// # Errors
    /// When there is none, or it is not a success.
    pub async fn api(&self, path: &str) -> Result<Value> {
        self.node.api(path).await
    }

    /// Tells the simulated network to do something.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn control(&self, action: &str, body: Value) -> Result<Value> {
        self.network.control(action, body).await
    }

    /// Everything the simulated network knows: the oracle of the payout tests.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn network_state(&self) -> Result<Value> {
        self.network.state().await
    }

    /// Runs `raftpool ledger verify` on the stopped node.
    ///
    /// # Errors
    /// When an invariant of the books is broken.
    pub fn verify_books(&self) -> Result<()> {
        self.node.verify_books()
    }

    /// The node's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.node.config_file()
    }

    /// What the node printed, over all its starts.
    pub fn node_log(&self) -> String {
        self.node.log()
    }

    /// What the simulated network printed.
    pub fn network_log(&self) -> String {
        self.network.log()
    }

    /// Where the files of the processes are, until this is dropped.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until `path` of the API answers something that `probe` accepts.
    ///
    /// # Errors
    /// At the deadline, with the node's last log lines.
    pub async fn api_until<T>(
        &self,
        what: &str,
        path: &str,
        probe: impl Fn(&Value) -> Option<T>,
    ) -> Result<T> {
        let probe = &probe;
        wait::until(what, DEADLINE, || async move {
            Ok(probe(&self.api(path).await?))
        })
        .await
        .with_context(|| tail(&self.node_log(), 30))
    }
}

/// The last `count` lines.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The program that belongs to this test: it lies beside the test's own directory.
///
/// # Errors
/// When it was not built.
pub fn executable() -> Result<PathBuf> {
    let test = std::env::current_exe().context("find this test's file")?;
    let path = test
        .parent()
        .and_then(Path::parent)
        .context("a test lies in target/PROFILE/deps")?
        .join("raftpool");
    if !path.is_file() {
        bail!(
            "{} is not built; run `cargo build --package raftpool`",
            path.display()
        );
    }
    Ok(path)
}

/// Arguments of a program.
pub(crate) fn strings(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect()
}
