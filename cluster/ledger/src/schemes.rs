//! Under which scheme a share is booked, and what it earns at once.
//!
//! A share names its scheme, or the miner's preference or the pool's default counts. Shares of PPS
//! and FPPS are paid out of the reserve in the command that books them; while the reserve cannot
//! bear them they are booked under PPLNS instead, or refused where that is not offered.

use std::collections::BTreeMap;

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::Books;
use crate::command::{Account, Scheme, Settings};
use crate::reserve::RESUME_BLOCKS;
use crate::score::{SCORE_OF_A_BLOCK, Work};
use crate::settings::{fee_bps, invalid, is_offered};
use crate::terms::preferred_scheme;
use crate::view::scheme_name;
use crate::{Rejection, key, network};

/// Most that a block can be expected to pay its miner: far above the largest reward there ever was
/// (1.46 XEL at 15 s), and far below where a batch could leave its type.
pub const EXPECTED_INCOME_MAX_ATOMIC: u64 = 1 << 40;

/// A share whose scheme is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Booked<'a> {
    pub(crate) work: Work<'a>,
    /// Never "unspecified".
    pub(crate) scheme: Scheme,
    /// What it earns at once, in 2^-64 of an atomic unit.
    pub(crate) payment: u128,
}

/// Whether work of this scheme is paid at once, from the reserve.
pub fn is_paid_at_once(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::Pps | Scheme::Fpps)
}

/// `floor(score * income * (1 - fee))` in 2^-64 of an atomic unit: what a share of `score`, in
/// 2^-64 of a block's expected work, earns when a block is expected to pay `income_atomic`.
///
/// A share is never worth more than one block: one that was asked for more than the network's
/// difficulty cannot solve more than one either.
pub fn payment(score: u128, income_atomic: u64, fee_bps: u32) -> u128 {
    let score = score.min(SCORE_OF_A_BLOCK);
    let income_atomic = income_atomic.min(EXPECTED_INCOME_MAX_ATOMIC);
    // 64, 40 and 14 bits.
    let kept_bps = 10_000_u32.saturating_sub(fee_bps);
    score * u128::from(income_atomic) * u128::from(kept_bps) / 10_000
}

/// Decides about the shares of one command, in their order.
pub(crate) struct Desk<'a> {
    settings: &'a Settings,
    /// What miners prefer whose shares name no scheme: a batch has many shares of each.
    preferred: BTreeMap<&'a str, Option<Scheme>>,
    /// What is known of the reserve, once a share needs it.
    reserve: Option<Till>,
}

