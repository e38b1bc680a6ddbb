use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vectors {
    valid: Vec<Valid>,
    integrated: Vec<Refused>,
    invalid: Vec<Refused>,
    pool_must_reject: Vec<Refused>,
    same_key_on_test_networks: String,
}

#[derive(Deserialize)]
struct Valid {
    address: String,
    hrp: String,
    public_key_hex: String,
}

#[derive(Deserialize)]
struct Refused {
    address: String,
    #[serde(default)]
    why: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../testdata/addresses.json"))
        .expect("the vectors are JSON")
}

#[test]
fn valid_vectors_parse_and_encode_back() -> anyhow::Result<()> {
    let vectors = vectors();
    assert!(vectors.valid.len() >= 9);
    for valid in vectors.valid {
        let (own, other) = match valid.hrp.as_str() {
            "xel" => (Network::Mainnet, Network::Testnet),
            _ => (Network::Devnet, Network::Mainnet),
        };
        let address = Address::parse(&valid.address, own)?;
        assert_eq!(hex::encode(address.public_key()), valid.public_key_hex);
        assert_eq!(Address::from_key(*address.public_key(), own)?, address);
        assert!(address.is_on(own) && !address.is_on(other));
        assert!(matches!(
            Address::parse(&valid.address, other),
            Err(AddressError::WrongNetwork { .. })
        ));
        let json = serde_json::to_string(&address)?;
        assert_eq!(json, format!("\"{}\"", valid.address));
        assert_eq!(serde_json::from_str::<Address>(&json)?, address);
    }
    Ok(())
}

#[test]
fn the_same_key_has_another_text_on_test_networks() -> anyhow::Result<()> {
    let vectors = vectors();
    let main = Address::parse(&vectors.valid[0].address, Network::Mainnet)?;
    let test = Address::from_key(*main.public_key(), Network::Stagenet)?;
    assert_eq!(test.as_str(), vectors.same_key_on_test_networks);
    Ok(())
}

#[test]
fn invalid_vectors_are_refused_on_every_network() {
    for refused in vectors().invalid {
        for network in [Network::Mainnet, Network::Testnet] {
            assert!(
                Address::parse(&refused.address, network).is_err(),
                "{}",
                refused.why
            );
        }
        let json = serde_json::Value::String(refused.address);
        assert!(
            serde_json::from_value::<Address>(json).is_err(),
            "{}",
            refused.why
        );
    }
}

#[test]
fn what_the_official_parser_accepts_but_cannot_be_paid_is_refused() {
    for refused in vectors().pool_must_reject {
        assert!(
            Address::parse(&refused.address, Network::Mainnet).is_err(),
            "{}",
            refused.why
        );
    }
}

#[test]
fn refusals_name_their_reason() {
    let parse = |text: &str, network| Address::parse(text, network).expect_err("refused");
    let integrated = &vectors().integrated[0].address;
    assert_eq!(
        parse(integrated, Network::Testnet),
        AddressError::Integrated
    );
    let main = Network::Mainnet;
    let case = |text| parse(text, main);
    assert_eq!(
        case("xel:lllllllllllllllllllllllllllllllllllllllllllllllllllsq9evyz4"),
        AddressError::NotAPoint
    );
    assert_eq!(
        case("xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqyuu06xc"),
        AddressError::UnknownKind(2)
    );
    assert_eq!(
        case("xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqqqnf48q5"),
        AddressError::WrongLength { bytes: 34 }
    );
    assert_eq!(
        case("XEL:VS3MFYYWT0FJYS0RGSLUE7MM4WR23XDGEJSJK0LD7F2KXNG4D4NQQNKDUFZ"),
        AddressError::UpperCase
    );
    assert_eq!(
        case("vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz"),
        AddressError::NoPrefix
    );
    assert_eq!(
        case("btc:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqq64kqkj"),
        AddressError::UnknownPrefix
    );
    assert_eq!(
        case("xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufq"),
        AddressError::Checksum
    );
    assert!(matches!(
        case(&"x:".repeat(5000)),
        AddressError::TooLong { .. }
    ));
}

#[test]
fn the_empty_key_is_refused() -> anyhow::Result<()> {
    assert_eq!(
        Address::from_key([0; 32], Network::Mainnet),
        Err(AddressError::ZeroKey)
    );
    let text = bech32::encode::<Bech32>(Hrp::parse("xel")?, &[0; 33])?.replacen('1', ":", 1);
    assert_eq!(
        Address::parse(&text, Network::Mainnet),
        Err(AddressError::ZeroKey)
    );
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_refused_or_is_its_own_canonical_form(text in "(xel:|xet:)?[a-z0-9:]{0,80}") {
        if let Ok(address) = Address::parse(&text, Network::Mainnet) {
            prop_assert_eq!(address.as_str(), &text);
        }
    }

    #[test]
    fn any_key_is_refused_or_round_trips(key in any::<[u8; 32]>()) {
        if let Ok(address) = Address::from_key(key, Network::Testnet) {
            prop_assert_eq!(Address::parse(address.as_str(), Network::Testnet), Ok(address));
        }
    }

    #[test]
    fn one_changed_character_is_always_noticed(index in 4_usize..63, replacement in "[a-z0-9]") {
        let good = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
        let mut changed = good.to_owned();
        changed.replace_range(index..=index, &replacement);
        prop_assert_eq!(Address::parse(&changed, Network::Mainnet).is_ok(), changed == good);
    }
}
