//! How safe the reserve is that PPS and FPPS are paid from.
//!
//! The reserve falls with every share and rises by a whole block now and then. With a fee `f` and
//! a block's income `W`, a reserve of `R` is ever used up with a probability of about
//! `exp(-2 f R E[W] / E[W^2])` (the approximation of Rosenfeld, "Analysis of Bitcoin Pooled Mining
//! Reward Systems", arXiv 1112.4980, for incomes that differ), so that a probability of `p` takes
//! `R = ln(1/p) E[W^2] / (2 f E[W])`. It holds for honest miners. Work is paid for whether its blocks
//! reach the chain or not: what they paid less than was expected of them takes from the fee.
//!
//! All of it is integer arithmetic: what is shown on one node is shown on every other.

use raftpool_proto::ledger as row;
use ruint::aliases::U256;

use crate::StateError;
use crate::StateRead;
use crate::apply::Stop;
use crate::books::Books;
use crate::command::{Account, Settings};
use crate::key;
use crate::record::load;

/// Final blocks whose income tells what a block pays.
pub const INCOMES_KEPT: usize = 256;

/// Below so many of them, the expected income of the newest share is taken instead.
pub const INCOMES_MIN: usize = 20;

/// New work is paid from an exhausted reserve again when it holds this many blocks above its floor.
pub const RESUME_BLOCKS: u64 = 10;

/// One, where logarithms are counted in 2^-32.
const ONE: u64 = 1 << 32;

/// The natural logarithm of 2, in 2^-32.
const LN_2: u64 = 2_977_044_472;

/// Where the reserve stands, better before worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReserveLevel {
    /// At least one and a half times what is required, above its floor.
    Safe,
    /// Below that, or nothing is enough because the scheme has no fee.
    Low,
    /// Used up: new work of PPS and FPPS is booked under PPLNS.
    Exhausted,
    /// Used up, and PPLNS is not offered: new work of PPS and FPPS is refused.
    Stopped,
}

/// The reserve of PPS and FPPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    /// What it holds.
    pub held_atomic: u64,
    /// What it should hold, its floor included, for the probability of ruin in the settings; none
    /// when no reserve is enough, because blocks leave nothing of the lowest fee of the offered
    /// schemes.
    pub required_atomic: Option<u64>,
    /// The probability that what it holds above its floor is ever used up, in millionths, rounded
    /// up.
    pub ruin_per_million: u32,
    /// Where it stands.
    pub level: ReserveLevel,
    /// Ledger time since when it has been exhausted, or not any more; 0 when it never was.
    pub changed_at_ms: u64,
    /// What a block was expected to pay by the newest share; 0 before the first.
    pub expected_income_atomic: u64,
    /// How many final blocks the required reserve was computed from; with less than
    /// [`INCOMES_MIN`] it is computed from the expected income.
    pub blocks: u64,
}

/// Reads the reserve.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn read(state: &dyn StateRead, settings: &Settings) -> Result<Reserve, StateError> {
    let accounts: row::Accounts = load(state, &key::accounts())?.unwrap_or_default();
    let held = accounts.amounts.get(&Account::Reserve.into());
    let held_atomic = held.map_or(0, |held| held.unsigned_abs());
    let state_of: row::Reserve = load(state, &key::reserve())?.unwrap_or_default();
    let incomes: row::ReserveIncomes = load(state, &key::reserve_incomes())?.unwrap_or_default();
    let spendable = held_atomic.saturating_sub(settings.reserve_floor_atomic);
    let swing = swing(&incomes.amounts_atomic, state_of.expected_income_atomic);
    let margin = margin_per_million(&incomes, lowest_fee_bps(settings));
    let required = required_atomic(swing, margin, settings.reserve_ruin_per_million);
    let level = match required {
        _ if state_of.is_exhausted && settings.pplns_offered => ReserveLevel::Exhausted,
        _ if state_of.is_exhausted => ReserveLevel::Stopped,
        Some(required) if u128::from(spendable) * 2 >= u128::from(required) * 3 => {
            ReserveLevel::Safe
        }
        _ => ReserveLevel::Low,
    };
    Ok(Reserve {
        held_atomic,
        required_atomic: required
            .map(|required| required.saturating_add(settings.reserve_floor_atomic)),
        ruin_per_million: ruin_per_million(spendable, swing, margin),
        level,
        changed_at_ms: state_of.changed_at_ms,
        expected_income_atomic: state_of.expected_income_atomic,
        blocks: u64::try_from(incomes.amounts_atomic.len()).unwrap_or(u64::MAX),
    })
}

