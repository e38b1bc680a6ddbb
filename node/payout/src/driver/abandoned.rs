//! Watches the transactions of payouts that were given up.
//!
//! Such a payout went back into balances because another transaction had used its nonce for good.
//! Should one of its own be executed after all, the payees have the money and their balances as
//! well. Nothing is booked then, because the books cannot know what the operator has done about
//! it: payouts stop once, and the alarm stands.

use raftpool_chain::Hash;
use raftpool_ledger::command::{PausePayouts, command::Body};
use tokio::time::Instant;

use super::Driver;
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::desk::Desk;
use crate::obstacle::Obstacle;
use crate::status::PayoutStep;

impl Driver {
    /// Looks for executions that must not be; stops payouts when there is one that nobody has
    /// accepted yet. A daemon that does not answer says nothing: the next look asks again.
    pub(super) async fn watch_abandoned(
        &mut self,
        desk: &Desk,
    ) -> Result<Option<PayoutStep>, Obstacle> {
        if desk.abandoned.is_empty() {
            return Ok(None);
        }
        let now = Instant::now();
        if self.memory.abandoned_at.is_some_and(|at| now < at) {
            return Ok(None);
        }
        self.memory.abandoned_at = Some(now + self.ctx.config.resend_interval);
        let Some((payout_id, tx)) = self.executed_abandoned(desk).await? else {
            self.alarms.clear(AlarmKind::AbandonedExecuted);
            return Ok(None);
        };
        let obstacle = Obstacle::AbandonedExecuted { payout_id, tx };
        let detail = format!(
            "{obstacle} after all: its payees were paid and have their balances as well; hold \
             them until that is put right, then resume"
        );
        let now_ms = self.ctx.now_ms();
        self.alarms
            .raise(AlarmKind::AbandonedExecuted, detail.clone(), now_ms);
        if desk.paused.is_some() || self.memory.reported_abandoned == Some(tx) {
            self.memory.reported_abandoned = Some(tx);
            return Ok(None);
        }
        let body = Body::PausePayouts(PausePayouts {
            paused: true,
            reason: detail.clone(),
        });
        let (before, after) = (PayoutPoint::BeforePause, PayoutPoint::AfterPause);
        self.propose(Proposal {
            step: "pause_payouts",
            before,
            after,
            body,
        })
        .await?;
        self.memory.reported_abandoned = Some(tx);
        tracing::error!(step = "stop", payout_id, reason = detail, "payout step");
        Ok(Some(PayoutStep::Stopped { reason: detail }))
    }

    async fn executed_abandoned(&self, desk: &Desk) -> Result<Option<(u64, Hash)>, Obstacle> {
        for payout in &desk.abandoned {
            for variant in &payout.variants {
                let tx = Hash(variant.tx_hash);
                let execution = self.ctx.daemons.execution(tx).await;
                if execution.map_err(Obstacle::daemon("execution"))?.is_some() {
                    return Ok(Some((payout.id, tx)));
                }
            }
        }
        Ok(None)
    }
}
