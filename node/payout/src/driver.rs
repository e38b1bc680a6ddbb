//! Drives the open payout from its row in the ledger to its end, and opens the next one.
//!
//! Each step reads the row, gathers facts and does at most one thing, so that a process may die
//! between any two of them: whoever leads next reads the same row and goes on. Nothing that this
//! node remembers matters for safety, only for pace. Bytes are sent from the row and from nowhere
//! else, hence never before they are committed.

mod abandoned;
mod build;
mod reserve;
mod sent;
mod signed;

use std::sync::Arc;

use parking_lot::Mutex;
use raftpool_chain::{Execution, Wallet};
use raftpool_ledger::command::{PausePayouts, ReleasePayout, command::Body};
use raftpool_ledger::view::{Payout, PayoutStatus};
use tokio::time::Instant;

use crate::PayoutPoint;
use crate::alarm::{AlarmKind, Alarms};
use crate::context::{Context, Proposal};
use crate::desk::Desk;
use crate::driver::build::Builds;
use crate::driver::sent::SentLog;
use crate::insight::{Insight, NonceFacts};
use crate::obstacle::Obstacle;
use crate::payees::Suspicion;
use crate::reconciler::Reconciler;
use crate::sightings::Sightings;
use crate::status::PayoutStep;

pub(crate) struct Driver {
    ctx: Arc<Context>,
    alarms: Arc<Alarms>,
    memory: Memory,
    insight: Arc<Mutex<Insight>>,
}

/// Derived state: lost with the process or the leadership, and found out again.
struct Memory {
    /// Failed builds of the open payout.
    builds: Builds,
    /// What was sent, and what came back.
    sent: SentLog,
    suspicion: Suspicion,
    /// Looks at which a nonce was found used by somebody else.
    taken: Sightings<u64>,
    /// Looks at which the chain's next nonce was found too low.
    behind: Sightings<u64>,
    /// Looks at which the wallet did not cover what the pool owes.
    short: Sightings<()>,
    /// Nothing new before this moment, and why.
    retry: Option<(Instant, String)>,
    /// What the chain says of the open payout's nonce.
    nonce: Option<NonceFacts>,
    /// No look at abandoned payouts before this moment.
    abandoned_at: Option<Instant>,
}

/// A nonce that is used up by nothing the ledger knows.
struct Taken {
    nonce: u64,
    /// The account's next nonce, when payouts stop for it only once; 0: whenever it is seen.
    unexplained_nonce: u64,
    kind: AlarmKind,
    detail: String,
}

impl Memory {
    fn new(ctx: &Context) -> Self {
        Self {
            builds: Builds::default(),
            sent: SentLog::default(),
            suspicion: Suspicion::default(),
            taken: Sightings::new(ctx.config.sighting_gap),
            behind: Sightings::new(ctx.config.sighting_gap),
            short: Sightings::new(ctx.config.sighting_gap),
            retry: None,
            nonce: None,
            abandoned_at: None,
        }
    }
}

impl Reconciler for Driver {
    type Step = PayoutStep;

    const NAME: &'static str = "payouts";

    /// Does the next thing about payouts, if there is one.
    async fn step(&mut self) -> PayoutStep {
        self.look().await
    }
}

impl Driver {
    pub(crate) fn new(ctx: Arc<Context>, alarms: Arc<Alarms>) -> Self {
        let memory = Memory::new(&ctx);
        Self {
            ctx,
            alarms,
            memory,
            insight: Arc::default(),
        }
    }

    /// What others may see of its memory, as of the newest step.
    pub(crate) fn insight(&self) -> Arc<Mutex<Insight>> {
        self.insight.clone()
    }

    #[cfg(test)]
    pub(crate) fn context(&self) -> Arc<Context> {
        self.ctx.clone()
    }

    async fn look(&mut self) -> PayoutStep {
        let Some(term) = self.ctx.leading_term() else {
            self.memory = Memory::new(&self.ctx);
            self.alarms.clear_all();
            *self.insight.lock() = Insight::default();
            return PayoutStep::NotLeading;
        };
        let step = self.step_as_leader(term).await;
        *self.insight.lock() = Insight {
            is_leading: true,
            nonce: self.memory.nonce.clone(),
            suspicion: self.memory.suspicion.clone(),
        };
        step
    }

    async fn step_as_leader(&mut self, term: u64) -> PayoutStep {
        match self.advance(term).await {
            Ok(step) => step,
            Err(obstacle) => {
                self.note(&obstacle);
                PayoutStep::Waiting(obstacle.to_string())
            }
        }
    }

