//! Stage 3 of XelisHash v2 and v3 as it is defined, one line for each line of the definition.
//!
//! This is what the fast code is compared with, and what runs when nothing faster is known.

use crate::PowError;
use crate::arithmetic::{
    V2_HALF_WORDS, V3_HALF_WORDS, aes_round_v2, aes_round_v3, index_v3, isqrt_v3, join, murmur,
    picks_second_half, power_modulo,
};
use crate::scratchpad::{Word, get, set};

pub(crate) const V2_ITERATIONS: u64 = 3;
pub(crate) const V3_ITERATIONS: u64 = 2;

/// What a branch of the inner loop may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands {
    pub(crate) a: u64,
    pub(crate) b: u64,
    pub(crate) c: u64,
    /// Position in the scratchpad, already advanced.
    pub(crate) r: u64,
    /// The running value before this step.
    pub(crate) result: u64,
    /// Outer loop counter.
    pub(crate) i: u64,
    /// Inner loop counter.
    pub(crate) j: u64,
}

/// Stage 3 of version 2 over a scratchpad of two halves.
pub(crate) fn stage3_v2(pad: &mut [Word]) {
    let (pad_a, pad_b) = pad.split_at_mut(V2_HALF_WORDS);
    let half = V2_HALF_WORDS as u64;
    let last = V2_HALF_WORDS - 1;
    let mut addr_a = get(pad_b, last);
    let mut addr_b = get(pad_a, last) >> 32;
    let mut r = 0;
    for i in 0..V2_ITERATIONS {
        let mem_a = get(pad_a, (addr_a % half) as usize);
        let mem_b = get(pad_b, (addr_b % half) as usize);
        let (hashed, _) = aes_round_v2(mem_b, mem_a);
        let mut result = !(hashed ^ mem_a ^ mem_b);
        for j in 0..half {
            let a = get(pad_a, (result % half) as usize);
            let b = get(pad_b, (!rotate_right(result, r) % half) as usize);
            let c = word_at(pad_a, pad_b, r);
            r = if r < 2 * half - 1 { r + 1 } else { 0 };
            let operands = Operands {
                a,
                b,
                c,
                r,
                result,
                i,
                j,
            };
            let value = branch_v2(rotate_left(result, c) & 15, &operands);
            result = (result ^ value).rotate_left(1);
            let position = last - j as usize;
            let mixed = get(pad_a, position) ^ result;
            set(pad_a, position, mixed);
            let other = get(pad_b, j as usize) ^ rotate_right(mixed, result);
            set(pad_b, j as usize, other);
        }
        addr_a = result;
        addr_b = result.isqrt();
    }
}

/// Stage 3 of version 3 over a scratchpad of two halves.
///
/// # Errors
/// [`PowError::NoHash`] when the work leads to a division by zero.
pub(crate) fn stage3_v3(pad: &mut [Word]) -> Result<(), PowError> {
    let (pad_a, pad_b) = pad.split_at_mut(V3_HALF_WORDS);
    let half = V3_HALF_WORDS as u64;
    let last = V3_HALF_WORDS - 1;
    let mut addr_a = get(pad_b, last);
    let mut addr_b = get(pad_a, last) >> 32;
    let mut r = 0;
    for i in 0..V3_ITERATIONS {
        let mem_a = get(pad_a, index_v3(addr_a));
        let mem_b = get(pad_b, index_v3(mem_a ^ addr_b));
        let (low, high) = aes_round_v3(mem_b, mem_a);
        let mut result = !(low ^ high);
        for j in 0..half {
            let a = get(pad_a, index_v3(result));
            let b = get(pad_b, index_v3(a ^ !rotate_right(result, r)));
            let c = word_at(pad_a, pad_b, r);
            r = if r < 2 * half - 1 { r + 1 } else { 0 };
            let operands = Operands {
                a,
                b,
                c,
                r,
                result,
                i,
                j,
            };
            let value = branch_v3(rotate_left(result, c) & 15, &operands);

            let seed = value ^ result;
            result = rotate_left(seed, r);
            let picked = if picks_second_half(value) {
                &*pad_b
            } else {
                &*pad_a
            };
            let mixed = get(picked, index_v3(seed)) ^ result;
            let index_a = index_v3(mixed ^ result ^ 0x9e37_79b9_7f4a_7c15);
            let index_b = index_v3(index_a as u64 ^ !result ^ 0xd2b7_4407_b1ce_6e93);
            let old = get(pad_a, index_a);
            set(pad_a, index_a, mixed);
            let other = get(pad_b, index_b) ^ old ^ rotate_right(mixed, i + j);
            set(pad_b, index_b, other);
        }
        addr_a = power_modulo(addr_a, addr_b, result).ok_or(PowError::NoHash)?;
        addr_b = isqrt_v3(result)
            .wrapping_mul(r + 1)
            .wrapping_mul(isqrt_v3(addr_a));
    }
    Ok(())
}

