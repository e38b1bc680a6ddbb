//! A whole pool as real processes: a simulated network and a node, killed and restarted at will.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use raftpool::process::{DevnetAddresses, NodeAddresses, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wait;

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
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            network_difficulty: 10_000_000_000,
            stable_depth: 24,
            foreign_block_every_ms: 0,
            share_difficulty: 1_000,
            hashing: false,
            payout_threshold_atomic: 1_000_000,
            payout_interval_ms: 200,
        }
    }
}

/// A simulated network and a node.
pub struct Pool {
    directory: TempDir,
    http: reqwest::Client,
    devnet: Process,
    node: Option<Process>,
    /// Where the simulated network listens.
    pub network: DevnetAddresses,
    addresses: Option<NodeAddresses>,
}

impl Pool {
    /// Starts both.
    ///
    /// # Errors
    /// When one does not come up; the error holds the end of its log.
    pub async fn start(options: PoolOptions) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory")?;
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("wallet-password"), "secret\n").context("write the password")?;
        let arguments = strings(&[
            "devnet",
            "--daemon-port=0",
            "--wallet-port=0",
            "--control-port=0",
            &format!("--difficulty={}", options.network_difficulty),
            &format!("--stable-depth={}", options.stable_depth),
            &format!(
                "--foreign-block-every-ms={}",
                options.foreign_block_every_ms
            ),
            &format!("--wallet-password-file={}", at("wallet-password").display()),
            &format!("--addresses-file={}", at("network.json").display()),
        ]);
        let mut devnet =
            Process::start("devnet", &executable()?, &arguments, &[], &at("devnet.log"))?;
        let network: DevnetAddresses = devnet.addresses(&at("network.json"), DEADLINE).await?;
        std::fs::write(at("pool.toml"), configuration(&options, &network))
            .context("write the configuration")?;
        let mut pool = Self {
            directory,
            http: reqwest::Client::new(),
            devnet,
            node: None,
            network,
            addresses: None,
        };
        pool.start_node(&[]).await?;
        Ok(pool)
    }

    /// Starts the node, which must not be running, and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_node(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        let at = |name: &str| self.directory.path().join(name);
        let file = at("node.json");
        // A file of the previous run would name ports that nobody listens on.
        let _ = std::fs::remove_file(&file);
        let arguments = strings(&[
            "run",
            &at("pool.toml").display().to_string(),
            &format!("--addresses-file={}", file.display()),
        ]);
        let mut node = Process::start(
            "node",
            &executable()?,
            &arguments,
            environment,
            &at("node.log"),
        )?;
        self.addresses = Some(node.addresses(&file, DEADLINE).await?);
        self.node = Some(node);
        Ok(())
    }

    /// Kills the node as a crash would.
    pub async fn kill_node(&mut self) {
        if let Some(mut node) = self.node.take() {
            node.kill().await;
        }
    }

    /// Stops the node as an operator would, and says whether it ended cleanly.
    pub async fn stop_node(&mut self) -> bool {
        match self.node.take() {
            Some(mut node) => node
                .stop(DEADLINE)
                .await
                .is_some_and(|status| status.success()),
            None => true,
        }
    }

    /// Waits until the node ends by itself.
    ///
    /// # Errors
    /// When it does not within the deadline.
    pub async fn node_ends(&mut self) -> Result<()> {
        let Some(mut node) = self.node.take() else {
            return Ok(());
        };
        match tokio::time::timeout(DEADLINE, node.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => bail!("the node did not end; its log:\n{}", node.log_text()),
        }
    }

    /// Where miners connect.
    pub fn stratum(&self) -> std::net::SocketAddr {
        self.addresses.as_ref().expect("a node was started").stratum[0]
    }

    /// The answer of the API to `GET path`.
    ///
    /// # Errors
    /// When there is none, or it is not a success.
    pub async fn api(&self, path: &str) -> Result<Value> {
        let api = self.addresses.as_ref().expect("a node was started").api;
        let answer = self.http.get(format!("http://{api}{path}")).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Tells the simulated network to do something.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn control(&self, action: &str, body: Value) -> Result<Value> {
        let url = format!("{}/control/{action}", self.network.control);
        let answer = self.http.post(url).json(&body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("control {action} {body}: {status} {text}");
        }
        Ok(if text.is_empty() {
            json!(null)
        } else {
            serde_json::from_str(&text)?
        })
    }

    /// Everything the simulated network knows: the oracle of the payout tests.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn network_state(&self) -> Result<Value> {
        let url = format!("{}/control/state", self.network.control);
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Runs `raftpool ledger verify` on the stopped node.
    ///
    /// # Errors
    /// When an invariant of the books is broken.
    pub fn verify_books(&self) -> Result<()> {
        let output = std::process::Command::new(executable()?)
            .args(["ledger", "verify"])
            .arg(self.config_file())
            .output()
            .context("run raftpool ledger verify")?;
        if !output.status.success() {
            bail!(
                "the books do not verify: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// The node's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.directory.path().join("pool.toml")
    }

    /// What the node printed, over all its starts.
    pub fn node_log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("node.log")).unwrap_or_default()
    }

    /// What the simulated network printed.
    pub fn network_log(&self) -> String {
        self.devnet.log_text()
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

fn configuration(options: &PoolOptions, network: &DevnetAddresses) -> String {
    format!(
        r#"
[pool]
network = "devnet"
address = "{pool}"
[node]
data_directory = "data"
[daemon]
urls = ["{daemon}"]
timeout_ms = 2000
template_poll_ms = 200
[wallet]
url = "{wallet}"
username = "pool"
password_file = "wallet-password"
timeout_ms = 5000
[stratum]
listen = ["127.0.0.1:0"]
minimum_difficulty = 1
starting_difficulty = {share}
verifier_threads = 1
verification = "{verification}"
[payout]
step_interval_ms = 100
resend_interval_ms = 500
retry_interval_ms = 300
sighting_gap_ms = 200
[api]
listen = "127.0.0.1:0"
[settings]
payout_threshold_atomic = {threshold}
payout_interval_ms = {interval}
[log]
filter = "info,openraft=warn"
"#,
        pool = network.pool_address,
        daemon = network.daemon,
        wallet = network.wallet,
        share = options.share_difficulty,
        verification = if options.hashing {
            "full"
        } else {
            "without-hashing"
        },
        threshold = options.payout_threshold_atomic,
        interval = options.payout_interval_ms,
    )
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect()
}
