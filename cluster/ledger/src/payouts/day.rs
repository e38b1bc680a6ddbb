//! How much the payouts of one day take: by the ledger's time and the days of UTC.
//!
//! A reservation counts on the day it is made, with all it takes from balances. What is released
//! on the same day is given back to it; an abandoned payout is not, because money has left the
//! wallet that nobody meant to leave it.

use raftpool_proto::ledger as row;

use crate::command::Settings;
use crate::{Rejection, apply::Stop, arithmetic::add};

const DAY_MS: u64 = 86_400_000;

/// Days since the Unix epoch.
pub(crate) fn day_of(time_ms: u64) -> u64 {
    time_ms / DAY_MS
}

/// What the payouts of a day took; nothing when the newest reservation is of another day.
pub(crate) fn taken_on(head: &row::PayoutHead, day: u64) -> u64 {
    match head.day == day {
        true => head.day_debit_atomic,
        false => 0,
    }
}

/// Takes a reservation's debits from what the day has left.
pub(super) fn take(
    head: &mut row::PayoutHead,
    settings: &Settings,
    time_ms: u64,
    debits: u64,
) -> Result<(), Stop> {
    let day = day_of(time_ms);
    let taken_atomic = taken_on(head, day);
    let limit_atomic = settings.payout_daily_limit_atomic;
    if limit_atomic > 0 && debits > limit_atomic.saturating_sub(taken_atomic) {
        return Err(Rejection::DailyLimit {
            asked_atomic: debits,
            taken_atomic,
            limit_atomic,
        }
        .into());
    }
    head.day = day;
    head.day_debit_atomic = add(taken_atomic, debits, "debits of a day")?;
    Ok(())
}

/// Gives a released payout's debits back to its day, if no newer day has begun.
pub(super) fn give_back(head: &mut row::PayoutHead, payout: &row::Payout, debits: u64) {
    if head.day == day_of(payout.reserved_at_ms) {
        head.day_debit_atomic = head.day_debit_atomic.saturating_sub(debits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_of_utc() {
        assert_eq!(day_of(86_399_999), 0);
        assert_eq!(day_of(86_400_000), 1);
        let head = row::PayoutHead {
            day: 7,
            day_debit_atomic: 5,
            ..row::PayoutHead::default()
        };
        assert_eq!((taken_on(&head, 7), taken_on(&head, 8)), (5, 0));
    }
}
