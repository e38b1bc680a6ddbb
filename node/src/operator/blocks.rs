//! What a block would pay, as lines on a terminal.

use std::fmt::Write;

use serde_json::Value;

use super::status::{items, text};
use crate::amount::xel;

/// The answer of `/admin/v1/blocks/simulation`, for people.
pub(crate) fn block_simulation(answer: &Value) -> String {
    let fee_bps = answer["fee_bps"].as_u64().unwrap_or_default();
    let mut lines = format!(
        "a block of {} XEL, found now: {} XEL fee ({}.{:02} %), {} XEL to miners\n",
        xel(&answer["amount_atomic"]),
        xel(&answer["fee_atomic"]),
        fee_bps / 100,
        fee_bps % 100,
        xel(&answer["shared_atomic"]),
    );
    let parts = items(&answer["items"]);
    if parts.is_empty() {
        lines += "nobody has work in the PPLNS window: whoever finds it gets it all\n";
    }
    for part in parts {
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "  {}: {} XEL for weight {} of {}",
            text(&part["miner"]),
            xel(&part["amount_atomic"]),
            text(&part["weight"]),
            text(&answer["weights_total"]),
        );
    }
    if !answer["next_after"].is_null() {
        lines += "there are more miners: all of them by /api/v1/window/shares\n";
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_simulated_block_says_who_would_get_how_much_of_it() {
        let part = json!({"miner": "xet:a", "weight": "3", "amount_atomic": "198000000"});
        let answer = json!({
            "amount_atomic": "200000000", "fee_bps": 105, "fee_atomic": "2100000",
            "shared_atomic": "197900000", "weights_total": "4", "items": [part],
            "next_after": "7",
        });
        assert_eq!(
            block_simulation(&answer),
            "a block of 2.00000000 XEL, found now: 0.02100000 XEL fee (1.05 %), 1.97900000 XEL to \
             miners\n  xet:a: 1.98000000 XEL for weight 3 of 4\nthere are more miners: all of them \
             by /api/v1/window/shares\n"
        );
        let nobody = json!({"amount_atomic": "0", "items": [], "next_after": null});
        assert!(block_simulation(&nobody).contains("nobody"));
    }
}
