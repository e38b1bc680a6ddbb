//! Stage 3 of version 3, the quick way.
//!
//! The loop is one long chain: each step needs two loads whose addresses depend on the step
//! before. Everything that does not hang on the second load is therefore computed without waiting
//! for it, and what does is kept short.

use super::division::{Division, isqrt_v3_fast};
use crate::PowError;
use crate::arithmetic::{
    V3_HALF_WORDS, aes_round_v3, fold_v3, index_of_folded_v3, index_v3, isqrt_v3, murmur,
    picks_second_half, power_modulo,
};
use crate::portable::{Operands, V3_ITERATIONS};
use crate::scratchpad::{Word, get, set};

const WORDS: usize = 2 * V3_HALF_WORDS;

/// Stage 3 of version 3 over a scratchpad of two halves.
///
/// # Errors
/// [`PowError::NoHash`] when the work leads to a division by zero.
#[inline(always)]
pub(super) fn stage3<D: Division>(pad: &mut [Word; WORDS]) -> Result<(), PowError> {
    let mut addr_a = get(pad, WORDS - 1);
    let mut addr_b = get(pad, V3_HALF_WORDS - 1) >> 32;
    let mut position = 0;
    for i in 0..V3_ITERATIONS {
        let mem_a = get(pad, index_v3(addr_a));
        let mem_b = get(pad, V3_HALF_WORDS + index_v3(mem_a ^ addr_b));
        let (low, high) = aes_round_v3(mem_b, mem_a);
        let mut result = !(low ^ high);
        for j in 0..V3_HALF_WORDS as u64 {
            let a = get(pad, index_v3(result));
            // The same as mapping `a ^ rotated`, with one step less between the two loads.
            let rotated = fold_v3(!result.rotate_right(position as u32));
            let b = get(
                pad,
                V3_HALF_WORDS + index_of_folded_v3(a ^ rotated ^ (a >> 33)),
            );
            let c = get(pad, position);
            position = if position < WORDS - 1 {
                position + 1
            } else {
                0
            };
            let r = position as u64;
            let operands = Operands {
                a,
                b,
                c,
                r,
                result,
                i,
                j,
            };
            let value = branch::<D>(result.rotate_left(c as u32) & 15, &operands);

            let seed = value ^ result;
            result = seed.rotate_left(position as u32);
            let picked = if picks_second_half(value) {
                V3_HALF_WORDS
            } else {
                0
            };
            let mixed = get(pad, picked + index_v3(seed)) ^ result;
            let index_a = index_v3(mixed ^ result ^ 0x9e37_79b9_7f4a_7c15);
            let index_b = index_v3(index_a as u64 ^ !result ^ 0xd2b7_4407_b1ce_6e93);
            let old = get(pad, index_a);
            set(pad, index_a, mixed);
            let other =
                get(pad, V3_HALF_WORDS + index_b) ^ old ^ mixed.rotate_right((i + j) as u32);
            set(pad, V3_HALF_WORDS + index_b, other);
        }
        addr_a = power_modulo(addr_a, addr_b, result).ok_or(PowError::NoHash)?;
        addr_b = isqrt_v3(result)
            .wrapping_mul(position as u64 + 1)
            .wrapping_mul(isqrt_v3(addr_a));
    }
    Ok(())
}

/// The sixteen branches.
#[inline(always)]
pub(super) fn branch<D: Division>(branch: u64, operands: &Operands) -> u64 {
    let Operands {
        a,
        b,
        c,
        result,
        i,
        j,
        ..
    } = *operands;
    match branch {
        0 => {
            let divisor = murmur(c ^ result ^ i ^ j) | 1;
            D::remainder_low_small(a.wrapping_add(i), isqrt_v3_fast(b.wrapping_add(j)), divisor)
        }
        1 => {
            let rest = D::remainder_narrow(c.wrapping_add(i), isqrt_v3_fast(b | 2));
            let root = isqrt_v3_fast(a.wrapping_add(j));
            rest.rotate_left((i + j) as u32).wrapping_mul(root)
        }
        2 => {
            let root_a = isqrt_v3_fast(a.wrapping_add(i));
            let root_c = isqrt_v3_fast(c.wrapping_add(j));
            root_a.wrapping_mul(root_c) ^ b.wrapping_add(i).wrapping_add(j)
        }
        _ => super::common_branch::<D>(branch, operands),
    }
}
