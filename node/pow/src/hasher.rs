//! The one entry point to hashing.

use std::fmt;

use crate::fast::{Kernel, PadV2, PadV3};
use crate::scratchpad::{self, Word};
use crate::{Algorithm, PowError, WORK_SIZE};

/// Hashes one work at a time; owns its scratchpad, so make one per thread and keep it.
///
/// The scratchpad of 544 kB is overwritten by each hash, nothing is carried over.
pub struct Hasher {
    kernel: Kernel,
    pad: Box<PadV3>,
    /// Version 1 has a scratchpad of its own, made when the first such work comes.
    pad_v1: Option<Box<xelis_hash::ScratchPad>>,
}

impl Hasher {
    /// A hasher with the quickest code for this processor.
    ///
    /// The first one in a process tries them out, which takes some 30 ms.
    pub fn new() -> Self {
        Self::with_kernel(Kernel::quickest())
    }

    /// A hasher with the code that follows the definition line by line. Same results, slower.
    pub fn portable() -> Self {
        Self::with_kernel(Kernel::PORTABLE)
    }

    pub(crate) fn with_kernel(kernel: Kernel) -> Self {
        Self {
            kernel,
            pad: new_pad(),
            pad_v1: None,
        }
    }

    /// Which code it runs, for people to read.
    pub fn kernel_name(&self) -> &'static str {
        self.kernel.name
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
        // The shorter scratchpad uses the beginning of the longer one.
        let pad: &mut PadV2 = self.pad.first_chunk_mut().ok_or(PowError::NoHash)?;
        scratchpad::fill(pad, work, self.kernel.keystream)?;
        (self.kernel.stage3_v2)(pad);
        Ok(scratchpad::digest(pad))
    }

    fn hash_v3(&mut self, work: &[u8; WORK_SIZE]) -> Result<[u8; 32], PowError> {
        scratchpad::fill(self.pad.as_mut_slice(), work, self.kernel.keystream)?;
        (self.kernel.stage3_v3)(&mut self.pad)?;
        Ok(scratchpad::digest(self.pad.as_slice()))
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hasher")
            .field("kernel", &self.kernel.name)
            .finish_non_exhaustive()
    }
}

/// A scratchpad on the heap that never was on the stack.
fn new_pad() -> Box<PadV3> {
    let words: Vec<Word> = vec![[0; 8]; size_of::<PadV3>() / size_of::<Word>()];
    words
        .into_boxed_slice()
        .try_into()
        .expect("the vector was made with the length of the array")
}
