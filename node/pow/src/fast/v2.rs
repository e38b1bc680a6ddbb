//! Stage 3 of version 2, the quick way.

use super::division::Division;
use crate::arithmetic::{V2_HALF_WORDS, aes_round_v2};
use crate::portable::{Operands, V2_ITERATIONS};
use crate::scratchpad::{Word, get, set};

const WORDS: usize = 2 * V2_HALF_WORDS;

/// Stage 3 of version 2 over a scratchpad of two halves.
#[inline(always)]
pub(super) fn stage3<D: Division>(pad: &mut [Word; WORDS]) {
    let half = V2_HALF_WORDS as u64;
    let mut addr_a = get(pad, WORDS - 1);
    let mut addr_b = get(pad, V2_HALF_WORDS - 1) >> 32;
    let mut position = 0;
    for i in 0..V2_ITERATIONS {
        let mem_a = get(pad, (addr_a % half) as usize);
        let mem_b = get(pad, V2_HALF_WORDS + (addr_b % half) as usize);
        let (hashed, _) = aes_round_v2(mem_b, mem_a);
        let mut result = !(hashed ^ mem_a ^ mem_b);
        for step in 0..V2_HALF_WORDS {
            let j = step as u64;
            let a = get(pad, (result % half) as usize);
            let index_b = (!result.rotate_right(position as u32) % half) as usize;
            let b = get(pad, V2_HALF_WORDS + index_b);
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
            result = (result ^ value).rotate_left(1);
            let mixed = get(pad, V2_HALF_WORDS - 1 - step) ^ result;
            set(pad, V2_HALF_WORDS - 1 - step, mixed);
            let other = get(pad, V2_HALF_WORDS + step) ^ mixed.rotate_right(result as u32);
            set(pad, V2_HALF_WORDS + step, other);
        }
        addr_a = result;
        addr_b = result.isqrt();
    }
}

/// The sixteen branches.
#[inline(always)]
pub(super) fn branch<D: Division>(branch: u64, operands: &Operands) -> u64 {
    let Operands { a, b, c, i, j, .. } = *operands;
    match branch {
        0 => c.rotate_left((i * j) as u32) ^ b,
        1 => c.rotate_right((i * j) as u32) ^ a,
        2 => a ^ b ^ c,
        _ => super::common_branch::<D>(branch, operands),
    }
}
