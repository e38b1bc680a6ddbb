//! The history of payouts, what a run would do now, and what single miners are paid by, as text.

use std::fmt::Write;

use serde_json::Value;

use super::status::{ago, items, plain, text};
use crate::amount::xel;

/// The answer of `/admin/v1/payouts`, for people.
pub(crate) fn history(answer: &Value, now_ms: u64) -> String {
    let mut lines = String::new();
    let payouts = items(&answer["items"]);
    if payouts.is_empty() {
        lines += "no payouts\n";
    }
    for payout in payouts {
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "payout {}, {}, nonce {}, {} payees, {} XEL, reserved {}",
            payout["id"],
            text(&payout["status"]),
            payout["nonce"],
            payout["payees"],
            xel(&payout["transfer_atomic"]),
            ago(&payout["reserved_at_ms"], now_ms),
        );
        lines += &details(payout);
        for payee in items(&payout["transfers"]) {
            let _ = writeln!(
                lines,
                "  to {}: {} XEL of {}",
                text(&payee["address"]),
                xel(&payee["transfer_atomic"]),
                xel(&payee["debit_atomic"]),
            );
        }
    }
    if let Some(before) = answer["next_before"].as_u64() {
        let _ = writeln!(lines, "older ones: --before {before}");
    }
    lines
}

fn details(payout: &Value) -> String {
    let mut lines = String::new();
    if let Some(tx_hash) = payout["tx_hash"].as_str() {
        let depth = match payout["confirmations"].as_u64() {
            Some(count) => format!("{count} stable confirmations"),
            None => "confirmations unknown, no daemon answers".into(),
        };
        let fee = xel(&payout["fee_atomic"]);
        let _ = writeln!(lines, "  {tx_hash}, fee {fee} XEL, {depth}");
    }
    if let Some(author) = payout["approved_by"].as_str() {
        let _ = writeln!(lines, "  approved by {}", plain(author));
    }
    if payout["awaits_approval"] == true {
        lines += "  waits for an operator's approval\n";
    }
    if let Some(reason) = payout["release_reason"].as_str() {
        let _ = writeln!(lines, "  because: {}", plain(reason));
    }
    lines
}

/// The answer of `/admin/v1/payouts/simulation`, for people.
pub(crate) fn simulation(answer: &Value) -> String {
    let mut lines = String::new();
    let payees = items(&answer["payees"]);
    let obstacles = items(&answer["obstacles"]);
    let _ = match payees.len() {
        0 => writeln!(lines, "nobody would be paid"),
        count => writeln!(
            lines,
            "{count} payees would be paid {} XEL out of their balances",
            xel(&answer["debit_atomic"])
        ),
    };
    for obstacle in obstacles {
        let _ = writeln!(lines, "in the way: {}", plain(text(obstacle)));
    }
    if answer["needs_approval"] == true {
        lines += "it would wait for an operator's approval\n";
    }
    if answer["pool_fee_budget_atomic"] != "0" {
        let budget = xel(&answer["pool_fee_budget_atomic"]);
        let _ = writeln!(
            lines,
            "the pool would set {budget} XEL aside for the network fee"
        );
    }
    for payee in payees {
        let _ = writeln!(
            lines,
            "  pay {}: {} XEL of {}",
            text(&payee["address"]),
            xel(&payee["transfer_atomic"]),
            xel(&payee["debit_atomic"]),
        );
    }
    for left in items(&answer["left_out"]) {
        let _ = writeln!(
            lines,
            "  not {}: {} XEL, {}",
            text(&left["address"]),
            xel(&left["balance_atomic"]),
            why(left),
        );
    }
    if let Some(counts) = answer["left_out_counts"].as_object() {
        for (reason, count) in counts {
            let _ = writeln!(lines, "{count} left out: {}", reason.replace('_', " "));
        }
    }
    if answer["is_complete"] == false {
        lines += "not every miner was looked at: there are too many\n";
    }
    if answer["is_leading"] == false {
        lines += "this node does not lead: whom the wallet has refused of late is not known here\n";
    }
    lines
}

fn why(left: &Value) -> String {
    let reason = text(&left["reason"]).replace('_', " ");
    match left["detail"].as_str() {
        Some(detail) if left["reason"] == "below_threshold" => {
            format!("{reason} of {} XEL", xel(&Value::from(detail)))
        }
        Some(detail) => format!("{reason}: {}", plain(detail)),
        None => reason,
    }
}

/// The answer of `/admin/v1/holds`, for people.
pub(crate) fn hold_list(answer: &Value, now_ms: u64) -> String {
    let holds = items(&answer["items"]);
    if holds.is_empty() {
        return "no address is held\n".into();
    }
    let line = |hold: &Value| {
        format!(
            "{}: held by {} {}: {}\n",
            text(&hold["address"]),
            plain(text(&hold["author"])),
            ago(&hold["since_ms"], now_ms),
            plain(text(&hold["reason"])),
        )
    };
    holds.iter().map(line).collect()
}

