//! Runs the two reconcilers: on a timer, when the leadership changes, and soon after the ledger
//! changed.

use std::sync::Arc;

use futures_util::StreamExt;
use parking_lot::Mutex;
use prometheus::Registry;
use raftpool_chain::{Address, Daemon, Network, Wallet};
use raftpool_ledger::cluster::ClusterEvent;
use raftpool_ledger::{Clock, Cluster};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::alarm::Alarms;
use crate::context::Context;
use crate::driver::Driver;
use crate::follower::Follower;
use crate::metrics::Metrics;
use crate::status::{BlockStep, Last, PayoutStep, ServiceStatus};
use crate::{PayoutConfig, StepHook};

/// Everything the service works with.
pub struct PayoutParts {
    /// The replicated ledger.
    pub cluster: Arc<dyn Cluster>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// The daemons, as one.
    pub daemons: Arc<dyn Daemon>,
    /// The pool's wallet; a node without one settles blocks and does not pay.
    pub wallet: Option<Arc<dyn Wallet>>,
    /// The address that blocks pay to and payouts are made from.
    pub pool_address: Address,
    /// The network all of it must be on.
    pub network: Network,
    /// Where the metrics are registered.
    pub registry: Registry,
    /// Called around every externally visible action.
    pub step_hook: Option<StepHook>,
}

/// The service cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value of the configuration makes no sense.
    #[error("payout configuration: {field} {problem}")]
    Config {
        /// Which value.
        field: &'static str,
        /// What would be right.
        problem: &'static str,
    },
    /// The metrics could not be registered, because they are registered already.
    #[error("register the payout metrics")]
    Metrics(#[source] prometheus::Error),
}

/// The running reconcilers. They act only while this node leads.
pub struct PayoutService {
    blocks: Running<BlockStep>,
    payouts: Running<PayoutStep>,
    stop: watch::Sender<bool>,
}

struct Running<T> {
    log: Arc<StepLog<T>>,
    alarms: Arc<Alarms>,
    task: JoinHandle<()>,
}

struct StepLog<T> {
    reconciler: &'static str,
    clock: Arc<dyn Clock>,
    steps: Mutex<Steps<T>>,
}

#[derive(Clone)]
struct Steps<T> {
    newest: Option<Last<T>>,
    /// The newest one that changed something.
    acted: Option<Last<T>>,
}

impl PayoutService {
    /// Starts both reconcilers on the present tokio runtime.
    ///
    /// # Errors
    /// When the configuration makes no sense or the metrics are registered already.
    pub fn start(config: PayoutConfig, parts: PayoutParts) -> Result<Self, StartError> {
        let ctx = Arc::new(Context::new(config, parts)?);
        let (stop, stopped) = watch::channel(false);
        let gauge = &ctx.metrics.alarm;
        let block_alarms = Arc::new(Alarms::new("blocks", gauge.clone()));
        let payout_alarms = Arc::new(Alarms::new("payouts", gauge.clone()));
        let block_log = Arc::new(StepLog::new("blocks", ctx.clock.clone()));
        let payout_log = Arc::new(StepLog::new("payouts", ctx.clock.clone()));

        let follower = Follower::new(ctx.clone(), block_alarms.clone());
        let driver = Driver::new(ctx.clone(), payout_alarms.clone());
        let task = run_blocks(ctx.clone(), follower, block_log.clone(), stopped.clone());
        let blocks = Running {
            log: block_log,
            alarms: block_alarms,
            task: tokio::spawn(task),
        };
        let task = run_payouts(ctx, driver, payout_log.clone(), stopped);
        let payouts = Running {
            log: payout_log,
            alarms: payout_alarms,
            task: tokio::spawn(task),
        };
        Ok(Self {
            blocks,
            payouts,
            stop,
        })
    }

    /// What each reconciler did last, and every alarm that stands.
    pub fn status(&self) -> ServiceStatus {
        let (blocks, payouts) = (self.blocks.log.read(), self.payouts.log.read());
        let mut alarms = self.blocks.alarms.list();
        alarms.extend(self.payouts.alarms.list());
        let running = !self.blocks.task.is_finished() && !self.payouts.task.is_finished();
        ServiceStatus {
            running,
            blocks: blocks.newest,
            blocks_acted: blocks.acted,
            payouts: payouts.newest,
            payouts_acted: payouts.acted,
            alarms,
        }
    }

