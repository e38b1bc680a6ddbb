//! Who is paid by the next payout, and what each one gets: the same code for the driver, which
//! reserves it, and for a simulation, which only shows it.
//!
//! Largest balances come first; half of the suspects while there are any. A balance for which the
//! day's limit leaves no room is paid in part, if the part reaches the threshold, the miner's own
//! as well; one that no day reaches is paid by whole days. Who bears the
//! network fee changes what is sent, and not who is paid: a balance too small for its part of the
//! fee waits also when the pool bears it, or dust would eat the pool's fees.

use raftpool_chain::{Address, Transfer, Wallet};
use raftpool_ledger::StateError;
use raftpool_ledger::command::{Payee, Settings};
use raftpool_ledger::settings::is_fee_borne_by_pool;
use raftpool_ledger::view::LedgerView;

use crate::context::Context;
use crate::desk::Desk;
use crate::obstacle::Obstacle;
use crate::payees::Suspicion;
use crate::plan::{FeeLimits, Plan, plan};

/// Most destinations of one transaction on the chain.
const PAYEES_CHAIN_MAX: usize = 255;

/// What the ledger allows the next payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) threshold_atomic: u64,
    pub(crate) payees_max: usize,
    /// What today's payouts may still take; none: all there is.
    pub(crate) left_today_atomic: Option<u64>,
    /// What a day's payouts may take in all; 0: all there is.
    pub(crate) daily_limit_atomic: u64,
    pub(crate) is_fee_borne_by_pool: bool,
    pub(crate) pool_fees_atomic: u128,
}

impl Rules {
    pub(crate) fn of(settings: &Settings, desk: &Desk) -> Self {
        let payees_max = usize::try_from(settings.payout_payees_max).unwrap_or(PAYEES_CHAIN_MAX);
        let limit = settings.payout_daily_limit_atomic;
        Self {
            threshold_atomic: settings.payout_threshold_atomic.max(1),
            payees_max: payees_max.clamp(1, PAYEES_CHAIN_MAX),
            left_today_atomic: (limit > 0).then(|| limit.saturating_sub(desk.taken_today_atomic)),
            daily_limit_atomic: limit,
            is_fee_borne_by_pool: is_fee_borne_by_pool(settings),
            pool_fees_atomic: desk.accounts.pool_fees_atomic(),
        }
    }
}

/// A payout that could be reserved.
#[derive(Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) payees: Vec<Payee>,
    pub(crate) pool_fee_budget_atomic: u64,
}

/// Plans with what this node suspects; it may find an address that no transaction can pay, which
/// then is left out.
pub(crate) struct Planner<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) suspicion: &'a mut Suspicion,
}

impl Planner<'_> {
    /// Whom the next payout would pay, and how much would leave each balance.
    ///
    /// # Errors
    /// When nobody may be paid now, with the reason.
    pub(crate) fn candidates(&mut self, rules: &Rules) -> Result<Vec<(String, u64)>, Obstacle> {
        let found = match self.suspects(rules)? {
            Some(suspects) => suspects,
            None => self.largest(rules)?,
        };
        if found.is_empty() {
            return Err(Obstacle::NothingPayable);
        }
        let Some(left_atomic) = rules.left_today_atomic else {
            return Ok(found);
        };
        let fitting = self.ctx.read(|view| {
            fit_into_day(found, left_atomic, |address| {
                let own_atomic = view.terms(address)?.threshold_atomic;
                Ok(least_part(rules, own_atomic))
            })
        })?;
        if fitting.is_empty() {
            let limit_atomic = rules.daily_limit_atomic;
            return Err(Obstacle::DailyLimit {
                left_atomic,
                limit_atomic,
            });
        }
        Ok(fitting)
    }

    /// Half of the suspects that may be paid; none when there are no such.
    fn suspects(&mut self, rules: &Rules) -> Result<Option<Vec<(String, u64)>>, Obstacle> {
        let suspects = self.suspicion.suspects();
        if suspects.is_empty() {
            return Ok(None);
        }
        let threshold = rules.threshold_atomic;
        let mut found = self.ctx.read(|view| {
            let mut found = Vec::new();
            for address in suspects {
                if let Some(balance) = payable_balance(view, &address, threshold)? {
                    found.push((address, balance));
                }
            }
            Ok(found)
        })?;
        if found.is_empty() {
            self.suspicion.drop_suspects();
            return Ok(None);
        }
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.truncate(found.len().div_ceil(2).min(rules.payees_max));
        Ok(Some(found))
    }

    fn largest(&mut self, rules: &Rules) -> Result<Vec<(String, u64)>, Obstacle> {
        let left_out = self.suspicion.left_out().map_or(0, |(payees, _)| payees);
        let limit = rules.payees_max + left_out + 1;
        let mut found = self
            .ctx
            .read(|view| view.payable(rules.threshold_atomic, limit))?;
        let pool = self.ctx.pool_address.as_str();
        // What the pool earned itself stays in its balance: the wallet cannot pay itself.
        found.retain(|(address, _)| address != pool && !self.suspicion.is_left_out(address));
        found.truncate(rules.payees_max);
        Ok(found)
    }

    /// The next payout, with a fee budget that the wallet's estimate fits into.
    ///
    /// # Errors
    /// When nobody may be paid now, the wallet does not answer, or the fee is too much for
    /// everyone or for the pool that shall bear it.
    pub(crate) async fn plan(
        &mut self,
        rules: &Rules,
        wallet: &dyn Wallet,
    ) -> Result<Planned, Obstacle> {
        let limits = FeeLimits {
            headroom_percent: self.ctx.config.fee_headroom_percent,
            share_max_percent: self.ctx.config.fee_share_max_percent,
        };
        let mut candidates = self.candidates(rules)?;
        let mut fee_atomic = 0;
        while !candidates.is_empty() {
            let Some(transfers) = self.transfers(&mut candidates) else {
                continue;
            };
            let estimate = wallet.estimate_fee_atomic(&transfers).await;
            fee_atomic = estimate.map_err(Obstacle::wallet("estimate fee"))?;
            match plan(&candidates, fee_atomic, limits) {
                Plan::Pay(payees) => return bear(rules, payees),
                Plan::Fewer(keep) => candidates.truncate(keep),
            }
        }
        Err(Obstacle::FeesTooHigh { fee_atomic })
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
                    self.suspicion.leave_out(address, &reason, quarantine);
                    candidates.remove(position);
                    return None;
                }
            }
        }
        Some(transfers)
    }
}

