//! What must always hold, by id, and the checks that run with every command, also in release.
//!
//! The checks here cost a few comparisons because they compare totals that are kept along the
//! way; [`crate::verify::verify`] recomputes the totals from single records.

use raftpool_proto::ledger as row;

use crate::apply::{ApplyError, EntryContext, Stop};
use crate::books::Books;
use crate::command::Account;
use crate::journal::is_outer;
use crate::key;

/// The most that can ever exist, in atomic units: 18.4 million XEL.
pub const MAX_SUPPLY_ATOMIC: u64 = 18_400_000 * 100_000_000;

/// Something that must always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// How logs, metrics and the registry call it.
    pub id: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// Whether a node that finds it broken stops. The others are found by a full scan only.
    pub fatal: bool,
}

/// All of them.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        id: "L1",
        statement: "the sum of all accounts is zero, and so is that of every entry of the journal",
        fatal: true,
    },
    Invariant {
        id: "L2",
        statement: "no account has the wrong sign, and not more came in than can exist",
        fatal: true,
    },
    Invariant {
        id: "L3",
        statement: "the log index rises with every command and time never goes back",
        fatal: true,
    },
    Invariant {
        id: "L4",
        statement: "a settled block's amount is exactly its fee, what the reserve got, its miners' parts and a remainder",
        fatal: true,
    },
    Invariant {
        id: "L5",
        statement: "what is in flight is exactly what the open payout took from balances, and the \
                    fee budget what it took from the pool's fees",
        fatal: true,
    },
    Invariant {
        id: "L6",
        statement: "a transaction belongs to one payout, and all variants of a payout to one nonce",
        fatal: true,
    },
    Invariant {
        id: "L7",
        statement: "a miner's earnings = balance + in flight + paid + network fees",
        fatal: true,
    },
    Invariant {
        id: "L8",
        statement: "the window's total = the sum of its entries = the sum over its miners",
        fatal: true,
    },
    Invariant {
        id: "L9",
        statement: "the frozen weights of a block add up to the total frozen with them",
        fatal: true,
    },
    Invariant {
        id: "L10",
        statement: "every index points at the record it was made for, and every count is right",
        fatal: false,
    },
    Invariant {
        id: "L11",
        statement: "the journal adds up to the accounts of the pool and of every miner",
        fatal: true,
    },
    Invariant {
        id: "L12",
        statement: "the finalized version of the commands is one that this program knows, and only rises",
        fatal: true,
    },
];

pub(crate) fn broken(id: &'static str, detail: String) -> ApplyError {
    debug_assert!(
        INVARIANTS.iter().any(|invariant| invariant.id == id),
        "{id} is not registered"
    );
    ApplyError::InvariantBroken { id, detail }
}

/// L3, before a command is applied.
pub(crate) fn check_order(head: &row::Head, entry: EntryContext) -> Result<(), ApplyError> {
    if entry.index > head.index {
        return Ok(());
    }
    Err(broken(
        "L3",
        format!("entry {} follows entry {}", entry.index, head.index),
    ))
}

/// L1, L2, L5 and L8 as far as totals tell, after a command is applied.
pub(crate) fn check_totals(books: &Books<'_>) -> Result<(), ApplyError> {
    let accounts: row::Accounts = books.get_or_default(&key::accounts())?;
    if let Some((id, detail)) = unbalanced(&accounts) {
        return Err(broken(id, detail));
    }
    let payouts: row::PayoutHead = books.get_or_default(&key::payout_head())?;
    let in_flight = amount(&accounts, Account::InFlight);
    if in_flight != i128::from(payouts.open_debit_atomic) {
        let open = payouts.open_debit_atomic;
        let detail = format!("{in_flight} in flight, {open} in the open payout");
        return Err(broken("L5", detail));
    }
    let budget = amount(&accounts, Account::FeeBudget);
    if budget != i128::from(payouts.open_fee_budget_atomic) {
        let open = payouts.open_fee_budget_atomic;
        let detail = format!("fee budget {budget}, {open} in the open payout");
        return Err(broken("L5", detail));
    }
    let window: row::Window = books.get_or_default(&key::window())?;
    if (window.first_entry == window.next_entry) != window.total_score.is_empty() {
        let (first, next) = (window.first_entry, window.next_entry);
        return Err(broken(
            "L8",
            format!("entries {first} to {next} do not fit the total"),
        ));
    }
    Ok(())
}

/// What an account holds.
pub(crate) fn amount(accounts: &row::Accounts, account: Account) -> i128 {
    let amount = accounts.amounts.get(&account.into());
    amount.copied().unwrap_or_default().into()
}

/// What is wrong with the accounts, when they do not balance, and which invariant says so.
pub(crate) fn unbalanced(accounts: &row::Accounts) -> Option<(&'static str, String)> {
    let sum: i128 = accounts.amounts.values().copied().map(i128::from).sum();
    if sum != 0 {
        return Some(("L1", format!("the sum of all accounts is {sum}")));
    }
    for (number, amount) in &accounts.amounts {
        let account = Account::try_from(*number).unwrap_or_default();
        let is_wrong = match account {
            Account::Unspecified => true,
            account if is_outer(account) => *amount > 0,
            _ => *amount < 0,
        };
        if is_wrong {
            return Some((
                "L2",
                format!("account {account:?} ({number}) holds {amount}"),
            ));
        }
    }
    let came_in = [Account::Income, Account::Deposits, Account::Reconciled];
    let came_in: i128 = came_in.map(|outer| -amount(accounts, outer)).iter().sum();
    (came_in > i128::from(MAX_SUPPLY_ATOMIC)).then(|| {
        (
            "L2",
            format!("{came_in} came in, which is above the supply"),
        )
    })
}

/// L7, after a miner is changed.
pub(crate) fn check_miner(address: &str, miner: &row::Miner) -> Result<(), Stop> {
    let kept = [
        miner.balance_atomic,
        miner.in_flight_atomic,
        miner.paid_atomic,
        miner.network_fees_atomic,
    ];
    let kept: u128 = kept.into_iter().map(u128::from).sum();
    if u128::from(miner.earned_atomic) == kept {
        return Ok(());
    }
    let earned = miner.earned_atomic;
    Err(broken(
        "L7",
        format!("{address} earned {earned}, but its accounts hold {kept}"),
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let ids: std::collections::BTreeSet<_> = INVARIANTS.iter().map(|each| each.id).collect();
        assert_eq!(ids.len(), INVARIANTS.len());
    }
}
