//! The accounts and the reserve on a terminal.

use std::fmt::Write;

use serde_json::Value;

use crate::amount::xel;

/// One account a line, then how safe the reserve is.
pub(crate) fn account_listing(answer: &Value) -> String {
    let mut text = String::new();
    for account in answer["accounts"].as_array().into_iter().flatten() {
        let name = account["account"].as_str().unwrap_or_default();
        let amount = account["amount_atomic"].as_str().unwrap_or("0");
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(amount) => ("-", amount),
            None => ("", amount),
        };
        let amount = format!("{sign}{}", xel(&Value::String(amount.to_owned())));
        // Writing to a string never fails.
        let _ = writeln!(text, "{name:<18} {amount:>22} XEL");
    }
    let reserve = &answer["reserve"];
    if let Some(level) = reserve["level"].as_str() {
        let required = match &reserve["required_atomic"] {
            Value::Null => "no reserve is enough, because a scheme has no fee".to_owned(),
            required => format!("{} XEL required", xel(required)),
        };
        let ruin = reserve["ruin_per_million"].as_u64().unwrap_or_default();
        let _ = writeln!(
            text,
            "\nreserve of PPS and FPPS: {level}, {required}; used up with a probability of {}.{:04} %",
            ruin / 10_000,
            ruin % 10_000
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_keep_their_sign_and_ruin_is_in_percent() {
        let answer = json!({
            "accounts": [
                {"account": "income", "amount_atomic": "-150000001"},
                {"account": "reserve", "amount_atomic": "150000001"},
            ],
            "reserve": {"level": "low", "required_atomic": "200000000", "ruin_per_million": 1234},
        });
        let text = account_listing(&answer);
        assert!(text.contains("-1.50000001 XEL"), "{text}");
        assert!(text.contains("low, 2.00000000 XEL required"), "{text}");
        assert!(text.contains("0.1234 %"), "{text}");
    }
}
