//! `raftpool demo`: a whole pool on one machine and one screen.
//!
//! Real processes of this very program (a simulated network, three nodes, three miners) talk over
//! loopback as they would in production; the screen reads the public API of a node that lives.

mod network;
mod pool;
mod screen;
mod story;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{DemoAction, DemoArgs, DemoRunArgs};
use network::Layout;
use pool::DemoPool;
use screen::Screen;
use story::Story;

/// How often the screen is brought up to date.
const REFRESH: Duration = Duration::from_millis(1_000);

/// Runs the demo until Ctrl-C, or until the wanted number of payouts; or does something to one
/// that runs.
pub async fn execute(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        Some(DemoAction::Kill { node, directory }) => kill(directory, *node)?,
        None => run(&args.run).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(args: &DemoRunArgs) -> anyhow::Result<()> {
    if args.fresh && args.directory.exists() {
        std::fs::remove_dir_all(&args.directory)
            .with_context(|| format!("remove {}", args.directory.display()))?;
    }
    println!("Starting a simulated XELIS network, three nodes and three miners ...");
    let mut pool = DemoPool::start(&args.directory, args.load).await?;
    let result = show(args, &mut pool).await;
    println!("Stopping ...");
    pool.stop().await;
    result?;
    println!(
        "Stopped. Data and logs are in {}; run the demo again to continue, or with --fresh to begin anew.",
        args.directory.display()
    );
    Ok(())
}

/// Kills a node of the demo that runs in `directory`.
fn kill(directory: &Path, node: u32) -> anyhow::Result<()> {
    let file = Layout::process_file(directory);
    let Ok(text) = std::fs::read(&file) else {
        bail!("no demo runs in {}", directory.display());
    };
    let ids: BTreeMap<String, i32> =
        serde_json::from_slice(&text).with_context(|| format!("read {}", file.display()))?;
    let id = ids.get(&node.to_string());
    let Some(id) = id.and_then(|id| Pid::from_raw(*id)) else {
        bail!("node {node} is not running");
    };
    kill_process(id, Signal::KILL).with_context(|| format!("kill node {node}"))?;
    println!("node {node} is killed; the demo starts it again in 20 seconds");
    Ok(())
}

async fn show(args: &DemoRunArgs, pool: &mut DemoPool) -> anyhow::Result<()> {
    let mut screen = Screen::new(args.plain);
    let mut story = Story::default();
    let mut ticks = tokio::time::interval(REFRESH);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut interrupted => return Ok(()),
        }
        pool.look_after().await?;
        // While all nodes are away there is nothing to show.
        let Some(scene) = pool.scene().await? else {
            continue;
        };
        story.follow(&scene);
        screen.draw(&scene, &mut story, &pool.away())?;
        if args
            .until_payouts
            .is_some_and(|wanted| story.payouts_confirmed() >= wanted)
        {
            return Ok(());
        }
    }
}
