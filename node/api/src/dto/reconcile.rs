//! What stands between restored books and the chain.

use raftpool_ledger::StateError;
use raftpool_ledger::command::ExecutedSpend;
use raftpool_ledger::view::LedgerView;
use serde::Serialize;

use super::Decimal;
use crate::payouts::Finding;

/// The answer of `GET /admin/v1/payouts/reconciliation`.
#[derive(Debug, Serialize)]
pub struct Reconciliation {
    /// Whether payouts can only be resumed after this.
    pub is_wanted: bool,
    /// Why it cannot be booked now; empty when it can.
    pub problems: Vec<String>,
    /// The first nonce that the books do not know as used.
    pub books_nonce: u64,
    /// The account's next nonce where the chain is stable.
    pub stable_nonce: u64,
    /// The same at the top.
    pub top_nonce: u64,
    /// Up to this topoheight the chain does not change.
    pub stable_topoheight: u64,
    /// What the wallet holds.
    pub wallet_atomic: Decimal,
    /// What the books owe to miners, before this is booked.
    pub owed_atomic: Decimal,
    /// Transactions that the books do not have, by rising nonce.
    pub spends: Vec<Spend>,
}

/// A transaction that the books do not have.
#[derive(Debug, Serialize)]
pub struct Spend {
    /// The nonce that it used up.
    pub nonce: u64,
    /// Its hash.
    pub tx_hash: String,
    /// Where it was executed.
    pub topoheight: u64,
    /// What the network took for it.
    pub fee_atomic: Decimal,
    /// Whom it paid.
    pub payees: Vec<PaidTo>,
}

/// A payee of such a transaction.
#[derive(Debug, Serialize)]
pub struct PaidTo {
    /// Who.
    pub address: String,
    /// How much.
    pub amount_atomic: Decimal,
    /// The balance in the books, before this is booked; null when they do not know the address.
    pub balance_atomic: Option<Decimal>,
}

impl Reconciliation {
    pub(crate) fn new(view: &LedgerView<'_>, found: Finding) -> Result<Self, StateError> {
        let spends = found.spends.into_iter();
        Ok(Self {
            is_wanted: view.must_reconcile_payouts()?,
            problems: found.problems,
            books_nonce: found.books_nonce,
            stable_nonce: found.stable_nonce,
            top_nonce: found.top_nonce,
            stable_topoheight: found.stable_topoheight,
            wallet_atomic: found.wallet_atomic.into(),
            owed_atomic: found.owed_atomic.into(),
            spends: spends
                .map(|spend| Spend::new(view, spend))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Spend {
    fn new(view: &LedgerView<'_>, spend: ExecutedSpend) -> Result<Self, StateError> {
        let mut payees = Vec::new();
        for paid in spend.payees {
            let miner = view.miner(&paid.address)?;
            payees.push(PaidTo {
                address: paid.address,
                amount_atomic: paid.amount_atomic.into(),
                balance_atomic: miner.map(|miner| miner.balance_atomic.into()),
            });
        }
        Ok(Self {
            nonce: spend.nonce,
            tx_hash: hex::encode(spend.tx_hash),
            topoheight: spend.topoheight,
            fee_atomic: spend.fee_atomic.into(),
            payees,
        })
    }
}
