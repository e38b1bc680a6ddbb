//! Numbers as they leave the pool: exact, and never larger than a reader can hold.
//!
//! Browsers keep numbers exact up to 2^53 only, so amounts, work and difficulties are decimal
//! text. Ratios are decimal text as well: six digits, always rounded down.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// One unit of a score: scores are kept in 2^-64 of the expected work of a block.
const SCORE_ONE: u128 = 1 << 64;

/// Digits after the point of a ratio.
const RATIO_DIGITS: u32 = 6;

/// A whole number, written as decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9]+$", example = "150000000")]
pub struct Decimal(pub u128);

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Self(u128::from(value))
    }
}

impl From<u128> for Decimal {
    fn from(value: u128) -> Self {
        Self(value)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| is_number).map(Self);
        value.ok_or_else(|| de::Error::custom("a whole number is wanted, as decimal text"))
    }
}

/// 32 bytes, written as lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$", example = "6a1fe2a9b4f0cd32d7a04c4eb25a3f8e1a9a5a3be2b9c3b1d0b9aa7e5c1fe700")]
pub struct Hash(pub [u8; 32]);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

/// Reads 64 digits of hex, in either case.
pub(crate) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// A score in units of the expected work of one block: "1.000000" is the mean block.
pub(crate) fn blocks_of_work(score: u128) -> String {
    decimal_ratio(score, SCORE_ONE)
}

/// `part / whole` with six digits, rounded down; nothing when there is no whole.
pub(crate) fn ratio(part: u128, whole: u128) -> Option<String> {
    (whole > 0).then(|| decimal_ratio(part, whole))
}

/// Difference of two ledger times that stays sensible when a clock stands behind the ledger.
pub(crate) fn age_ms(now_ms: u64, then_ms: u64) -> u64 {
    now_ms.saturating_sub(then_ms)
}

/// The ledger writes 0 for a time that has not come; the wire writes null.
pub(crate) fn time_ms(time_ms: u64) -> Option<u64> {
    (time_ms > 0).then_some(time_ms)
}

fn decimal_ratio(numerator: u128, denominator: u128) -> String {
    let (whole, mut rest, mut divisor) = (
        numerator / denominator,
        numerator % denominator,
        denominator,
    );
    // Ten times the rest must fit; what is shifted out lies far below the last digit.
    while divisor > u128::MAX / 10 {
        divisor >>= 1;
        rest >>= 1;
    }
    rest = rest.min(divisor - 1);
    let mut fraction = 0;
    for _ in 0..RATIO_DIGITS {
        rest *= 10;
        fraction = fraction * 10 + rest / divisor;
        rest %= divisor;
    }
    format!("{whole}.{fraction:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numerator: u128, denominator: u128, expected: &str) {
        assert_eq!(decimal_ratio(numerator, denominator), expected);
    }

    #[test]
    fn ratios_are_rounded_down_to_six_digits() {
        check(0, 7, "0.000000");
        check(1, 3, "0.333333");
        check(2, 3, "0.666666");
        check(7, 7, "1.000000");
        check(19_999_999, 10_000_000, "1.999999");
        check(22, 7, "3.142857");
    }

    #[test]
    fn ratios_at_the_edge_of_the_type_do_not_overflow() {
        check(u128::MAX, u128::MAX, "1.000000");
        check(u128::MAX - 1, u128::MAX, "0.999999");
        check(
            u128::MAX,
            1,
            "340282366920938463463374607431768211455.000000",
        );
        check(u128::MAX / 2, u128::MAX, "0.499999");
    }

    #[test]
    fn a_score_of_one_is_the_expected_work_of_a_block() {
        assert_eq!(blocks_of_work(SCORE_ONE), "1.000000");
        assert_eq!(blocks_of_work(SCORE_ONE + SCORE_ONE / 2), "1.500000");
        assert_eq!(blocks_of_work(u128::MAX), "18446744073709551615.999999");
    }

    #[test]
    fn a_decimal_is_read_as_it_is_written_and_nothing_else_is() {
        for value in [0, 1, u128::MAX] {
            let text = serde_json::to_string(&Decimal(value)).unwrap();
            assert_eq!(
                serde_json::from_str::<Decimal>(&text).unwrap(),
                Decimal(value)
            );
        }
        for wrong in ["\"\"", "\"+1\"", "\"-1\"", "\"1.0\"", "1", "\"1e3\""] {
            assert!(serde_json::from_str::<Decimal>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hash_is_exactly_64_hex_digits() {
        let text = "0F".repeat(32);
        assert_eq!(parse_hash(&text), Some([0x0f; 32]));
        assert_eq!(parse_hash(&text[1..]), None);
        assert_eq!(parse_hash(&format!("{text}00")), None);
        assert_eq!(parse_hash(&"zz".repeat(32)), None);
    }
}