/// A miner's balance, if it may be paid by its own terms.
fn payable_balance(
    view: &LedgerView<'_>,
    address: &str,
    threshold_atomic: u64,
) -> Result<Option<u64>, StateError> {
    let terms = view.terms(address)?;
    let miner = view.miner(address)?;
    let balance = miner.map_or(0, |miner| miner.balance_atomic);
    let least = terms.threshold_atomic.max(threshold_atomic);
    Ok((terms.hold.is_none() && balance >= least).then_some(balance))
}

/// The least part of a balance that is sent: what the miner wants to wait for, or the whole limit
/// of a day when that is less.
fn least_part(rules: &Rules, own_atomic: u64) -> u64 {
    let reachable_atomic = own_atomic.min(rules.daily_limit_atomic);
    reachable_atomic.max(rules.threshold_atomic)
}

/// Takes the candidates in their order as long as the day has room; one for which there is not
/// enough is paid in part, if the part reaches the least one.
fn fit_into_day(
    candidates: Vec<(String, u64)>,
    mut left_atomic: u64,
    least_part: impl Fn(&str) -> Result<u64, StateError>,
) -> Result<Vec<(String, u64)>, StateError> {
    let mut fitting = Vec::new();
    for (address, balance_atomic) in candidates {
        let amount_atomic = balance_atomic.min(left_atomic);
        let is_whole = amount_atomic == balance_atomic;
        if is_whole || amount_atomic >= least_part(&address)? {
            left_atomic -= amount_atomic;
            fitting.push((address, amount_atomic));
        }
    }
    Ok(fitting)
}

/// Lets the pool bear the fee where it shall. It never falls to the payees because the pool has
/// too little: they were promised their whole balance.
fn bear(rules: &Rules, mut payees: Vec<Payee>) -> Result<Planned, Obstacle> {
    if !rules.is_fee_borne_by_pool {
        return Ok(Planned {
            payees,
            pool_fee_budget_atomic: 0,
        });
    }
    let budget_atomic = crate::plan::fee_budget_atomic(&payees);
    if u128::from(budget_atomic) > rules.pool_fees_atomic {
        return Err(Obstacle::PoolFeesTooLow {
            budget_atomic,
            pool_fees_atomic: rules.pool_fees_atomic,
        });
    }
    for payee in &mut payees {
        payee.transfer_atomic = payee.debit_atomic;
    }
    Ok(Planned {
        payees,
        pool_fee_budget_atomic: budget_atomic,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(balances: &[u64]) -> Vec<(String, u64)> {
        let named = balances.iter().enumerate();
        named
            .map(|(number, balance)| (format!("miner-{number}"), *balance))
            .collect()
    }

    fn amounts(fitting: Vec<(String, u64)>) -> Vec<u64> {
        fitting.into_iter().map(|(_, amount)| amount).collect()
    }

    #[test]
    fn what_does_not_fit_into_the_day_is_paid_in_part_or_waits() {
        let fit = |left| {
            let fitting = fit_into_day(candidates(&[900, 500, 300]), left, |_| Ok(100));
            amounts(fitting.unwrap())
        };
        assert_eq!(fit(1_700), [900, 500, 300]);
        assert_eq!(fit(1_500), [900, 500, 100]);
        assert_eq!(fit(1_499), [900, 500]);
        assert_eq!(fit(250), [250]);
        assert!(fit(99).is_empty());
    }

    #[test]
    fn a_part_reaches_the_threshold_of_the_miner_as_far_as_a_day_does() {
        let rules = Rules {
            threshold_atomic: 100,
            payees_max: 1,
            left_today_atomic: Some(1),
            daily_limit_atomic: 1_000,
            is_fee_borne_by_pool: false,
            pool_fees_atomic: 0,
        };
        let least = [0, 99, 500, 1_001].map(|own| least_part(&rules, own));
        assert_eq!(least, [100, 100, 500, 1_000]);
    }

    #[test]
    fn the_pool_bears_the_fee_only_when_it_can() {
        let payees = vec![Payee {
            address: "a".into(),
            debit_atomic: 500,
            transfer_atomic: 460,
        }];
        let rules = |pool_fees_atomic| Rules {
            threshold_atomic: 1,
            payees_max: 1,
            left_today_atomic: None,
            daily_limit_atomic: 0,
            is_fee_borne_by_pool: true,
            pool_fees_atomic,
        };
        let planned = bear(&rules(40), payees.clone()).unwrap();
        assert_eq!(planned.pool_fee_budget_atomic, 40);
        assert_eq!(planned.payees[0].transfer_atomic, 500);
        let too_low = bear(&rules(39), payees).unwrap_err();
        assert!(matches!(
            too_low,
            Obstacle::PoolFeesTooLow {
                budget_atomic: 40,
                ..
            }
        ));
    }
}
