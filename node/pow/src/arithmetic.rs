//! The arithmetic that defines XelisHash v2 and v3, in the plainest form.
//!
//! Everything here wraps at 64 bits as the reference implementation does in a release build.

/// Words of one half of the version 2 scratchpad.
pub(crate) const V2_HALF_WORDS: usize = 429 * 64;
/// Words of one half of the version 3 scratchpad.
pub(crate) const V3_HALF_WORDS: usize = 531 * 64;

const AES_KEY_V2: [u8; 16] = *b"xelishash-pow-v2";
const AES_KEY_V3: [u8; 16] = *b"xelishash-pow-v3";

/// The number `high * 2^64 + low`.
pub(crate) fn join(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Version 3's square root.
///
/// It is the integer square root up to (2^32 - 1)^2. From there on it is 2^32, and 2^32 + 1 for
/// the last 1024 numbers, because the square of the next candidate wraps to something small. About
/// one hash in 100,000 meets such a number, so correcting it would refuse good shares.
#[inline(always)]
pub(crate) fn isqrt_v3(number: u64) -> u64 {
    let root = (number as f64).sqrt() as u64;
    let next = root.wrapping_add(1);
    if root.wrapping_mul(root) > number {
        root.wrapping_sub(1)
    } else if next.wrapping_mul(next) <= number {
        next
    } else {
        root
    }
}

/// Maps a word evenly onto the indices of one half of the version 3 scratchpad.
#[inline(always)]
pub(crate) fn index_v3(word: u64) -> usize {
    index_of_folded_v3(fold_v3(word))
}

/// First part of [`index_v3`]; `fold(x ^ y)` is `fold(x) ^ fold(y)`.
#[inline(always)]
pub(crate) fn fold_v3(word: u64) -> u64 {
    word ^ (word >> 33)
}

/// Second part of [`index_v3`].
#[inline(always)]
pub(crate) fn index_of_folded_v3(folded: u64) -> usize {
    let mixed = folded.wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((u128::from(mixed) * V3_HALF_WORDS as u128) >> 64) as usize
}

/// The finalizer of MurmurHash3 with version 3's own shifts.
#[inline(always)]
pub(crate) fn murmur(word: u64) -> u64 {
    let word = (word ^ (word >> 55)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let word = (word ^ (word >> 32)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 15)
}

/// Whether version 3 takes its extra word from the second half of the scratchpad.
#[inline(always)]
pub(crate) fn picks_second_half(word: u64) -> bool {
    (murmur(word) >> 58) & 1 == 1
}

/// `base^exponent mod modulus`, nothing for a modulus of zero.
///
/// An exponent of zero gives 1, also for a modulus of 1, as in the reference implementation.
pub(crate) fn power_modulo(base: u64, exponent: u64, modulus: u64) -> Option<u64> {
    let modulus = u128::from(modulus);
    let mut square = u128::from(base).checked_rem(modulus)?;
    let mut power = 1;
    let mut exponent = exponent;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power * square % modulus;
        }
        square = square * square % modulus;
        exponent >>= 1;
    }
    Some(power as u64)
}

/// One AES round with version 2's key over two words, `low` first; both words of the result.
pub(crate) fn aes_round_v2(low: u64, high: u64) -> (u64, u64) {
    aes_round(low, high, AES_KEY_V2)
}

/// One AES round with version 3's key over two words, `low` first; both words of the result.
pub(crate) fn aes_round_v3(low: u64, high: u64) -> (u64, u64) {
    aes_round(low, high, AES_KEY_V3)
}

fn aes_round(low: u64, high: u64, key: [u8; 16]) -> (u64, u64) {
    let mut block = aes::Block::from(join(high, low).to_le_bytes());
    aes::hazmat::cipher_round(&mut block, &aes::Block::from(key));
    let word = u128::from_le_bytes(block.into());
    (word as u64, (word >> 64) as u64)
}

#[cfg(test)]
mod tests;
