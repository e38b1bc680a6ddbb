//! The kinds of shares, and what a pool should say to each.

use serde::{Deserialize, Serialize};

/// A kind of share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Should be accepted.
    Valid,
    /// For a job that is too old.
    Stale,
    /// Sent before.
    Duplicate,
    /// Below the difficulty.
    Low,
    /// Not a share at all.
    Malformed,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Valid,
        Self::Stale,
        Self::Duplicate,
        Self::Low,
        Self::Malformed,
    ];

    /// The error code that stratum has for it; `None` when it should be accepted.
    pub fn expected_code(self) -> Option<i64> {
        match self {
            Self::Valid => None,
            Self::Stale => Some(21),
            Self::Duplicate => Some(22),
            Self::Low => Some(23),
            Self::Malformed => Some(20),
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::Low => "low",
            Self::Malformed => "malformed",
        }
    }
}

/// What a pool said to a share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Accepted,
    Refused {
        /// Absent in getwork.
        code: Option<i64>,
        /// Its words, with every number replaced by one sign, so that there are few of them.
        words: String,
    },
}

impl Verdict {
    /// Whether a share of this kind should get this answer.
    pub(super) fn is_expected_of(&self, kind: Kind) -> bool {
        match self {
            Self::Accepted => kind == Kind::Valid,
            Self::Refused { code: None, .. } => kind != Kind::Valid,
            Self::Refused { code, .. } => *code == kind.expected_code(),
        }
    }
}