    async fn advance(&mut self, term: u64) -> Result<PayoutStep, Obstacle> {
        let desk = self.read_desk()?;
        self.note_open(&desk);
        if let Some(stop) = self.watch_abandoned(&desk).await? {
            return Ok(stop);
        }
        if desk.open.is_none() {
            self.check_due(&desk)?;
        }
        // What was read so far only told whether to go on; now the row itself must be current.
        self.ctx.linearize().await?;
        let desk = self.read_desk()?;
        let settings = desk.settings.as_ref().ok_or(Obstacle::NoSettings)?;
        self.ctx
            .check_identity(&settings.network, &settings.pool_address, &self.alarms)?;
        match &desk.open {
            None => self.reserve(&desk, term).await,
            Some(payout) if payout.status == PayoutStatus::Reserved => {
                self.continue_reserved(&desk, payout, term).await
            }
            Some(payout) => self.continue_signed(&desk, payout, term).await,
        }
    }

    fn read_desk(&self) -> Result<Desk, Obstacle> {
        let now_ms = self.ctx.now_ms();
        let desk = self.ctx.read(|view| Desk::read(view, now_ms))?;
        let metrics = &self.ctx.metrics;
        metrics.paused.set(i64::from(desk.paused.is_some()));
        let in_flight = desk.accounts.in_flight_atomic;
        metrics
            .in_flight_atomic
            .set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let owed = i64::try_from(desk.owed_atomic()).unwrap_or(i64::MAX);
        metrics.owed_atomic.set(owed);
        let taken = i64::try_from(desk.taken_today_atomic).unwrap_or(i64::MAX);
        metrics.taken_today_atomic.set(taken);
        for state in ["none", "reserved", "awaiting_approval", "signed"] {
            let is_state = i64::from(state == desk.state());
            metrics.state.with_label_values(&[state]).set(is_state);
        }
        Ok(desk)
    }

    /// Brings what is known of the open payout, and the call for an approval, up to date.
    fn note_open(&mut self, desk: &Desk) {
        let open_id = desk.open.as_ref().map(|payout| payout.id);
        if open_id.is_none() {
            self.alarms.clear(AlarmKind::ForeignSpend);
        }
        let is_open = |nonce: &NonceFacts| Some(nonce.payout_id) == open_id;
        self.memory.nonce = self.memory.nonce.take().filter(is_open);
        let Some(payout) = desk.open.as_ref().filter(|open| open.awaits_approval()) else {
            return self.alarms.clear(AlarmKind::ApprovalWanted);
        };
        let debits: u128 = payout
            .payees
            .iter()
            .map(|payee| u128::from(payee.debit_atomic))
            .sum();
        let detail = format!(
            "payout {} of {debits} atomic units to {} payees waits: approve or reject it",
            payout.id,
            payout.payees.len()
        );
        self.alarms
            .raise(AlarmKind::ApprovalWanted, detail, self.ctx.now_ms());
    }

    /// Counts failures and turns the obstacles into alarms that a human must clear.
    fn note(&self, obstacle: &Obstacle) {
        let now_ms = self.ctx.now_ms();
        match obstacle {
            Obstacle::Rejected { rejection, .. } if !is_overtaken(rejection) => {
                self.alarms
                    .raise(AlarmKind::CommandRefused, obstacle.to_string(), now_ms);
            }
            Obstacle::NoWallet => {
                let detail = "payouts are due and this node leads without a wallet: configure one \
                              here, or let a node lead that has one";
                self.alarms
                    .raise(AlarmKind::NoWallet, detail.to_owned(), now_ms);
            }
            Obstacle::Daemon { .. } => self.ctx.metrics.failed("daemon"),
            Obstacle::Wallet { .. } => self.ctx.metrics.failed("wallet"),
            _ => {}
        }
    }

    /// Proposes and, when the ledger takes it, ends an earlier refusal's alarm.
    async fn propose(&self, proposal: Proposal) -> Result<(), Obstacle> {
        self.ctx.propose(proposal).await?;
        self.alarms.clear(AlarmKind::CommandRefused);
        Ok(())
    }

    /// The pool's own wallet, following the same chain as the daemon.
    async fn ready_wallet(&self, topoheight: u64) -> Result<Arc<dyn Wallet>, Obstacle> {
        let wallet = self.ctx.wallet.clone().ok_or(Obstacle::NoWallet)?;
        if !wallet
            .is_online()
            .await
            .map_err(Obstacle::wallet("is online"))?
        {
            return Err(Obstacle::WalletOffline);
        }
        let found = wallet
            .address()
            .await
            .map_err(Obstacle::wallet("address"))?;
        if found != self.ctx.pool_address.as_str() {
            let wanted = self.ctx.pool_address.as_str().to_owned();
            let obstacle = Obstacle::WalletAddress { found, wanted };
            let now_ms = self.ctx.now_ms();
            self.alarms
                .raise(AlarmKind::WalletAddress, obstacle.to_string(), now_ms);
            return Err(obstacle);
        }
        self.alarms.clear(AlarmKind::WalletAddress);
        let seen = wallet
            .topoheight()
            .await
            .map_err(Obstacle::wallet("topoheight"))?;
        if seen.abs_diff(topoheight) > self.ctx.config.wallet_lag_max {
            return Err(Obstacle::WalletBehind {
                wallet: seen,
                daemon: topoheight,
            });
        }
        Ok(wallet)
    }

