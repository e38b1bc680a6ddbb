//! The processes of the demo, and what their API says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use raftpool_api::dto::cluster::MemberChange;
use serde_json::Value;

use super::network::{Layout, NODES, NodePorts, write};
use crate::config::Config;
use crate::operator::AdminClient;
use crate::process::{DevnetAddresses, NodeAddresses, Process, ProcessError};

/// How long a process may take to come up on a slow machine.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How long a process may take to stop by itself.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// How long a node that was killed stays away.
const AWAY: Duration = Duration::from_secs(20);

/// For one question to a node; one that is being killed must not hold up the screen.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

/// The miners: a name, an address of the test networks, and a worker. Each prefers another node.
pub(super) const MINERS: [(&str, &str, &str); 3] = [
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
    (
        "alice",
        "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca",
        "cellar",
    ),
];

/// Everything the demo started.
pub(super) struct DemoPool {
    layout: Layout,
    executable: PathBuf,
    network: Process,
    nodes: BTreeMap<u64, DemoNode>,
    miners: Vec<Process>,
    http: reqwest::Client,
}

/// One of the nodes.
struct DemoNode {
    /// `None` while it is away.
    process: Option<Process>,
    addresses: NodeAddresses,
    /// When it was found dead.
    died_at: Option<Instant>,
}

/// What a node's API says at one moment.
pub(super) struct Scene {
    pub(super) api: String,
    pub(super) stratum: Vec<String>,
    pub(super) pool: Value,
    pub(super) nodes: Value,
    /// Process id of each node that runs.
    pub(super) process_ids: BTreeMap<u64, u32>,
    /// In the order of addresses in [`MINERS`]; null until a miner's first share.
    pub(super) miners: Vec<(String, Value)>,
    pub(super) blocks: Value,
    pub(super) payouts: Value,
}

impl DemoPool {
    /// Starts all processes: first the network, then the nodes, which are formed into a cluster
    /// the first time, then the miners.
    pub(super) async fn start(directory: &Path, load: u8) -> anyhow::Result<Self> {
        let layout = Layout::new(directory)?;
        let executable = std::env::current_exe().context("find this program's own file")?;
        layout.forget_addresses();
        layout.certify()?;
        let ports = layout.ports()?;
        let arguments = layout.network_arguments();
        let log = layout.log("network");
        let mut network = Process::start("network", &executable, &arguments, &[], &log)?;
        let addresses: DevnetAddresses = network
            .addresses(&layout.network_file(), START_DEADLINE)
            .await?;
        layout.configure(&addresses, &ports)?;
        let http = reqwest::Client::builder().timeout(QUESTION_TIMEOUT).build();
        let mut pool = Self {
            layout,
            executable,
            network,
            nodes: BTreeMap::new(),
            miners: Vec::new(),
            http: http.context("make a client")?,
        };
        for id in NODES {
            let node = pool.start_node(id).await?;
            pool.nodes.insert(id, node);
        }
        pool.form_cluster(&ports).await?;
        for id in NODES {
            pool.wait_until_serving(id).await?;
        }
        pool.write_process_ids()?;
        pool.start_miners(load)?;
        Ok(pool)
    }

    async fn start_node(&self, id: u64) -> anyhow::Result<DemoNode> {
        let name = format!("node-{id}");
        let file = self.layout.addresses_file(id);
        let _ = std::fs::remove_file(&file);
        let arguments = self.layout.node_arguments(id);
        let log = self.layout.log(&name);
        let mut process = Process::start(&name, &self.executable, &arguments, &[], &log)?;
        let addresses = process.addresses(&file, START_DEADLINE).await?;
        Ok(DemoNode {
            process: Some(process),
            addresses,
            died_at: None,
        })
    }

