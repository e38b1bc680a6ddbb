use super::*;

const MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

fn difficulty(text: &str) -> Difficulty {
    text.parse().unwrap()
}

#[test]
fn decimal_text_round_trips() {
    for text in ["1", "10000", "2000000000", "18446744073709551616", MAX] {
        assert_eq!(difficulty(text).to_string(), text);
    }
    assert_eq!(difficulty("00042").to_string(), "42");
}

#[test]
fn what_is_no_difficulty_is_refused() {
    let too_large = format!("{}6", &MAX[..MAX.len() - 1]);
    for text in [
        "", "0", "000", "-1", "+1", "1.0", "1e3", "0x10", "1_000", " 1", "1 ", "١", &too_large,
    ] {
        assert!(text.parse::<Difficulty>().is_err(), "`{text}` was taken");
    }
    let huge = "9".repeat(100_000).parse::<Difficulty>().unwrap_err();
    assert!(huge.to_string().len() < 200, "the error repeats everything");
    assert!(Difficulty::from_u64(0).is_err());
    assert!(Difficulty::from_u128(0).is_err());
}

#[test]
fn big_endian_bytes_round_trip() {
    assert_eq!(difficulty("1").to_be_bytes_trimmed(), [1]);
    assert_eq!(difficulty("65536").to_be_bytes_trimmed(), [1, 0, 0]);
    assert_eq!(difficulty(MAX).to_be_bytes_trimmed(), [0xff; 32]);
    for text in [
        "1",
        "255",
        "256",
        "340282366920938463463374607431768211456",
        MAX,
    ] {
        let value = difficulty(text);
        assert_eq!(
            Difficulty::from_be_bytes(&value.to_be_bytes_trimmed()),
            Ok(value)
        );
    }
    let mut padded = vec![0; 100];
    padded.push(7);
    assert_eq!(Difficulty::from_be_bytes(&padded), Ok(difficulty("7")));
}

#[test]
fn bytes_that_are_no_difficulty_are_refused() {
    let too_long = [1; 33];
    for bytes in [&[][..], &[0], &[0; 32], &too_long] {
        assert!(Difficulty::from_be_bytes(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn u128_conversion_stops_at_its_limit() {
    assert_eq!(
        Difficulty::from_u128(u128::MAX).unwrap().to_u128(),
        Some(u128::MAX)
    );
    assert_eq!(
        difficulty("340282366920938463463374607431768211456").to_u128(),
        None
    );
}

#[test]
fn target_is_the_rounded_down_quotient() {
    assert_eq!(difficulty("1").target().to_be_bytes(), [0xff; 32]);
    let mut half = [0xff; 32];
    half[0] = 0x7f;
    assert_eq!(difficulty("2").target().to_be_bytes(), half);
    assert_eq!(difficulty("3").target().to_be_bytes(), [0x55; 32]);
    let mut one = [0; 32];
    one[31] = 1;
    assert_eq!(difficulty(MAX).target().to_be_bytes(), one);
}

#[test]
fn comparison_is_big_endian_and_includes_the_target() {
    let target = difficulty("65536").target();
    let mut hash = [0xff; 32];
    hash[0] = 0;
    hash[1] = 0;
    assert!(target.is_met_by(&hash), "equal to the target");
    hash[1] = 1;
    assert!(!target.is_met_by(&hash), "above in the second byte only");
    hash = [0; 32];
    hash[31] = 0xff;
    assert!(target.is_met_by(&hash), "little-endian this would be large");
}

#[test]
fn achieved_difficulty_is_the_largest_met() {
    let mut hash = [0; 32];
    assert_eq!(Difficulty::of_hash(&hash), difficulty(MAX));
    assert_eq!(Difficulty::of_hash(&[0xff; 32]), Difficulty::MIN);
    for seed in 1..200u8 {
        hash[usize::from(seed) % 31] = seed.wrapping_mul(37) | 1;
        let achieved = Difficulty::of_hash(&hash);
        assert!(achieved.target().is_met_by(&hash));
        let harder = Difficulty(achieved.0 + U256::ONE);
        assert!(!harder.target().is_met_by(&hash));
    }
}
