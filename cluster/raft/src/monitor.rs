//! What a node does beside answering: publish who leads, notice that consensus has died or that
//! the disk hangs, and keep the log short.

use std::sync::Arc;
use std::time::Duration;

use openraft::RaftMetrics;
use openraft::errors::Fatal;
use openraft::type_config::async_runtime::watch::WatchReceiver;
use raftpool_ledger::cluster::Leadership;
use raftpool_store::{FailStop, LogStore, Store, TypeConfig};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::config::{LogPolicy, RaftNodeConfig};
use crate::node::Raft;

/// Starts the tasks; they must be ended before the store is closed.
pub(crate) fn spawn(
    config: &RaftNodeConfig,
    raft: &Raft,
    store: &Store,
    leadership: watch::Sender<Leadership>,
) -> Vec<JoinHandle<()>> {
    let fail_stop = store.fail_stop().clone();
    let shorten = Shorten {
        raft: raft.clone(),
        log: store.log(),
        policy: config.log_policy,
    };
    vec![
        tokio::spawn(publish(raft.clone(), fail_stop.clone(), leadership)),
        tokio::spawn(watch_disk(store.log(), fail_stop, config.sync_stall_limit)),
        tokio::spawn(shorten.run()),
    ]
}

/// Who leads, as openraft sees it.
pub(crate) fn leadership_of(metrics: &RaftMetrics<TypeConfig>) -> Leadership {
    let leader_id = match metrics.running_state {
        Ok(()) => metrics.current_leader,
        Err(_) => None,
    };
    Leadership {
        node_id: metrics.id,
        term: metrics.current_term,
        leader_id,
    }
}

async fn publish(raft: Raft, fail_stop: Arc<FailStop>, leadership: watch::Sender<Leadership>) {
    let mut metrics = raft.metrics();
    drop(raft);
    loop {
        let (present, running) = {
            let metrics = metrics.borrow_watched();
            (leadership_of(&metrics), metrics.running_state.clone())
        };
        leadership.send_if_modified(|known| {
            let changed = *known != present;
            if changed {
                tracing::info!(
                    term = present.term,
                    leader = present.leader_id,
                    "leadership"
                );
                *known = present;
            }
            changed
        });
        match running {
            Ok(()) => {}
            Err(Fatal::Stopped) => return,
            Err(fatal) => return fail_stop.trip(&format!("consensus has stopped: {fatal}")),
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

async fn watch_disk(log: LogStore, fail_stop: Arc<FailStop>, limit: Duration) {
    let mut interval = tokio::time::interval((limit / 8).max(Duration::from_millis(10)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let running = log.sync_running().unwrap_or_default();
        if running >= limit {
            let running_ms = running.as_millis();
            return fail_stop.trip(&format!("the disk hangs: fsync runs for {running_ms} ms"));
        }
    }
}

/// Makes snapshots, after each of which openraft purges what is older than the policy keeps.
struct Shorten {
    raft: Raft,
    log: LogStore,
    policy: LogPolicy,
}

impl Shorten {
    async fn run(self) {
        let mut interval = tokio::time::interval(self.policy.check_interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes_before = self.log.appended_bytes();
        let mut asked_at = None;
        loop {
            interval.tick().await;
            let (applied, covered) = {
                let metrics = self.raft.metrics();
                let metrics = metrics.borrow_watched();
                let next = |log_id: Option<raftpool_store::LogId>| {
                    log_id.map_or(0, |log_id| log_id.index() + 1)
                };
                (next(metrics.last_applied), next(metrics.snapshot))
            };
            // One that was asked for is being made until it covers what was applied then.
            if asked_at.is_some_and(|asked_at| covered < asked_at) {
                continue;
            }
            asked_at = None;
            let bytes = self.log.appended_bytes();
            let is_due = applied - covered.min(applied) >= self.policy.snapshot_entries
                || bytes - bytes_before >= self.policy.snapshot_bytes;
            if is_due && applied > covered {
                tracing::info!(applied, covered, "making a snapshot");
                if self.raft.trigger().snapshot().await.is_err() {
                    return;
                }
                (asked_at, bytes_before) = (Some(applied), bytes);
            }
        }
    }
}