struct Till {
    before: row::Reserve,
    row: row::Reserve,
    /// What may still be paid, less a unit for each share: fractions may become whole.
    left: u128,
    fees_atomic: u64,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            preferred: BTreeMap::new(),
            reserve: None,
        }
    }

    /// The scheme and payment of a share.
    pub(crate) fn admit(
        &mut self,
        books: &mut Books<'_>,
        work: Work<'a>,
    ) -> Result<Booked<'a>, Stop> {
        let scheme = self.scheme_of(books, &work)?;
        if !is_offered(self.settings, scheme) {
            return Err(Rejection::SchemeNotOffered(scheme_name(scheme)).into());
        }
        match self.book(books, work, scheme)? {
            Some(booked) => Ok(booked),
            None if self.settings.pplns_offered => Ok(unpaid(work, Scheme::Pplns)),
            None if self.till(books)?.row.is_exhausted => {
                Err(Rejection::ReserveExhausted(scheme_name(scheme)).into())
            }
            None => {
                let problem = "must be above 0 with PPS and FPPS, as no earlier share had it";
                Err(invalid("expected_reward_atomic", problem).into())
            }
        }
    }

    /// The same for a share that found a block, which is worth more than the rules for new work.
    pub(crate) fn admit_finder(
        &mut self,
        books: &mut Books<'_>,
        work: Work<'a>,
    ) -> Result<Booked<'a>, Stop> {
        let scheme = self.scheme_of(books, &work)?;
        let booked = self.book(books, work, scheme)?;
        Ok(booked.unwrap_or_else(|| unpaid(work, Scheme::Pplns)))
    }

    /// The scheme a share names, or that of its miner, or of the listener it came in by, or the
    /// pool's default.
    fn scheme_of(&mut self, books: &Books<'_>, work: &Work<'a>) -> Result<Scheme, Stop> {
        if work.scheme != Scheme::Unspecified {
            return Ok(work.scheme);
        }
        let preferred = match self.preferred.get(work.miner) {
            Some(preferred) => *preferred,
            None => {
                let preferred = preferred_scheme(books, self.settings, work.miner)?;
                self.preferred.insert(work.miner, preferred);
                preferred
            }
        };
        let listener = Some(work.listener_scheme);
        let listener = listener.filter(|scheme| is_offered(self.settings, *scheme));
        let usual = self.settings.default_scheme();
        Ok(preferred.or(listener).unwrap_or(usual))
    }

    /// `None` when the reserve does not bear the share, or nobody knows yet what a block pays.
    fn book<'w>(
        &mut self,
        books: &mut Books<'_>,
        work: Work<'w>,
        scheme: Scheme,
    ) -> Result<Option<Booked<'w>>, Stop> {
        if !is_paid_at_once(scheme) {
            return Ok(Some(unpaid(work, scheme)));
        }
        let settings = self.settings;
        let now_ms = books.time_ms;
        let till = self.till(books)?;
        let reward_atomic = match work.expected_reward_atomic {
            0 => till.row.expected_reward_atomic,
            reward_atomic => reward_atomic,
        };
        if reward_atomic == 0 {
            return Ok(None);
        }
        let income_atomic = match scheme {
            Scheme::Fpps => reward_atomic.saturating_add(till.fees_atomic),
            _ => reward_atomic,
        };
        till.row.expected_reward_atomic = reward_atomic;
        till.row.expected_income_atomic = income_atomic;
        if till.row.is_exhausted {
            return Ok(None);
        }
        let payment = payment(work.score, income_atomic, fee_bps(settings, scheme));
        let cost = payment + (1 << 64);
        match till.left.checked_sub(cost) {
            Some(left) => {
                till.left = left;
                Ok(Some(Booked {
                    work,
                    scheme,
                    payment,
                }))
            }
            None => {
                till.row.is_exhausted = true;
                till.row.changed_at_ms = now_ms;
                Ok(None)
            }
        }
    }

    fn till(&mut self, books: &mut Books<'_>) -> Result<&mut Till, Stop> {
        match self.reserve {
            Some(ref mut till) => Ok(till),
            None => Ok(self.reserve.insert(Till::open(books, self.settings)?)),
        }
    }

    /// Keeps what the shares said about the reserve.
    pub(crate) fn close(self, books: &mut Books<'_>) {
        if let Some(till) = self.reserve
            && till.row != till.before
        {
            books.put(key::reserve(), &till.row);
        }
    }
}

impl Till {
    fn open(books: &mut Books<'_>, settings: &Settings) -> Result<Self, Stop> {
        let before: row::Reserve = books.get_or_default(&key::reserve())?;
        let mut row = before;
        let held_atomic = books.account(Account::Reserve)?;
        let spendable = held_atomic.saturating_sub(settings.reserve_floor_atomic);
        let resume = row.expected_income_atomic.saturating_mul(RESUME_BLOCKS);
        if row.is_exhausted && spendable >= resume {
            row.is_exhausted = false;
            row.changed_at_ms = books.time_ms;
        }
        Ok(Self {
            before,
            row,
            left: u128::from(spendable) << 64,
            fees_atomic: network::average_fees_atomic(books.state())?,
        })
    }
}

fn unpaid(work: Work<'_>, scheme: Scheme) -> Booked<'_> {
    Booked {
        work,
        scheme,
        payment: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_earns_its_part_of_a_block_to_the_fraction_of_a_unit() {
        let unit = 1_u128 << 64;
        assert_eq!(payment(SCORE_OF_A_BLOCK, 30_000_000, 0), 30_000_000 * unit);
        assert_eq!(
            payment(SCORE_OF_A_BLOCK, 30_000_000, 100),
            29_700_000 * unit
        );
        assert_eq!(payment(SCORE_OF_A_BLOCK / 4, 3, 0), 3 * unit / 4);
        assert_eq!(payment(1, 1, 0), 1);
        assert_eq!(payment(1, 1, 1), 0);
        assert_eq!(payment(SCORE_OF_A_BLOCK, 1, 10_000), 0);
    }

    #[test]
    fn no_share_is_worth_more_than_a_block_and_no_batch_leaves_its_type() {
        let most = payment(u128::MAX, u64::MAX, 0);
        assert_eq!(most, u128::from(EXPECTED_INCOME_MAX_ATOMIC) << 64);
        assert!(most.checked_mul(65_536).is_some());
    }
}
