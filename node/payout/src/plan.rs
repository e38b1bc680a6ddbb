//! Who is paid how much by the next payout: pure integer arithmetic.
//!
//! A payee's whole balance leaves his account. What is sent is the balance less an equal share of
//! the fee budget, rounded up, so that the shares always cover the fee.

use raftpool_ledger::command::Payee;

/// Limits on fees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeeLimits {
    pub(crate) headroom_percent: u32,
    pub(crate) share_max_percent: u32,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// These payees, each bearing the same share of the budget.
    Pay(Vec<Payee>),
    /// The fee is too much for the smallest balances: estimate anew for this many, the largest.
    Fewer(usize),
}

/// Plans a payout to `candidates`, largest balance first, for whom the wallet estimated a fee.
pub(crate) fn plan(
    candidates: &[(String, u64)],
    fee_estimate_atomic: u64,
    limits: FeeLimits,
) -> Plan {
    let payees = candidates.len() as u128;
    if payees == 0 {
        return Plan::Fewer(0);
    }
    let budget = u128::from(fee_estimate_atomic) * u128::from(limits.headroom_percent);
    let share = budget.div_ceil(100).div_ceil(payees);
    let bearable = |balance: u64| {
        let balance = u128::from(balance);
        share < balance && share * 100 <= balance * u128::from(limits.share_max_percent)
    };
    let keep = candidates
        .iter()
        .take_while(|(_, balance)| bearable(*balance))
        .count();
    let Ok(share) = u64::try_from(share) else {
        return Plan::Fewer(0);
    };
    if keep < candidates.len() {
        return Plan::Fewer(keep);
    }
    let payee = |(address, balance): &(String, u64)| Payee {
        address: address.clone(),
        debit_atomic: *balance,
        transfer_atomic: balance.saturating_sub(share),
    };
    Plan::Pay(candidates.iter().map(payee).collect())
}

/// What the payees of a payout bear together: the most its transaction may cost.
pub(crate) fn fee_budget_atomic(payees: &[Payee]) -> u64 {
    let shares = payees
        .iter()
        .map(|p| p.debit_atomic.saturating_sub(p.transfer_atomic));
    shares.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FeeLimits = FeeLimits {
        headroom_percent: 125,
        share_max_percent: 10,
    };

    fn candidates(balances: &[u64]) -> Vec<(String, u64)> {
        balances
            .iter()
            .enumerate()
            .map(|(i, balance)| (format!("miner-{i}"), *balance))
            .collect()
    }

    #[test]
    fn shares_are_equal_rounded_up_and_cover_the_estimate_with_headroom() {
        let Plan::Pay(payees) = plan(&candidates(&[5000, 4000, 3000]), 101, LIMITS) else {
            panic!("all three can bear 43");
        };
        // 101 * 1.25 = 126.25, rounded up to 127; a third of it rounded up is 43.
        let transfers: Vec<u64> = payees.iter().map(|p| p.transfer_atomic).collect();
        assert_eq!(transfers, [4957, 3957, 2957]);
        assert_eq!(payees[0].debit_atomic, 5000);
        assert_eq!(fee_budget_atomic(&payees), 129);
    }

    #[test]
    fn payees_for_whom_the_fee_is_too_much_are_left_out() {
        // A share of 42 is at most a tenth of 420, but more than a tenth of 419.
        assert_eq!(
            plan(&candidates(&[5000, 420, 419]), 100, LIMITS),
            Plan::Fewer(2)
        );
        assert!(matches!(
            plan(&candidates(&[5000, 4200, 420]), 100, LIMITS),
            Plan::Pay(_)
        ));
        assert_eq!(plan(&candidates(&[10]), 100, LIMITS), Plan::Fewer(0));
        assert_eq!(plan(&[], 100, LIMITS), Plan::Fewer(0));
    }

    #[test]
    fn absurd_estimates_pay_nobody_and_do_not_overflow() {
        assert_eq!(
            plan(&candidates(&[u64::MAX]), u64::MAX, LIMITS),
            Plan::Fewer(0)
        );
    }

    #[test]
    fn a_transfer_is_always_positive_even_without_a_limit_on_the_share() {
        let limits = FeeLimits {
            headroom_percent: 100,
            share_max_percent: 100,
        };
        assert_eq!(plan(&candidates(&[100]), 100, limits), Plan::Fewer(0));
        assert!(matches!(
            plan(&candidates(&[101]), 100, limits),
            Plan::Pay(_)
        ));
    }
}
