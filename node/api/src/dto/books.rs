//! Every account as operators see it.

use raftpool_ledger::StateError;
use raftpool_ledger::view::{LedgerView, account_name};
use serde::Serialize;

use super::admin::Source;
use super::journal::Reserve;

/// The answer of `GET /admin/v1/accounts`.
#[derive(Debug, Serialize)]
pub struct AccountsAndReserve {
    /// The node that answers and who leads.
    #[serde(flatten)]
    pub source: Source,
    /// Every account; the sum of all is zero.
    pub accounts: Vec<AccountAmount>,
    /// What PPS and FPPS are paid from; null while neither is offered and nothing is in it.
    pub reserve: Option<Reserve>,
}

/// What one account holds.
#[derive(Debug, Serialize)]
pub struct AccountAmount {
    /// Its name.
    pub account: &'static str,
    /// Atomic units as decimal text; below zero for what came from outside.
    pub amount_atomic: String,
}

impl AccountsAndReserve {
    pub(crate) fn read(view: &LedgerView<'_>, source: Source) -> Result<Self, StateError> {
        let accounts = view.accounts()?.by_account().into_iter();
        Ok(Self {
            source,
            accounts: accounts
                .map(|(account, amount)| AccountAmount {
                    account: account_name(account),
                    amount_atomic: amount.to_string(),
                })
                .collect(),
            reserve: Reserve::read(view)?,
        })
    }
}
