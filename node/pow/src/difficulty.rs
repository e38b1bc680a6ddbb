//! Difficulty and target, both 256 bits wide: the difficulty of real networks exceeds 64.

use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;

use crate::error::{PowError, quote};

/// Most bytes of a refused number that an error repeats.
const QUOTE_MAX_BYTES: usize = 40;

/// Expected hashes per solution, 1 to 2^256 - 1. `Display` and `FromStr` are decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difficulty(U256);

impl Difficulty {
    /// The easiest difficulty: every hash is a solution.
    pub const MIN: Difficulty = Difficulty(U256::ONE);

    /// The difficulty of that many expected hashes.
    ///
    /// # Errors
    /// [`PowError::InvalidDifficulty`] for zero.
    pub fn from_u64(hashes: u64) -> Result<Self, PowError> {
        Self::from_u128(u128::from(hashes))
    }

    /// The difficulty of that many expected hashes.
    ///
    /// # Errors
    /// [`PowError::InvalidDifficulty`] for zero.
    pub fn from_u128(hashes: u128) -> Result<Self, PowError> {
        if hashes == 0 {
            return Err(PowError::InvalidDifficulty("0".to_owned()));
        }
        Ok(Self(U256::from(hashes)))
    }

    /// Reads an unsigned big-endian number; leading zero bytes do not matter.
    ///
    /// # Errors
    /// [`PowError::InvalidDifficulty`] for zero (also no bytes at all) and for more than 256 bits.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, PowError> {
        match U256::try_from_be_slice(trim_zeros(bytes)) {
            Some(hashes) if !hashes.is_zero() => Ok(Self(hashes)),
            _ => Err(PowError::InvalidDifficulty(quote_bytes(bytes))),
        }
    }

    /// The expected hashes, if they fit.
    pub fn to_u128(self) -> Option<u128> {
        u128::try_from(self.0).ok()
    }

    /// Big-endian, without leading zeros.
    pub fn to_be_bytes_trimmed(self) -> Vec<u8> {
        trim_zeros(&self.0.to_be_bytes::<32>()).to_vec()
    }

    /// Hashes per second that find one solution in `interval_ms` on average, rounded down.
    pub fn per_second(self, interval_ms: u64) -> impl fmt::Display {
        let thousandfold = self.0.saturating_mul(U256::from(1_000_u64));
        thousandfold / U256::from(interval_ms.max(1))
    }

    /// The largest hash that is a solution at this difficulty.
    pub fn target(self) -> Target {
        Target(U256::MAX / self.0)
    }

    /// The difficulty a hash achieves: the largest one whose target it meets, 2^256 - 1 for the
    /// hash of zeros.
    pub fn of_hash(hash: &[u8; 32]) -> Self {
        let hash = U256::from_be_bytes(*hash);
        Self(U256::MAX.checked_div(hash).unwrap_or(U256::MAX))
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl FromStr for Difficulty {
    type Err = PowError;

    fn from_str(text: &str) -> Result<Self, PowError> {
        let invalid = || PowError::InvalidDifficulty(quote(text));
        // The number parser alone would also take an empty text, signs and underscores.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let hashes = U256::from_str_radix(text, 10).map_err(|_| invalid())?;
        if hashes.is_zero() {
            return Err(invalid());
        }
        Ok(Self(hashes))
    }
}

/// Largest hash that is a solution: `floor((2^256 - 1) / difficulty)`; hashes are read big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target(U256);

impl Target {
    /// Whether the hash is a solution.
    pub fn is_met_by(&self, hash: &[u8; 32]) -> bool {
        U256::from_be_bytes(*hash) <= self.0
    }

    /// The largest hash that still is a solution.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }
}

fn trim_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn quote_bytes(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let shown = &bytes[..bytes.len().min(QUOTE_MAX_BYTES)];
    shown.iter().fold("0x".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
