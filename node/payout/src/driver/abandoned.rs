//! Watches the transactions of payouts that were given up.
//!
//! Such a payout went back into balances because another transaction had used its nonce for good,
//! or because an operator answers for it. Should one of its own be executed after all, the payees
//! have the money and their balances as well. Nothing is booked then, because the books cannot know
//! what the operator has done about it: payouts stop once, which the books remember, and the alarm
//! stands.

use raftpool_chain::Hash;
use raftpool_ledger::command::PausePayouts;
use raftpool_ledger::view::{Payout, PayoutStatus};
use tokio::time::Instant;

use super::Driver;
use crate::alarm::AlarmKind;
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
        let executed = self.executed_abandoned(desk).await?;
        let is_news = |found: &&Found| !found.is_reported;
        let Some(found) = executed.iter().find(is_news).or(executed.first()) else {
            self.alarms.clear(AlarmKind::AbandonedExecuted);
            return Ok(None);
        };
        let (payout_id, tx) = (found.payout_id, found.tx);
        let obstacle = Obstacle::AbandonedExecuted { payout_id, tx };
        let detail = format!(
            "{obstacle} after all: its payees were paid and have their balances as well; hold \
             them until that is put right, then resume"
        );
        let now_ms = self.ctx.now_ms();
        self.alarms
            .raise(AlarmKind::AbandonedExecuted, detail.clone(), now_ms);
        if found.is_reported {
            return Ok(None);
        }
        // Also while they are stopped already: whoever resumes them shall know of this, too.
        let stopped = self.stop_payouts(PausePayouts {
            paused: true,
            reason: detail,
            executed_tx_hash: tx.0.to_vec(),
            ..PausePayouts::default()
        });
        stopped.await.map(Some)
    }

    /// The executed transactions, at most one of each payout.
    async fn executed_abandoned(&self, desk: &Desk) -> Result<Vec<Found>, Obstacle> {
        let mut found = Vec::new();
        for payout in &desk.abandoned {
            for variant in &payout.variants {
                let tx = Hash(variant.tx_hash);
                let execution = self.ctx.daemons.execution(tx).await;
                if execution.map_err(Obstacle::daemon("execution"))?.is_some() {
                    let (payout_id, is_reported) = (payout.id, is_reported(payout));
                    found.push(Found {
                        payout_id,
                        tx,
                        is_reported,
                    });
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// Whether payouts were stopped for it before.
fn is_reported(payout: &Payout) -> bool {
    matches!(
        payout.status,
        PayoutStatus::Abandoned {
            executed_tx_hash: Some(_),
            ..
        }
    )
}

/// An executed transaction of a payout that was given up.
struct Found {
    payout_id: u64,
    tx: Hash,
    is_reported: bool,
}
