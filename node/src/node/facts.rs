//! What only this process knows, as the API asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use raftpool_api::{
    About, BuildFacts, Condition, DaemonFacts, LiveFacts, NodeFacts, PayoutFacts,
    RefusedWorkerFacts, SessionFacts, TemplateFacts,
};
use raftpool_payout::{Alarm, ServiceStatus};
use raftpool_raft::RaftNode;
use raftpool_stratum::{RefusedWorker, SessionSnapshot};

use super::drain::DrainMark;
use super::serving::{Serving, Slot};
use crate::config::Config;
use crate::system::now_ms;

/// How often the main loop shows that it turns.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Silence of the main loop after which the process counts as hung.
const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(10);

/// Age of a template above which miners should be sent to another node.
const TEMPLATE_AGE_MAX_MS: u64 = 60_000;

/// Committed entries that the books of a node may lack: a second's worth under the heaviest load. One
/// that lacks more is told as a problem, and nobody is sent to it.
pub(super) const LAG_MAX: u64 = 1_000;

/// Heights until a block is stable since the 5-second blocks (`STABLE_LIMIT` of the daemon).
const STABILITY_HEIGHTS: u64 = 24;

/// Time the chain aims at between two blocks since then (`get_block_time_target_for_version`).
const BLOCK_TIME_MS: u64 = 5_000;

/// Collects the facts from the node's parts.
pub(super) struct Facts {
    raft: Arc<RaftNode>,
    serving: Arc<Slot>,
    drain: DrainMark,
    started_at_ms: u64,
    start: Instant,
    /// Milliseconds from the start to the newest turn of the main loop.
    turned_ms: Arc<AtomicU64>,
}

impl Facts {
    /// Begins to watch the main loop.
    pub(super) fn start(raft: Arc<RaftNode>, serving: Arc<Slot>, drain: DrainMark) -> Arc<Self> {
        let (start, turned_ms) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        tokio::spawn(turn(start, turned_ms.clone()));
        Arc::new(Self {
            raft,
            serving,
            drain,
            started_at_ms: now_ms(),
            start,
            turned_ms,
        })
    }

    fn template(serving: &Serving) -> Option<TemplateFacts> {
        let template = serving.templates.borrow().clone()?;
        Some(TemplateFacts {
            height: template.height,
            topoheight: template.topoheight,
            network_difficulty: template.difficulty.to_string(),
            network_hashrate: template.difficulty.per_second(BLOCK_TIME_MS).to_string(),
            miner_reward_atomic: (template.miner_reward_atomic > 0)
                .then_some(template.miner_reward_atomic),
            algorithm: template.algorithm.to_string(),
            received_at_ms: serving.template_at_ms.load(Ordering::Relaxed),
        })
    }

    fn template_condition(serving: &Serving) -> Condition {
        const NAME: &str = "template_fresh";
        match Self::template(serving) {
            None => Condition::new(NAME, false, "no template yet"),
            Some(template) => {
                let age_ms = now_ms().saturating_sub(template.received_at_ms);
                let detail = format!("height {}, {age_ms} ms old", template.height);
                Condition::new(NAME, age_ms < TEMPLATE_AGE_MAX_MS, detail)
            }
        }
    }

    /// How far the books are behind what this node knows to be committed. What it does not know,
    /// because it is cut off, the confirmation by a majority tells.
    fn lag_condition(&self) -> Condition {
        let status = self.raft.status();
        let (committed, applied) = (status.committed_index, status.applied_index);
        let lag = committed.unwrap_or(0).saturating_sub(applied.unwrap_or(0));
        let detail = format!("{lag} committed entries are not in the books, {LAG_MAX} may be");
        Condition::new("caught_up", lag <= LAG_MAX, detail)
    }

    fn drain_condition(&self) -> Condition {
        let detail = match self.drain.get() {
            None => "the node does not drain".to_owned(),
            Some((phase, since_ms)) => {
                let seconds = now_ms().saturating_sub(since_ms) / 1_000;
                format!("the node drains: {} for {seconds} s", phase.name())
            }
        };
        Condition::new("not_draining", !self.drain.is_draining(), detail)
    }

    fn daemon_condition(serving: &Serving) -> Condition {
        let health = serving.daemons.health();
        let healthy = health.iter().filter(|daemon| daemon.healthy).count();
        let mut detail = format!("{healthy} of {} daemons are usable", health.len());
        for daemon in &health {
            if let Some(problem) = &daemon.problem {
                detail.push_str(&format!("; {}: {problem}", daemon.name));
            }
        }
        // Miners get jobs from another node's daemon as well.
        let is_served = healthy > 0 || Self::template_condition(serving).met;
        Condition::new("daemon", is_served, detail)
    }
}

impl LiveFacts for Facts {
    fn liveness(&self) -> Condition {
        let turned = Duration::from_millis(self.turned_ms.load(Ordering::Relaxed));
        let silence = self.start.elapsed().saturating_sub(turned);
        let detail = format!("the main loop turned {} ms ago", silence.as_millis());
        Condition::new("main_loop", silence < HEARTBEAT_AGE_MAX, detail)
    }