    /// The account's nonce at the top and where it is stable.
    async fn nonces(&self) -> Result<(u64, u64), Obstacle> {
        let pool = &self.ctx.pool_address;
        let daemons = &self.ctx.daemons;
        let stable = daemons
            .stable_nonce(pool)
            .await
            .map_err(Obstacle::daemon("stable nonce"))?;
        let top = daemons
            .nonce(pool)
            .await
            .map_err(Obstacle::daemon("nonce"))?;
        Ok((top, stable))
    }

    /// Where each variant was executed. Asked after the nonces: a nonce that was used by then is
    /// used by a transaction that the daemon now knows as executed.
    async fn executions(&self, payout: &Payout) -> Result<Vec<Option<Execution>>, Obstacle> {
        let mut executions = Vec::with_capacity(payout.variants.len());
        for variant in &payout.variants {
            let tx = raftpool_chain::Hash(variant.tx_hash);
            let execution = self.ctx.daemons.execution(tx).await;
            executions.push(execution.map_err(Obstacle::daemon("execution"))?);
        }
        Ok(executions)
    }

    /// A nonce is used up for good by nothing the ledger knows. Seen often enough, all payouts
    /// stop: money has left the wallet that these books do not explain.
    async fn nonce_taken(&mut self, desk: &Desk, taken: Taken) -> Result<PayoutStep, Obstacle> {
        let (nonce, detail) = (taken.nonce, taken.detail);
        let seen = self.memory.taken.add(&nonce);
        if seen < self.ctx.config.foreign_sightings {
            return Err(Obstacle::NonceTaken { nonce, seen });
        }
        self.alarms
            .raise(taken.kind, detail.clone(), self.ctx.now_ms());
        if desk.paused.is_some() {
            return Err(Obstacle::NonceTaken { nonce, seen });
        }
        self.stop_payouts(PausePayouts {
            paused: true,
            reason: detail,
            unexplained_nonce: taken.unexplained_nonce,
            ..PausePayouts::default()
        })
        .await
    }

    /// Stops payouts, and keeps in the books what for: whoever leads next does not stop them again
    /// for what an operator has accepted.
    async fn stop_payouts(&self, pause: PausePayouts) -> Result<PayoutStep, Obstacle> {
        let reason = pause.reason.clone();
        let (before, after) = (PayoutPoint::BeforePause, PayoutPoint::AfterPause);
        self.propose(Proposal {
            step: "pause_payouts",
            before,
            after,
            body: Body::PausePayouts(pause),
        })
        .await?;
        tracing::error!(step = "stop", reason, "payout step");
        Ok(PayoutStep::Stopped { reason })
    }

    /// Gives back what an unsigned payout set aside.
    async fn release(
        &mut self,
        payout: &Payout,
        term: u64,
        reason: String,
    ) -> Result<PayoutStep, Obstacle> {
        let body = Body::ReleasePayout(ReleasePayout {
            payout_id: payout.id,
            reason: reason.clone(),
            term,
        });
        let (before, after) = (PayoutPoint::BeforeRelease, PayoutPoint::AfterRelease);
        self.propose(Proposal {
            step: "release_payout",
            before,
            after,
            body,
        })
        .await?;
        tracing::warn!(
            step = "release",
            payout_id = payout.id,
            nonce = payout.nonce,
            reason,
            "payout step"
        );
        Ok(PayoutStep::Released {
            payout_id: payout.id,
            reason,
        })
    }

    fn retry_later(&mut self, reason: String) {
        let at = Instant::now() + self.ctx.config.retry_interval;
        self.memory.retry = Some((at, reason));
    }

    fn check_retry(&mut self) -> Result<(), Obstacle> {
        match &self.memory.retry {
            Some((at, reason)) if Instant::now() < *at => Err(Obstacle::Retrying(reason.clone())),
            _ => {
                self.memory.retry = None;
                Ok(())
            }
        }
    }
}

/// Refusals that only say that somebody else, or an earlier try with a lost answer, was first.
fn is_overtaken(rejection: &raftpool_ledger::Rejection) -> bool {
    use raftpool_ledger::Rejection as R;
    matches!(
        rejection,
        R::Fenced { .. }
            | R::PayoutOpen(_)
            | R::PayoutNotOpen(_)
            | R::PayoutSigned(_)
            | R::PayoutsPaused
            | R::NotApproved(_)
            | R::AddressHeld(_)
            | R::DailyLimit { .. }
            | R::PoolFeesTooLow { .. }
    )
}
