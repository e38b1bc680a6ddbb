//! The operator's commands: `raftpool cluster ...`, as a person would type them.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{ClusterPool, Member};
use crate::processes::{executable, strings};
use crate::wait;

/// Longest time one command may take: a change waits for the cluster, but not for ever.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time a command is repeated through all nodes.
const INSIST_DEADLINE: Duration = Duration::from_secs(90);

/// What `raftpool cluster status` says.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether all is well.
    pub is_healthy: bool,
    /// The whole answer.
    pub status: Value,
}

impl Health {
    /// The ids of the voters.
    pub fn voters(&self) -> Vec<u64> {
        let nodes = self.status["nodes"].as_array().into_iter().flatten();
        let voters = nodes.filter(|node| node["is_voter"] == Value::Bool(true));
        voters.filter_map(|node| node["id"].as_u64()).collect()
    }

    /// The ids of all members.
    pub fn ids(&self) -> Vec<u64> {
        let nodes = self.status["nodes"].as_array().into_iter().flatten();
        nodes.filter_map(|node| node["id"].as_u64()).collect()
    }
}

impl ClusterPool {
    pub(super) async fn make_authority(&self) -> Result<()> {
        let directory = self.root().join("authority").display().to_string();
        succeed(&["cluster", "ca", "init", &directory]).await
    }

    pub(super) async fn issue(&self, member: &Member) -> Result<()> {
        let authority = self.root().join("authority").display().to_string();
        let (id, out) = (member.id.to_string(), member.certificates());
        let out = out.display().to_string();
        let arguments = ["cluster", "issue", &id, "--ca", &authority, "--out", &out];
        succeed(&arguments).await
    }

    /// Has one node found the cluster. Only this one is asked: two founders were two clusters.
    pub(super) async fn found(&self, founder: &Member) -> Result<()> {
        let output = self.command_through(founder, &["init"], &[]).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cluster init: {complaint}");
        Ok(())
    }

    /// Runs `raftpool cluster COMMAND CONFIG ARGUMENTS` through one running node after another
    /// until it succeeds. All these commands may be repeated.
    ///
    /// # Errors
    /// At the deadline, with the last complaint.
    pub async fn insist(&self, command: &[&str], arguments: &[&str]) -> Result<()> {
        let (started, mut complaint) = (Instant::now(), "no node runs".to_owned());
        while started.elapsed() < INSIST_DEADLINE {
            for member in self.running().await {
                match self.command_through(&member, command, arguments).await {
                    Ok(output) if output.status.success() => return Ok(()),
                    Ok(output) => complaint = String::from_utf8_lossy(&output.stderr).into(),
                    Err(error) => complaint = format!("{error:#}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("cluster {command:?} {arguments:?}: not within {INSIST_DEADLINE:?}: {complaint}")
    }

    /// Runs `raftpool cluster COMMAND CONFIG ARGUMENTS` through one node, once.
    ///
    /// # Errors
    /// When the command does not end in time.
    pub async fn command_through(
        &self,
        member: &Member,
        command: &[&str],
        arguments: &[&str],
    ) -> Result<Output> {
        let config = member.process.config_file().display().to_string();
        let mut all = vec!["cluster"];
        all.extend(command);
        all.push(&config);
        all.extend(arguments);
        run(&all).await
    }

    /// The cluster's health, as the first running member that answers sees it.
    ///
    /// # Errors
    /// When none answers.
    pub async fn health(&self) -> Result<Health> {
        let mut complaint = "no node runs".to_owned();
        for member in self.running().await {
            let asked = self.command_through(&member, &["status"], &["--output", "json"]);
            let output = asked.await?;
            let code = output.status.code();
            match serde_json::from_slice::<Value>(&output.stdout) {
                // It waits to be added, or was removed.
                Ok(status) if status["is_member"] == Value::Bool(false) => {
                    complaint = format!("node {} is no member", member.id);
                }
                Ok(status) => {
                    let words = ["healthy", "degraded", "no_quorum"];
                    let told = code.and_then(|code| words.get(usize::try_from(code).ok()?));
                    ensure!(
                        told.is_some_and(|word| status["health"] == **word),
                        "exit code {code:?} does not fit to {status}"
                    );
                    let is_healthy = code == Some(0);
                    return Ok(Health { is_healthy, status });
                }
                Err(_) => complaint = String::from_utf8_lossy(&output.stderr).into(),
            }
        }
        bail!("nobody tells the cluster's status: {complaint}")
    }

    /// Waits until the cluster says that all is well, and returns what it says.
    ///
    /// # Errors
    /// At the deadline, with what it said last.
    pub async fn wait_healthy(&self, deadline: Duration) -> Result<Health> {
        wait::until("the cluster is healthy", deadline, || async {
            let health = self.health().await?;
            if health.is_healthy {
                return Ok(Some(health));
            }
            // The error is what the time-out shows.
            bail!("{}", health.status)
        })
        .await
    }
}

async fn succeed(arguments: &[&str]) -> Result<()> {
    let output = run(arguments).await?;
    ensure!(
        output.status.success(),
        "raftpool {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

async fn run(arguments: &[&str]) -> Result<Output> {
    let command = tokio::process::Command::new(executable()?)
        .args(strings(arguments))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(COMMAND_TIMEOUT, command)
        .await
        .with_context(|| format!("raftpool {arguments:?}: not within {COMMAND_TIMEOUT:?}"))?
        .with_context(|| format!("run raftpool {arguments:?}"))
}
