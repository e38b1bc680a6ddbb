//! What operators install: everything in `ops/` and `docker/` that can be checked is valid, and the
//! recipe for HAProxy does what it says with real nodes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::node::NodeProcess;
use raftpool_tests::processes::{DEADLINE, MINERS, executable};
use raftpool_tests::wait;
use serde_json::Value;

/// From where miners come that the nodes shall see behind the balancer.
const BALANCER: &str = "127.0.0.1";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn everything_that_operators_install_is_valid() -> Result<()> {
    let output = Command::new(repository().join("ops/validate.sh"))
        .env("RAFTPOOL", executable()?)
        .stdin(Stdio::null())
        .output()
        .context("run ops/validate.sh")?;
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    ensure!(output.status.success(), "{said}{complained}");
    println!("{said}");
    Ok(())
}

/// HAProxy with the committed recipe; killed when it is dropped.
struct Balancer {
    process: Child,
    miners: SocketAddr,
    statistics: SocketAddr,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Addresses that are free now, all at the same time.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let [one, two] = [(); 2].map(|()| std::net::TcpListener::bind((BALANCER, 0)));
    Ok([one?.local_addr()?, two?.local_addr()?])
}

impl Balancer {
    /// Only addresses are replaced, and how many files may be open.
    fn start(directory: &Path, nodes: &[(SocketAddr, SocketAddr)]) -> Result<Self> {
        let recipe = std::fs::read_to_string(repository().join("ops/haproxy/haproxy.cfg"))?;
        let [miners, statistics] = free_addresses()?;
        let mut replacements = vec![
            ("maxconn 60000".to_owned(), "maxconn 100".to_owned()),
            ("bind :5077".to_owned(), format!("bind {miners}")),
            ("127.0.0.1:8404".to_owned(), statistics.to_string()),
            // Each node has a port of its own for the checks here.
            (" check port 8001".to_owned(), " check".to_owned()),
        ];
        for (number, (stratum, health)) in (1..).zip(nodes) {
            let line = format!("server node-{number} 10.0.0.{number}:5079");
            let port = health.port();
            replacements.push((line, format!("server node-{number} {stratum} port {port}")));
        }
        let mut text = recipe;
        for (from, to) in &replacements {
            ensure!(text.contains(from), "`{from}` is not in the recipe");
            text = text.replace(from, to);
        }
        let file = directory.join("haproxy.cfg");
        std::fs::write(&file, text)?;
        let log = std::fs::File::create(directory.join("haproxy.log"))?;
        let program = ["/usr/sbin/haproxy", "haproxy"];
        let program = program.into_iter().find(|path| Path::new(path).exists());
        let process = Command::new(program.unwrap_or("haproxy"))
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("run haproxy; `make test-tools` installs it")?;
        Ok(Self {
            process,
            miners,
            statistics,
        })
    }

    /// The state of a node in its eyes, such as `UP` or `DOWN`.
    async fn state_of(&self, number: u64) -> Result<String> {
        let url = format!("http://{}/;csv", self.statistics);
        let table = reqwest::get(url).await?.text().await?;
        let prefix = format!("nodes,node-{number},");
        let line = table.lines().find(|line| line.starts_with(&prefix));
        let state = line.and_then(|line| line.split(',').nth(17));
        state.map(str::to_owned).context("no such node")
    }

    async fn wait_for(&self, number: u64, wanted: &str) -> Result<()> {
        wait::until("HAProxy sees the node's state", DEADLINE, || async move {
            let state = self.state_of(number).await?;
            ensure!(state == wanted, "node {number} is {state}, not {wanted}");
            Ok(Some(()))
        })
        .await
    }

    async fn connect(&self, worker: &str) -> Result<ScriptedMiner> {
        ScriptedMiner::connect(self.miners, MINERS[0], worker, "x").await
    }
}

/// Gives a node a listener for balancers, and starts it anew.
async fn add_listener(process: &NodeProcess) -> Result<()> {
    let file = process.config_file();
    let listener = format!(
        "[[stratum.listener]]\naddress = \"{BALANCER}:0\"\nproxied_from = [\"{BALANCER}/32\"]\n"
    );
    let text = std::fs::read_to_string(&file)? + &listener;
    std::fs::write(&file, text)?;
    ensure!(process.stop().await, "{} ended badly", process.name());
    process.start(&[]).await
}

