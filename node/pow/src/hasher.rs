//! The one entry point to hashing.

use crate::arithmetic::{V2_HALF_WORDS, V3_HALF_WORDS};
use crate::scratchpad::{self, Word};
use crate::{Algorithm, PowError, WORK_SIZE, portable};

const V2_WORDS: usize = 2 * V2_HALF_WORDS;
const V3_WORDS: usize = 2 * V3_HALF_WORDS;

/// Hashes one work at a time; owns its scratchpad, so make one per thread and keep it.
///
/// The scratchpad of 544 kB is overwritten by each hash, nothing is carried over.
pub struct Hasher {
    pad: Vec<Word>,
    /// Version 1 has a scratchpad of its own, made when the first such work comes.
    pad_v1: Option<Box<xelis_hash::ScratchPad>>,
}

impl Hasher {
    /// A hasher with the fastest code for this processor.
    pub fn new() -> Self {
        Self {
            pad: vec![[0; 8]; V3_WORDS],
            pad_v1: None,
        }
    }

    /// The proof-of-work hash of a work. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// [`PowError::NoHash`] for the one work in 2^64 on which version 3 divides by zero.
    pub fn hash(
        &mut self,
        algorithm: Algorithm,
        work: &[u8; WORK_SIZE],
    ) -> Result<[u8; 32], PowError> {
        match algorithm {
            Algorithm::V1 => self.hash_v1(work),
            Algorithm::V2 => self.hash_v2(work),
            Algorithm::V3 => self.hash_v3(work),
        }
    }

    fn hash_v1(&mut self, work: &[u8; WORK_SIZE]) -> Result<[u8; 32], PowError> {
        let mut input = xelis_hash::AlignedInput::default();
        let bytes = input.as_mut_slice().map_err(|_| PowError::NoHash)?;
        bytes[..WORK_SIZE].copy_from_slice(work);
        let pad = self.pad_v1.get_or_insert_default();
        xelis_hash::xelis_hash(bytes, pad).map_err(|_| PowError::NoHash)
    }

    fn hash_v2(&mut self, work: &[u8; WORK_SIZE]) -> Result<[u8; 32], PowError> {
        let pad = &mut self.pad[..V2_WORDS];
        scratchpad::fill(pad, work)?;
        portable::stage3_v2(pad);
        Ok(scratchpad::digest(pad))
    }

    fn hash_v3(&mut self, work: &[u8; WORK_SIZE]) -> Result<[u8; 32], PowError> {
        let pad = &mut self.pad[..];
        scratchpad::fill(pad, work)?;
        portable::stage3_v3(pad)?;
        Ok(scratchpad::digest(pad))
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}
