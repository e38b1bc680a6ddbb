//! The alert rules of `ops/prometheus`: each fires in its situation, asks for metrics that nodes
//! have, and has a page that tells whoever is woken what to do, with commands that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::command::tell;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::MINERS;

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops")
}

fn rules() -> Result<String> {
    let path = ops().join("prometheus/raftpool.rules.yml");
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
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
        .context("run promtool; `make setup` installs it (Debian's package prometheus)")?;
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
    for page in std::fs::read_dir(ops().join("runbooks"))? {
        let path = page?.path();
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
    for page in std::fs::read_dir(ops().join("runbooks"))? {
        let text = std::fs::read_to_string(page?.path())?;
        for quoted in text.split('`').skip(1).step_by(2) {
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
    ensure!(tried > 10, "only {tried} commands were found");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_rules_is_one_that_nodes_have() -> Result<()> {
    let options = ClusterOptions {
        nodes: 1,
        ..ClusterOptions::default()
    };
    let pool = ClusterPool::start(options).await?;
    let member = pool.member(1)?;
    let stratum = member.process.stratum().context("no listener")?;
    let mut miner = ScriptedMiner::connect(stratum, MINERS[0], "rig", "x").await?;
    miner.submit(1).await?;
    miner.read_answers().await?;
    // One answer of the API, so that it is counted.
    member.process.api("/api/v1/pool").await?;
    let exported = words(&member.process.metrics().await?, "raftpool_");
    let asked: BTreeSet<String> = values(&rules()?, "expr: ")
        .into_iter()
        .flat_map(|expression| words(expression, "raftpool_"))
        .collect();
    let missing: Vec<_> = asked.difference(&exported).collect();
    ensure!(
        asked.len() > 20 && missing.is_empty(),
        "{missing:?} of {asked:?}"
    );
    Ok(())
}
