//! The accounts.

use raftpool_proto::ledger as row;

use crate::command::Account;

/// Every account at one moment. Each atomic unit is in exactly one of them (promise P4): what came
/// in from outside is what all the others hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// From outside: all that settled blocks brought.
    pub income_atomic: u128,
    /// From outside: what blocks that are not final are expected to bring.
    pub expected_atomic: u128,
    /// From outside: what the operator put into the wallet.
    pub deposits_atomic: u128,
    /// From outside: what payouts that a reconciliation found had paid beyond the balances of the
    /// restored books.
    pub reconciled_atomic: u128,
    /// Sum of the miners' balances.
    pub balances_atomic: u128,
    /// Sum of what is in flight.
    pub in_flight_atomic: u128,
    /// Sum of what was transferred.
    pub paid_atomic: u128,
    /// Fees paid to the network for payouts, borne by the miners.
    pub network_fees_atomic: u128,
    /// What blocks that are not final will probably bring, before anybody's part of it is known.
    pub immature_atomic: u128,
    /// What settled blocks owe to miners who did not get their part yet.
    pub undistributed_atomic: u128,
    /// The pool's fees of PPLNS.
    pub fees_pplns_atomic: u128,
    /// The pool's fees of solo blocks.
    pub fees_solo_atomic: u128,
    /// What the pool took out of the reserve for PPS.
    pub fees_pps_atomic: u128,
    /// What the pool took out of the reserve for FPPS.
    pub fees_fpps_atomic: u128,
    /// What PPS and FPPS are paid from.
    pub reserve_atomic: u128,
    /// Remainders of divisions.
    pub rounding_atomic: u128,
    /// What the pool gives away.
    pub donations_atomic: u128,
    /// What the pool set aside for the network's fee of the open payout.
    pub fee_budget_atomic: u128,
    /// Fees paid to the network for payouts, borne by the pool.
    pub network_fees_pool_atomic: u128,
}

impl Accounts {
    pub(crate) fn of(row: &row::Accounts) -> Self {
        let amount = |account: Account| {
            let amount = row.amounts.get(&account.into());
            amount.map_or(0, |amount| u128::from(amount.unsigned_abs()))
        };
        Self {
            income_atomic: amount(Account::Income),
            expected_atomic: amount(Account::Expected),
            deposits_atomic: amount(Account::Deposits),
            reconciled_atomic: amount(Account::Reconciled),
            balances_atomic: amount(Account::Mature),
            in_flight_atomic: amount(Account::InFlight),
            paid_atomic: amount(Account::Paid),
            network_fees_atomic: amount(Account::NetworkFees),
            immature_atomic: amount(Account::Immature),
            undistributed_atomic: amount(Account::Undistributed),
            fees_pplns_atomic: amount(Account::FeesPplns),
            fees_solo_atomic: amount(Account::FeesSolo),
            fees_pps_atomic: amount(Account::FeesPps),
            fees_fpps_atomic: amount(Account::FeesFpps),
            reserve_atomic: amount(Account::Reserve),
            rounding_atomic: amount(Account::Rounding),
            donations_atomic: amount(Account::Donations),
            fee_budget_atomic: amount(Account::FeeBudget),
            network_fees_pool_atomic: amount(Account::NetworkFeesPool),
        }
    }

    /// Every account with its amount; those from outside are below zero, and the sum is zero.
    pub fn by_account(&self) -> [(Account, i128); 19] {
        let held = |amount: u128| i128::try_from(amount).unwrap_or(i128::MAX);
        [
            (Account::Income, -held(self.income_atomic)),
            (Account::Expected, -held(self.expected_atomic)),
            (Account::Deposits, -held(self.deposits_atomic)),
            (Account::Reconciled, -held(self.reconciled_atomic)),
            (Account::Mature, held(self.balances_atomic)),
            (Account::InFlight, held(self.in_flight_atomic)),
            (Account::Paid, held(self.paid_atomic)),
            (Account::NetworkFees, held(self.network_fees_atomic)),
            (Account::Immature, held(self.immature_atomic)),
            (Account::Undistributed, held(self.undistributed_atomic)),
            (Account::FeesPplns, held(self.fees_pplns_atomic)),
            (Account::FeesSolo, held(self.fees_solo_atomic)),
            (Account::FeesPps, held(self.fees_pps_atomic)),
            (Account::FeesFpps, held(self.fees_fpps_atomic)),
            (Account::Reserve, held(self.reserve_atomic)),
            (Account::Rounding, held(self.rounding_atomic)),
            (Account::Donations, held(self.donations_atomic)),
            (Account::FeeBudget, held(self.fee_budget_atomic)),
            (
                Account::NetworkFeesPool,
                held(self.network_fees_pool_atomic),
            ),
        ]
    }

    /// The pool's fees of all schemes.
    pub fn pool_fees_atomic(&self) -> u128 {
        self.fees_pplns_atomic
            + self.fees_solo_atomic
            + self.fees_pps_atomic
            + self.fees_fpps_atomic
    }

    /// What the pool owes to miners: balances, what is in flight, and what is not handed out yet.
    pub fn owed_atomic(&self) -> u128 {
        self.balances_atomic + self.in_flight_atomic + self.undistributed_atomic
    }
}
