//! `raftpool miner`: mining, and what an operator sees and sets of a miner of the pool.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use raftpool_api::dto::Decimal;
use raftpool_api::dto::rules::PreferencesRequest;
use raftpool_miner::{Miner, MinerConfig, PoolAddress, Timing, status_line};

use super::payout::{connect, reason};
use super::stop;
use crate::cli::payout::{MinerAction, MinerCommand, SetMinerArgs, ShowMinerArgs};
use crate::cli::{MinerArgs, OutputFormat};
use crate::operator::miner_terms;
use crate::system::{now_ms, user_name};

/// How often the status line is printed.
const STATUS_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn execute(command: &MinerCommand) -> anyhow::Result<ExitCode> {
    match (&command.action, &command.mine) {
        (Some(MinerAction::Show(args)), _) => show(args).await?,
        (Some(MinerAction::Set(args)), _) => set(args).await?,
        (None, Some(args)) => return mine(args).await,
        (None, None) => anyhow::bail!("give --pool and --address to mine, or `show` or `set`"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(args: &ShowMinerArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let terms = client.get(&format!("miners/{}", args.address)).await?;
    match args.output {
        OutputFormat::Text => print!("{}", miner_terms(&terms, now_ms())),
        OutputFormat::Json => println!("{terms:#}"),
    }
    Ok(())
}

/// What is not given stays as it is.
async fn set(args: &SetMinerArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let path = format!("miners/{}", args.address);
    let present = client.get(&path).await?["preferences"].take();
    let own = |name: &str| present[name].as_str().map(str::to_owned);
    let threshold = match args.threshold_atomic {
        Some(threshold) => u128::from(threshold),
        None => own("own_threshold_atomic").map_or(Ok(0), |text| text.parse())?,
    };
    let scheme = match args.scheme.as_deref() {
        Some("default") => None,
        Some(scheme) => Some(scheme.to_owned()),
        None => own("own_scheme"),
    };
    let request = PreferencesRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "preferences set"),
        address: args.address.clone(),
        payout_threshold_atomic: Decimal(threshold),
        scheme,
    };
    client.post("miners/preferences", &request).await?;
    print!("{}", miner_terms(&client.get(&path).await?, now_ms()));
    Ok(())
}

async fn mine(args: &MinerArgs) -> anyhow::Result<ExitCode> {
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
