//! Backups by the clock, after payouts, and when an operator asks.
//!
//! Every node with a `[backup]` section backs up its own books, whether it leads or not: what is on
//! one disk less is one disaster more.

mod carrier;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::{IntCounter, IntGauge, Registry};
use raftpool_api::{BackupControl, BackupMade};
use raftpool_ledger::cluster::{BoxFuture, read};
use raftpool_ledger::view::LedgerView;
use raftpool_raft::RaftNode;
use raftpool_store::{BackupRequest, list_backups};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::commands::chain_of;
use crate::config::{BackupSection, Config};
use crate::system::now_ms;
use carrier::{Carrier, Load};

/// How often it is looked whether a payout has become final.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Makes this node's backups.
pub(super) struct Backups {
    raft: Arc<RaftNode>,
    section: Option<BackupSection>,
    newest_timestamp: IntGauge,
    newest_bytes: IntGauge,
    failures: IntCounter,
    /// The newest backup, for whoever brings it elsewhere.
    newest: watch::Sender<Option<Load>>,
}

/// Ends the clock, and the bringing elsewhere, when it is dropped.
pub(super) struct BackupClock([JoinHandle<()>; 2]);

impl Drop for BackupClock {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Backups {
    /// Registers the metrics, which are 0 when backups are not configured, and backs up by the clock
    /// and after payouts when they are.
    ///
    /// # Errors
    /// When the metrics are registered already, or the backups cannot be looked at.
    pub(super) fn start(
        raft: &Arc<RaftNode>,
        config: &Config,
        registry: &Registry,
    ) -> anyhow::Result<(Arc<Self>, Option<BackupClock>)> {
        let backups = Self::new(raft.clone(), config, registry)?;
        let backups = Arc::new(backups);
        let section = backups.section.clone();
        let command = section.as_ref().map(|section| section.copy_command.clone());
        let carrier = Carrier::new(command.unwrap_or_default(), registry)?;
        let carrying = carrier.run(backups.newest.subscribe());
        let run = |section| {
            let clock = tokio::spawn(backups.clone().run(section));
            BackupClock([clock, tokio::spawn(carrying)])
        };
        let clock = section.map(run);
        Ok((backups, clock))
    }

    fn new(raft: Arc<RaftNode>, config: &Config, registry: &Registry) -> anyhow::Result<Self> {
        let (node_id, section) = (config.raw.node.id, config.raw.backup.clone());
        let newest_timestamp = IntGauge::new(
            "raftpool_backup_newest_timestamp_seconds",
            "When the newest backup of this node was made, since the Unix epoch; 0: there is none",
        )?;
        let newest_bytes = IntGauge::new(
            "raftpool_backup_newest_bytes",
            "Bytes of the newest backup of this node",
        )?;
        let failures = IntCounter::new(
            "raftpool_backup_failures_total",
            "Backups of this node that could not be made",
        )?;
        registry.register(Box::new(newest_timestamp.clone()))?;
        registry.register(Box::new(newest_bytes.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        let newest = watch::Sender::new(None);
        if let Some(section) = &section {
            let found = list_backups(&section.directory)
                .with_context(|| format!("look at {}", section.directory.display()))?;
            let own = found.into_iter().filter_map(|backup| {
                let (name, path) = (backup.name(), backup.path);
                let info = backup.info.ok().filter(|info| info.node == node_id)?;
                Some((info, name, path))
            });
            if let Some((info, name, path)) = own.max_by_key(|(info, ..)| info.made_at_ms) {
                newest_timestamp.set((info.made_at_ms / 1_000).cast_signed());
                newest_bytes.set(info.size_bytes.cast_signed());
                let made_at_ms = info.made_at_ms;
                newest.send_replace(Some(Load {
                    path,
                    name,
                    made_at_ms,
                }));
            }
        }
        Ok(Self {
            raft,
            section,
            newest_timestamp,
            newest_bytes,
            failures,
            newest,
        })
    }

    async fn run(self: Arc<Self>, section: BackupSection) {
        let interval = Duration::from_millis(section.interval_ms);
        let age_ms = now_ms().saturating_sub(self.newest_ms());
        let first = Duration::from_millis(section.interval_ms.saturating_sub(age_ms));
        let mut due = Instant::now() + first;
        let mut payouts = self.payouts();
        loop {
            tokio::time::sleep(LOOK_INTERVAL.min(interval)).await;
            let now_final = self.payouts();
            let is_paid = section.after_payouts && now_final > payouts && payouts.is_some();
            if !is_paid && Instant::now() < due {
                payouts = payouts.or(now_final);
                continue;
            }
            // A failure is in the log, and the next time comes.
            let _ = self.make().await;
            payouts = now_final;
            due = Instant::now() + interval;
        }
    }

    fn newest_ms(&self) -> u64 {
        self.newest_timestamp.get().cast_unsigned() * 1_000
    }

    /// Payouts that are final, as far as this node knows.
    fn payouts(&self) -> Option<u64> {
        let totals = read(&*self.raft, |state| LedgerView::new(state).totals());
        totals.ok().map(|totals| totals.payouts)
    }

    async fn make(&self) -> Result<BackupMade, String> {
        let Some(section) = &self.section else {
            return Err("this node has no [backup] section, which says where to".to_owned());
        };
        let request = BackupRequest {
            directory: section.directory.clone(),
            made_at_ms: now_ms(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            kept_max: section.keep as usize,
        };
        let made = self.raft.back_up(request).await;
        let made = made.map(|found| (found.name(), found.path, found.info));
        match made {
            Ok((name, path, Ok(info))) => {
                self.newest_timestamp
                    .set((info.made_at_ms / 1_000).cast_signed());
                self.newest_bytes.set(info.size_bytes.cast_signed());
                self.newest.send_replace(Some(Load {
                    path: path.clone(),
                    name: name.clone(),
                    made_at_ms: info.made_at_ms,
                }));
                tracing::info!(name, index = info.index, "a backup was made");
                Ok(BackupMade {
                    name,
                    path: path.display().to_string(),
                    index: info.index,
                    size_bytes: info.size_bytes,
                })
            }
            Ok((_, _, Err(error))) | Err(error) => {
                self.failures.inc();
                let error = chain_of(&error.into());
                tracing::error!(error, "no backup was made");
                Err(error)
            }
        }
    }
}

impl BackupControl for Backups {
    fn back_up(&self) -> BoxFuture<'_, Result<BackupMade, String>> {
        Box::pin(self.make())
    }
}
