//! `raftpool loadgen` as a process beside the nodes it loads.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_miner::load::LoadReport;
use tokio::process::{Child, ChildStdin, Command};

use crate::processes::{DEADLINE, executable};

/// A load that runs. It ends when this is dropped.
pub struct Loadgen {
    child: Child,
    /// Closing it ends the load, and so would waiting for the child while it has it.
    stdin: Option<ChildStdin>,
}

impl Loadgen {
    /// Starts to load these nodes; `arguments` are added to the command line.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(pools: &[SocketAddr], address: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(executable()?);
        command.args(["loadgen", "--output=json", "--exit-on-stdin-close"]);
        command.arg(format!("--address={address}"));
        command.args(pools.iter().map(|pool| format!("--pool={pool}")));
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.kill_on_drop(true).spawn();
        let mut child = child.context("start a load")?;
        Ok(Self {
            stdin: child.stdin.take(),
            child,
        })
    }

    /// Waits until it ends by itself, within `duration` and some more, and returns its report.
    ///
    /// # Errors
    /// When it fails, or does not end in time.
    pub async fn report_within(self, duration: Duration) -> Result<LoadReport> {
        let output = tokio::time::timeout(duration + DEADLINE, self.child.wait_with_output());
        let output = output.await.context("the load does not end")??;
        ensure!(
            output.status.success(),
            "the load failed: {}",
            output.status
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Ends it now and returns its report.
    ///
    /// # Errors
    /// When it fails, or does not end in time.
    pub async fn stop(mut self) -> Result<LoadReport> {
        drop(self.stdin.take());
        self.report_within(Duration::ZERO).await
    }
}
