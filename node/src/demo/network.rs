//! What the demo writes down before it starts anything: certificates, ports, configurations.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use raftpool_raft::CertificateAuthority;
use serde::{Deserialize, Serialize};

use crate::process::DevnetAddresses;
use crate::system::now_ms;

/// Nodes of the demo's cluster.
pub(super) const NODES: [u64; 3] = [1, 2, 3];

/// Blocks of the simulated network: three small miners find one about every half minute.
const NETWORK_DIFFICULTY: u64 = 6_000;

/// Other people's blocks, so that the chain moves and blocks become stable soon.
const FOREIGN_BLOCK_EVERY_MS: u64 = 2_000;

/// Where a node listens.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct NodePorts {
    /// For the other nodes.
    pub(super) peer: u16,
    /// For miners.
    stratum: u16,
    /// For the page, which goes on from another node when its own dies; 0 in a directory from
    /// before.
    #[serde(default)]
    api: u16,
}

/// Where the demo keeps what.
pub(super) struct Layout {
    directory: PathBuf,
}

impl Layout {
    /// Makes the directory.
    pub(super) fn new(directory: &Path) -> anyhow::Result<Self> {
        for node in NODES {
            let node = directory.join(format!("node-{node}"));
            std::fs::create_dir_all(&node).with_context(|| format!("make {}", node.display()))?;
        }
        let directory = directory.to_owned();
        write(&directory.join("wallet-password"), "demo\n")?;
        Ok(Self { directory })
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    pub(super) fn network_file(&self) -> PathBuf {
        self.directory.join("network.json")
    }

    /// Process ids of the nodes, for `raftpool demo kill`.
    pub(super) fn process_file(directory: &Path) -> PathBuf {
        directory.join("processes.json")
    }

    pub(super) fn processes(&self) -> PathBuf {
        Self::process_file(&self.directory)
    }

    pub(super) fn config(&self, node: u64) -> PathBuf {
        self.node(node).join("raftpool.toml")
    }

    pub(super) fn addresses_file(&self, node: u64) -> PathBuf {
        self.node(node).join("addresses.json")
    }

    fn node(&self, node: u64) -> PathBuf {
        self.directory.join(format!("node-{node}"))
    }

    /// Removes what would name ports and processes of an earlier run.
    pub(super) fn forget_addresses(&self) {
        let _ = std::fs::remove_file(self.network_file());
        for node in NODES {
            let _ = std::fs::remove_file(self.addresses_file(node));
        }
    }

    pub(super) fn network_arguments(&self) -> Vec<String> {
        let at = |name: &str| self.directory.join(name).display().to_string();
        vec![
            "devnet".into(),
            "--daemon-port=0".into(),
            "--wallet-port=0".into(),
            "--control-port=0".into(),
            format!("--difficulty={NETWORK_DIFFICULTY}"),
            format!("--foreign-block-every-ms={FOREIGN_BLOCK_EVERY_MS}"),
            format!("--wallet-password-file={}", at("wallet-password")),
            format!("--state-file={}", at("network-state.json")),
            format!("--addresses-file={}", self.network_file().display()),
        ]
    }

    pub(super) fn node_arguments(&self, node: u64) -> Vec<String> {
        vec![
            "run".into(),
            self.config(node).display().to_string(),
            format!("--addresses-file={}", self.addresses_file(node).display()),
        ]
    }

    /// Makes the authority and the nodes' certificates, once.
    pub(super) fn certify(&self) -> anyhow::Result<()> {
        let directory = self.directory.join("authority");
        let authority = match directory.exists() {
            true => CertificateAuthority::load(&directory),
            false => CertificateAuthority::create(&directory, rand::random(), now_ms()),
        }?;
        for node in NODES {
            let certificates = self.node(node).join("certificates");
            if !certificates.exists() {
                authority.issue(&certificates, node, &[], now_ms())?;
            }
        }
        Ok(())
    }

    /// Ports of the nodes. Those of their peer listeners are part of the replicated membership,
    /// and the miners know the others, so they stay as they were chosen the first time.
    pub(super) fn ports(&self) -> anyhow::Result<Vec<NodePorts>> {
        let file = self.directory.join("ports.json");
        if let Ok(text) = std::fs::read(&file) {
            let ports: Vec<NodePorts> = serde_json::from_slice(&text)
                .with_context(|| format!("read {}", file.display()))?;
            for port in ports
                .iter()
                .flat_map(|ports| [ports.peer, ports.stratum, ports.api])
            {
                if TcpListener::bind(("127.0.0.1", port)).is_err() {
                    bail!("port {port} of an earlier run is taken; run the demo with --fresh");
                }
            }
            return Ok(ports);
        }
        // All at once, so that none is found twice.
        let listeners: Result<Vec<_>, _> = (0..3 * NODES.len())
            .map(|_| TcpListener::bind(("127.0.0.1", 0)))
            .collect();
        let listeners = listeners.context("find free ports")?;
        let port = |n: usize| Ok::<_, std::io::Error>(listeners[n].local_addr()?.port());
        let ports: Result<Vec<_>, _> = (0..NODES.len())
            .map(|n| {
                Ok::<_, std::io::Error>(NodePorts {
                    peer: port(3 * n)?,
                    stratum: port(3 * n + 1)?,
                    api: port(3 * n + 2)?,
                })
            })
            .collect();
        let ports = ports.context("find free ports")?;
        write(&file, &serde_json::to_string(&ports)?)?;
        Ok(ports)
    }

    pub(super) fn configure(
        &self,
        network: &DevnetAddresses,
        ports: &[NodePorts],
    ) -> anyhow::Result<()> {
        for (node, ports) in NODES.into_iter().zip(ports) {
            write(&self.config(node), &configuration(network, node, ports))?;
        }
        Ok(())
    }
}

fn configuration(network: &DevnetAddresses, node: u64, ports: &NodePorts) -> String {
    format!(
        r#"# Written by `raftpool demo`.
[pool]
network = "devnet"
address = "{pool}"
[node]
id = {node}
data_directory = "data"
[cluster]
listen = "127.0.0.1:{peer}"
address = "localhost:{peer}"
certificates = "certificates"
election_timeout_ms = 400
[daemon]
urls = ["{daemon}"]
template_poll_ms = 500
[wallet]
url = "{wallet}"
username = "pool"
password_file = "../wallet-password"
[stratum]
listen = ["127.0.0.1:{stratum}"]
starting_difficulty = 300
minimum_difficulty = 50
target_share_interval_ms = 3000
verifier_threads = 1
[payout]
step_interval_ms = 1000
[api]
listen = "127.0.0.1:{api}"
[health]
listen = "127.0.0.1:0"
[public]
pool_name = "Raftpool demo"
node_name = "node {node}"
region = "this machine"
{api_url}
[settings]
payout_threshold_atomic = 1000000
payout_interval_ms = 20000
"#,
        peer = ports.peer,
        api = ports.api,
        api_url = match ports.api {
            0 => String::new(),
            port => format!("api_url = \"http://127.0.0.1:{port}\""),
        },
        stratum = ports.stratum,
        pool = network.pool_address,
        daemon = network.daemon,
        wallet = network.wallet,
    )
}

pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
