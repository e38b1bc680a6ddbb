//! Opens a payout: only when it is due, everything earlier is final, and the wallet covers it.

use raftpool_chain::{Address, Transfer, Wallet};
use raftpool_ledger::command::{Payee, ReservePayout, Settings, command::Body};

use super::Driver;
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::desk::Desk;
use crate::obstacle::Obstacle;
use crate::plan::{FeeLimits, Plan, plan};
use crate::status::PayoutStep;

/// Most destinations of one transaction on the chain.
const PAYEES_CHAIN_MAX: usize = 255;

impl Driver {
    /// Whether a payout is due, from the ledger alone: no daemon or wallet is bothered before.
    pub(super) fn check_due(&mut self, desk: &Desk) -> Result<(), Obstacle> {
        let settings = desk.settings.as_ref().ok_or(Obstacle::NoSettings)?;
        if let Some(reason) = &desk.paused {
            return Err(Obstacle::Paused(reason.clone()));
        }
        self.check_retry()?;
        let is_searching = !self.memory.suspicion.suspects().is_empty();
        if !desk.newest_was_released && !is_searching && desk.last_payout_ms > 0 {
            let due_ms = desk
                .last_payout_ms
                .saturating_add(settings.payout_interval_ms);
            let wait_ms = due_ms.saturating_sub(self.ctx.now_ms());
            if wait_ms > 0 {
                return Err(Obstacle::NotDue(wait_ms));
            }
        }
        self.refresh_quarantine();
        if self.candidates(settings)?.is_empty() {
            return Err(Obstacle::NothingPayable);
        }
        Ok(())
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
        self.check_solvency(desk, wallet.as_ref()).await?;
        let payees = self.plan_payees(settings, wallet.as_ref()).await?;
        let payout_id = desk.next_payout_id;
        let (count, amount_atomic) = totals(&payees);
        let body = Body::ReservePayout(ReservePayout {
            payout_id,
            nonce: top,
            payees,
            term,
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
        let Some(expected) = desk.confirmed_nonce.map(|nonce| nonce.saturating_add(1)) else {
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

    /// The wallet must hold all that the pool owes, not only what this payout takes.
    async fn check_solvency(&self, desk: &Desk, wallet: &dyn Wallet) -> Result<(), Obstacle> {
        // A transaction that was built and never executed would still be subtracted.
        let cleared = wallet.clear_transaction_cache().await;
        cleared.map_err(Obstacle::wallet("clear transaction cache"))?;
        let balance_atomic = wallet
            .balance_atomic()
            .await
            .map_err(Obstacle::wallet("balance"))?;
        let owed_atomic = desk.owed_atomic();
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

    /// Who may be paid now, largest balance first: half of the suspects while there are any.
    fn candidates(&mut self, settings: &Settings) -> Result<Vec<(String, u64)>, Obstacle> {
        let payees_max = usize::try_from(settings.payout_payees_max).unwrap_or(PAYEES_CHAIN_MAX);
        let payees_max = payees_max.clamp(1, PAYEES_CHAIN_MAX);
        let threshold = settings.payout_threshold_atomic.max(1);
        let suspects = self.memory.suspicion.suspects();
        if !suspects.is_empty() {
            let mut found = self.ctx.read(|view| {
                let mut found = Vec::new();
                for address in suspects {
                    let balance = view
                        .miner(&address)?
                        .map_or(0, |miner| miner.balance_atomic);
                    found.push((address, balance));
                }
                Ok(found)
            })?;
            found.retain(|(_, balance)| *balance >= threshold);
            found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            if !found.is_empty() {
                found.truncate(found.len().div_ceil(2).min(payees_max));
                return Ok(found);
            }
            self.memory.suspicion.drop_suspects();
        }
        let left_out = self
            .memory
            .suspicion
            .left_out()
            .map_or(0, |(payees, _)| payees);
        let limit = payees_max + left_out + 1;
        let mut found = self.ctx.read(|view| view.payable(threshold, limit))?;
        let pool = self.ctx.pool_address.as_str();
        // What the pool earned itself stays in its balance: the wallet cannot pay itself.
        found.retain(|(address, _)| address != pool && !self.memory.suspicion.is_left_out(address));
        found.truncate(payees_max);
        Ok(found)
    }

    async fn plan_payees(
        &mut self,
        settings: &Settings,
        wallet: &dyn Wallet,
    ) -> Result<Vec<Payee>, Obstacle> {
        let limits = FeeLimits {
            headroom_percent: self.ctx.config.fee_headroom_percent,
            share_max_percent: self.ctx.config.fee_share_max_percent,
        };
        let mut candidates = self.candidates(settings)?;
        let mut fee_atomic = 0;
        while !candidates.is_empty() {
            let Some(transfers) = self.transfers(&mut candidates) else {
                continue;
            };
            let estimate = wallet.estimate_fee_atomic(&transfers).await;
            fee_atomic = estimate.map_err(Obstacle::wallet("estimate fee"))?;
            match plan(&candidates, fee_atomic, limits) {
                Plan::Pay(payees) => return Ok(payees),
                Plan::Fewer(keep) => candidates.truncate(keep),
            }
        }
        let obstacle = Obstacle::FeesTooHigh { fee_atomic };
        self.retry_later(obstacle.to_string());
        Err(obstacle)
    }

    /// The transfers as the wallet is asked about them; `None` when an address had to be left out,
    /// which then is not among the candidates any more.
    fn transfers(&mut self, candidates: &mut Vec<(String, u64)>) -> Option<Vec<Transfer>> {
        let mut transfers = Vec::with_capacity(candidates.len());
        for (position, (address, amount_atomic)) in candidates.iter().enumerate() {
            match Address::parse(address, self.ctx.network) {
                Ok(destination) => {
                    transfers.push(Transfer {
                        destination,
                        amount_atomic: *amount_atomic,
                    });
                }
                Err(error) => {
                    let quarantine = self.ctx.config.payee_quarantine;
                    let reason = error.to_string();
                    self.memory
                        .suspicion
                        .leave_out(address, &reason, quarantine);
                    candidates.remove(position);
                    self.refresh_quarantine();
                    return None;
                }
            }
        }
        Some(transfers)
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
