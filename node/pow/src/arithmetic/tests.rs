use serde_json::Value;

use super::*;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../testdata/xelis-hash-vectors.json")).unwrap()
}

fn hex_word(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap(), 16).unwrap()
}

fn decimal_word(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn version_3_root_matches_the_vectors() {
    let vectors = vectors();
    let checks = vectors["v3_isqrt_checks"]["values"].as_array().unwrap();
    let mut odd = 0;
    for check in checks {
        let number = decimal_word(&check["n"]);
        assert_eq!(isqrt_v3(number), decimal_word(&check["isqrt"]), "{number}");
        assert_eq!(
            number.isqrt(),
            decimal_word(&check["true_floor_sqrt"]),
            "{number}"
        );
        odd += usize::from(isqrt_v3(number) != number.isqrt());
    }
    assert!(odd >= 4, "the vectors hold numbers whose root wraps");
}

#[test]
fn version_3_indices_match_the_vectors() {
    let vectors = vectors();
    for check in vectors["v3_map_index_checks"].as_array().unwrap() {
        let index = index_v3(hex_word(&check["x"]));
        assert_eq!(index as u64, check["index"].as_u64().unwrap(), "{check}");
    }
}

#[test]
fn version_3_choice_of_halves_matches_the_vectors() {
    let vectors = vectors();
    for check in vectors["v3_murmur_checks"].as_array().unwrap() {
        let word = hex_word(&check["x"]);
        assert_eq!(murmur(word), hex_word(&check["murmur"]), "{check}");
        assert_eq!(
            picks_second_half(word),
            check["pick_half_b"].as_bool().unwrap(),
            "{check}"
        );
    }
}

#[test]
fn aes_rounds_match_the_vectors() {
    let vectors = vectors();
    for check in vectors["aes_round_checks"].as_array().unwrap() {
        let block: [u8; 16] = hex::decode(check["block_hex"].as_str().unwrap())
            .unwrap()
            .try_into()
            .unwrap();
        let word = u128::from_le_bytes(block);
        let round = match check["key_ascii"].as_str().unwrap() {
            "xelishash-pow-v2" => aes_round_v2,
            "xelishash-pow-v3" => aes_round_v3,
            other => panic!("unknown key {other}"),
        };
        let (low, high) = round(word as u64, (word >> 64) as u64);
        let result = hex::encode(join(high, low).to_le_bytes());
        assert_eq!(result, check["result_hex"].as_str().unwrap(), "{check}");
    }
}

#[test]
fn power_modulo_matches_repeated_multiplication() {
    for base in [0, 1, 2, 7, 1 << 40, u64::MAX] {
        for modulus in [2, 3, 97, 1 << 33, u64::MAX - 58, u64::MAX] {
            let mut expected = 1;
            for exponent in 0..40 {
                assert_eq!(
                    power_modulo(base, exponent, modulus),
                    Some(expected),
                    "{base}^{exponent} mod {modulus}"
                );
                expected = (u128::from(expected) * u128::from(base) % u128::from(modulus)) as u64;
            }
        }
    }
}

#[test]
fn power_modulo_of_zero_is_nothing() {
    for exponent in [0, 1, u64::MAX] {
        assert_eq!(power_modulo(5, exponent, 0), None);
    }
}
