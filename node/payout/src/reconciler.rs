//! Runs one reconciler: on a timer, when the leadership changes, and soon after the ledger
//! changed.

use std::fmt::Display;
use std::future::Future;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use futures_util::StreamExt;
use parking_lot::Mutex;
use raftpool_ledger::Clock;
use raftpool_ledger::cluster::{BoxStream, ClusterEvent};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::alarm::{Alarm, Alarms};
use crate::context::Context;
use crate::status::Last;

/// Compares the ledger with the chain and takes one step at a time.
pub(crate) trait Reconciler: Send + 'static {
    /// What a step leads to.
    type Step: Step;

    /// What metrics and logs call it.
    const NAME: &'static str;

    /// Looks, and does at most one thing.
    fn step(&mut self) -> impl Future<Output = Self::Step> + Send;
}

/// What one look of a reconciler led to.
pub(crate) trait Step: Clone + Display + PartialEq + Send + Sync + 'static {
    /// Whether anything was changed, so that another look is worth while at once.
    fn has_acted(&self) -> bool;

    /// Whether this node was in charge.
    fn is_leading(&self) -> bool;
}

/// A running reconciler.
pub(crate) struct Running<S> {
    log: Arc<StepLog<S>>,
    alarms: Arc<Alarms>,
    task: JoinHandle<()>,
}

impl<S: Step> Running<S> {
    /// Starts what `make` makes of the context and of the reconciler's alarms.
    pub(crate) fn start<R: Reconciler<Step = S>>(
        ctx: &Arc<Context>,
        stopped: watch::Receiver<bool>,
        make: impl FnOnce(Arc<Context>, Arc<Alarms>) -> R,
    ) -> Self {
        let alarms = Arc::new(Alarms::new(R::NAME, ctx.metrics.alarm.clone()));
        let log = Arc::new(StepLog::new(R::NAME, ctx.clock.clone()));
        let reconciler = make(ctx.clone(), alarms.clone());
        let task = tokio::spawn(run(ctx.clone(), reconciler, log.clone(), stopped));
        Self { log, alarms, task }
    }

    /// The newest step, and the newest one that changed something.
    pub(crate) fn steps(&self) -> (Option<Last<S>>, Option<Last<S>>) {
        let steps = self.log.steps.lock().clone();
        (steps.newest, steps.acted)
    }

    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        self.alarms.list()
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Waits for the end, which was asked for.
    pub(crate) async fn ended(self) {
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            tracing::error!(%error, "a payout task had panicked");
        }
    }
}

struct StepLog<S> {
    reconciler: &'static str,
    clock: Arc<dyn Clock>,
    steps: Mutex<Steps<S>>,
}

#[derive(Clone)]
struct Steps<S> {
    newest: Option<Last<S>>,
    acted: Option<Last<S>>,
}

impl<S: Step> StepLog<S> {
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

    /// Notes a step; one that only waits is logged when the reason is a new one.
    fn note(&self, step: &S) {
        let last = Last {
            step: step.clone(),
            at_ms: self.clock.now_ms(),
        };
        let mut steps = self.steps.lock();
        let is_news = steps.newest.as_ref().is_none_or(|last| last.step != *step);
        if is_news && !step.has_acted() {
            tracing::debug!(reconciler = self.reconciler, state = %step, "payout state");
        }
        if step.has_acted() {
            steps.acted = Some(last.clone());
        }
        steps.newest = Some(last);
    }
}

async fn run<R: Reconciler>(
    ctx: Arc<Context>,
    mut reconciler: R,
    log: Arc<StepLog<R::Step>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut pace = Pace::new(&ctx);
    loop {
        let step = tokio::select! {
            step = reconciler.step() => step,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        ctx.metrics.steps.with_label_values(&[R::NAME]).inc();
        ctx.metrics.leading.set(i64::from(step.is_leading()));
        log.note(&step);
        if !step.has_acted() && pace.wait(&mut stopped).await.is_break() {
            return;
        }
    }
}

/// Decides when to look again.
struct Pace {
    events: BoxStream<ClusterEvent>,
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
    async fn wait(&mut self, stopped: &mut watch::Receiver<bool>) -> ControlFlow<()> {
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
