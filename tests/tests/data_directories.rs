//! Data directories that older programs have written: this one opens each and finds the books that
//! were in it.
//!
//! One for each version of the store is kept in `tests/testdata/data-directories`, with what the
//! program that wrote it said of its books. `UPDATE_EXPECT=1` records the one of today's version anew,
//! by the program of the previous release, when it is missing; what is there is never written again.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use raftpool_ledger::COMMAND_VERSION;
use raftpool_store::FORMAT_VERSION;
use raftpool_tests::command::holds;
use raftpool_tests::configuration;
use raftpool_tests::devnet::SimulatedNetwork;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::node::NodeProcess;
use raftpool_tests::processes::{DEADLINE, MINERS, PoolOptions};
use raftpool_tests::story::{Through, find_block, hashing_options, mine_until_quiet};
use raftpool_tests::upgrade::previous_program;
use raftpool_tests::wait;

/// The oldest version of the store that can be opened: those before were never released.
const OLDEST_VERSION: u32 = 3;
/// Everybody who clones has to carry them.
const BYTES_MAX: u64 = 200 << 10;
/// Few enough that a snapshot is in the directory.
const STORAGE: &str = "[storage]\nsnapshot_entries = 20\nlog_entries_kept = 10\n";

fn recorded(version: u32, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/data-directories")
        .join(format!("version-{version}.{kind}"))
}

/// A node of a simulated network, which is not running.
async fn node_in(
    directory: &Path,
    options: &PoolOptions,
) -> Result<(SimulatedNetwork, NodeProcess)> {
    let network = SimulatedNetwork::start(directory, options).await?;
    let text = configuration::alone(options, &network.addresses, network.password_file());
    let node = NodeProcess::new("node", directory, Vec::new())?;
    std::fs::write(node.config_file(), text + STORAGE)?;
    Ok((network, node))
}

fn tar(arguments: &[&str], archive: &Path, directory: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(arguments).arg("--file").arg(archive);
    command.arg("--directory").arg(directory);
    if arguments.contains(&"--create") {
        command.arg("data");
    }
    let output = command.output().context("run tar")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tar: {complaint}");
    Ok(())
}

/// Has the previous program credit shares, find blocks, of which all but the newest are settled and paid,
/// and make a snapshot.
async fn record(version: u32) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (network, node) = node_in(directory.path(), &hashing_options()).await?;
    let node = node.with_program(previous_program()?);
    node.start(&[]).await?;
    let through = Through {
        network: &network,
        node: &node,
    };
    let stratum = wait::until("miners are served", DEADLINE, || async {
        Ok(node.stratum())
    })
    .await?;
    for worker in ["cellar", "attic"] {
        let mut miner = ScriptedMiner::connect(stratum, MINERS[1], worker, "x").await?;
        for _ in 0..15 {
            let nonce = miner.solve(miner.difficulty)?;
            miner.submit(nonce).await?;
            miner.read_answers().await?;
        }
    }
    find_block(through).await?;
    mine_until_quiet(through).await?;
    find_block(through).await?;
    wait::until("a snapshot is made", DEADLINE, || async {
        let index = node.metric("raftpool_raft_snapshot_index").await?;
        Ok((index > 0.0).then_some(()))
    })
    .await?;
    ensure!(node.stop().await, "the node ended badly");
    let books = node.tell(&["ledger", "verify"], &[])?;
    std::fs::write(recorded(version, "txt"), books)?;
    // The databases' own logs are not read.
    let options = [
        "--create",
        "--gzip",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--exclude=LOG",
        "--exclude=LOG.old.*",
    ];
    tar(&options, &recorded(version, "tar.gz"), directory.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_that_can_be_opened_is_recorded_and_small() -> Result<()> {
    for version in OLDEST_VERSION..=FORMAT_VERSION {
        let archive = recorded(version, "tar.gz");
        if std::env::var_os("UPDATE_EXPECT").is_some() && !archive.exists() {
            ensure!(version == FORMAT_VERSION, "nobody writes version {version}");
            record(version).await?;
        }
        let size = std::fs::metadata(&archive);
        let size = size.with_context(|| format!("{} is missing", archive.display()))?;
        ensure!(size.len() <= BYTES_MAX, "{} bytes", size.len());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_every_recorded_directory_are_found_and_go_on() -> Result<()> {
    for version in OLDEST_VERSION..=FORMAT_VERSION {
        let directory = tempfile::tempdir()?;
        let (_network, node) = node_in(directory.path(), &PoolOptions::default()).await?;
        let archive = recorded(version, "tar.gz");
        tar(&["--extract", "--gzip"], &archive, directory.path())?;
        let books = std::fs::read_to_string(recorded(version, "txt"))?;
        ensure!(node.tell(&["ledger", "verify"], &[])? == books, "{books}");

        // The network is another one, but that does not keep miners from working.
        node.start(&[]).await?;
        let stratum = wait::until("miners are served", DEADLINE, || async {
            Ok(node.stratum())
        })
        .await?;
        let totals = node.api("/api/v1/pool").await?["totals"].clone();
        let is_lived_in =
            totals["blocks"].as_u64() > Some(1) && totals["payouts"].as_u64() > Some(0);
        ensure!(is_lived_in, "{totals}");
        let mut miner = ScriptedMiner::connect(stratum, MINERS[1], "late", "x").await?;
        miner.submit_fresh(3).await?;
        miner.read_answers().await?;
        ensure!(miner.accepted == 3, "{:?}", miner.refused);
        wait::until("all is well", DEADLINE, || async {
            let status = node.tell(&["cluster", "status"], &[])?;
            holds(&status, "commands of version 1 are used")?;
            Ok(Some(()))
        })
        .await?;
        let told = node.tell(&["cluster", "finalize"], &[])?;
        holds(&told, &format!("version {COMMAND_VERSION} is finalized"))?;
        ensure!(node.stop().await, "the node ended badly");
        node.verify_books()?;
    }
    Ok(())
}