    /// Makes the three nodes one cluster; what is done already is done.
    async fn form_cluster(&self, ports: &[NodePorts]) -> anyhow::Result<()> {
        let file = self.layout.config(NODES[0]);
        let config = Config::load(&file, [])?;
        let client = AdminClient::new(&config, &file)?;
        let status = client.get("cluster").await?;
        let members = status["nodes"].as_array().map_or(0, Vec::len);
        if members == NODES.len() {
            return Ok(());
        }
        client.change_members(MemberChange::Init, |_| {}).await?;
        for (id, ports) in NODES.into_iter().zip(ports).skip(1) {
            let add = MemberChange::Add {
                node_id: id,
                address: format!("localhost:{}", ports.peer),
            };
            client.change_members(add, |_| {}).await?;
        }
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let promote = MemberChange::Promote {
                node_ids: NODES[1..].to_vec(),
                is_forced: false,
            };
            match client.change_members(promote, |_| {}).await {
                Ok(()) => return Ok(()),
                // They have not caught up yet.
                Err(_) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error).context("form the cluster"),
            }
        }
    }

    async fn wait_until_serving(&mut self, id: u64) -> anyhow::Result<()> {
        let file = self.layout.addresses_file(id);
        let start = Instant::now();
        let Some(node) = self.nodes.get_mut(&id) else {
            bail!("node {id} was not started");
        };
        loop {
            let Some(process) = &mut node.process else {
                bail!("node {id} is not running");
            };
            node.addresses = process.addresses(&file, START_DEADLINE).await?;
            if !node.addresses.stratum.is_empty() {
                return Ok(());
            }
            if let Some(error) = process.ended() {
                return Err(error.into());
            }
            if start.elapsed() > START_DEADLINE {
                let log = self.layout.log(&format!("node-{id}"));
                bail!("node {id} does not serve; its log is {}", log.display());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn start_miners(&mut self, load: u8) -> anyhow::Result<()> {
        let stratum = self.stratum();
        for (n, (_, address, worker)) in MINERS.into_iter().enumerate() {
            let mut arguments = vec!["miner".to_owned()];
            let preferred = stratum.iter().cycle().skip(n).take(stratum.len());
            arguments.extend(preferred.map(|pool| format!("--pool={pool}")));
            arguments.extend([
                format!("--address={address}"),
                format!("--worker={worker}"),
                "--threads=1".into(),
                format!("--load={load}"),
            ]);
            let log = self.layout.log(worker);
            let miner = Process::start(worker, &self.executable, &arguments, &[], &log)?;
            self.miners.push(miner);
        }
        Ok(())
    }

    fn stratum(&self) -> Vec<String> {
        let addresses = self.nodes.values().flat_map(|node| &node.addresses.stratum);
        addresses.map(ToString::to_string).collect()
    }

    /// Fails when a process other than a node has ended by itself; notices dead nodes, and starts
    /// them again in time.
    pub(super) async fn look_after(&mut self) -> anyhow::Result<()> {
        let others = std::iter::once(&mut self.network).chain(&mut self.miners);
        if let Some(error) = others.filter_map(Process::ended).next() {
            return Err(error.into());
        }
        let mut back = Vec::new();
        for (id, node) in &mut self.nodes {
            match (node.process.as_mut().and_then(Process::ended), node.died_at) {
                // A node that could not start would be started for ever.
                (Some(error), _) if !was_killed(&error) => return Err(error.into()),
                (Some(_), _) => {
                    node.process = None;
                    node.died_at = Some(Instant::now());
                }
                (None, Some(died_at)) if died_at.elapsed() >= AWAY => back.push(*id),
                _ => {}
            }
        }
        for id in back {
            // Where it serves miners is known, and the screen must not wait until it does.
            let mut node = self.start_node(id).await?;
            node.addresses
                .stratum
                .clone_from(&self.nodes[&id].addresses.stratum);
            self.nodes.insert(id, node);
            self.write_process_ids()?;
        }
        Ok(())
    }

    /// Seconds until each node that is away comes back.
    pub(super) fn away(&self) -> Vec<(u64, u64)> {
        let away = self.nodes.iter().filter_map(|(id, node)| {
            let left = AWAY.saturating_sub(node.died_at?.elapsed());
            Some((*id, left.as_secs()))
        });
        away.collect()
    }

    fn write_process_ids(&self) -> anyhow::Result<()> {
        let ids: BTreeMap<String, u32> = self
            .process_ids()
            .into_iter()
            .map(|(node, id)| (node.to_string(), id))
            .collect();
        write(&self.layout.processes(), &serde_json::to_string(&ids)?)
    }

    fn process_ids(&self) -> BTreeMap<u64, u32> {
        let ids = self.nodes.iter().filter_map(|(node, process)| {
            let id = process.process.as_ref()?.id()?;
            Some((*node, id))
        });
        ids.collect()
    }

    /// What the first node that answers says.
    pub(super) async fn scene(&self) -> anyhow::Result<Option<Scene>> {
        for node in self.nodes.values().filter(|node| node.process.is_some()) {
            let api = format!("http://{}", node.addresses.api);
            match self.scene_of(api).await {
                Ok(scene) => return Ok(Some(scene)),
                Err(error) if error.is::<reqwest::Error>() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn scene_of(&self, api: String) -> anyhow::Result<Scene> {
        let need = |path: &'static str, answer: Option<Value>| {
            answer.ok_or_else(|| anyhow!("the node has no {path}"))
        };
        let mut miners: Vec<(String, Value)> = Vec::new();
        for (name, address, _) in MINERS {
            if miners.iter().any(|(known, _)| known == name) {
                continue;
            }
            let path = format!("/api/v1/miners/{address}");
            let miner = self.get(&api, &path).await?.unwrap_or_default();
            miners.push((name.to_owned(), miner));
        }
        Ok(Scene {
            stratum: self.stratum(),
            pool: need("pool", self.get(&api, "/api/v1/pool").await?)?,
            nodes: need("nodes", self.get(&api, "/api/v1/nodes").await?)?,
            process_ids: self.process_ids(),
            miners,
            blocks: need("blocks", self.get(&api, "/api/v1/blocks?limit=8").await?)?,
            payouts: need("payouts", self.get(&api, "/api/v1/payouts?limit=4").await?)?,
            api,
        })
    }

    /// The answer, or nothing when there is no such thing (yet).
    async fn get(&self, api: &str, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.http.get(format!("{api}{path}")).send().await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status()?.json().await?))
    }

    /// Stops the miners first and the network last.
    pub(super) async fn stop(mut self) {
        let _ = std::fs::remove_file(self.layout.processes());
        for miner in &mut self.miners {
            miner.stop(STOP_DEADLINE).await;
        }
        for node in self.nodes.values_mut().rev() {
            if let Some(process) = &mut node.process {
                process.stop(STOP_DEADLINE).await;
            }
        }
        self.network.stop(STOP_DEADLINE).await;
    }
}

fn was_killed(error: &ProcessError) -> bool {
    use std::os::unix::process::ExitStatusExt;
    matches!(error, ProcessError::Ended { status, .. } if status.signal().is_some())
}
