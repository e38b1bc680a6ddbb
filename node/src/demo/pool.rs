//! The processes of the demo, and what their API says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;

use crate::process::{DevnetAddresses, NodeAddresses, Process};

/// How long a process may take to come up on a slow machine.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long a process may take to stop by itself.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Blocks of the simulated network: two small miners find one about every half minute.
const NETWORK_DIFFICULTY: u64 = 6_000;

/// Other people's blocks, so that the chain moves and blocks become stable soon.
const FOREIGN_BLOCK_EVERY_MS: u64 = 2_000;

/// The two miners: a name, an address of the test networks, and a worker.
pub(super) const MINERS: [(&str, &str, &str); 2] = [
    (
        "alice",
        "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca",
        "garage",
    ),
    (
        "bob",
        "xet:gpw20kcesg7dfpxwvwtrmj7ygumysq92xv3wl4fpr7327yhcaywqqjdh97c",
        "attic",
    ),
];

/// Everything the demo started.
pub(super) struct DemoPool {
    /// In the order of starting; they are stopped in reverse.
    processes: Vec<Process>,
    node: NodeAddresses,
    http: reqwest::Client,
}

/// What the node's API says at one moment.
pub(super) struct Scene {
    pub(super) api: String,
    pub(super) stratum: String,
    pub(super) pool: Value,
    /// In the order of [`MINERS`]; null until a miner's first share.
    pub(super) miners: Vec<Value>,
    pub(super) blocks: Value,
    pub(super) payouts: Value,
}

impl DemoPool {
    /// Starts all four processes, one after another, each as soon as the one before listens.
    pub(super) async fn start(directory: &Path, load: u8) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("make {}", directory.display()))?;
        let executable = std::env::current_exe().context("find this program's own file")?;
        let start = |name: &str, arguments: Vec<String>| {
            let log = directory.join(format!("{name}.log"));
            Process::start(name, &executable, &arguments, &[], &log)
        };
        write(&directory.join("wallet-password"), "demo\n")?;
        let (network_file, node_file) =
            (directory.join("network.json"), directory.join("node.json"));
        for stale in [&network_file, &node_file] {
            // Ports of an earlier run would lead to nobody.
            let _ = std::fs::remove_file(stale);
        }

        let mut network = start("network", network_arguments(directory, &network_file))?;
        let addresses: DevnetAddresses = network.addresses(&network_file, START_DEADLINE).await?;
        let config = directory.join("raftpool.toml");
        write(&config, &configuration(&addresses))?;
        let arguments = vec![
            "run".into(),
            config.display().to_string(),
            format!("--addresses-file={}", node_file.display()),
        ];
        let mut node = start("node", arguments)?;
        let addresses: NodeAddresses = node.addresses(&node_file, START_DEADLINE).await?;
        let mut processes = vec![network, node];
        for (name, address, worker) in MINERS {
            processes.push(start(
                name,
                miner_arguments(&addresses, address, worker, load),
            )?);
        }
        Ok(Self {
            processes,
            node: addresses,
            http: reqwest::Client::new(),
        })
    }

    /// Fails when a process has ended by itself.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.processes.iter_mut().find_map(Process::ended) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    pub(super) async fn scene(&self) -> anyhow::Result<Scene> {
        let mut miners = Vec::new();
        for (_, address, _) in MINERS {
            miners.push(
                self.get(&format!("/api/v1/miners/{address}"))
                    .await?
                    .unwrap_or_default(),
            );
        }
        let need = |path: &'static str, answer: Option<Value>| {
            answer.ok_or_else(|| anyhow!("the node has no {path}"))
        };
        Ok(Scene {
            api: format!("http://{}", self.node.api),
            stratum: self.node.stratum[0].to_string(),
            pool: need("pool", self.get("/api/v1/pool").await?)?,
            miners,
            blocks: need("blocks", self.get("/api/v1/blocks?limit=8").await?)?,
            payouts: need("payouts", self.get("/api/v1/payouts?limit=4").await?)?,
        })
    }

    /// The answer, or nothing when there is no such thing (yet).
    async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let url = format!("http://{}{path}", self.node.api);
        let answer = self
            .http
            .get(&url)
            .send()
            .await
            .with_context(|| format!("get {url}"))?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = answer.error_for_status()?;
        Ok(Some(
            answer.json().await.with_context(|| format!("read {url}"))?,
        ))
    }

    /// Stops the miners first and the network last.
    pub(super) async fn stop(mut self) {
        while let Some(mut process) = self.processes.pop() {
            process.stop(STOP_DEADLINE).await;
        }
    }
}

fn network_arguments(directory: &Path, addresses_file: &Path) -> Vec<String> {
    let at = |name: &str| -> PathBuf { directory.join(name) };
    vec![
        "devnet".into(),
        "--daemon-port=0".into(),
        "--wallet-port=0".into(),
        "--control-port=0".into(),
        format!("--difficulty={NETWORK_DIFFICULTY}"),
        format!("--foreign-block-every-ms={FOREIGN_BLOCK_EVERY_MS}"),
        format!("--wallet-password-file={}", at("wallet-password").display()),
        format!("--state-file={}", at("network-state.json").display()),
        format!("--addresses-file={}", addresses_file.display()),
    ]
}

fn miner_arguments(pool: &NodeAddresses, address: &str, worker: &str, load: u8) -> Vec<String> {
    vec![
        "miner".into(),
        format!("--pool={}", pool.stratum[0]),
        format!("--address={address}"),
        format!("--worker={worker}"),
        "--threads=1".into(),
        format!("--load={load}"),
    ]
}

fn configuration(network: &DevnetAddresses) -> String {
    format!(
        r#"# Written by `raftpool demo`.
[pool]
network = "devnet"
address = "{pool}"
[node]
data_directory = "data"
[daemon]
urls = ["{daemon}"]
template_poll_ms = 500
[wallet]
url = "{wallet}"
username = "pool"
password_file = "wallet-password"
[stratum]
listen = ["127.0.0.1:0"]
starting_difficulty = 300
minimum_difficulty = 50
target_share_interval_ms = 3000
verifier_threads = 1
[payout]
step_interval_ms = 1000
[api]
listen = "127.0.0.1:0"
[settings]
payout_threshold_atomic = 1000000
payout_interval_ms = 20000
"#,
        pool = network.pool_address,
        daemon = network.daemon,
        wallet = network.wallet,
    )
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