/// The sixteen branches of version 2.
pub(crate) fn branch_v2(branch: u64, operands: &Operands) -> u64 {
    let Operands { a, b, c, i, j, .. } = *operands;
    match branch {
        0 => rotate_left(c, i * j) ^ b,
        1 => rotate_right(c, i * j) ^ a,
        2 => a ^ b ^ c,
        _ => common_branch(branch, operands),
    }
}

/// The sixteen branches of version 3.
pub(crate) fn branch_v3(branch: u64, operands: &Operands) -> u64 {
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
            let dividend = join(a.wrapping_add(i), isqrt_v3(b.wrapping_add(j)));
            let divisor = murmur(c ^ result ^ i ^ j) | 1;
            (dividend % u128::from(divisor)) as u64
        }
        1 => {
            let rest = c.wrapping_add(i) % isqrt_v3(b | 2);
            rotate_left(rest, i + j).wrapping_mul(isqrt_v3(a.wrapping_add(j)))
        }
        2 => {
            let product = isqrt_v3(a.wrapping_add(i)).wrapping_mul(isqrt_v3(c.wrapping_add(j)));
            product ^ b.wrapping_add(i).wrapping_add(j)
        }
        _ => common_branch(branch, operands),
    }
}

/// The branches both versions share, 3 to 15.
fn common_branch(branch: u64, operands: &Operands) -> u64 {
    let Operands {
        a, b, c, r, result, ..
    } = *operands;
    match branch {
        3 => a.wrapping_add(b).wrapping_mul(c),
        4 => b.wrapping_sub(c).wrapping_mul(a),
        5 => c.wrapping_sub(a).wrapping_add(b),
        6 => a.wrapping_sub(b).wrapping_add(c),
        7 => b.wrapping_mul(c).wrapping_add(a),
        8 => c.wrapping_mul(a).wrapping_add(b),
        9 => a.wrapping_mul(b).wrapping_mul(c),
        10 => (join(a, b) % u128::from(c | 1)) as u64,
        11 => (join(b, c) % join(rotate_left(result, r), a | 2)) as u64,
        12 => (join(c, a) / u128::from(b | 4)) as u64,
        13 => {
            let dividend = join(rotate_left(result, r), b);
            let divisor = join(a, c | 8);
            if dividend > divisor {
                (dividend / divisor) as u64
            } else {
                a ^ b
            }
        }
        14 => (join(b, a).wrapping_mul(u128::from(c)) >> 64) as u64,
        _ => (join(a, c).wrapping_mul(join(rotate_right(result, r), b)) >> 64) as u64,
    }
}

/// The word at a position of the whole scratchpad.
fn word_at(pad_a: &[Word], pad_b: &[Word], position: u64) -> u64 {
    let position = position as usize;
    match position.checked_sub(pad_a.len()) {
        None => get(pad_a, position),
        Some(position) => get(pad_b, position),
    }
}

fn rotate_left(word: u64, bits: u64) -> u64 {
    word.rotate_left((bits % 64) as u32)
}

fn rotate_right(word: u64, bits: u64) -> u64 {
    word.rotate_right((bits % 64) as u32)
}
