//! The archive for whoever helps: it tells of a node that runs and of one that does not, and holds
//! nothing that lets anybody in.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use raftpool_tests::cluster::free_address;
use raftpool_tests::command::{holds, run};
use raftpool_tests::processes::{DEADLINE, MINERS, Pool, executable};
use raftpool_tests::story::{find_block, hashing_options};
use raftpool_tests::wait;
use serde_json::{Value, json};

/// The files of an archive, by name.
fn read(archive: &Path) -> Result<BTreeMap<String, String>> {
    let file = std::fs::File::open(archive)?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
        let mut entry = entry?;
        let name = entry
            .path()?
            .strip_prefix("raftpool-support")?
            .display()
            .to_string();
        let mut text = String::new();
        entry
            .read_to_string(&mut text)
            .with_context(|| name.clone())?;
        files.insert(name, text);
    }
    Ok(files)
}

fn dump(pool: &Pool, name: &str) -> Result<BTreeMap<String, String>> {
    let archive = pool.directory().join(name);
    let output = std::process::Command::new(executable()?)
        .arg("support-dump")
        .arg(pool.config_file())
        .arg("--output")
        .arg(&archive)
        .arg("--log")
        .arg(pool.directory().join("node.log"))
        .env("RAFTPOOL__LOG__FILTER", "\"info\"")
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    read(&archive)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_for_whoever_helps_tells_all_of_a_node_and_no_secret() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    let health = free_address()?;
    let text = std::fs::read_to_string(pool.config_file())?;
    let changed = text.replace(
        "[health]\nlisten = \"127.0.0.1:0\"",
        &format!("# the password is hunter1\n[health]\nlisten = \"{health}\""),
    );
    ensure!(changed.contains(&health.to_string()));
    std::fs::write(pool.config_file(), changed)?;
    pool.start_node(&[]).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    wait::until("the node has work", DEADLINE, || async {
        Ok((pool.node.probe("/readyz").await? == 200).then_some(()))
    })
    .await?;
    find_block(&pool).await?;
    let made = pool
        .node
        .tell(&["token", "make"], &[MINERS[0], "--label", "garage"])?;
    let token = made
        .split_whitespace()
        .find(|word| word.starts_with("rpt_"));
    let token = token.context("no token was printed")?;

    let files = dump(&pool, "running.tar.gz")?;
    ensure!(
        !files.contains_key("missing.txt"),
        "{}",
        files["missing.txt"]
    );
    for (name, text) in &files {
        ensure!(!text.contains("hunter"), "a password is in {name}: {text}");
        ensure!(!text.contains(token), "a token is in {name}");
    }
    holds(&files["configuration.toml"], "minimum_difficulty")?;
    holds(&files["environment.txt"], "RAFTPOOL__LOG__FILTER=info")?;
    holds(&files["metrics.txt"], "raftpool_build_info")?;
    holds(&files["log.txt"], "serving the admin socket")?;
    holds(&files["data-directory.txt"], "raft/")?;
    let cluster: Value = serde_json::from_str(&files["cluster.json"])?;
    ensure!(cluster["is_member"] == true, "{cluster}");
    let findings: Value = serde_json::from_str(&files["findings.json"])?;
    ensure!(
        findings.as_array().is_some_and(|found| found.len() > 3),
        "{findings}"
    );

    let taken = run(&[
        "support-dump".as_ref(),
        pool.config_file().as_os_str(),
        "--without-log".as_ref(),
        "--output".as_ref(),
        pool.directory().join("running.tar.gz").as_os_str(),
    ])?;
    ensure!(taken.status.code() == Some(1), "{taken:?}");
    holds(&String::from_utf8(taken.stderr)?, "must not be there yet")?;

    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    let files = dump(&pool, "stopped.tar.gz")?;
    for file in ["cluster.json", "metrics.txt"] {
        ensure!(!files.contains_key(file), "{file} of a stopped node");
        holds(&files["missing.txt"], file)?;
    }
    holds(&files["missing.txt"], "the node is not running")?;
    holds(&files["findings.json"], "it does not run")
}
