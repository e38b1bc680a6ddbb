//! Amounts as people read them.

use serde_json::Value;

/// An amount of the API, in atomic units as decimal text, in XEL, exactly.
pub(crate) fn xel(atomic: &Value) -> String {
    let atomic: u128 = atomic
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    format!("{}.{:08}", atomic / 100_000_000, atomic % 100_000_000)
}
