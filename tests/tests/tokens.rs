//! Tokens through whole nodes: made on one, good on all, revoked on a third, and written nowhere.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool};
use raftpool_tests::command::holds;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::node::NodeProcess;
use raftpool_tests::processes::{DEADLINE, MINERS, Pool, PoolOptions};
use raftpool_tests::wait;
use serde_json::{Value, json};

/// For one message of the pool.
const PATIENCE: Duration = Duration::from_secs(30);

fn tokens_of(node: &NodeProcess) -> Result<Vec<Value>> {
    let answer = node.tell_json(&["token", "list"], &[MINERS[0]])?;
    Ok(answer["items"].as_array().context("no items")?.clone())
}

async fn connect(node: &NodeProcess, password: &str) -> Result<ScriptedMiner> {
    let stratum = node.stratum().context("the node serves no miners")?;
    ScriptedMiner::connect(stratum, MINERS[0], "rig", password).await
}

async fn is_accepted(miner: &mut ScriptedMiner) -> Result<bool> {
    let before = miner.accepted;
    miner.submit_fresh(1).await?;
    miner.read_answers().await?;
    Ok(miner.accepted > before)
}

/// Reads until the connection ends; the last message of it.
async fn last_word(miner: &mut ScriptedMiner) -> Value {
    let mut last = Value::Null;
    while let Ok(message) = miner.read_one(PATIENCE).await {
        last = message;
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_holds_on_every_node_and_revoking_it_closes_connections_everywhere() -> Result<()> {
    let pool = ClusterPool::start(ClusterOptions {
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await?;
    let blocks = json!({"count": 2});
    pool.network.control("produce_blocks", blocks).await?;
    let nodes = [pool.member(1)?, pool.member(2)?, pool.member(3)?];
    let [one, two, three] = nodes.each_ref().map(|member| &member.process);

    let mut stranger = connect(two, "x").await?;
    ensure!(is_accepted(&mut stranger).await?, "nothing is required yet");
    let made = one.tell(&["token", "make"], &[MINERS[0], "--label", "garage"])?;
    let secret = made.trim();
    ensure!(secret.starts_with("rpt_"), "{made}");
    three.tell(&["token", "require"], &[MINERS[0]])?;
    let last = last_word(&mut stranger).await.to_string();
    holds(&last, "requires a token")?;

    // As soon as a node has the change, the token is good there.
    let mut miners = Vec::new();
    for node in [one, two, three] {
        let known = wait::until("the node knows the token", DEADLINE, || async move {
            Ok((tokens_of(node)?.len() == 1).then_some(()))
        });
        known.await?;
        let mut miner = connect(node, &format!("d=1,token={secret}")).await?;
        ensure!(is_accepted(&mut miner).await?, "a good token");
        miners.push(miner);
    }
    let id = tokens_of(two)?[0]["id"]
        .as_str()
        .context("no id")?
        .to_owned();
    two.tell(&["token", "revoke"], &[MINERS[0], &id, "--reason", "lost"])?;
    for miner in &mut miners {
        let last = last_word(miner).await.to_string();
        holds(&last, "revoked")?;
    }
    let refused = connect(three, secret).await;
    ensure!(refused.is_err(), "a revoked token let somebody in");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_in_no_log_file_of_the_node() -> Result<()> {
    let mut pool = Pool::start(PoolOptions::default()).await?;
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    pool.start_node(&[("RAFTPOOL__LOG__FILTER", "trace")])
        .await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let node = &pool.node;

    let none = node.tell(&["token", "list"], &[])?;
    ensure!(none == "no address has tokens or requires one\n", "{none}");
    let made = node.tell(
        &["token", "make"],
        &[MINERS[0], "--worker", "rig", "--days", "2"],
    )?;
    let secret = made.trim().to_owned();
    let told = node.tell(&["token", "require"], &[MINERS[0]])?;
    ensure!(!told.contains("nobody can mine"), "{told}");
    let told = node.tell(&["token", "require"], &[MINERS[1], "--reason", "closed"])?;
    holds(&told, "nobody can mine")?;
    let list = node.tell(&["token", "list"], &[MINERS[0]])?;
    let ending = &secret[secret.len() - 4..];
    for word in [
        "requires a token",
        ending,
        "worker rig",
        "ends in 1 days",
        "otto",
    ] {
        holds(&list, word)?;
    }
    ensure!(!list.contains(&secret), "{list}");
    let list = node.tell(&["token", "list"], &[])?;
    ensure!(list.lines().count() == 2, "{list}");

    let mut miner = connect(node, &secret).await?;
    ensure!(is_accepted(&mut miner).await?, "a good token");
    ensure!(connect(node, "rpt_wrong").await.is_err(), "a wrong token");
    let api = node.addresses().context("the node runs")?.api;
    let getwork = format!("ws://{api}/getwork/{}/rig?token=", MINERS[0]);
    tokio_tungstenite::connect_async(format!("{getwork}{secret}")).await?;
    let refused = tokio_tungstenite::connect_async(format!("{getwork}rpt_wrong")).await;
    ensure!(refused.is_err(), "a wrong token over getwork");
    let complaint = node.refusal(&["token", "make"], &["xet:nobody"])?;
    holds(&complaint, "address")?;

    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    let log = pool.node_log();
    ensure!(
        log.contains("TRACE"),
        "the log is not as talkative as it should be"
    );
    ensure!(
        log.contains("authorization refused"),
        "a refusal is not in the log"
    );
    for token in [secret.as_str(), "rpt_wrong"] {
        ensure!(!log.contains(token), "a token is in the log");
    }
    pool.verify_books()?;
    let found = files_with(pool.directory(), secret.as_bytes())?;
    ensure!(found.is_empty(), "a token is in {found:?}");
    Ok(())
}

/// The files below a directory that hold these bytes.
fn files_with(directory: &std::path::Path, bytes: &[u8]) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files_with(&path, bytes)?);
        } else if path.is_file()
            && std::fs::read(&path)?
                .windows(bytes.len())
                .any(|part| part == bytes)
        {
            found.push(path);
        }
    }
    Ok(found)
}
