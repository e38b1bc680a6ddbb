//! The status of payouts as a few lines of text.

use std::fmt::Write;

use serde_json::Value;

use crate::amount::xel;

/// The answer of `/admin/v1/status`, for people.
pub(crate) fn describe(status: &Value, now_ms: u64) -> String {
    let mut lines = Vec::new();
    lines.push(match status["payouts_paused_reason"].as_str() {
        Some(reason) => ("payouts", format!("paused: {}", plain(reason))),
        None => ("payouts", "running".to_owned()),
    });
    let payout = &status["open_payout"];
    if payout.is_null() {
        lines.push(("open", "no payout".into()));
    } else {
        lines.push(("open", describe_payout(payout, now_ms)));
        if payout["awaits_approval"] == true {
            let command = "`raftpool payout approve` or `raftpool payout reject`";
            lines.push(("  waits", format!("for an operator's approval: {command}")));
        }
        let approval = &status["approval"];
        if !approval.is_null() {
            let (author, reason) = (text(&approval["author"]), text(&approval["reason"]));
            let when = ago(&approval["approved_at_ms"], now_ms);
            let approved = format!("approved by {} {when}: {}", plain(author), plain(reason));
            lines.push(("  agreed", approved));
        }
        for variant in items(&payout["variants"]) {
            lines.push(("  signed", describe_variant(variant)));
        }
        if let Some(nonce) = describe_nonce(&status["nonce"], now_ms) {
            lines.push(("  nonce", nonce));
        }
    }
    let strays = status["stray_blocks"]["unacknowledged"].as_u64();
    if let Some(strays) = strays.filter(|strays| *strays > 0) {
        let blocks = format!("{strays} blocks pay the pool and are not in its books");
        lines.push((
            "strays",
            format!("{blocks}: see `raftpool block list-stray`"),
        ));
    }
    if let Some(settings) = status["settings"].as_object() {
        lines.push((
            "rules",
            format!(
                "balances from {} XEL on, every {} s at most, {} payees at a time",
                xel(&settings["payout_threshold_atomic"]),
                settings["payout_interval_ms"].as_u64().unwrap_or(0) / 1_000,
                settings["payout_payees_max"],
            ),
        ));
    }
    lines.push(("as of", describe_source(status)));
    for change in items(&status["changes"]) {
        lines.push(("changed", describe_change(change, now_ms)));
    }
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<9} {value}");
        text
    })
}

fn describe_payout(payout: &Value, now_ms: u64) -> String {
    format!(
        "payout {}, {}, nonce {}, {} payees, {} XEL, reserved {}",
        payout["id"],
        text(&payout["status"]),
        payout["nonce"],
        payout["payees"],
        xel(&payout["debit_atomic"]),
        ago(&payout["reserved_at_ms"], now_ms),
    )
}

/// What the leader has seen of the open payout's nonce.
fn describe_nonce(nonce: &Value, now_ms: u64) -> Option<String> {
    let (top, stable) = (
        nonce["top_nonce"].as_u64()?,
        nonce["stable_nonce"].as_u64()?,
    );
    let verdict = match nonce["is_used_by_another"].as_bool() {
        Some(true) => "used up by another transaction for good: `raftpool payout abandon`",
        _ => "not known to be used by another transaction",
    };
    let when = ago(&nonce["at_ms"], now_ms);
    Some(format!(
        "{verdict} (next {top}, stable {stable}, seen {when})"
    ))
}

fn describe_variant(variant: &Value) -> String {
    format!(
        "{}, fee {} XEL, proven at topoheight {}",
        text(&variant["tx_hash"]),
        xel(&variant["fee_atomic"]),
        variant["reference_topoheight"],
    )
}

fn describe_source(status: &Value) -> String {
    let certainty = match status["is_current"].as_bool() {
        Some(true) => "confirmed by the leader",
        _ => "NOT confirmed by a leader: it may be old, and nothing can be changed",
    };
    format!(
        "log index {} on node {}, {certainty}",
        status["index"], status["node_id"]
    )
}

fn describe_change(change: &Value, now_ms: u64) -> String {
    let about = change["about"].as_str().map(plain).unwrap_or_default();
    let about = if about.is_empty() {
        about
    } else {
        format!(" ({about})")
    };
    format!(
        "{}{about} by {} {}: {}",
        text(&change["change"]).replace('_', " "),
        plain(text(&change["author"])),
        ago(&change["time_ms"], now_ms),
        plain(text(&change["reason"])),
    )
}

/// How long ago a moment was, roughly.
pub(super) fn ago(time_ms: &Value, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(time_ms.as_u64().unwrap_or(now_ms)) / 1_000;
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Reasons may quote what a wallet or a daemon said, which must not steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

pub(crate) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_says_what_is_paused_open_and_changed() {
        let status = json!({
            "index": 17, "node_id": 1, "is_current": true,
            "payouts_paused_reason": "nonce 4 is used\u{1b}[2J up",
            "open_payout": {
                "id": 3, "status": "signed", "nonce": 4, "payees": 2,
                "debit_atomic": "150000000", "reserved_at_ms": 400_000,
                "variants": [{"tx_hash": "ab", "fee_atomic": "800", "reference_topoheight": 9}],
            },
            "settings": {"payout_threshold_atomic": "1", "payout_interval_ms": 60_000, "payout_payees_max": 255},
            "stray_blocks": {"kept": 3, "unacknowledged": 2},
            "changes": [{"change": "payouts_paused", "author": "node 1", "reason": "r", "time_ms": 0}],
        });
        assert_eq!(
            describe(&status, 1_000_000),
            "payouts   paused: nonce 4 is used [2J up\n\
             open      payout 3, signed, nonce 4, 2 payees, 1.50000000 XEL, reserved 10 min ago\n\
             \x20 signed  ab, fee 0.00000800 XEL, proven at topoheight 9\n\
             strays    2 blocks pay the pool and are not in its books: see `raftpool block list-stray`\n\
             rules     balances from 0.00000001 XEL on, every 60 s at most, 255 payees at a time\n\
             as of     log index 17 on node 1, confirmed by the leader\n\
             changed   payouts paused by node 1 16 min ago: r\n"
        );
    }

    #[test]
    fn a_status_without_a_leader_says_that_it_may_be_old() {
        let status = json!({"index": 1, "node_id": 2, "is_current": false, "open_payout": null});
        let text = describe(&status, 0);
        assert!(text.contains("NOT confirmed by a leader"), "{text}");
        assert!(text.contains("open      no payout\n"), "{text}");
    }
}
