//! Stage 3 as quick as the processor allows, with the same results as the portable code.
//!
//! One generic source is compiled several times: for two ways to divide and for the instruction
//! sets worth a copy of their own. Which copy is quickest cannot be told from the instruction sets
//! alone, so [`Kernel::quickest`] measures it once per process.

mod chacha;
mod division;
mod kernel;
mod v2;
mod v3;

#[cfg(test)]
pub(crate) use chacha::keystream_portable;
pub(crate) use kernel::Kernel;

use crate::arithmetic::{V2_HALF_WORDS, V3_HALF_WORDS, join};
use crate::portable::Operands;
use crate::scratchpad::Word;
use division::Division;

/// Scratchpad of version 2; the fixed length lets the compiler drop most bounds checks.
pub(crate) type PadV2 = [Word; 2 * V2_HALF_WORDS];
/// Scratchpad of version 3.
pub(crate) type PadV3 = [Word; 2 * V3_HALF_WORDS];

/// The branches both versions share, 3 to 15.
///
/// `b` comes from memory last, so each branch does what it can without it.
#[inline(always)]
fn common_branch<D: Division>(branch: u64, operands: &Operands) -> u64 {
    let Operands {
        a, b, c, r, result, ..
    } = *operands;
    match branch {
        3 => a.wrapping_mul(c).wrapping_add(b.wrapping_mul(c)),
        4 => b.wrapping_mul(a).wrapping_sub(c.wrapping_mul(a)),
        5 => c.wrapping_sub(a).wrapping_add(b),
        6 => a.wrapping_add(c).wrapping_sub(b),
        7 => b.wrapping_mul(c).wrapping_add(a),
        8 => c.wrapping_mul(a).wrapping_add(b),
        9 => a.wrapping_mul(c).wrapping_mul(b),
        10 => D::remainder(a, b, c | 1),
        11 => D::remainder_of_pair(join(b, c), join(result.rotate_left(r as u32), a | 2)) as u64,
        12 => D::quotient(c, a, b | 4),
        13 => {
            let high = result.rotate_left(r as u32);
            let (dividend, divisor) = (join(high, b), join(a, c | 8));
            // The high words alone nearly always decide, and are known before `b` is.
            let exceeds = if high == a {
                dividend > divisor
            } else {
                high > a
            };
            if exceeds {
                D::quotient_of_pair(dividend, divisor)
            } else {
                a ^ b
            }
        }
        // The high word of a product: partial products above 2^128 do not count.
        14 => high_word(a, c).wrapping_add(b.wrapping_mul(c)),
        _ => {
            let rotated = result.rotate_right(r as u32);
            let early = c.wrapping_mul(rotated);
            high_word(c, b)
                .wrapping_add(a.wrapping_mul(b))
                .wrapping_add(early)
        }
    }
}

/// The upper half of a product.
#[inline(always)]
fn high_word(left: u64, right: u64) -> u64 {
    ((u128::from(left) * u128::from(right)) >> 64) as u64
}

#[cfg(test)]
mod tests;
