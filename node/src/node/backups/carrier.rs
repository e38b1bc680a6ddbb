//! Bringing backups elsewhere, such as to an object store, by a program that the operator names.
//!
//! Always the newest backup is brought: one that could not be is tried again until it is, or until
//! there is a newer one. What was there when the node started is brought once more, because nobody
//! remembers whether it was; programs that copy know what is there already.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use prometheus::{IntCounter, IntGauge, Registry};
use tokio::process::Command;
use tokio::sync::watch;

use crate::commands::chain_of;

/// Between two tries.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// Longest time one copy may take.
const COPY_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The end of what a program complains of that is logged.
const COMPLAINT_BYTES_MAX: usize = 1_000;

/// A backup that is to be brought elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// Its directory.
    pub(super) path: PathBuf,
    /// Its name.
    pub(super) name: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub(super) made_at_ms: u64,
}

/// Brings the newest backup elsewhere.
pub(super) struct Carrier {
    command: Vec<String>,
    copied_timestamp: IntGauge,
    failures: IntCounter,
}

impl Carrier {
    /// Registers the metrics, which stay 0 without a command.
    ///
    /// # Errors
    /// When they are registered already.
    pub(super) fn new(command: Vec<String>, registry: &Registry) -> prometheus::Result<Self> {
        let copied_timestamp = IntGauge::new(
            "raftpool_backup_copied_timestamp_seconds",
            "When the newest backup that was brought elsewhere was made, since the Unix epoch; 0: none was",
        )?;
        let failures = IntCounter::new(
            "raftpool_backup_copy_failures_total",
            "Tries to bring a backup of this node elsewhere that failed",
        )?;
        registry.register(Box::new(copied_timestamp.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        Ok(Self {
            command,
            copied_timestamp,
            failures,
        })
    }

    /// Brings the newest backup elsewhere, again and again, until nobody makes any more.
    pub(super) async fn run(self, mut newest: watch::Receiver<Option<Load>>) {
        if self.command.is_empty() {
            return;
        }
        loop {
            let load = newest.borrow_and_update().clone();
            let is_brought = match &load {
                Some(load) => self.bring(load).await,
                None => true,
            };
            let changed = match is_brought {
                true => newest.changed().await,
                false => match tokio::time::timeout(RETRY_INTERVAL, newest.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => continue,
                },
            };
            if changed.is_err() {
                return;
            }
        }
    }

    async fn bring(&self, load: &Load) -> bool {
        match self.try_to_bring(load).await {
            Ok(()) => {
                let made_at_s = load.made_at_ms / 1_000;
                self.copied_timestamp.set(made_at_s.cast_signed());
                tracing::info!(name = load.name, "a backup was brought elsewhere");
                true
            }
            Err(error) => {
                self.failures.inc();
                let error = chain_of(&error);
                tracing::error!(
                    name = load.name,
                    error,
                    "a backup was not brought elsewhere"
                );
                false
            }
        }
    }

    async fn try_to_bring(&self, load: &Load) -> anyhow::Result<()> {
        let path = load.path.display().to_string();
        let filled = |word: &String| word.replace("{path}", &path).replace("{name}", &load.name);
        let mut words = self.command.iter().map(filled);
        let program = words
            .next()
            .context("backup.copy_command names no program")?;
        let output = Command::new(&program)
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(COPY_TIMEOUT, output)
            .await
            .with_context(|| format!("{program} did not end within an hour"))?
            .with_context(|| format!("run {program}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let from = complaint.len().saturating_sub(COMPLAINT_BYTES_MAX);
        let end = &complaint[complaint.ceil_char_boundary(from)..];
        ensure!(
            output.status.success(),
            "{program}: {}: {end}",
            output.status
        );
        Ok(())
    }
}
