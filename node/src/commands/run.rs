//! `raftpool run`

use std::process::ExitCode;

use anyhow::Context;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::stop::{Asked, Stop};
use super::supervisor;
use crate::cli::RunArgs;
use crate::config::{Config, ConfigError};
use crate::node::{CRASH_FILE_VARIABLE, CRASH_VARIABLE, Node, crash_hook};
use crate::process::write_addresses;
use crate::system::{OTHER_FILES, log_as_configured};

pub(super) fn execute(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config, std::env::vars())?;
    log_as_configured(&config.raw.log).map_err(|problem| ConfigError::Value {
        key: "log.filter",
        problem,
    })?;
    let connections = config.raw.stratum.connections_max as u64;
    if let Err(allowed) = crate::system::allow_open_files(connections + OTHER_FILES) {
        tracing::warn!(
            allowed,
            connections,
            "the system allows fewer open files than [stratum] connections_max needs"
        );
    }
    let runtime = super::runtime()?;
    let served = runtime.block_on(serve(args, config));
    // Not waited for: a read of the standard input may never end.
    runtime.shutdown_background();
    served
}

async fn serve(args: &RunArgs, config: Config) -> anyhow::Result<ExitCode> {
    let variable = |name| std::env::var(name).ok();
    let (crash, crash_file) = (variable(CRASH_VARIABLE), variable(CRASH_FILE_VARIABLE));
    let step_hook = crash_hook(crash.as_deref(), crash_file.as_deref())?;
    let mut stop = Stop::listen(args.exit_on_stdin_close)?;
    let node = Node::start(config, step_hook).await?;
    // Until the very end: a node that hangs while it stops is to be ended as well.
    let _watched = supervisor::tell_ready();
    let ended = tokio::select! {
        () = wind_down(&node, &mut stop) => Ok(()),
        reason = node.failed() => end_at_once(&reason),
        served = serve_miners(args, &node) => served,
    };
    node.shutdown().await;
    ended?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Waits until the process is to stop. After a signal miners are let go in good order, unless there
/// is a second one.
async fn wind_down(node: &Node, stop: &mut Stop) {
    let asked = stop.asked().await;
    supervisor::tell_stopping();
    match asked {
        Asked::StdinClosed => tracing::info!(reason = "standard input closed", "stopping"),
        Asked::BySignal(reason) => {
            tracing::info!(reason, "stopping; another signal stops at once");
            tokio::select! {
                () = node.leave() => {}
                _ = stop.asked() => tracing::info!("stopping at once"),
            }
        }
    }
}

/// Ends the process where it stands. Nothing is saved by a graceful stop when the disk or the
/// books have failed, and the database's threads may hang in a write that never returns; a plain
/// exit would run destructors under them.
fn end_at_once(reason: &str) -> ! {
    eprintln!("raftpool: the node has stopped: {reason}");
    // A dump of the memory would hold the keys of certificates and wallets; without this it is
    // left to the system's settings.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    std::process::abort();
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
        health = addresses.health.map(tracing::field::display),
        "the node listens"
    );
    let Some(file) = &args.addresses_file else {
        return Ok(());
    };
    write_addresses(file, &addresses).with_context(|| format!("write {}", file.display()))
}
