//! `raftpool demo`: a whole pool on one machine and one screen.
//!
//! Real processes of this very program (a simulated network, a node, two miners) talk over
//! loopback as they would in production; the screen reads the node's public API.

mod pool;
mod screen;
mod story;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::cli::DemoArgs;
use pool::DemoPool;
use screen::Screen;
use story::Story;

/// How often the screen is brought up to date.
const REFRESH: Duration = Duration::from_millis(1_000);

/// Runs the demo until Ctrl-C, or until the wanted number of payouts.
pub async fn execute(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    if args.fresh && args.directory.exists() {
        std::fs::remove_dir_all(&args.directory)
            .with_context(|| format!("remove {}", args.directory.display()))?;
    }
    println!("Starting a simulated XELIS network, a node and two miners ...");
    let mut pool = DemoPool::start(&args.directory, args.load).await?;
    let result = show(args, &mut pool).await;
    println!("Stopping ...");
    pool.stop().await;
    result?;
    println!(
        "Stopped. Data and logs are in {}; run the demo again to continue, or with --fresh to begin anew.",
        args.directory.display()
    );
    Ok(ExitCode::SUCCESS)
}

async fn show(args: &DemoArgs, pool: &mut DemoPool) -> anyhow::Result<()> {
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
        pool.check()?;
        let scene = pool.scene().await?;
        story.follow(&scene);
        screen.draw(&scene, &mut story)?;
        if args
            .until_payouts
            .is_some_and(|wanted| story.payouts_confirmed() >= wanted)
        {
            return Ok(());
        }
    }
}
