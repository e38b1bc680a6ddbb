//! Stray blocks as lines on a terminal.

use std::fmt::Write;

use serde_json::Value;

use super::status::{ago, plain};
use crate::amount::xel;

/// The answer of `/admin/v1/blocks/stray`, for people.
pub(crate) fn stray_listing(answer: &Value, now_ms: u64) -> String {
    let mut text = format!(
        "{} blocks pay the pool and are not in its books, {} of them open\n",
        answer["kept"], answer["unacknowledged"]
    );
    for block in answer["blocks"].as_array().into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {} at topoheight {}: {} XEL, reported {}; {}",
            block["hash"].as_str().unwrap_or("?"),
            block["topoheight"],
            xel(&block["amount_atomic"]),
            ago(&block["reported_at_ms"], now_ms),
            looked_at(block, now_ms),
        );
    }
    text
}

fn looked_at(block: &Value, now_ms: u64) -> String {
    let text = |name: &str| plain(block[name].as_str().unwrap_or("?"));
    match block["acknowledged_by"].is_null() {
        true => "open".into(),
        false => format!(
            "acknowledged by {} {}: {}",
            text("acknowledged_by"),
            ago(&block["acknowledged_at_ms"], now_ms),
            text("reason"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stray_blocks_are_told_with_who_has_looked() {
        let answer = json!({
            "kept": 2, "unacknowledged": 1,
            "blocks": [
                {"hash": "ab", "topoheight": 9, "amount_atomic": "150000000",
                 "reported_at_ms": 400_000, "acknowledged_by": null},
                {"hash": "cd", "topoheight": 8, "amount_atomic": "1", "reported_at_ms": 0,
                 "acknowledged_by": "ot\u{1b}to", "reason": "old pool", "acknowledged_at_ms": 0},
            ],
        });
        assert_eq!(
            stray_listing(&answer, 1_000_000),
            "2 blocks pay the pool and are not in its books, 1 of them open\n\
             \x20 ab at topoheight 9: 1.50000000 XEL, reported 10 min ago; open\n\
             \x20 cd at topoheight 8: 0.00000001 XEL, reported 16 min ago; acknowledged by ot to \
             16 min ago: old pool\n"
        );
    }
}
