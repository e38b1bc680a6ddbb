//! What can go wrong with a proof of work.

/// Why a text is not what it should be, or a work has no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PowError {
    /// The name belongs to none of the three versions; the field is the name as it came.
    #[error("unknown algorithm `{0}`; known are xel/v1, xel/v2 and xel/v3")]
    UnknownAlgorithm(String),
    /// The difficulty is zero, too large, or no number; the field is its text, cut when long.
    #[error("difficulty `{0}` is not a whole number from 1 to 2^256 - 1")]
    InvalidDifficulty(String),
    /// Version 3 divides by zero on this work. About one work in 2^64 does, so nobody mines one by
    /// accident.
    #[error("the work has no valid hash")]
    NoHash,
}

/// Longest piece of somebody else's text that an error repeats, in characters.
const QUOTE_MAX_CHARS: usize = 80;

/// Text for an error field: the beginning of what came, without control characters.
pub(crate) fn quote(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(QUOTE_MAX_CHARS)
        .collect()
}
