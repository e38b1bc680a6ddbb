//! The bans as a table on a terminal.

use std::fmt::Write;

use serde_json::Value;

/// The answer of `/admin/v1/bans`, for people.
pub(crate) fn ban_listing(answer: &Value, now_ms: u64) -> String {
    let list = |name: &str| answer[name].as_array().map_or(&[][..], Vec::as_slice);
    let (bans, of_node) = (list("bans"), list("of_this_node"));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} workers are banned on all nodes", bans.len());
    for ban in bans {
        let _ = writeln!(
            text,
            "  {} of {}: {} (by {})",
            field(ban, "worker"),
            field(ban, "miner"),
            sentence(ban, now_ms),
            field(ban, "author"),
        );
    }
    let node = &answer["node_id"];
    let _ = writeln!(text, "{} are refused by node {node} alone", of_node.len());
    for ban in of_node {
        let who = match ban["ip"].as_str() {
            Some(ip) => ip.to_owned(),
            None => format!("{} of {}", field(ban, "worker"), field(ban, "miner")),
        };
        let _ = writeln!(text, "  {who}: {}", sentence(ban, now_ms));
    }
    text
}

fn sentence(ban: &Value, now_ms: u64) -> String {
    let until_ms = ban["until_ms"].as_u64().unwrap_or(now_ms);
    let left_s = until_ms.saturating_sub(now_ms).div_ceil(1_000);
    format!("{left_s} s more, {}", field(ban, "reason"))
}

/// Names and reasons may come from strangers, who must not steer the terminal.
fn field(ban: &Value, name: &str) -> String {
    let text = ban[name].as_str().unwrap_or("?");
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bans_are_told_with_the_time_they_still_last() {
        let answer = json!({
            "node_id": 2,
            "bans": [{
                "miner": "xel:a", "worker": "rig\u{1b}1", "reason": "41 of its 50 shares were bad",
                "since_ms": 0, "until_ms": 61_500, "author": "node 1",
            }],
            "of_this_node": [
                {"kind": "ip", "ip": "203.0.113.7", "reason": "garbage", "until_ms": 5_000},
                {"kind": "worker", "miner": "xel:b", "worker": "w", "reason": "r", "until_ms": 1},
            ],
        });
        assert_eq!(
            ban_listing(&answer, 2_000),
            "1 workers are banned on all nodes\n\
             \x20 rig 1 of xel:a: 60 s more, 41 of its 50 shares were bad (by node 1)\n\
             2 are refused by node 2 alone\n\
             \x20 203.0.113.7: 3 s more, garbage\n\
             \x20 w of xel:b: 0 s more, r\n"
        );
    }
}
