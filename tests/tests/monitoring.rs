//! What operators watch a cluster with. The alert rules of `ops/prometheus`: each fires in its
//! situation, and has a page that tells whoever is woken what to do, with commands that exist. The
//! dashboards of `ops/grafana`: their expressions can be evaluated. Both ask for metrics that nodes
//! have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::command::tell;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{DEADLINE, MINERS};
use raftpool_tests::wait;
use serde_json::{Value, json};

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops")
}

fn rules() -> Result<String> {
    let path = ops().join("prometheus/raftpool.rules.yml");
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// The files of a directory, without those of directories in it.
fn pages_in(directory: &str) -> Result<Vec<std::path::PathBuf>> {
    let mut pages = Vec::new();
    for page in std::fs::read_dir(ops().join(directory))? {
        pages.push(page?.path());
    }
    pages.retain(|path| path.is_file());
    Ok(pages)
}

/// What follows `prefix` in the lines that begin with it.
fn values<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let lines = text.lines().map(str::trim_start);
    lines.filter_map(|line| line.strip_prefix(prefix)).collect()
}

/// The words of a text that begin with `prefix` and consist of lower-case letters and `_`.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    let named = words.filter(|word| word.starts_with(prefix));
    named.map(str::to_owned).collect()
}

#[test]
fn every_alert_fires_in_its_situation_and_none_in_a_pool_that_is_well() -> Result<()> {
    let output = Command::new("promtool")
        .args(["test", "rules", "raftpool.rules.test.yml"])
        .current_dir(ops().join("prometheus"))
        .output()
        .context("run promtool; `make test-tools` installs it (Debian's package prometheus)")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}");
    let tests = std::fs::read_to_string(ops().join("prometheus/raftpool.rules.test.yml"))?;
    let rules = rules()?;
    let tested: BTreeSet<_> = values(&tests, "- alertname: ").into_iter().collect();
    let alerts: BTreeSet<_> = values(&rules, "- alert: ").into_iter().collect();
    ensure!(tested == alerts, "{tested:?} are tested of {alerts:?}");
    Ok(())
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() -> Result<()> {
    let rules = rules()?;
    let alerts: BTreeSet<_> = values(&rules, "- alert: ")
        .into_iter()
        .map(str::to_owned)
        .collect();
    ensure!(alerts.len() > 20, "{alerts:?}");
    let mut pages = BTreeSet::new();
    for path in pages_in("runbooks")? {
        let name = path.file_stem().context("a page without a name")?;
        let name = name.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        let headings = values(&text, "## ");
        ensure!(
            headings == ["Meaning", "Impact", "Check", "Fix"]
                && text.starts_with(&format!("# {name}\n")),
            "{}: {headings:?}",
            path.display()
        );
        pages.insert(name);
    }
    ensure!(pages == alerts, "pages {pages:?}, alerts {alerts:?}");
    Ok(())
}

/// A command in a page is `raftpool` and the words behind it that no option or file begins.
#[test]
fn every_command_in_a_page_exists() -> Result<()> {
    let mut tried = 0;
    let runbooks = [pages_in("runbooks")?, pages_in("runbooks/recovery")?].concat();
    let others = vec![ops().join("../README.md"), ops().join("first-cluster.md")];
    for path in [runbooks, others].concat() {
        let text = std::fs::read_to_string(path)?;
        let lines = text.lines().map(str::trim_start);
        let lines = lines.filter(|line| line.starts_with("raftpool "));
        for quoted in text.split('`').skip(1).step_by(2).chain(lines) {
            let Some(rest) = quoted.strip_prefix("raftpool ") else {
                continue;
            };
            let is_verb = |word: &&str| {
                word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
            };
            let mut command: Vec<&str> = rest.split(' ').take_while(is_verb).collect();
            command.push("--help");
            tell(&command).with_context(|| format!("`{quoted}`"))?;
            tried += 1;
        }
    }
    ensure!(tried > 50, "only {tried} commands were found");
    Ok(())
}

/// What the panels of all dashboards ask for, with a node chosen.
fn panel_expressions() -> Result<Vec<String>> {
    let mut expressions = Vec::new();
    for board in std::fs::read_dir(ops().join("grafana"))? {
        let path = board?.path();
        let text = std::fs::read_to_string(&path)?;
        let board: Value =
            serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        let panels = board["panels"].as_array().context("no panels")?;
        let targets = panels
            .iter()
            .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
        let asked = targets.map(|target| target["expr"].as_str().context("no expression"));
        for expression in asked {
            expressions.push(expression?.replace("$node", "node-1:9100"));
        }
    }
    ensure!(expressions.len() > 40, "only {expressions:?}");
    Ok(expressions)
}

/// Each expression as a recording rule, which promtool reads as Prometheus does.
#[test]
fn every_panel_asks_what_prometheus_can_answer() -> Result<()> {
    let rule =
        |(number, expression)| json!({"record": format!("panel:{number}"), "expr": expression});
    let rules: Vec<_> = panel_expressions()?
        .into_iter()
        .enumerate()
        .map(rule)
        .collect();
    // JSON is YAML.
    let file = json!({"groups": [{"name": "panels", "rules": rules}]});
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("panels.yml");
    std::fs::write(&path, file.to_string())?;
    let output = Command::new("promtool")
        .args(["check", "rules"])
        .arg(&path)
        .output()
        .context("run promtool; `make test-tools` installs it (Debian's package prometheus)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_rules_and_dashboards_is_one_that_nodes_have() -> Result<()> {
    let (rules, panels) = (rules()?, panel_expressions()?);
    let expressions = values(&rules, "expr: ").into_iter();
    let asked: BTreeSet<String> = expressions
        .chain(panels.iter().map(String::as_str))
        .flat_map(|expression| words(expression, "raftpool_"))
        .collect();
    ensure!(asked.len() > 40, "only {asked:?}");

    // Few entries, so that there is a snapshot soon.
    let options = ClusterOptions {
        nodes: 1,
        snapshot_entries: 4,
        log_entries_kept: 2,
        ..ClusterOptions::default()
    };
    let pool = ClusterPool::start(options).await?;
    let member = pool.member(1)?;
    let process = &member.process;
    process.apply("schemes = [\"pplns\", \"solo\", \"pps\"]\npps_fee_bps = 200")?;
    let stratum = process.stratum().context("no listener")?;
    let mut miner = ScriptedMiner::connect(stratum, MINERS[0], "rig", "x").await?;
    for nonce in 1..=6 {
        miner.submit(nonce).await?;
        miner.read_answers().await?;
    }
    // One answer of the API, so that it is counted.
    process.api("/api/v1/pool").await?;
    let asked = &asked;
    wait::until("every metric is there", DEADLINE, || async move {
        let exported = words(&process.metrics().await?, "raftpool_");
        let missing: Vec<_> = asked.difference(&exported).collect();
        ensure!(missing.is_empty(), "missing: {missing:?}");
        Ok(Some(()))
    })
    .await
}
