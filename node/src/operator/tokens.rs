//! Tokens as lines of text.

use std::fmt::Write;

use serde_json::Value;

use super::status::{ago, plain};

/// The answer of `/admin/v1/tokens/{address}`, for people.
pub(crate) fn token_list(answer: &Value, now_ms: u64) -> String {
    let address = plain(answer["address"].as_str().unwrap_or("?"));
    let mut text = match answer["is_required"].as_bool() {
        Some(true) => format!("{address} requires a token\n"),
        _ => format!("{address} requires no token\n"),
    };
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    for token in items {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  ...{}  {}, {}, made by {} {}: {}",
            field(token, "id"),
            field(token, "ending"),
            match token["worker"].as_str() {
                Some(worker) => format!("worker {}", plain(worker)),
                None => "every worker".to_owned(),
            },
            end(token, now_ms),
            field(token, "author"),
            ago(&token["made_at_ms"], now_ms),
            match token["label"].as_str() {
                None | Some("") => "no label".to_owned(),
                Some(label) => plain(label),
            },
        );
    }
    if items.is_empty() {
        text.push_str("it has no tokens\n");
    }
    text
}

/// The addresses that have to do with tokens, for people.
pub(crate) fn rule_list(rules: &[Value]) -> String {
    if rules.is_empty() {
        return "no address has tokens or requires one\n".to_owned();
    }
    let mut text = String::new();
    for rule in rules {
        let requires = match rule["is_required"].as_bool() {
            Some(true) => "requires a token",
            _ => "requires no token",
        };
        let _ = writeln!(
            text,
            "{}  {requires}, has {}",
            field(rule, "address"),
            rule["tokens"]
        );
    }
    text
}

fn field(value: &Value, name: &str) -> String {
    plain(value[name].as_str().unwrap_or("?"))
}

fn end(token: &Value, now_ms: u64) -> String {
    match token["expires_at_ms"].as_u64() {
        None => "never ends".to_owned(),
        Some(_) if token["is_expired"] == true => "ENDED".to_owned(),
        Some(end_ms) => {
            let days = end_ms.saturating_sub(now_ms) / 86_400_000;
            format!("ends in {days} days")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_told_apart_without_being_shown() {
        let answer = json!({
            "address": "xel:a", "is_required": true,
            "items": [
                {"id": "00ff", "ending": "wxyz", "label": "garage\u{1b}[2J", "worker": null,
                 "made_at_ms": 400_000, "author": "otto", "expires_at_ms": null, "is_expired": false},
                {"id": "11ff", "ending": "abcd", "label": "", "worker": "rig",
                 "made_at_ms": 400_000, "author": "otto", "expires_at_ms": 173_800_001, "is_expired": false},
                {"id": "22ff", "ending": "efgh", "label": "old", "worker": null,
                 "made_at_ms": 400_000, "author": "otto", "expires_at_ms": 5, "is_expired": true},
            ],
        });
        assert_eq!(
            token_list(&answer, 1_000_000),
            "xel:a requires a token\n\
             00ff  ...wxyz  every worker, never ends, made by otto 10 min ago: garage [2J\n\
             11ff  ...abcd  worker rig, ends in 2 days, made by otto 10 min ago: no label\n\
             22ff  ...efgh  every worker, ENDED, made by otto 10 min ago: old\n"
        );
        let none = json!({"address": "xel:a", "is_required": false, "items": []});
        assert_eq!(
            token_list(&none, 0),
            "xel:a requires no token\nit has no tokens\n"
        );
    }

    #[test]
    fn addresses_are_listed_with_what_holds_for_them() {
        let rule = json!({"address": "xel:a", "is_required": true, "tokens": 2});
        assert_eq!(rule_list(&[rule]), "xel:a  requires a token, has 2\n");
        assert_eq!(rule_list(&[]), "no address has tokens or requires one\n");
    }
}