    fn conditions(&self) -> Vec<Condition> {
        let storage = match self.raft.status().stopped {
            None => Condition::new("storage", true, "the log accepts writes"),
            Some(reason) => Condition::new("storage", false, reason),
        };
        let served = self.serving.look(|serving| {
            let listeners = serving.stratum.local_addresses().len();
            let listening = format!("{listeners} listeners for miners are open");
            [
                Condition::new("serving", true, listening),
                Self::daemon_condition(serving),
                Self::template_condition(serving),
            ]
        });
        let mut conditions = vec![storage, self.lag_condition(), self.drain_condition()];
        match served {
            Some(served) => conditions.extend(served),
            None => conditions.push(Condition::new("serving", false, waiting_for(&self.raft))),
        }
        conditions
    }

    fn node(&self) -> NodeFacts {
        let facts = self.serving.look(|serving| {
            let status = serving.payouts.status();
            let daemons = serving
                .daemons
                .health()
                .into_iter()
                .map(|daemon| DaemonFacts {
                    name: daemon.name,
                    healthy: daemon.healthy,
                    height: daemon.height,
                    problem: daemon.problem,
                });
            NodeFacts {
                build: build(),
                started_at_ms: self.started_at_ms,
                miner_connections: serving.stratum.connections() as u64,
                daemons: daemons.collect(),
                template: Self::template(serving),
                stability_heights: STABILITY_HEIGHTS,
                payout: PayoutFacts {
                    alarms: alarms_of(&status),
                    status: status_of(status),
                },
            }
        });
        facts.unwrap_or_else(|| NodeFacts {
            build: build(),
            started_at_ms: self.started_at_ms,
            miner_connections: 0,
            daemons: Vec::new(),
            template: None,
            stability_heights: STABILITY_HEIGHTS,
            payout: PayoutFacts {
                status: waiting_for(&self.raft),
                alarms: Vec::new(),
            },
        })
    }

    fn sessions(&self, address: &str) -> Vec<SessionFacts> {
        let sessions = |serving: &Serving| serving.stratum.sessions_of(address);
        let found = self.serving.look(sessions).unwrap_or_default();
        found.into_iter().map(session).collect()
    }

    fn refused_workers(&self, address: &str) -> Vec<RefusedWorkerFacts> {
        let workers = |serving: &Serving| serving.stratum.refused_workers_of(address);
        let found = self.serving.look(workers).unwrap_or_default();
        found.into_iter().map(refused).collect()
    }
}

/// What the operator says of the pool, and what is fixed about its chain.
pub(super) fn about(config: &Config) -> About {
    let public = config.raw.public.clone();
    About {
        pool_name: public.pool_name,
        contact_url: public.contact_url,
        explorer_block_url: public.explorer_block_url,
        explorer_transaction_url: public.explorer_transaction_url,
        explorer_address_url: public.explorer_address_url,
        address_prefix: config.raw.pool.network.prefix(),
        block_time_ms: BLOCK_TIME_MS,
    }
}

fn session(snapshot: SessionSnapshot) -> SessionFacts {
    SessionFacts {
        worker: snapshot.worker,
        protocol: snapshot.protocol.name(),
        is_tls: snapshot.is_encrypted,
        remote: snapshot.remote,
        user_agent: snapshot.agent,
        connected_at_ms: snapshot.connected_at_ms,
        difficulty: snapshot.difficulty,
        last_share_at_ms: (snapshot.last_share_at_ms > 0).then_some(snapshot.last_share_at_ms),
        accepted: snapshot.accepted,
        rejects: snapshot.rejects,
    }
}

fn refused(worker: RefusedWorker) -> RefusedWorkerFacts {
    RefusedWorkerFacts {
        worker: worker.worker,
        first_at_ms: worker.first_at_ms,
        last_at_ms: worker.last_at_ms,
        rejects: worker.rejects,
        logins: worker.logins,
        last_words: worker.last_words,
    }
}

fn build() -> BuildFacts {
    BuildFacts {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: None,
    }
}

/// The newest step of the payouts, in words.
pub(super) fn status_of(status: ServiceStatus) -> String {
    let step = status.payouts.map(|last| last.step.to_string());
    step.unwrap_or_else(|| "not started".into())
}

/// What an operator must look at about blocks and payouts.
pub(super) fn alarms_of(status: &ServiceStatus) -> Vec<String> {
    let line = |alarm: &Alarm| format!("{}: {}", alarm.kind, alarm.detail);
    status.alarms.iter().map(line).collect()
}

/// What a node that does not serve waits for.
pub(super) fn waiting_for(raft: &RaftNode) -> String {
    match raft.status().joined {
        true => "waits for the pool's settings".into(),
        false => "waits in an empty data directory: `raftpool cluster init` here founds a \
                  cluster, `raftpool cluster add` on a member adds this node to one"
            .into(),
    }
}

/// Shows that the runtime still schedules tasks.
async fn turn(start: Instant, turned_ms: Arc<AtomicU64>) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    loop {
        ticks.tick().await;
        let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        turned_ms.store(now_ms, Ordering::Relaxed);
    }
}