/// Notes what a final block brought, beside what was expected of it.
///
/// A block that was given up before is noted with nothing already: that is made good.
pub(crate) fn note_income(
    books: &mut Books<'_>,
    block: &row::Block,
    amount_atomic: u64,
) -> Result<(), Stop> {
    let noted = (0, block.expected_atomic);
    books.change(
        key::reserve_incomes(),
        |incomes: &mut row::ReserveIncomes| {
            let known = incomes.amounts_atomic.iter_mut();
            let mut known = known.zip(incomes.expected_atomic.iter().copied());
            let known = known.rfind(|(amount, expected)| (**amount, *expected) == noted);
            if let Some((amount, _)) = known.filter(|_| block.is_reopened) {
                *amount = amount_atomic;
                return Ok(());
            }
            for (numbers, number) in [
                (&mut incomes.amounts_atomic, amount_atomic),
                (&mut incomes.expected_atomic, block.expected_atomic),
            ] {
                numbers.push(number);
                let surplus = numbers.len().saturating_sub(INCOMES_KEPT);
                numbers.drain(..surplus);
            }
            Ok(())
        },
    )
}

/// The lowest fee among the offered schemes that are paid from the reserve.
fn lowest_fee_bps(settings: &Settings) -> u32 {
    let offered = [
        (settings.pps_offered, settings.pps_fee_bps),
        (settings.fpps_offered, settings.fpps_fee_bps),
    ];
    let offered = offered.into_iter().filter(|(is_offered, _)| *is_offered);
    offered.map(|(_, fee_bps)| fee_bps).min().unwrap_or(0)
}

/// `E[W^2] / E[W]` of a block's income `W`, rounded up.
fn swing(incomes: &[u64], expected_atomic: u64) -> u64 {
    if incomes.len() < INCOMES_MIN {
        return expected_atomic;
    }
    let squares = incomes.iter().map(|income| u128::from(*income).pow(2));
    let squares = squares.fold(0, u128::saturating_add);
    let sum = incomes
        .iter()
        .map(|income| u128::from(*income))
        .sum::<u128>();
    u64::try_from(squares.div_ceil(sum.max(1))).unwrap_or(u64::MAX)
}

/// What is left of blocks' income, in millionths: the fee, less what they paid less than was
/// expected of them. With the sum of what was expected, `X`, and of what came, `W`, paid work costs
/// `(1 - f) X`; that blocks paid more than expected is not relied on.
fn margin_per_million(incomes: &row::ReserveIncomes, fee_bps: u32) -> u32 {
    let fee = fee_bps.min(10_000) * 100;
    if incomes.amounts_atomic.len() < INCOMES_MIN {
        return fee;
    }
    let sum = |numbers: &[u64]| numbers.iter().map(|each| u128::from(*each)).sum::<u128>();
    let (came, expected) = (sum(&incomes.amounts_atomic), sum(&incomes.expected_atomic));
    let cost = U256::from(expected) * U256::from(MILLION - fee);
    let cost: u32 = cost.div_ceil(U256::from(came.max(1))).saturating_to();
    MILLION.saturating_sub(cost).min(fee)
}

/// `ln(1/p) E[W^2] / (2 f E[W])`, rounded up.
fn required_atomic(
    swing_atomic: u64,
    margin_per_million: u32,
    ruin_per_million: u32,
) -> Option<u64> {
    if margin_per_million == 0 {
        return None;
    }
    let doubled_margin = U256::from(2 * u64::from(margin_per_million)) * U256::from(ONE);
    let safety = U256::from(ln_of_inverse(ruin_per_million));
    let required = U256::from(swing_atomic) * safety * U256::from(MILLION);
    Some(required.div_ceil(doubled_margin).saturating_to())
}

/// `exp(-2 f R E[W] / E[W^2])` in millionths, rounded up.
fn ruin_per_million(held_atomic: u64, swing_atomic: u64, margin_per_million: u32) -> u32 {
    if swing_atomic == 0 {
        return if held_atomic > 0 && margin_per_million > 0 {
            0
        } else {
            MILLION
        };
    }
    // The exponent to the base 2, in 2^-32.
    let exponent = U256::from(2 * u64::from(margin_per_million)) * U256::from(held_atomic);
    let exponent: U256 = (exponent << 64) / (U256::from(MILLION) * U256::from(swing_atomic));
    let exponent = (exponent / U256::from(LN_2)).saturating_to::<u128>();
    if exponent >= u128::from(ONE) * 64 {
        return 0;
    }
    let (whole, fraction) = (exponent / u128::from(ONE), exponent % u128::from(ONE));
    let ruin = u128::from(power_of_half(fraction as u64)) * u128::from(MILLION);
    let ruin = ruin.div_ceil(1 << (u32::try_from(whole).unwrap_or(64) + 32));
    u32::try_from(ruin).unwrap_or(MILLION)
}

const MILLION: u32 = 1_000_000;

/// `ln(1000000 / parts)` in 2^-32; `parts` counts as 1 at least and as 1,000,000 at most.
fn ln_of_inverse(parts: u32) -> u64 {
    let parts = u128::from(parts.clamp(1, MILLION));
    let ratio = (u128::from(MILLION) << 32) / parts;
    let log = u128::from(log2(ratio)) * u128::from(LN_2);
    // Below 20 times 2^32.
    u64::try_from(log >> 32).unwrap_or(u64::MAX)
}

