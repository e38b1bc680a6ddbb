//! Prometheus itself, with the alert rules of `ops/prometheus`, asking the nodes of a test.
//!
//! The rules are the committed ones in a hurry: what has to last for minutes or hours has to last
//! for a second, rates are taken over [`WINDOW`], and what grows old is old after five seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::node::NodeProcess;
use crate::processes::DEADLINE;
use crate::wait;

/// What the windows of rates are shortened to.
const WINDOW: &str = "[10s]";
/// Windows in the rules, other than the one of a day, in which the fate of blocks is counted.
const WINDOWS: [&str; 4] = ["[5m]", "[10m]", "[15m]", "[6h]"];
/// Ages in the rules, and what they are shortened to.
const AGES: [(&str, &str); 2] = [
    (
        "raftpool_template_age_seconds > 60",
        "raftpool_template_age_seconds > 5",
    ),
    (
        "raftpool_payout_open_age_seconds) > 3600",
        "raftpool_payout_open_age_seconds) > 5",
    ),
];

/// A running Prometheus. It ends when this is dropped.
pub struct Prometheus {
    // Dropped before its files go.
    _child: Child,
    directory: TempDir,
    http: reqwest::Client,
    url: String,
    targets: BTreeMap<String, String>,
}

impl Prometheus {
    /// Starts it, without anybody to ask.
    ///
    /// # Errors
    /// When it does not come up, or the rules are not as expected.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory")?;
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("rules.yml"), hurried(&committed_rules()?)?)?;
        std::fs::write(at("targets.json"), "[]")?;
        // JSON is YAML.
        let configuration = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{
                "job_name": "raftpool",
                "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}],
            }],
        });
        std::fs::write(at("prometheus.yml"), configuration.to_string())?;
        let address = crate::cluster::free_address()?;
        let log = std::fs::File::create(at("prometheus.log"))?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", at("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", at("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("run prometheus; `make test-tools` installs it (Debian's package)")?;
        let prometheus = Self {
            _child: child,
            directory,
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(5))
                .build()?,
            url: format!("http://{address}"),
            targets: BTreeMap::new(),
        };
        wait::until("Prometheus is up", DEADLINE, || async {
            prometheus.get("/api/v1/status/buildinfo").await.map(Some)
        })
        .await
        .with_context(|| prometheus.log())?;
        Ok(prometheus)
    }

    /// Asks these nodes from now on, where they are now; one that does not run, where it was.
    ///
    /// # Errors
    /// When the file with the targets cannot be written.
    pub fn watch(&mut self, nodes: &[&NodeProcess]) -> Result<()> {
        for node in nodes {
            if let Some(address) = node.addresses().and_then(|known| known.health) {
                self.targets
                    .insert(node.name().to_owned(), address.to_string());
            }
        }
        let targets: Vec<&String> = self.targets.values().collect();
        let file = self.directory.path().join("targets.json");
        let new = file.with_extension("new");
        std::fs::write(&new, json!([{"targets": targets}]).to_string())?;
        std::fs::rename(&new, &file).context("place the targets")
    }

    /// Waits until every node that is watched has been asked for a whole window.
    ///
    /// # Errors
    /// At the deadline.
    pub async fn has_seen_enough(&self) -> Result<()> {
        let query = "min(count_over_time(up[30s]))";
        wait::until("every node was asked again and again", DEADLINE, || async {
            let answer = self.get(&format!("/api/v1/query?query={query}")).await?;
            let value = answer["data"]["result"][0]["value"][1].as_str();
            let times: u32 = value.context("no node was asked")?.parse()?;
            Ok((times > 15).then_some(()))
        })
        .await
        .with_context(|| self.log())
    }

    /// The alerts that fire.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn firing(&self) -> Result<BTreeSet<String>> {
        let answer = self.get("/api/v1/alerts").await?;
        let alerts = answer["data"]["alerts"].as_array().context("alerts")?;
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        let names = firing.filter_map(|alert| alert["labels"]["alertname"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// Waits until all of these alerts fire.
    ///
    /// # Errors
    /// At the deadline, with those that do.
    pub async fn fires(&self, wanted: &[&str]) -> Result<()> {
        wait::until(&format!("{wanted:?} fire"), DEADLINE, || async {
            let firing = self.firing().await?;
            let fire = wanted.iter().all(|name| firing.contains(*name));
            ensure!(fire, "only {firing:?} fire");
            Ok(Some(()))
        })
        .await?;
        println!("{wanted:?} fired");
        Ok(())
    }

    /// Waits until none of these alerts fires.
    ///
    /// # Errors
    /// At the deadline, with those that do.
    pub async fn is_over(&self, ended: &[&str]) -> Result<()> {
        wait::until(&format!("{ended:?} end"), DEADLINE, || async {
            let firing = self.firing().await?;
            let fire = ended.iter().any(|name| firing.contains(*name));
            ensure!(!fire, "{firing:?} fire");
            Ok(Some(()))
        })
        .await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("prometheus.log")).unwrap_or_default()
    }
}

fn committed_rules() -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/prometheus/raftpool.rules.yml");
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

fn hurried(rules: &str) -> Result<String> {
    let mut text = String::new();
    for line in rules.lines() {
        let indent = line.len() - line.trim_start().len();
        match line.trim_start().starts_with("for: ") {
            true => text += &format!("{}for: 1s\n", &line[..indent]),
            false => text += &format!("{line}\n"),
        }
    }
    for window in WINDOWS {
        text = text.replace(window, WINDOW);
    }
    for (usual, short) in AGES {
        ensure!(text.contains(usual), "no rule says {usual}");
        text = text.replace(usual, short);
    }
    Ok(text)
}