    /// Stops both reconcilers. A step under way is abandoned, which is as safe as a crash.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for task in [self.blocks.task, self.payouts.task] {
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!(%error, "a payout task had panicked");
            }
        }
    }
}

impl Context {
    pub(crate) fn new(config: PayoutConfig, parts: PayoutParts) -> Result<Self, StartError> {
        config.validate()?;
        let metrics = Metrics::register(&parts.registry)?;
        let PayoutParts {
            cluster,
            clock,
            daemons,
            wallet,
            pool_address,
            network,
            ..
        } = parts;
        let hook = parts.step_hook;
        Ok(Self {
            config,
            cluster,
            clock,
            daemons,
            wallet,
            pool_address,
            network,
            hook,
            metrics,
        })
    }
}

impl<T: Clone + std::fmt::Display + PartialEq> StepLog<T> {
    fn new(reconciler: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self {
            reconciler,
            clock,
            steps: Mutex::new(Steps {
                newest: None,
                acted: None,
            }),
        }
    }

    fn read(&self) -> Steps<T> {
        self.steps.lock().clone()
    }

    /// Notes a step; one that only waits is logged when the reason is a new one.
    fn note(&self, step: &T, acted: bool) {
        let last = Last {
            step: step.clone(),
            at_ms: self.clock.now_ms(),
        };
        let mut steps = self.steps.lock();
        let is_news = steps.newest.as_ref().is_none_or(|last| last.step != *step);
        if is_news && !acted {
            tracing::debug!(reconciler = self.reconciler, state = %step, "payout state");
        }
        if acted {
            steps.acted = Some(last.clone());
        }
        steps.newest = Some(last);
    }
}

async fn run_blocks(
    ctx: Arc<Context>,
    mut follower: Follower,
    log: Arc<StepLog<BlockStep>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut pace = Pace::new(&ctx);
    loop {
        let step = tokio::select! {
            step = follower.step() => step,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        ctx.metrics.steps.with_label_values(&["blocks"]).inc();
        log.note(&step, step.acted());
        if !step.acted() && pace.wait(&mut stopped).await.is_break() {
            return;
        }
    }
}

async fn run_payouts(
    ctx: Arc<Context>,
    mut driver: Driver,
    log: Arc<StepLog<PayoutStep>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut pace = Pace::new(&ctx);
    loop {
        let step = tokio::select! {
            step = driver.step() => step,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        ctx.metrics.steps.with_label_values(&["payouts"]).inc();
        ctx.metrics
            .leading
            .set(i64::from(step != PayoutStep::NotLeading));
        log.note(&step, step.acted());
        if !step.acted() && pace.wait(&mut stopped).await.is_break() {
            return;
        }
    }
}

/// Decides when to look again.
struct Pace {
    events: raftpool_ledger::cluster::BoxStream<ClusterEvent>,
    has_events: bool,
    ctx: Arc<Context>,
}

impl Pace {
    fn new(ctx: &Arc<Context>) -> Self {
        Self {
            events: ctx.cluster.watch(),
            has_events: true,
            ctx: ctx.clone(),
        }
    }

    /// Waits for the timer or a poke. A busy ledger changes many times a second, so that an
    /// applied entry counts only after the gap; a change of leadership counts at once.
    async fn wait(&mut self, stopped: &mut watch::Receiver<bool>) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        let now = Instant::now();
        let timer = now + self.ctx.config.step_interval;
        let gap = (now + self.ctx.config.poke_gap).min(timer);
        let mut wake_at = timer;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return Break(()),
                () = tokio::time::sleep_until(wake_at) => return Continue(()),
                event = self.events.next(), if self.has_events => match event {
                    Some(ClusterEvent::Applied { .. }) => wake_at = gap,
                    Some(ClusterEvent::Leadership(_)) => return Continue(()),
                    None => self.has_events = false,
                },
            }
        }
    }
}
