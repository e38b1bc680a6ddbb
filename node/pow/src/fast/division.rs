//! Division and square root of wide numbers, in the two ways processors are quick at.
//!
//! Old processors need 40 to 90 cycles for a 128-bit division instruction and are better off with
//! floating-point estimates ([`Estimated`]); newer ones need under 20 ([`Instructed`]). An estimate
//! never decides alone: the remainder is computed exactly from it and checked, and the rare case
//! that fails the check, or for which the check would not be sound, goes to the plain operators.

use crate::arithmetic::{isqrt_v3, join};

/// First number whose version 3 root is not the integer square root: (2^32 - 1)^2.
const ODD_ROOTS_START: u64 = 0xffff_fffe_0000_0001;

/// Divisors from here on make the check of an estimated digit ambiguous. An estimate is off by one
/// only when the exact quotient is next to a whole number; the wrong remainder then lies within
/// 2^45 + 2^32 of zero or of the divisor. It wraps into the range of right remainders only if the
/// divisor is that close to 2^64; the bound below leaves ample room.
const AMBIGUOUS_DIVISORS_START: u64 = 0xffff_0000_0000_0000;

/// How to divide. All methods are exact for every input with a divisor above zero.
pub(crate) trait Division {
    /// `(high * 2^64 + low) % divisor`.
    fn remainder(high: u64, low: u64, divisor: u64) -> u64;

    /// As [`Division::remainder`], quicker when `low` is known last and small.
    #[inline(always)]
    fn remainder_low_small(high: u64, low: u64, divisor: u64) -> u64 {
        if divisor <= low {
            return remainder_plain(join(high, low), u128::from(divisor)) as u64;
        }
        let shifted = Self::remainder(high, 0, divisor);
        let room = divisor - low;
        if shifted >= room {
            shifted.wrapping_sub(room)
        } else {
            shifted.wrapping_add(low)
        }
    }

    /// The low 64 bits of `(high * 2^64 + low) / divisor`.
    fn quotient(high: u64, low: u64, divisor: u64) -> u64;

    /// `number % divisor`.
    fn remainder_narrow(number: u64, divisor: u64) -> u64;

    /// Estimate of `number / divisor`, at most one off while the quotient is below 2^50.
    fn quotient_narrow(number: u64, divisor: u64) -> u64;

    /// `dividend % divisor`.
    #[inline(always)]
    fn remainder_of_pair(dividend: u128, divisor: u128) -> u128 {
        match divide_pair::<Self>(dividend, divisor) {
            Some((_, remainder)) => remainder,
            None => remainder_plain(dividend, divisor),
        }
    }

    /// The low 64 bits of `dividend / divisor`.
    #[inline(always)]
    fn quotient_of_pair(dividend: u128, divisor: u128) -> u64 {
        match divide_pair::<Self>(dividend, divisor) {
            Some((quotient, _)) => quotient,
            None => quotient_plain(dividend, divisor),
        }
    }
}

/// Quotient and remainder of two wide numbers by an estimate from their high words, if the
/// estimate is right.
#[inline(always)]
fn divide_pair<D: Division + ?Sized>(dividend: u128, divisor: u128) -> Option<(u64, u128)> {
    let divisor_high = (divisor >> 64) as u64;
    // Below, the quotient may exceed 2^32; above, a negative remainder could pass for a right one.
    if !((1 << 32)..AMBIGUOUS_DIVISORS_START).contains(&divisor_high) {
        return None;
    }
    let quotient = D::quotient_narrow((dividend >> 64) as u64, divisor_high);
    let remainder = dividend.wrapping_sub(divisor.wrapping_mul(u128::from(quotient)));
    (remainder < divisor).then_some((quotient, remainder))
}

#[cold]
#[inline(never)]
fn remainder_plain(dividend: u128, divisor: u128) -> u128 {
    dividend % divisor
}

#[cold]
#[inline(never)]
fn quotient_plain(dividend: u128, divisor: u128) -> u64 {
    (dividend / divisor) as u64
}

/// Divides by the processor's division instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instructed;

impl Division for Instructed {
    #[inline(always)]
    fn remainder(high: u64, low: u64, divisor: u64) -> u64 {
        divide_instructed(high % divisor, low, divisor).1
    }

    #[inline(always)]
    fn quotient(high: u64, low: u64, divisor: u64) -> u64 {
        divide_instructed(high % divisor, low, divisor).0
    }

    #[inline(always)]
    fn remainder_narrow(number: u64, divisor: u64) -> u64 {
        number % divisor
    }

    #[inline(always)]
    fn quotient_narrow(number: u64, divisor: u64) -> u64 {
        number / divisor
    }
}

