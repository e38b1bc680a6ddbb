//! Opens a payout: only when it is due, everything earlier is final, and the wallet covers it.

use raftpool_chain::Wallet;
use raftpool_ledger::command::{Payee, ReservePayout, command::Body};

use super::{Driver, Taken};
use crate::PayoutPoint;
use crate::alarm::AlarmKind;
use crate::context::Proposal;
use crate::desk::{Desk, NextNonce};
use crate::obstacle::Obstacle;
use crate::planning::{Planned, Planner, Rules};
use crate::status::PayoutStep;

/// What the wallet says it holds, and what of it no settled block brought.
#[derive(Debug, Clone, Copy)]
struct Holdings {
    balance_atomic: u64,
    unsettled_atomic: u64,
}

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
        let held = self.check_solvency(desk, wallet.as_ref()).await?;
        let rules = Rules::of(settings, desk);
        let Planned {
            payees,
            pool_fee_budget_atomic,
        } = self.plan(&rules, wallet.as_ref()).await?;
        self.check_covered(
            held,
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

    /// The chain's nonce must follow the ledger's last one, or be that of a payout that was given
    /// up by force, which is taken again. A lower one is a daemon that is behind; a higher one means
    /// that the wallet paid something these books do not know, as after a restore from an old
    /// backup, and paying on could pay twice.
    async fn check_history(
        &mut self,
        desk: &Desk,
        nonce: u64,
    ) -> Result<Option<PayoutStep>, Obstacle> {
        let Some(NextNonce { lowest, highest }) = desk.next_nonce else {
            return Ok(None);
        };
        if nonce < lowest {
            return Err(self.nonce_behind(lowest, nonce));
        }
        self.memory.behind.clear();
        self.alarms.clear(AlarmKind::NonceBehind);
        if nonce <= highest {
            self.memory.taken.clear();
            self.alarms.clear(AlarmKind::ForeignSpend);
            self.alarms.clear(AlarmKind::UnexplainedNonce);
            return Ok(None);
        }
        let detail = format!(
            "the chain's next nonce is {nonce}, the ledger explains only those below {highest}: \
             compare the wallet's history with the payouts, then resume"
        );
        let taken = Taken {
            nonce,
            unexplained_nonce: nonce,
            kind: AlarmKind::UnexplainedNonce,
            detail,
        };
        self.nonce_taken(desk, taken).await.map(Some)
    }

    /// A daemon may be behind for a moment; one that stays there needs somebody to look.
    fn nonce_behind(&mut self, expected: u64, found: u64) -> Obstacle {
        let obstacle = Obstacle::NonceBehind { expected, found };
        if self.memory.behind.add(&found) >= self.ctx.config.foreign_sightings {
            let detail = format!("{obstacle}: find out which of both is wrong");
            self.alarms
                .raise(AlarmKind::NonceBehind, detail, self.ctx.now_ms());
        }
        obstacle
    }

    /// The wallet must hold all that the pool owes, not only what this payout takes.
    async fn check_solvency(
        &mut self,
        desk: &Desk,
        wallet: &dyn Wallet,
    ) -> Result<Holdings, Obstacle> {
        // A transaction that was built and never executed would still be subtracted.
        let cleared = wallet.clear_transaction_cache().await;
        cleared.map_err(Obstacle::wallet("clear transaction cache"))?;
        let held = self.holdings(desk, wallet).await?;
        let metric = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        let metrics = &self.ctx.metrics;
        metrics.wallet_atomic.set(metric(held.balance_atomic));
        metrics.unsettled_atomic.set(metric(held.unsettled_atomic));
        self.check_covered(held, desk.owed_atomic())?;
        Ok(held)
    }

    /// What the wallet holds, and how much of it is from blocks that are not settled: a reorder may
    /// take that away, and nobody has a balance for it yet. Such a block counts with what it paid
    /// if it is ordered as far as the wallet has followed, and not with what it is expected to pay,
    /// so that a wallet that holds just its blocks is neither too poor nor too rich.
    async fn holdings(&self, desk: &Desk, wallet: &dyn Wallet) -> Result<Holdings, Obstacle> {
        let topoheight = || async {
            let answer = wallet.topoheight().await;
            answer.map_err(Obstacle::wallet("topoheight"))
        };
        let before = topoheight().await?;
        let balance = wallet.balance_atomic().await;
        let balance_atomic = balance.map_err(Obstacle::wallet("balance"))?;
        if topoheight().await? != before {
            return Err(Obstacle::WalletMoved);
        }
        let mut unsettled_atomic = 0_u64;
        for hash in &desk.maturing {
            let block = self.ctx.daemons.block(*hash).await;
            let block = block.map_err(Obstacle::daemon("block"))?;
            let pool = self.ctx.pool_address.as_str();
            let ours = block.filter(|block| block.miner == pool);
            if let Some(ordered) = ours.and_then(|block| block.ordered)
                && ordered.topoheight <= before
            {
                let paid = ordered.miner_reward_atomic;
                let paid = paid.saturating_add(ordered.total_fees_atomic);
                unsettled_atomic = unsettled_atomic.saturating_add(paid);
            }
        }
        Ok(Holdings {
            balance_atomic,
            unsettled_atomic,
        })
    }

    /// A wallet that is too poor only without what is not settled pays nobody either; wallet and
    /// daemon may differ about the newest blocks for a moment, so that the alarm comes later.
    fn check_covered(&mut self, held: Holdings, owed_atomic: u128) -> Result<(), Obstacle> {
        let Holdings {
            balance_atomic,
            unsettled_atomic,
        } = held;
        let settled_atomic = balance_atomic.saturating_sub(unsettled_atomic);
        if u128::from(settled_atomic) >= owed_atomic {
            self.memory.short.clear();
            self.alarms.clear(AlarmKind::Insolvent);
            return Ok(());
        }
        let obstacle = Obstacle::Insolvent {
            balance_atomic,
            unsettled_atomic,
            owed_atomic,
        };
        let seen = self.memory.short.add(&());
        if u128::from(balance_atomic) < owed_atomic || seen >= self.ctx.config.foreign_sightings {
            let kind = AlarmKind::Insolvent;
            self.alarms
                .raise(kind, obstacle.to_string(), self.ctx.now_ms());
        }
        Err(obstacle)
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
