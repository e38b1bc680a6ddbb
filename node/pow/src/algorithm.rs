//! Names of the proof-of-work versions.

use std::fmt;
use std::str::FromStr;

use crate::error::{PowError, quote};

/// Version of the proof of work. Always taken from the template, never from a height.
///
/// `Display` gives the daemon's spelling (`xel/v1`, `xel/v2`, `xel/v3`). `FromStr` takes every
/// spelling that daemons, pools and miners use, in any case. Mind the older one, which counts from
/// zero: `xel/1` is version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// Block version 0.
    V1,
    /// Block versions 1 and 2.
    V2,
    /// Block version 3 and later.
    V3,
}

impl Algorithm {
    /// All versions, oldest first.
    pub const ALL: [Algorithm; 3] = [Algorithm::V1, Algorithm::V2, Algorithm::V3];

    /// The daemon's spelling: `xel/v1`, `xel/v2`, `xel/v3`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::V1 => "xel/v1",
            Algorithm::V2 => "xel/v2",
            Algorithm::V3 => "xel/v3",
        }
    }

    /// The older stratum spelling: `xel/0`, `xel/1`, `xel/2`.
    pub fn legacy_name(self) -> &'static str {
        match self {
            Algorithm::V1 => "xel/0",
            Algorithm::V2 => "xel/1",
            Algorithm::V3 => "xel/2",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = PowError;

    fn from_str(text: &str) -> Result<Self, PowError> {
        match text.to_ascii_lowercase().as_str() {
            "xel/v1" | "xel/0" | "v1" | "xelishash" => Ok(Algorithm::V1),
            "xel/v2" | "xel/1" | "v2" | "xelishashv2" => Ok(Algorithm::V2),
            // `xel/3` is a spelling some miners accept beside the regular `xel/2`.
            "xel/v3" | "xel/2" | "xel/3" | "v3" | "xelishashv3" => Ok(Algorithm::V3),
            _ => Err(PowError::UnknownAlgorithm(quote(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_names_its_version() {
        for (text, algorithm) in [
            ("xel/v1", Algorithm::V1),
            ("xel/0", Algorithm::V1),
            ("xel/v2", Algorithm::V2),
            ("xel/1", Algorithm::V2),
            ("XEL/V3", Algorithm::V3),
            ("xel/2", Algorithm::V3),
            ("Xel/3", Algorithm::V3),
            ("v3", Algorithm::V3),
            ("xelishashv2", Algorithm::V2),
        ] {
            assert_eq!(text.parse(), Ok(algorithm), "{text}");
        }
    }

    #[test]
    fn own_spellings_parse_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(algorithm.legacy_name().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn unknown_names_are_refused_and_cut() {
        for text in ["", "xel/", "xel/4", "xel/v4", " xel/v3", "rx/0"] {
            assert_eq!(
                text.parse::<Algorithm>(),
                Err(PowError::UnknownAlgorithm(text.to_owned()))
            );
        }
        let long = "x".repeat(10_000).parse::<Algorithm>().unwrap_err();
        assert!(long.to_string().len() < 200);
    }
}
