//! `raftpool run`

use std::process::ExitCode;

use anyhow::{Context, bail};

use super::stop;
use crate::cli::RunArgs;
use crate::config::{Config, ConfigError};
use crate::node::{CRASH_VARIABLE, Node, crash_hook};
use crate::process::write_addresses;
use crate::system::log_as_configured;

pub(super) fn execute(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config, std::env::vars())?;
    log_as_configured(&config.raw.log).map_err(|problem| ConfigError::Value {
        key: "log.filter",
        problem,
    })?;
    let runtime = super::runtime()?;
    let served = runtime.block_on(serve(args, config));
    // Not waited for: a read of the standard input, or of a disk that hangs, may never end, and a
    // node that has failed must not linger.
    runtime.shutdown_background();
    served
}

async fn serve(args: &RunArgs, config: Config) -> anyhow::Result<ExitCode> {
    let step_hook = crash_hook(std::env::var(CRASH_VARIABLE).ok().as_deref())?;
    let node = Node::start(config, step_hook).await?;
    tokio::select! {
        reason = stop::requested(args.exit_on_stdin_close) => {
            tracing::info!(reason = reason?, "stopping");
        }
        // Nothing is saved by a graceful stop when the disk has failed: end at once.
        reason = node.failed() => bail!("the node has stopped: {reason}"),
        served = serve_miners(args, &node) => served?,
    }
    node.shutdown().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Ends only with an error.
async fn serve_miners(args: &RunArgs, node: &Node) -> anyhow::Result<()> {
    // A node that may wait for long is found by those who could end that.
    if node.addresses().peer.is_some() {
        tell_addresses(args, node)?;
    }
    node.serve().await?;
    tell_addresses(args, node)?;
    std::future::pending().await
}

fn tell_addresses(args: &RunArgs, node: &Node) -> anyhow::Result<()> {
    let addresses = node.addresses();
    tracing::info!(
        stratum = ?addresses.stratum,
        api = %addresses.api,
        peer = addresses.peer.map(tracing::field::display),
        "the node listens"
    );
    let Some(file) = &args.addresses_file else {
        return Ok(());
    };
    write_addresses(file, &addresses).with_context(|| format!("write {}", file.display()))
}
