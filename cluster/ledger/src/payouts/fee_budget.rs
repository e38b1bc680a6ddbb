//! What the pool sets aside of its fees for the network's fee of a payout.
//!
//! It is taken from the fees of the schemes in a fixed order, and what is not needed goes back to
//! where it came from.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::arithmetic::take;
use crate::books::Books;
use crate::command::Account;

const SOURCES: [Account; 4] = [
    Account::FeesPplns,
    Account::FeesSolo,
    Account::FeesPps,
    Account::FeesFpps,
];

/// The pool's fees of all schemes.
pub(super) fn available_atomic(books: &mut Books<'_>) -> Result<u64, Stop> {
    let mut sum = 0_u64;
    for source in SOURCES {
        sum = sum.saturating_add(books.account(source)?);
    }
    Ok(sum)
}

/// Sets an amount aside that is there; returns how much of it came from which account.
pub(super) fn set_aside(
    books: &mut Books<'_>,
    amount_atomic: u64,
) -> Result<BTreeMap<i32, u64>, Stop> {
    let mut left = amount_atomic;
    let mut sources = BTreeMap::new();
    for source in SOURCES {
        let part = books.account(source)?.min(left);
        if part > 0 {
            books.transfer(source, Account::FeeBudget, part)?;
            sources.insert(source.into(), part);
            left -= part;
        }
    }
    take(amount_atomic, left, "fee budget of the pool")?;
    Ok(sources)
}

/// Spends `spent_atomic` of what was set aside for the payout, and gives the rest back.
pub(super) fn close(
    books: &mut Books<'_>,
    payout: &row::Payout,
    spent_atomic: u64,
) -> Result<(), Stop> {
    let mut left = spent_atomic;
    for (source, part) in &payout.pool_fee_budget_from {
        let spent = left.min(*part);
        left -= spent;
        books.transfer(Account::FeeBudget, Account::NetworkFeesPool, spent)?;
        let source = Account::try_from(*source).unwrap_or_default();
        books.transfer(Account::FeeBudget, source, part - spent)?;
    }
    Ok(())
}
