//! A newcomer's walk: `ops/first-cluster.md`, done word for word on three hosts that have nothing
//! but the program, and a workstation. Only what the page tells its reader to replace is replaced:
//! addresses, the network, and the directory that `scp` copies to.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use raftpool_tests::devnet::SimulatedNetwork;
use raftpool_tests::hosts::{Hosts, PROGRAM, among};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{DEADLINE, MINERS, PoolOptions, executable};
use raftpool_tests::wait;
use serde_json::json;
use tokio::process::{Child, Command};

const NODES: u8 = 3;
/// Longest time that one block may take.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(120);
/// Stands in for scp: a host's home is a directory here.
const STAND_IN: &str = r#"#!/bin/sh
set -e
while [ $# -gt 1 ]; do
  case $1 in -*) options="$options $1" ;; *) files="$files $1" ;; esac
  shift
done
host=${1%%.*} path=${1#*:}
cp $options $files "$WALK_HOMES/$host/$path"
"#;

/// A block of the page: where it is run, and its lines.
struct Block {
    place: String,
    stays: bool,
    script: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn blocks() -> Result<Vec<Block>> {
    let page = std::fs::read_to_string(repository().join("ops/first-cluster.md"))?;
    let mut blocks = Vec::new();
    for (number, part) in page.split("```").enumerate() {
        if number % 2 == 0 {
            continue;
        }
        let (head, script) = part.split_once('\n').context("a block without lines")?;
        let place = head.strip_prefix("sh ");
        let place = place.with_context(|| format!("`{head}` does not say where it is run"))?;
        blocks.push(Block {
            stays: place.ends_with(", stays"),
            place: place.trim_end_matches(", stays").to_owned(),
            script: script.to_owned(),
        });
    }
    ensure!(blocks.len() > 8, "only {} blocks", blocks.len());
    Ok(blocks)
}

struct Walk {
    hosts: Hosts,
    home: PathBuf,
    network: SimulatedNetwork,
    /// What stays open; it ends with the walk.
    open: Vec<Child>,
}

impl Walk {
    async fn begin(hosts: Hosts, home: &Path) -> Result<Self> {
        let options = PoolOptions {
            network_host: hosts.own_ip(),
            ..PoolOptions::default()
        };
        for place in ["node-1", "node-2", "node-3", "workstation", "bin"] {
            std::fs::create_dir_all(home.join(place))?;
        }
        let network = SimulatedNetwork::start(home, &options).await?;
        network
            .control("auto_mine", json!({"every_ms": 1_000}))
            .await?;
        let names: String = (1..=u64::from(NODES))
            .map(|id| format!("{} node-{id}.pool.example\n", hosts.host(id).ip))
            .collect();
        std::fs::write(home.join("hosts"), format!("127.0.0.1 localhost\n{names}"))?;
        let scp = home.join("bin/scp");
        std::fs::write(&scp, STAND_IN)?;
        std::fs::set_permissions(&scp, std::fs::Permissions::from_mode(0o755))?;
        std::fs::copy(
            repository().join("ops/prometheus/raftpool.rules.yml"),
            home.join("workstation/raftpool.rules.yml"),
        )?;
        Ok(Self {
            hosts,
            home: home.to_owned(),
            network,
            open: Vec::new(),
        })
    }

    /// The block as its reader types it on a node.
    fn as_typed(&self, script: &str, node: Option<u64>) -> String {
        let replaced = [
            ("NETWORK=mainnet", "NETWORK=devnet".to_owned()),
            (
                "xel:YOURADDRESS",
                self.network.addresses.pool_address.clone(),
            ),
            (
                "http://127.0.0.1:8080\n",
                format!("{}\n", self.network.addresses.daemon),
            ),
            (
                "http://127.0.0.1:8081\n",
                format!("{}\n", self.network.addresses.wallet),
            ),
            ("NODE=1", format!("NODE={}", node.unwrap_or(0))),
            ("192.0.2.1", self.hosts.host(1).ip.to_string()),
            ("192.0.2.2", self.hosts.host(2).ip.to_string()),
            ("192.0.2.3", self.hosts.host(3).ip.to_string()),
        ];
        let mut text = script.to_owned();
        for (shown, own) in replaced {
            text = text.replace(shown, &own);
        }
        text
    }

    fn command(&self, place: &str, script: &str) -> Result<Command> {
        let node = place.strip_prefix("node-").map(str::parse).transpose()?;
        // A mount of the names that this host knows, which ends with the command.
        let entered = format!(
            "mount --bind '{}' /etc/hosts && exec bash -eu -o pipefail -c \"$0\"",
            self.home.join("hosts").display()
        );
        let mut command = match node {
            Some(node) => {
                let mut command = Command::new(PROGRAM);
                command.args(["netns", "exec", &self.hosts.host(node).namespace]);
                command
            }
            None => {
                let mut command = Command::new("unshare");
                command.arg("--mount");
                command
            }
        };
        let program = executable()?;
        let programs = program.parent().context("a directory")?.display();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(["sh", "-c", &entered])
            .arg(self.as_typed(script, node))
            .env(
                "PATH",
                format!("{}:{programs}:{path}", self.home.join("bin").display()),
            )
            .env("WALK_HOMES", &self.home)
            .current_dir(self.home.join(place))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    async fn run(&mut self, place: &str, block: &Block) -> Result<()> {
        let mut command = self.command(place, &block.script)?;
        if block.stays {
            let log = std::fs::File::create(self.home.join(place).join("node.log"))?;
            command.stdout(log.try_clone()?).stderr(log);
            self.open.push(command.spawn().context("start a node")?);
            return Ok(());
        }
        let output = tokio::time::timeout(BLOCK_TIMEOUT, command.output());
        let output = output.await.context("a block does not end")??;
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        println!("--- {place}: {}\n{said}{complained}", block.script.trim());
        ensure!(output.status.success(), "{place}: {}", output.status);
        Ok(())
    }

    /// Whoever follows the page waits until the prompt comes back, and a moment longer after a node
    /// was started or a cluster was formed.
    async fn settle(&self, block: &Block) -> Result<()> {
        let question = if block.stays {
            "test -S data/admin.sock"
        } else if block.script.contains("cluster promote") {
            "curl --fail --silent http://127.0.0.1:8001/readyz?for=stratum && \
             raftpool cluster status raftpool.toml && raftpool cluster check raftpool.toml && \
             test \"$(dig +short +time=1 @127.0.0.1 mine.pool.example A | wc -l)\" = 3"
        } else {
            return Ok(());
        };
        for id in 1..=NODES {
            let place = format!("node-{id}");
            let asked = wait::until(question, DEADLINE, || async {
                let output = self.command(&place, question)?.output().await?;
                ensure!(output.status.success(), "{place}: {output:?}");
                Ok(Some(()))
            });
            asked.await.with_context(|| {
                std::fs::read_to_string(self.home.join(&place).join("node.log")).unwrap_or_default()
            })?;
        }
        Ok(())
    }

    async fn walk(&mut self) -> Result<()> {
        for block in blocks()? {
            match block.place.as_str() {
                "every-node" => {
                    for id in 1..=NODES {
                        self.run(&format!("node-{id}"), &block).await?;
                    }
                }
                "workstation" | "node-1" | "node-2" | "node-3" => {
                    self.run(&block.place, &block).await?;
                }
                other => bail!("there is no place `{other}`"),
            }
            self.settle(&block).await?;
        }
        Ok(())
    }

    /// The pool that came of it takes a miner's work, at the lowest difficulty of its configuration.
    async fn is_mined_at(&self) -> Result<()> {
        let stratum = (self.hosts.host(3).ip, 5_077).into();
        let mut miner = ScriptedMiner::connect(stratum, MINERS[0], "rig", "d=1").await?;
        let nonce = miner.solve(miner.difficulty)?;
        miner.submit(nonce).await?;
        miner.read_answers().await?;
        ensure!(miner.accepted == 1, "{:?}", miner.refused);
        Ok(())
    }
}

#[test]
fn whoever_follows_the_page_word_for_word_has_a_pool_of_three_nodes() -> Result<()> {
    let own = "whoever_follows_the_page_word_for_word_has_a_pool_of_three_nodes";
    among(own, NODES, |hosts| async {
        let home = tempfile::tempdir()?;
        let mut walk = Walk::begin(hosts, home.path()).await?;
        walk.walk().await?;
        walk.is_mined_at().await
    })
}