/// The logarithm to the base 2 of `number` / 2^32, which is at least 1 and below 2^52; in 2^-32.
fn log2(number: u128) -> u64 {
    let whole = number.ilog2().saturating_sub(32);
    // From 2^32 up to, but without, 2^33: the number less its whole powers of 2.
    let mut rest = number >> whole;
    let mut fraction = 0;
    for _ in 0..32 {
        rest = (rest * rest) >> 32;
        fraction <<= 1;
        if rest >= 1 << 33 {
            rest >>= 1;
            fraction |= 1;
        }
    }
    u64::from(whole) << 32 | fraction
}

/// `2^-fraction` for a `fraction` below 1; both in 2^-32.
fn power_of_half(fraction: u64) -> u64 {
    // 2^-(1/2), then the square root of the last one each time; in 2^-60.
    let mut root: u128 = 1 << 59;
    let mut power: u128 = 1 << 60;
    for bit in (0..32).rev() {
        root = (root << 60).isqrt();
        if fraction >> bit & 1 == 1 {
            power = (power * root) >> 60;
        }
    }
    u64::try_from(power >> 28).unwrap_or(ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close_to(found: u64, wanted: f64, tolerance: f64) {
        #[allow(clippy::float_arithmetic)]
        let error = (found as f64 - wanted).abs() / wanted;
        assert!(error < tolerance, "{found} and {wanted}");
    }

    #[test]
    fn logarithms_and_powers_are_right_to_seven_digits() {
        #[allow(clippy::float_arithmetic)]
        for parts in [1_u32, 10, 999, 1_000, 367_879, 900_000] {
            let wanted = (1e6 / f64::from(parts)).ln() * ONE as f64;
            close_to(ln_of_inverse(parts), wanted, 1e-7);
        }
        assert_eq!(ln_of_inverse(0), ln_of_inverse(1));
        assert_eq!(ln_of_inverse(MILLION), 0);
        #[allow(clippy::float_arithmetic)]
        for fraction in [0, 1, ONE / 7, ONE / 2, ONE - 1] {
            let wanted = 2_f64.powf(-(fraction as f64) / ONE as f64) * ONE as f64;
            close_to(power_of_half(fraction), wanted, 1e-7);
        }
    }

    /// The table of the peer study: blocks of reserve by fee.
    #[test]
    fn required_reserve_is_that_of_the_literature() {
        let block = 1_000_000;
        for (fee_bps, at_a_thousandth, at_a_millionth) in [
            (50, 690, 1_381),
            (100, 345, 690),
            (200, 172, 345),
            (500, 69, 138),
        ] {
            for (per_million, blocks) in [(1_000, at_a_thousandth), (1, at_a_millionth)] {
                let required = required_atomic(block, 100 * fee_bps, per_million).unwrap();
                assert!(required / block == blocks, "{fee_bps}: {required}");
            }
        }
        assert_eq!(required_atomic(block, 0, 1_000), None);
    }

    #[test]
    fn ruin_of_the_required_reserve_is_what_it_was_required_for() {
        for per_million in [1_u32, 50, 1_000, 100_000] {
            let required = required_atomic(33_000_000, 10_000, per_million).unwrap();
            let ruin = ruin_per_million(required, 33_000_000, 10_000);
            assert!(
                ruin.abs_diff(per_million) <= 1 + per_million / 1_000,
                "{ruin}"
            );
        }
        assert_eq!(ruin_per_million(0, 1, 10_000), MILLION);
        assert_eq!(ruin_per_million(u64::MAX, 1, MILLION), 0);
        assert_eq!(ruin_per_million(5, 1, 0), MILLION);
        assert_eq!(ruin_per_million(0, 0, 10_000), MILLION);
    }

    #[test]
    fn incomes_that_differ_need_more_than_their_mean_says() {
        // One block in twenty pays three times as much.
        let mut incomes = vec![100; 19];
        incomes.push(300);
        assert_eq!(swing(&incomes, 1), 128);
        assert_eq!(swing(&incomes[..19], 77), 77);
    }

    /// Three blocks of a hundred that the chain drops use up a fee of 2 %, and most of one of 5 %.
    #[test]
    fn blocks_that_pay_nothing_take_from_the_fee() {
        let of = |dropped: usize, paid: u64| row::ReserveIncomes {
            amounts_atomic: [vec![0; dropped], vec![paid; 100 - dropped]].concat(),
            expected_atomic: vec![1_000; 100],
        };
        assert_eq!(margin_per_million(&of(0, 1_000), 200), 20_000);
        assert_eq!(margin_per_million(&of(3, 1_000), 200), 0);
        // 1 - 0.95 / 0.97.
        assert_eq!(margin_per_million(&of(3, 1_000), 500), 20_618);
        assert_eq!(
            margin_per_million(&of(0, 1_100), 200),
            20_000,
            "no more than the fee"
        );
        assert_eq!(margin_per_million(&of(100, 0), 200), 0);
        let few = row::ReserveIncomes {
            amounts_atomic: vec![0; INCOMES_MIN - 1],
            expected_atomic: vec![1_000; INCOMES_MIN - 1],
        };
        assert_eq!(margin_per_million(&few, 200), 20_000, "too few to tell");
    }
}
