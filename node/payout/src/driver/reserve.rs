//! Opens a payout: only when it is due, everything earlier is final, and the wallet covers it.

use raftpool_chain::Wallet;
use raftpool_ledger::command::{Payee, ReservePayout, command::Body};

use super::Driver;
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::desk::Desk;
use crate::obstacle::Obstacle;
use crate::planning::{Planned, Planner, Rules};
use crate::status::PayoutStep;

impl Driver {
    /// Whether a payout is due, from the ledger alone: no daemon or wallet is bothered before.
    pub(super) fn check_due(&mut self, desk: &Desk) -> Result<(), Obstacle> {
        let settings = desk.settings.as_ref().ok_or(Obstacle::NoSettings)?;
        if let Some(reason) = &desk.paused {
            return Err(Obstacle::Paused(reason.clone()));
        }
        self.check_retry()?;
        let is_searching = !self.memory.suspicion.suspects().is_empty();
        let wait_ms = desk.due_in_ms(settings, is_searching, self.ctx.now_ms());
        if wait_ms > 0 {
            return Err(Obstacle::NotDue(wait_ms));
        }
        self.refresh_quarantine();
        self.check_candidates(&Rules::of(settings, desk))
    }

    pub(super) async fn reserve(&mut self, desk: &Desk, term: u64) -> Result<PayoutStep, Obstacle> {
        self.check_due(desk)?;
        let settings = desk.settings.as_ref().ok_or(Obstacle::NoSettings)?;
        let info = self.ctx.synced_info(&self.alarms).await?;
        let (top, stable) = self.nonces().await?;
        if top != stable {
            return Err(Obstacle::NonceUnsettled { top, stable });
        }
        if let Some(stop) = self.check_history(desk, top).await? {
            return Ok(stop);
        }
        let wallet = self.ready_wallet(info.topoheight).await?;
        let balance_atomic = self.check_solvency(desk, wallet.as_ref()).await?;
        let rules = Rules::of(settings, desk);
        let Planned {
            payees,
            pool_fee_budget_atomic,
        } = self.plan(&rules, wallet.as_ref()).await?;
        self.check_covered(
            balance_atomic,
            desk.owed_atomic() + u128::from(pool_fee_budget_atomic),
        )?;
        let payout_id = desk.next_payout_id;
        let (count, amount_atomic) = totals(&payees);
        let body = Body::ReservePayout(ReservePayout {
            payout_id,
            nonce: top,
            payees,
            term,
            pool_fee_budget_atomic,
        });
        let (before, after) = (PayoutPoint::BeforeReserve, PayoutPoint::AfterReserve);
        let proposal = Proposal {
            step: "reserve_payout",
            before,
            after,
            body,
        };
        if let Err(obstacle) = self.propose(proposal).await {
            if matches!(obstacle, Obstacle::Rejected { .. }) {
                self.retry_later(obstacle.to_string());
            }
            return Err(obstacle);
        }
        tracing::info!(
            step = "reserve",
            payout_id,
            nonce = top,
            payees = count,
            amount_atomic,
            pool_fee_budget_atomic,
            "payout step"
        );
        Ok(PayoutStep::Reserved { payout_id })
    }

    /// The chain's nonce must follow the ledger's last one. A lower one is a daemon that is
    /// behind; a higher one means that the wallet paid something these books do not know, as after
    /// a restore from an old backup, and paying on could pay twice.
    async fn check_history(
        &mut self,
        desk: &Desk,
        nonce: u64,
    ) -> Result<Option<PayoutStep>, Obstacle> {
        let Some(expected) = desk.used_nonce.map(|nonce| nonce.saturating_add(1)) else {
            return Ok(None);
        };
        if nonce < expected {
            return Err(Obstacle::NonceBehind {
                expected,
                found: nonce,
            });
        }
        if nonce == expected || self.memory.reported_nonce == Some(nonce) {
            self.memory.taken.clear();
            self.alarms.clear(AlarmKind::ForeignSpend);
            self.alarms.clear(AlarmKind::UnexplainedNonce);
            return Ok(None);
        }
        let detail = format!(
            "the chain's next nonce is {nonce}, the ledger explains only those below {expected}: \
             compare the wallet's history with the payouts, then resume"
        );
        let stop = self
            .nonce_taken(desk, nonce, AlarmKind::UnexplainedNonce, detail)
            .await?;
        self.memory.reported_nonce = Some(nonce);
        Ok(Some(stop))
    }

    /// The wallet must hold all that the pool owes, not only what this payout takes; returns what
    /// it holds.
    async fn check_solvency(&self, desk: &Desk, wallet: &dyn Wallet) -> Result<u64, Obstacle> {
        // A transaction that was built and never executed would still be subtracted.
        let cleared = wallet.clear_transaction_cache().await;
        cleared.map_err(Obstacle::wallet("clear transaction cache"))?;
        let balance_atomic = wallet
            .balance_atomic()
            .await
            .map_err(Obstacle::wallet("balance"))?;
        self.check_covered(balance_atomic, desk.owed_atomic())?;
        Ok(balance_atomic)
    }

    fn check_covered(&self, balance_atomic: u64, owed_atomic: u128) -> Result<(), Obstacle> {
        if u128::from(balance_atomic) < owed_atomic {
            let obstacle = Obstacle::Insolvent {
                balance_atomic,
                owed_atomic,
            };
            self.alarms.raise(
                AlarmKind::Insolvent,
                obstacle.to_string(),
                self.ctx.now_ms(),
            );
            return Err(obstacle);
        }
        self.alarms.clear(AlarmKind::Insolvent);
        Ok(())
    }

    /// Fails when nobody may be paid now.
    fn check_candidates(&mut self, rules: &Rules) -> Result<(), Obstacle> {
        let found = self.planner().candidates(rules).map(drop);
        self.refresh_quarantine();
        if found.is_err() {
            self.alarms.clear(AlarmKind::PoolFeesTooLow);
        }
        found
    }

    async fn plan(&mut self, rules: &Rules, wallet: &dyn Wallet) -> Result<Planned, Obstacle> {
        let planned = self.planner().plan(rules, wallet).await;
        self.refresh_quarantine();
        match &planned {
            Err(obstacle @ Obstacle::PoolFeesTooLow { .. }) => {
                let kind = AlarmKind::PoolFeesTooLow;
                self.alarms
                    .raise(kind, obstacle.to_string(), self.ctx.now_ms());
                self.retry_later(obstacle.to_string());
            }
            Err(obstacle @ Obstacle::FeesTooHigh { .. }) => self.retry_later(obstacle.to_string()),
            Err(_) => {}
            Ok(_) => self.alarms.clear(AlarmKind::PoolFeesTooLow),
        }
        planned
    }

    fn planner(&mut self) -> Planner<'_> {
        Planner {
            ctx: &self.ctx,
            suspicion: &mut self.memory.suspicion,
        }
    }

    pub(super) fn refresh_quarantine(&mut self) {
        self.memory.suspicion.refresh();
        match self.memory.suspicion.left_out() {
            Some((_, detail)) => {
                self.alarms
                    .raise(AlarmKind::PayeeQuarantined, detail, self.ctx.now_ms());
            }
            None => self.alarms.clear(AlarmKind::PayeeQuarantined),
        }
    }
}

fn totals(payees: &[Payee]) -> (usize, u128) {
    (
        payees.len(),
        payees
            .iter()
            .map(|payee| u128::from(payee.transfer_atomic))
            .sum(),
    )
}
