//! What a look has found.

use std::fmt::Write;

use serde::Serialize;

/// How bad it is; the worst is the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// The node will not work like this, or does not.
    Problem,
    /// It works, and this will cost something some day.
    Warning,
    /// All is well.
    Fine,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What was looked at.
    pub(crate) subject: String,
    /// What was seen.
    pub(crate) seen: String,
    /// What to do; nothing when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn fine(subject: &str, seen: impl Into<String>) -> Self {
        Self {
            severity: Severity::Fine,
            subject: subject.to_owned(),
            seen: seen.into(),
            advice: None,
        }
    }

    pub(crate) fn warning(subject: &str, seen: impl Into<String>, advice: &str) -> Self {
        Self {
            severity: Severity::Warning,
            advice: Some(advice.to_owned()),
            ..Self::fine(subject, seen)
        }
    }

    pub(crate) fn problem(subject: &str, seen: impl Into<String>, advice: &str) -> Self {
        Self {
            severity: Severity::Problem,
            ..Self::warning(subject, seen, advice)
        }
    }
}

/// The findings for people.
pub(crate) fn listing(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.severity {
            Severity::Problem => "PROBLEM",
            Severity::Warning => "warning",
            Severity::Fine => "fine",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word:<8} {}: {}", finding.subject, finding.seen);
        if let Some(advice) = &finding.advice {
            let _ = writeln!(text, "         -> {advice}");
        }
    }
    let count = |severity| {
        let alike = findings
            .iter()
            .filter(|finding| finding.severity == severity);
        alike.count()
    };
    let (problems, warnings) = (count(Severity::Problem), count(Severity::Warning));
    let _ = writeln!(text, "{problems} problems, {warnings} warnings");
    text
}

/// An error and its causes on one line.
pub(super) fn chain_of(error: impl Into<anyhow::Error>) -> String {
    crate::commands::chain_of(&error.into())
}
