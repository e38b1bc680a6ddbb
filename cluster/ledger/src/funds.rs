//! Moving money between accounts by an operator's decision: filling the reserve, taking surplus out
//! of it, taking or giving away the pool's fees.

use raftpool_proto::ledger as row;
use row::EntryKind;

use crate::apply::Stop;
use crate::arithmetic::take;
use crate::books::Books;
use crate::command::{Account, MoveFunds, Settings};
use crate::invariant::MAX_SUPPLY_ATOMIC;
use crate::journal::Subject;
use crate::settings::{audit, check_address, check_reason, invalid};
use crate::{Outcome, Rejection};

/// Moves money. What comes from a deposit is in the wallet already, which is compared with what
/// the pool owes before every payout.
pub(crate) fn move_funds(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &MoveFunds,
) -> Result<Outcome, Stop> {
    let (from, to) = (command.from(), command.to());
    let amount_atomic = command.amount_atomic;
    check_way(from, to)?;
    if amount_atomic == 0 {
        return Err(invalid("amount_atomic", "must be above 0").into());
    }
    check_reason(&command.reason)?;
    check_amount(books, from, amount_atomic)?;
    books.begin_entry(EntryKind::FundsMoved, Subject::Pool, &command.reason);
    match to {
        Account::Mature => {
            check_address("miner", &command.miner)?;
            if command.miner == settings.pool_address {
                let problem = "must not be the pool's own address, which cannot be paid";
                return Err(invalid("miner", problem).into());
            }
            let mut open = books.open_miner(&command.miner)?;
            books.transfer_of(&mut open, from, to, amount_atomic)?;
            books.close_miner(open)?;
        }
        _ if !command.miner.is_empty() => {
            return Err(invalid("miner", "must be empty unless the money goes to a miner").into());
        }
        _ => books.transfer(from, to, amount_atomic)?,
    }
    let change = row::audit::Change::FundsMoved(command.clone());
    audit(books, &command.reason, change);
    Ok(Outcome::FundsMoved)
}

fn check_way(from: Account, to: Account) -> Result<(), Rejection> {
    use Account as A;
    let is_fee = |account| {
        matches!(
            account,
            A::FeesPplns | A::FeesSolo | A::FeesPps | A::FeesFpps
        )
    };
    let is_allowed = match (from, to) {
        (A::Deposits | A::Rounding, A::Reserve) => true,
        (A::Reserve, to) => matches!(to, A::FeesPps | A::FeesFpps),
        (A::Rounding | A::Donations, A::Mature) => true,
        (from, to) if is_fee(from) => matches!(to, A::Reserve | A::Mature | A::Donations),
        _ => false,
    };
    match is_allowed {
        true => Ok(()),
        false => Err(invalid(
            "from",
            "money moves from deposits to the reserve, from the reserve to the fees of PPS and \
             FPPS, from fees to the reserve, donations or a miner, from rounding to the reserve \
             or a miner, and from donations to a miner",
        )),
    }
}

/// What can exist beside what came in already.
pub(crate) fn room_atomic(books: &mut Books<'_>) -> Result<u64, Stop> {
    let mut room = MAX_SUPPLY_ATOMIC;
    for outer in [Account::Income, Account::Deposits, Account::Reconciled] {
        room = take(room, books.account(outer)?, "supply without what came in")?;
    }
    Ok(room)
}

fn check_amount(books: &mut Books<'_>, from: Account, amount_atomic: u64) -> Result<(), Stop> {
    let held_atomic = match from {
        Account::Deposits => room_atomic(books)?,
        from => books.account(from)?,
    };
    if amount_atomic <= held_atomic {
        return Ok(());
    }
    Err(Rejection::InsufficientFunds {
        account: account_name(from),
        held_atomic,
    }
    .into())
}

/// Every account, by number.
pub fn accounts() -> impl Iterator<Item = Account> {
    // Their numbers are far below this.
    (1..=i32::from(u8::MAX)).filter_map(|number| Account::try_from(number).ok())
}

/// The account of this name ([`account_name`]).
pub fn account_of_name(name: &str) -> Option<Account> {
    accounts().find(|account| account_name(*account) == name)
}

/// Name of an account as it appears in the API, in exports and on the command line.
pub fn account_name(account: Account) -> &'static str {
    match account {
        Account::Unspecified => "unspecified",
        Account::Income => "income",
        Account::Expected => "expected",
        Account::Deposits => "deposits",
        Account::Reconciled => "reconciled",
        Account::Mature => "mature",
        Account::InFlight => "in_flight",
        Account::Paid => "paid",
        Account::NetworkFees => "network_fees",
        Account::Immature => "immature",
        Account::Undistributed => "undistributed",
        Account::FeesPplns => "fees_pplns",
        Account::FeesSolo => "fees_solo",
        Account::FeesPps => "fees_pps",
        Account::FeesFpps => "fees_fpps",
        Account::Reserve => "reserve",
        Account::Rounding => "rounding",
        Account::Donations => "donations",
        Account::FeeBudget => "fee_budget",
        Account::NetworkFeesPool => "network_fees_pool",
    }
}