/// Where a node takes miners from balancers, and where it says whether it is ready.
async fn ports_of(process: &NodeProcess) -> Result<(SocketAddr, SocketAddr)> {
    wait::until("the node listens for balancers", DEADLINE, || async {
        let addresses = process.addresses().context("not running")?;
        // The recipe asks the health listener; where the program has none yet, the API answers.
        let file: Value = serde_json::from_slice(&std::fs::read(process.addresses_file())?)?;
        let health = file["health"].as_str().and_then(|text| text.parse().ok());
        let stratum = addresses.stratum.get(1).copied();
        Ok(stratum.map(|stratum| (stratum, health.unwrap_or(addresses.api))))
    })
    .await
}

/// The number of shares that the books of a node have of the miner.
async fn credited(process: &NodeProcess) -> Result<u64> {
    let path = format!("/api/v1/miners/{}/workers", MINERS[0]);
    let Some(workers) = process.api_if_found(&path).await? else {
        return Ok(0);
    };
    let workers = workers["items"].as_array().context("items")?;
    let accepted = workers.iter().filter_map(|worker| {
        let count = &worker["shares"];
        count.as_u64().or_else(|| count.as_str()?.parse().ok())
    });
    Ok(accepted.sum())
}

/// Six miners, each with an accepted share, of whom every node has some.
async fn spread(pool: &ClusterPool, balancer: &Balancer) -> Result<Vec<ScriptedMiner>> {
    let mut miners = Vec::new();
    for number in 0..6 {
        let mut miner = balancer.connect(&format!("rig{number}")).await?;
        miner.submit_fresh(1).await?;
        miner.read_answers().await?;
        ensure!(miner.accepted == 1, "{:?}", miner.refused);
        miners.push(miner);
    }
    for member in pool.members() {
        let node = &member.process;
        let connections = node.metric("raftpool_stratum_connections").await?;
        let is_fair = (1.0..=3.0).contains(&connections);
        ensure!(is_fair, "node {}: {connections}", member.id);
    }
    Ok(miners)
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_haproxy_recipe_miners_survive_a_node_and_nothing_acknowledged_is_lost()
-> Result<()> {
    let pool = ClusterPool::start(ClusterOptions {
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await?;
    let mut nodes = Vec::new();
    for member in pool.members() {
        add_listener(&member.process).await?;
    }
    for member in pool.members() {
        nodes.push(ports_of(&member.process).await?);
    }
    let balancer = Balancer::start(pool.root(), &nodes)?;
    for number in 1..=3 {
        balancer.wait_for(number, "UP").await?;
    }

    let miners = spread(&pool, &balancer).await?;
    let leader = pool.leader().await?;
    pool.member(leader)?.process.kill().await;
    let mut acknowledged = 6;
    let mut moved = 0;
    for (number, mut miner) in miners.into_iter().enumerate() {
        // Those of the dead node are cut off, and come back at the same address.
        let lives = miner.submit_fresh(1).await.is_ok() && miner.read_answers().await.is_ok();
        if !lives {
            moved += 1;
            miner = wait::until("a miner is back", DEADLINE, || async {
                Ok(Some(balancer.connect(&format!("rig{number}")).await?))
            })
            .await?;
            miner.submit_fresh(1).await?;
            miner.read_answers().await?;
        }
        // One of those that live was counted before.
        acknowledged += miner.accepted - u64::from(lives);
        ensure!(miner.refused.is_empty(), "{:?}", miner.refused);
    }
    ensure!(
        (1..=3).contains(&moved),
        "{moved} of 6 miners were on the node"
    );
    balancer.wait_for(leader, "DOWN").await?;
    ensure!(
        acknowledged == 12,
        "{acknowledged} shares were acknowledged"
    );
    let survivor = pool.member(if leader == 1 { 2 } else { 1 })?;
    wait::until(
        "every acknowledged share is in the books",
        DEADLINE,
        || async {
            let credited = credited(&survivor.process).await?;
            ensure!(credited >= acknowledged, "{credited} of {acknowledged}");
            Ok(Some(()))
        },
    )
    .await
}
