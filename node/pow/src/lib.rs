//! Proof of work of XELIS: the three versions of XelisHash, difficulty and target.

#![deny(unsafe_code)]

use std::fmt;
use std::str::FromStr;

/// Length of the block work that is hashed (a `MinerWork`).
pub const WORK_SIZE: usize = 112;

/// Version of the proof of work. Always taken from the template, never from a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm { V1, V2, V3 }
impl fmt::Display for Algorithm { // the daemon's spelling: xel/v1, xel/v2, xel/v3
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() }
}
impl Algorithm {
    /// The older stratum spelling: xel/0, xel/1, xel/2.
    pub fn legacy_name(self) -> &'static str { unimplemented!() }
}
impl FromStr for Algorithm { type Err = PowError; fn from_str(_: &str) -> Result<Self, PowError> { unimplemented!() } }

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PowError {
    #[error("unknown algorithm `{0}`; known are xel/v1, xel/v2 and xel/v3")]
    UnknownAlgorithm(String),
    #[error("difficulty `{0}` is not a whole number from 1 to 2^256 - 1")]
    InvalidDifficulty(String),
    #[error("the work has no valid hash")]
    NoHash,
}

/// Hashes one work at a time; owns its scratchpad, so make one per thread and keep it.
pub struct Hasher;
impl Hasher {
    pub fn new() -> Self { unimplemented!() }
    /// Never panics, whatever the bytes.
    pub fn hash(&mut self, _algorithm: Algorithm, _work: &[u8; WORK_SIZE]) -> Result<[u8; 32], PowError> { unimplemented!() }
}

/// Expected hashes per solution, 1 to 2^256-1. Display and FromStr are decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difficulty(ruint::aliases::U256);
impl Difficulty {
    pub fn from_u64(_: u64) -> Result<Self, PowError> { unimplemented!() }
    pub fn from_u128(_: u128) -> Result<Self, PowError> { unimplemented!() }
    pub fn to_u128(self) -> Option<u128> { unimplemented!() }
    /// Big-endian, without leading zeros.
    pub fn to_be_bytes_trimmed(self) -> Vec<u8> { unimplemented!() }
    pub fn target(self) -> Target { unimplemented!() }
    /// The difficulty a hash achieves: floor((2^256-1) / hash).
    pub fn of_hash(_hash: &[u8; 32]) -> Self { unimplemented!() }
}
impl fmt::Display for Difficulty { fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl FromStr for Difficulty { type Err = PowError; fn from_str(_: &str) -> Result<Self, PowError> { unimplemented!() } }

/// Largest hash that is a solution: floor((2^256-1) / difficulty); hashes are read big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target(ruint::aliases::U256);
impl Target { pub fn is_met_by(&self, _hash: &[u8; 32]) -> bool { unimplemented!() } }
