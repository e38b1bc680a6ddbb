//! Numbers that whoever runs a benchmark may set.

use anyhow::{Context, Result};

/// What the variable says, or what is usual.
///
/// # Errors
/// When the variable is set and is no number.
pub fn number(variable: &str, usual: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{variable} is a number")),
        Err(_) => Ok(usual),
    }
}
