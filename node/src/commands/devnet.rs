//! `raftpool devnet`

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use raftpool_devnet::{Devnet, DevnetConfig, DifficultyRule, Listen};

use super::stop;
use crate::cli::DevnetArgs;
use crate::process::{DevnetAddresses, write_addresses};
use crate::system::now_ms;

/// The wallet's password when no file is given: fine on loopback, for coins worth nothing.
const DEFAULT_PASSWORD: &str = "pool";

pub(super) async fn execute(args: &DevnetArgs) -> anyhow::Result<ExitCode> {
    crate::system::log_to_stderr("info");
    let devnet = Devnet::start(configuration(args)?)
        .await
        .context("start the simulated network")?;
    let addresses = DevnetAddresses {
        daemon: devnet.daemon_url(),
        wallet: devnet.wallet_url(),
        control: devnet.control_url(),
        pool_address: devnet.control().wallet_address(),
    };
    println!("daemon   {}", addresses.daemon);
    println!("wallet   {}", addresses.wallet);
    println!("control  {}", addresses.control);
    println!("address  {}", addresses.pool_address);
    if let Some(file) = &args.addresses_file {
        write_addresses(file, &addresses).with_context(|| format!("write {}", file.display()))?;
    }
    let reason = stop::requested(args.exit_on_stdin_close).await?;
    tracing::info!(reason, "stopping");
    devnet
        .shutdown()
        .await
        .context("keep the network's state")?;
    Ok(ExitCode::SUCCESS)
}

fn configuration(args: &DevnetArgs) -> anyhow::Result<DevnetConfig> {
    let wallet_password = match &args.wallet_password_file {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("read {}", file.display()))?
            .trim_end()
            .to_owned(),
        None => DEFAULT_PASSWORD.to_owned(),
    };
    Ok(DevnetConfig {
        difficulty: DifficultyRule::Fixed(args.difficulty.into()),
        algorithm: args.algorithm.into(),
        stable_depth: args.stable_depth,
        auto_mine_every_ms: (args.foreign_block_every_ms > 0)
            .then_some(args.foreign_block_every_ms),
        wallet_username: args.wallet_username.clone(),
        wallet_password,
        listen: Listen {
            host: args.host,
            daemon_port: args.daemon_port,
            wallet_port: args.wallet_port,
            control_port: args.control_port,
        },
        state_file: args.state_file.clone(),
        ..DevnetConfig::new(Arc::new(now_ms), rand::random())
    })
}
