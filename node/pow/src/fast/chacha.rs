//! The ChaCha8 key stream, sixteen blocks at a time where the processor has AVX-512.
//!
//! Filling the scratchpad is about a tenth of a hash. The published crate is as good as it gets
//! below AVX-512, so it does all other processors.

use chacha20::cipher::StreamCipher as _;
use chacha20::{ChaCha8, KeyIvInit as _};

use crate::PowError;

/// Overwrites `out` with the key stream, from block 0.
///
/// # Errors
/// [`PowError::NoHash`] if `out` were longer than a key stream, which no scratchpad of XELIS is.
pub(crate) fn keystream(key: &[u8; 32], nonce: &[u8; 12], out: &mut [u8]) -> Result<(), PowError> {
    #[cfg(target_arch = "x86_64")]
    if wide::is_available() {
        wide::keystream(key, nonce, out);
        return Ok(());
    }
    keystream_portable(key, nonce, out)
}

/// As [`keystream`], always by the published crate.
///
/// # Errors
/// As [`keystream`].
pub(crate) fn keystream_portable(
    key: &[u8; 32],
    nonce: &[u8; 12],
    out: &mut [u8],
) -> Result<(), PowError> {
    let mut cipher = ChaCha8::new(key.into(), nonce.into());
    cipher
        .try_write_keystream(out)
        .map_err(|_| PowError::NoHash)
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_setr_epi32,
        _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32,
        _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
    };

    const DOUBLE_ROUNDS: usize = 4;
    const BLOCK_BYTES: usize = 64;
    const BLOCKS: usize = 16;
    /// The words every ChaCha state starts with: "expand 32-byte k".
    const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

    pub(super) fn is_available() -> bool {
        is_x86_feature_detected!("avx512f")
    }

    pub(super) fn keystream(key: &[u8; 32], nonce: &[u8; 12], out: &mut [u8]) {
        assert!(is_available(), "called only where AVX-512 is available");
        // SAFETY: the processor has the instruction set, as was checked in the line above.
        #[allow(
            unsafe_code,
            reason = "calls code compiled for a checked instruction set"
        )]
        unsafe {
            keystream_avx512(key, nonce, out);
        }
    }

    #[target_feature(enable = "avx512f")]
    fn keystream_avx512(key: &[u8; 32], nonce: &[u8; 12], out: &mut [u8]) {
        let mut state = [_mm512_setzero_si512(); 16];
        for (vector, word) in state.iter_mut().zip(CONSTANTS) {
            *vector = _mm512_set1_epi32(word as i32);
        }
        for (vector, word) in state[4..12].iter_mut().zip(words(key)) {
            *vector = _mm512_set1_epi32(word);
        }
        state[12] = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for (vector, word) in state[13..].iter_mut().zip(words(nonce)) {
            *vector = _mm512_set1_epi32(word);
        }
        let advance = _mm512_set1_epi32(BLOCKS as i32);
        for chunk in out.chunks_mut(BLOCKS * BLOCK_BYTES) {
            if let Some(chunk) = chunk.as_mut_array() {
                sixteen_blocks(&state, chunk);
            } else {
                let mut blocks = [0; BLOCKS * BLOCK_BYTES];
                sixteen_blocks(&state, &mut blocks);
                chunk.copy_from_slice(&blocks[..chunk.len()]);
            }
            state[12] = _mm512_add_epi32(state[12], advance);
        }
    }

    /// Each vector holds one word of sixteen blocks.
    #[target_feature(enable = "avx512f")]
    fn sixteen_blocks(state: &[__m512i; 16], out: &mut [u8; BLOCKS * BLOCK_BYTES]) {
        let mut mixed = *state;
        for _ in 0..DOUBLE_ROUNDS {
            for column in 0..4 {
                quarter_round(&mut mixed, [column, 4 + column, 8 + column, 12 + column]);
            }
            for column in 0..4 {
                let diagonal = |row: usize| 4 * row + (column + row) % 4;
                quarter_round(&mut mixed, [column, diagonal(1), diagonal(2), diagonal(3)]);
            }
        }
        for (mixed, state) in mixed.iter_mut().zip(state) {
            *mixed = _mm512_add_epi32(*mixed, *state);
        }
        // Lane `l` of `rows[g][i]` becomes words 4g to 4g + 3 of block 4l + i.
        let rows: [[__m512i; 4]; 4] = [
            four_words(&mixed, 0),
            four_words(&mixed, 4),
            four_words(&mixed, 8),
            four_words(&mixed, 12),
        ];
        for i in 0..4 {
            let groups = rows.map(|group| group[i]);
            for (lane, block) in lanes_to_blocks(groups).into_iter().enumerate() {
                let start = (4 * lane + i) * BLOCK_BYTES;
                let part = &mut out[start..start + BLOCK_BYTES];
                // SAFETY: `part` is 64 writable bytes, and the store needs no alignment.
                #[allow(unsafe_code, reason = "vector stores take a pointer")]
                unsafe {
                    _mm512_storeu_si512(part.as_mut_ptr().cast(), block);
                }
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    fn quarter_round(state: &mut [__m512i; 16], [a, b, c, d]: [usize; 4]) {
        state[a] = _mm512_add_epi32(state[a], state[b]);
        state[d] = _mm512_rol_epi32::<16>(_mm512_xor_si512(state[d], state[a]));
        state[c] = _mm512_add_epi32(state[c], state[d]);
        state[b] = _mm512_rol_epi32::<12>(_mm512_xor_si512(state[b], state[c]));
        state[a] = _mm512_add_epi32(state[a], state[b]);
        state[d] = _mm512_rol_epi32::<8>(_mm512_xor_si512(state[d], state[a]));
        state[c] = _mm512_add_epi32(state[c], state[d]);
        state[b] = _mm512_rol_epi32::<7>(_mm512_xor_si512(state[b], state[c]));
    }

    /// Turns four vectors of one word each into four vectors of four words for each lane.
    #[target_feature(enable = "avx512f")]
    fn four_words(mixed: &[__m512i; 16], first: usize) -> [__m512i; 4] {
        let low_01 = _mm512_unpacklo_epi32(mixed[first], mixed[first + 1]);
        let high_01 = _mm512_unpackhi_epi32(mixed[first], mixed[first + 1]);
        let low_23 = _mm512_unpacklo_epi32(mixed[first + 2], mixed[first + 3]);
        let high_23 = _mm512_unpackhi_epi32(mixed[first + 2], mixed[first + 3]);
        [
            _mm512_unpacklo_epi64(low_01, low_23),
            _mm512_unpackhi_epi64(low_01, low_23),
            _mm512_unpacklo_epi64(high_01, high_23),
            _mm512_unpackhi_epi64(high_01, high_23),
        ]
    }

    /// Transposes four vectors of four lanes.
    #[target_feature(enable = "avx512f")]
    fn lanes_to_blocks(rows: [__m512i; 4]) -> [__m512i; 4] {
        let low_01 = _mm512_shuffle_i32x4::<0x44>(rows[0], rows[1]);
        let high_01 = _mm512_shuffle_i32x4::<0xee>(rows[0], rows[1]);
        let low_23 = _mm512_shuffle_i32x4::<0x44>(rows[2], rows[3]);
        let high_23 = _mm512_shuffle_i32x4::<0xee>(rows[2], rows[3]);
        [
            _mm512_shuffle_i32x4::<0x88>(low_01, low_23),
            _mm512_shuffle_i32x4::<0xdd>(low_01, low_23),
            _mm512_shuffle_i32x4::<0x88>(high_01, high_23),
            _mm512_shuffle_i32x4::<0xdd>(high_01, high_23),
        ]
    }

    fn words(bytes: &[u8]) -> impl Iterator<Item = i32> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|word| i32::from_le_bytes(*word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_key_streams_agree_at_every_length() {
        for length in [0, 1, 63, 64, 65, 1023, 1024, 1025, 109_824, 135_936] {
            let key = std::array::from_fn(|position| (length + 7 * position) as u8);
            let nonce = std::array::from_fn(|position| (length + 11 * position) as u8);
            let mut own = vec![0xaa; length];
            let mut published = vec![0x55; length];
            keystream(&key, &nonce, &mut own).unwrap();
            keystream_portable(&key, &nonce, &mut published).unwrap();
            assert!(own == published, "they differ at {length} bytes");
        }
    }
}
