//! The reconcilers as one service: started, asked and stopped together.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::Registry;
use raftpool_chain::{Address, Daemon, Network, Wallet};
use raftpool_ledger::{Clock, Cluster};
use tokio::sync::watch;

use crate::context::Context;
use crate::driver::Driver;
use crate::follower::Follower;
use crate::insight::{Insight, NonceFacts};
use crate::metrics::Metrics;
use crate::obstacle::chain;
use crate::reconciler::Running;
use crate::reconciliation::{Reconciliation, find};
use crate::scanner::Scanner;
use crate::simulation::{Simulation, simulate};
use crate::status::{BlockStep, PayoutStep, ScanStep, ServiceStatus};
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
    scans: Running<ScanStep>,
    desk: PayoutDesk,
    stop: watch::Sender<bool>,
}

impl PayoutService {
    /// Starts the reconcilers on the present tokio runtime.
    ///
    /// # Errors
    /// When the configuration makes no sense or the metrics are registered already.
    pub fn start(config: PayoutConfig, parts: PayoutParts) -> Result<Self, StartError> {
        let ctx = Arc::new(Context::new(config, parts)?);
        let (stop, stopped) = watch::channel(false);
        let mut insight = None;
        let driver = |ctx, alarms| {
            let driver = Driver::new(ctx, alarms);
            insight = Some(driver.insight());
            driver
        };
        let payouts = Running::start(&ctx, stopped.clone(), driver);
        Ok(Self {
            blocks: Running::start(&ctx, stopped.clone(), Follower::new),
            payouts,
            scans: Running::start(&ctx, stopped, Scanner::new),
            desk: PayoutDesk {
                ctx,
                insight: insight.unwrap_or_default(),
            },
            stop,
        })
    }

    /// What each reconciler did last, and every alarm that stands.
    pub fn status(&self) -> ServiceStatus {
        let (blocks, blocks_acted) = self.blocks.steps();
        let (payouts, payouts_acted) = self.payouts.steps();
        let (scans, scans_acted) = self.scans.steps();
        let mut alarms = self.blocks.alarms();
        alarms.extend(self.payouts.alarms());
        alarms.extend(self.scans.alarms());
        ServiceStatus {
            running: self.blocks.is_running()
                && self.payouts.is_running()
                && self.scans.is_running(),
            blocks,
            blocks_acted,
            payouts,
            payouts_acted,
            scans,
            scans_acted,
            alarms,
        }
    }

    /// Questions about payouts that outlive a look at the service.
    pub fn desk(&self) -> PayoutDesk {
        self.desk.clone()
    }

    /// Stops the reconcilers. A step under way is abandoned, which is as safe as a crash.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        self.blocks.ended().await;
        self.payouts.ended().await;
        self.scans.ended().await;
    }
}

/// Answers questions about payouts that the ledger alone cannot answer.
#[derive(Clone)]
pub struct PayoutDesk {
    ctx: Arc<Context>,
    insight: Arc<Mutex<Insight>>,
}

impl PayoutDesk {
    /// What the chain says of the open payout's nonce; nothing unless this node leads and has
    /// looked at a signed payout.
    pub fn nonce(&self) -> Option<NonceFacts> {
        self.insight.lock().nonce.clone()
    }

    /// What a payout run would do now. Nothing is proposed; the wallet is asked for an estimate.
    ///
    /// # Errors
    /// When the ledger has no settings or cannot be read, in words.
    pub async fn simulate(&self) -> Result<Simulation, String> {
        let insight = self.insight.lock().clone();
        let simulated = simulate(&self.ctx, insight).await;
        simulated.map_err(|obstacle| obstacle.to_string())
    }

    /// Compares the books with the chain and the wallet, as after books were restored. Nothing is
    /// proposed.
    ///
    /// # Errors
    /// When one of them cannot be asked, in words.
    pub async fn reconciliation(&self) -> Result<Reconciliation, String> {
        let found = find(&self.ctx).await;
        found.map_err(|obstacle| obstacle.to_string())
    }

    /// The topoheight up to which the chain is stable, as this node's daemons say.
    ///
    /// # Errors
    /// When no daemon answers, in words.
    pub async fn stable_topoheight(&self) -> Result<u64, String> {
        let info = self.ctx.daemons.info().await;
        info.map(|info| info.stable_topoheight)
            .map_err(|error| chain(&error))
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
