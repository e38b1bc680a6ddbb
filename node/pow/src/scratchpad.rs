//! The memory a hash works in: filled from the work, changed by stage 3, digested at the end.

use crate::{PowError, WORK_SIZE};

/// Overwrites its last argument with the ChaCha8 key stream of a key and a nonce.
pub(crate) type Keystream = fn(&[u8; 32], &[u8; 12], &mut [u8]) -> Result<(), PowError>;

/// One word of the scratchpad, little-endian.
///
/// Kept as bytes so that the same memory is bytes to the cipher and the digest and words to
/// stage 3, without a cast; the conversions cost nothing on little-endian machines.
pub(crate) type Word = [u8; 8];

/// Bytes of the work that one step of the fill takes in.
const CHUNK_BYTES: usize = 32;
/// Steps of the fill; the last one takes what is left and zeros.
const CHUNKS: usize = WORK_SIZE.div_ceil(CHUNK_BYTES);
const NONCE_BYTES: usize = 12;

/// Reads a word.
#[inline(always)]
pub(crate) fn get(pad: &[Word], index: usize) -> u64 {
    u64::from_le_bytes(pad[index])
}

/// Writes a word.
#[inline(always)]
pub(crate) fn set(pad: &mut [Word], index: usize, word: u64) {
    pad[index] = word.to_le_bytes();
}

/// Stage 1: overwrites the whole scratchpad with a key stream derived from the work.
///
/// # Errors
/// What the key stream returns.
pub(crate) fn fill(
    pad: &mut [Word],
    work: &[u8; WORK_SIZE],
    keystream: Keystream,
) -> Result<(), PowError> {
    let mut rest = pad.as_flattened_mut();
    let mut key = *blake3::hash(work).as_bytes();
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&key[..NONCE_BYTES]);
    for (chunk_idx, chunk) in work.chunks(CHUNK_BYTES).enumerate() {
        let mut message = [0; 2 * CHUNK_BYTES];
        message[..CHUNK_BYTES].copy_from_slice(&key);
        message[CHUNK_BYTES..][..chunk.len()].copy_from_slice(chunk);
        key = *blake3::hash(&message).as_bytes();

        let part_bytes = rest.len() / (CHUNKS - chunk_idx);
        let (part, after) = rest.split_at_mut(part_bytes);
        keystream(&key, &nonce, part)?;
        nonce.copy_from_slice(&part[part_bytes - NONCE_BYTES..]);
        rest = after;
    }
    Ok(())
}

/// Stage 4: the hash of the work is the digest of the scratchpad.
pub(crate) fn digest(pad: &[Word]) -> [u8; 32] {
    *blake3::hash(pad.as_flattened()).as_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::arithmetic::{V2_HALF_WORDS, V3_HALF_WORDS};
    use crate::fast::keystream_portable;

    #[test]
    fn filled_scratchpads_match_the_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../testdata/xelis-hash-vectors.json")).unwrap();
        let checks = vectors["stage1_checks"]["values"].as_object().unwrap();
        assert_eq!(checks.len(), 4);
        for (name, check) in checks {
            let (version, input) = name.split_once('/').unwrap();
            let words = if version == "v2" {
                2 * V2_HALF_WORDS
            } else {
                2 * V3_HALF_WORDS
            };
            let work = match input {
                "zero_112" => [0; WORK_SIZE],
                _ => std::array::from_fn(|position| position as u8),
            };
            let mut pad = vec![[0xaa; 8]; words];
            fill(&mut pad, &work, keystream_portable).unwrap();
            assert_eq!(check["words"].as_u64().unwrap() as usize, words);
            let word = |key: &str| u64::from_str_radix(check[key].as_str().unwrap(), 16).unwrap();
            assert_eq!(get(&pad, 0), word("first_word_le_u64"), "{name}");
            assert_eq!(get(&pad, words - 1), word("last_word_le_u64"), "{name}");
            let expected = check["blake3_of_scratchpad_bytes"].as_str().unwrap();
            assert_eq!(hex::encode(digest(&pad)), expected, "{name}");
        }
    }
}