/// The answer of `/admin/v1/miners/{address}`, for people.
pub(crate) fn miner_terms(answer: &Value, now_ms: u64) -> String {
    let preferences = &answer["preferences"];
    let whose = |own: &Value| {
        if own.is_null() {
            "the pool's"
        } else {
            "its own"
        }
    };
    let mut lines = format!(
        "miner     {}\nbalance   {} XEL, and {} in flight\n",
        text(&answer["address"]),
        xel(&answer["balance_atomic"]),
        xel(&answer["in_flight_atomic"]),
    );
    let own = &preferences["own_threshold_atomic"];
    let in_force = xel(&preferences["threshold_atomic"]);
    let threshold = match own.is_null() || xel(own) == in_force {
        true => format!("{in_force} XEL, {}", whose(own)),
        false => format!("{in_force} XEL, the pool's; its own is {}", xel(own)),
    };
    let _ = writeln!(lines, "threshold {threshold}");
    let own = &preferences["own_scheme"];
    let scheme = text(&preferences["scheme"]);
    let scheme = match own.as_str() {
        Some(own) if own != scheme => {
            format!("{scheme}, the pool's; its own, {own}, is not offered")
        }
        _ => format!("{scheme}, {}", whose(own)),
    };
    let _ = writeln!(lines, "scheme    {scheme}");
    if let Some(author) = answer["preferred_by"].as_str() {
        let when = ago(&answer["preferred_at_ms"], now_ms);
        let _ = writeln!(lines, "set       by {} {when}", plain(author));
    }
    let hold = &answer["hold"];
    if !hold.is_null() {
        let (author, reason) = (plain(text(&hold["author"])), plain(text(&hold["reason"])));
        let when = ago(&hold["since_ms"], now_ms);
        let _ = writeln!(lines, "held      by {author} {when}: {reason}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_history_shows_transaction_fee_confirmations_and_payees() {
        let answer = json!({
            "items": [{
                "id": 2, "status": "confirmed", "nonce": 7, "payees": 1, "tx_hash": "ab",
                "transfer_atomic": "150000000", "fee_atomic": "800", "confirmations": 12,
                "reserved_at_ms": 400_000, "approved_by": "eve", "awaits_approval": false,
                "transfers": [{"address": "xel:a", "debit_atomic": "150001000", "transfer_atomic": "150000000"}],
            }, {
                "id": 1, "status": "abandoned", "nonce": 6, "payees": 1, "tx_hash": null,
                "transfer_atomic": "1", "reserved_at_ms": 400_000, "release_reason": "stolen\u{1b}[2J",
                "awaits_approval": false, "transfers": null,
            }],
            "next_before": 1,
        });
        assert_eq!(
            history(&answer, 1_000_000),
            "payout 2, confirmed, nonce 7, 1 payees, 1.50000000 XEL, reserved 10 min ago\n\
             \x20 ab, fee 0.00000800 XEL, 12 stable confirmations\n\
             \x20 approved by eve\n\
             \x20 to xel:a: 1.50000000 XEL of 1.50001000\n\
             payout 1, abandoned, nonce 6, 1 payees, 0.00000001 XEL, reserved 10 min ago\n\
             \x20 because: stolen [2J\n\
             older ones: --before 1\n"
        );
        assert_eq!(history(&json!({"items": []}), 0), "no payouts\n");
    }

    #[test]
    fn a_simulation_says_who_would_be_paid_and_who_not_and_why() {
        let answer = json!({
            "obstacles": ["payouts are paused: r"], "needs_approval": true,
            "debit_atomic": "500", "pool_fee_budget_atomic": "9",
            "payees": [{"address": "xel:a", "debit_atomic": "500", "transfer_atomic": "490"}],
            "left_out": [
                {"address": "xel:b", "balance_atomic": "5", "reason": "below_threshold", "detail": "100"},
                {"address": "xel:c", "balance_atomic": "4", "reason": "held", "detail": "looked at"},
                {"address": "xel:d", "balance_atomic": "3", "reason": "no_room", "detail": null},
            ],
            "left_out_counts": {"held": 1}, "is_complete": true, "is_leading": false,
        });
        assert_eq!(
            simulation(&answer),
            "1 payees would be paid 0.00000500 XEL out of their balances\n\
             in the way: payouts are paused: r\n\
             it would wait for an operator's approval\n\
             the pool would set 0.00000009 XEL aside for the network fee\n\
             \x20 pay xel:a: 0.00000490 XEL of 0.00000500\n\
             \x20 not xel:b: 0.00000005 XEL, below threshold of 0.00000100 XEL\n\
             \x20 not xel:c: 0.00000004 XEL, held: looked at\n\
             \x20 not xel:d: 0.00000003 XEL, no room\n\
             1 left out: held\n\
             this node does not lead: whom the wallet has refused of late is not known here\n"
        );
    }

    #[test]
    fn a_miners_terms_say_whose_threshold_counts() {
        let answer = json!({
            "address": "xel:a", "balance_atomic": "7", "in_flight_atomic": "0",
            "preferences": {
                "own_threshold_atomic": "50", "threshold_atomic": "90",
                "own_scheme": "solo", "scheme": "solo",
            },
            "preferred_by": "eve", "preferred_at_ms": 0,
            "hold": {"reason": "r", "author": "eve", "since_ms": 0},
        });
        assert_eq!(
            miner_terms(&answer, 60_000),
            "miner     xel:a\n\
             balance   0.00000007 XEL, and 0.00000000 in flight\n\
             threshold 0.00000090 XEL, the pool's; its own is 0.00000050\n\
             scheme    solo, its own\n\
             set       by eve 60 s ago\n\
             held      by eve 60 s ago: r\n"
        );
    }
}
