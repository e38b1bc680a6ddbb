//! What only this process knows, as the API asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use raftpool_api::{
    BuildFacts, Condition, DaemonFacts, LiveFacts, NodeFacts, PayoutFacts, TemplateFacts,
};
use raftpool_chain::{DaemonSet, Template};
use raftpool_payout::PayoutService;
use raftpool_raft::RaftNode;
use raftpool_stratum::StratumServer;
use tokio::sync::watch;

use crate::system::now_ms;

/// How often the main loop shows that it turns.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Silence of the main loop after which the process counts as hung.
const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(10);

/// Age of a template above which miners should be sent to another node.
const TEMPLATE_AGE_MAX_MS: u64 = 60_000;

/// Heights until a block is stable since the 5-second blocks (`STABLE_LIMIT` of the daemon).
const STABILITY_HEIGHTS: u64 = 24;

/// Collects the facts from the node's parts.
pub(super) struct Facts {
    raft: Arc<RaftNode>,
    daemons: Arc<DaemonSet>,
    templates: watch::Receiver<Option<Arc<Template>>>,
    stratum: Arc<StratumServer>,
    payouts: Arc<PayoutService>,
    started_at_ms: u64,
    start: Instant,
    /// Milliseconds from the start to the newest turn of the main loop.
    turned_ms: Arc<AtomicU64>,
    /// When the newest template came.
    template_at_ms: Arc<AtomicU64>,
}

impl Facts {
    /// Begins to watch the main loop and the templates.
    pub(super) fn start(
        raft: Arc<RaftNode>,
        daemons: Arc<DaemonSet>,
        templates: watch::Receiver<Option<Arc<Template>>>,
        stratum: Arc<StratumServer>,
        payouts: Arc<PayoutService>,
    ) -> Arc<Self> {
        let (start, turned_ms) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let template_at_ms = Arc::new(AtomicU64::new(0));
        tokio::spawn(turn(start, turned_ms.clone()));
        tokio::spawn(note_templates(templates.clone(), template_at_ms.clone()));
        let started_at_ms = now_ms();
        Arc::new(Self {
            raft,
            daemons,
            templates,
            stratum,
            payouts,
            started_at_ms,
            start,
            turned_ms,
            template_at_ms,
        })
    }

    fn template(&self) -> Option<TemplateFacts> {
        let template = self.templates.borrow().clone()?;
        Some(TemplateFacts {
            height: template.height,
            topoheight: template.topoheight,
            network_difficulty: template.difficulty.to_string(),
            algorithm: template.algorithm.to_string(),
            received_at_ms: self.template_at_ms.load(Ordering::Relaxed),
        })
    }

    fn template_condition(&self) -> Condition {
        const NAME: &str = "template_fresh";
        match self.template() {
            None => Condition::new(NAME, false, "no template yet"),
            Some(template) => {
                let age_ms = now_ms().saturating_sub(template.received_at_ms);
                let detail = format!("height {}, {age_ms} ms old", template.height);
                Condition::new(NAME, age_ms < TEMPLATE_AGE_MAX_MS, detail)
            }
        }
    }

    fn daemon_condition(&self) -> Condition {
        let health = self.daemons.health();
        let healthy = health.iter().filter(|daemon| daemon.healthy).count();
        let mut detail = format!("{healthy} of {} daemons are usable", health.len());
        for daemon in &health {
            if let Some(problem) = &daemon.problem {
                detail.push_str(&format!("; {}: {problem}", daemon.name));
            }
        }
        Condition::new("daemon", healthy > 0, detail)
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
        vec![storage, self.daemon_condition(), self.template_condition()]
    }

    fn node(&self) -> NodeFacts {
        let status = self.payouts.status();
        let daemons = self.daemons.health().into_iter().map(|daemon| DaemonFacts {
            name: daemon.name,
            healthy: daemon.healthy,
            height: daemon.height,
            problem: daemon.problem,
        });
        NodeFacts {
            build: BuildFacts {
                version: env!("CARGO_PKG_VERSION").into(),
                revision: None,
            },
            started_at_ms: self.started_at_ms,
            miner_connections: self.stratum.connections() as u64,
            daemons: daemons.collect(),
            template: self.template(),
            stability_heights: STABILITY_HEIGHTS,
            payout: PayoutFacts {
                status: status
                    .payouts
                    .map_or_else(|| "not started".into(), |last| last.step.to_string()),
                alarms: status
                    .alarms
                    .iter()
                    .map(|alarm| format!("{}: {}", alarm.kind, alarm.detail))
                    .collect(),
            },
        }
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

/// Remembers when each template came; ends with the feed.
async fn note_templates(
    mut templates: watch::Receiver<Option<Arc<Template>>>,
    template_at_ms: Arc<AtomicU64>,
) {
    while templates.changed().await.is_ok() {
        template_at_ms.store(now_ms(), Ordering::Relaxed);
    }
}
