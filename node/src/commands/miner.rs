//! `raftpool miner`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use raftpool_miner::{Miner, MinerConfig, PoolAddress, Timing, status_line};

use super::stop;
use crate::cli::MinerArgs;

/// How often the status line is printed.
const STATUS_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn execute(args: &MinerArgs) -> anyhow::Result<ExitCode> {
    crate::system::log_to_stderr("info");
    let miner = Miner::start(configuration(args)?).context("start the miner")?;
    let mut events = miner.events();
    let mut ticks = tokio::time::interval(STATUS_EVERY);
    let stopped = stop::requested(args.exit_on_stdin_close);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            reason = &mut stopped => {
                println!("stopping: {}", reason?);
                break;
            }
            // A reader that lags misses lines, and nothing else.
            Ok(event) = events.recv() => println!("{event}"),
            _ = ticks.tick() => println!("{}", status_line(&miner.stats())),
        }
    }
    miner.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

fn configuration(args: &MinerArgs) -> anyhow::Result<MinerConfig> {
    let pools: Result<Vec<PoolAddress>, _> = args.pools.iter().map(|pool| pool.parse()).collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(MinerConfig {
        pools: pools.context("--pool")?,
        address: args.address.clone(),
        worker: args.worker.clone(),
        password: args.password.clone(),
        threads: args.threads.unwrap_or(cores),
        agent: concat!("raftpool-miner/", env!("CARGO_PKG_VERSION")).into(),
        nonce_seed: rand::random(),
        throttle: (args.load < 100).then(|| f32::from(args.load) / 100.0),
        timing: Timing::default(),
    })
}