/// Quotient and remainder of `high * 2^64 + low` for a `high` below the divisor.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn divide_instructed(high: u64, low: u64, divisor: u64) -> (u64, u64) {
    debug_assert!(high < divisor, "the quotient has 64 bits");
    let quotient;
    let remainder;
    // SAFETY: the instruction touches only the two registers named, and traps only when the divisor
    // is zero or the quotient exceeds 64 bits. Both callers reduce `high` by the divisor with an
    // operator that checks for zero, so `high < divisor` and neither can be.
    #[allow(
        unsafe_code,
        reason = "no operator reaches the 128-bit division instruction"
    )]
    unsafe {
        std::arch::asm!(
            "div {divisor}",
            divisor = in(reg) divisor,
            inlateout("rax") low => quotient,
            inlateout("rdx") high => remainder,
            options(pure, nomem, nostack),
        );
    }
    (quotient, remainder)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn divide_instructed(high: u64, low: u64, divisor: u64) -> (u64, u64) {
    let dividend = join(high, low);
    let divisor = u128::from(divisor);
    ((dividend / divisor) as u64, (dividend % divisor) as u64)
}

/// Divides by floating-point estimates, 32 bits of the quotient at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimated;

impl Division for Estimated {
    #[inline(always)]
    fn remainder(high: u64, low: u64, divisor: u64) -> u64 {
        match divide_estimated(high, low, divisor) {
            Some((_, remainder)) => remainder,
            None => remainder_plain(join(high, low), u128::from(divisor)) as u64,
        }
    }

    #[inline(always)]
    fn quotient(high: u64, low: u64, divisor: u64) -> u64 {
        match divide_estimated(high, low, divisor) {
            Some((quotient, _)) => quotient,
            None => quotient_plain(join(high, low), u128::from(divisor)),
        }
    }

    #[inline(always)]
    fn remainder_narrow(number: u64, divisor: u64) -> u64 {
        let quotient = (number as f64 / divisor as f64) as u64;
        let remainder = number.wrapping_sub(quotient.wrapping_mul(divisor));
        if remainder < divisor && divisor < AMBIGUOUS_DIVISORS_START {
            remainder
        } else {
            remainder_plain(u128::from(number), u128::from(divisor)) as u64
        }
    }

    #[inline(always)]
    fn quotient_narrow(number: u64, divisor: u64) -> u64 {
        (number as f64 / divisor as f64) as u64
    }
}

/// Low word of the quotient, and remainder, if all three estimated digits are right.
#[inline(always)]
fn divide_estimated(high: u64, low: u64, divisor: u64) -> Option<(u64, u64)> {
    // Small divisors are rare in random works, and their first digit would not fit the estimate.
    if !((1 << 40)..AMBIGUOUS_DIVISORS_START).contains(&divisor) {
        return None;
    }
    let inverse = 1.0 / divisor as f64;
    let (_, first) = estimate_digit(high, high as f64 * inverse, divisor);
    let (upper, second) = next_digit(first, low >> 32, divisor, inverse);
    let (lower, third) = next_digit(second, low & 0xffff_ffff, divisor, inverse);
    // One condition at the end: a wrong early remainder spoils everything after it.
    let exact = first < divisor && second < divisor && third < divisor;
    exact.then_some(((upper << 32).wrapping_add(lower), third))
}

/// The next 32 bits of the quotient: `(carried * 2^32 + digits) / divisor`.
#[inline(always)]
fn next_digit(carried: u64, digits: u64, divisor: u64, inverse: f64) -> (u64, u64) {
    let estimate = carried as f64 * (4_294_967_296.0 * inverse);
    // The estimate leaves out the incoming digits, which add less than 2^-8 to the quotient. Where
    // that crosses a whole number, the check of the remainder fails.
    estimate_digit((carried << 32).wrapping_add(digits), estimate, divisor)
}

#[inline(always)]
fn estimate_digit(dividend: u64, estimate: f64, divisor: u64) -> (u64, u64) {
    let quotient = estimate as u64;
    (
        quotient,
        dividend.wrapping_sub(quotient.wrapping_mul(divisor)),
    )
}

/// Version 3's square root, quick for all but the last numbers.
#[inline(always)]
pub(crate) fn isqrt_v3_fast(number: u64) -> u64 {
    /// 2^52 - 1/2. Adding it moves the root, rounded down, into the low bits of the sum.
    const SHIFT: f64 = 4_503_599_627_370_495.5;
    const LOW_BITS: u64 = (1 << 52) - 1;
    let root = ((number as f64).sqrt() + SHIFT).to_bits() & LOW_BITS;
    // The rare wrong roots (squares that are rounded the other way, and zero) fail here, so that
    // nobody has to wait for this check.
    let is_root = number.wrapping_sub(root.wrapping_mul(root)) <= 2 * root;
    if is_root && number < ODD_ROOTS_START {
        root
    } else {
        isqrt_v3_rare(number)
    }
}

#[cold]
#[inline(never)]
fn isqrt_v3_rare(number: u64) -> u64 {
    isqrt_v3(number)
}
