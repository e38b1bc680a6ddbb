//! The 32-byte identities of the chain: blocks, transactions and header work.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::header::CodecError;

/// 32 bytes shown as lower-case hex: block hash, transaction hash, work hash. Its serde form is the hex string.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// BLAKE3 of the bytes: how the chain names blocks (of their 112-byte work) and transactions.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = CodecError;

    fn from_str(text: &str) -> Result<Self, CodecError> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(CodecError::InvalidHash {
                chars: text.chars().count(),
            }),
        }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_through_text_and_serde() -> anyhow::Result<()> {
        let text = "af7625cbafc8199409ca1d785d8024d192c1d9243d3318c2727179d0eda31b37";
        let hash: Hash = text.parse()?;
        assert_eq!(hash.to_string(), text);
        assert_eq!(serde_json::to_string(&hash)?, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Hash>(&format!("\"{text}\""))?, hash);
        Ok(())
    }

    #[test]
    fn anything_but_64_hex_digits_is_refused() {
        let long = "0".repeat(65);
        for text in [
            "",
            "af",
            &long,
            "zz7625cbafc8199409ca1d785d8024d192c1d9243d3318c2727179d0eda31b37",
        ] {
            assert!(text.parse::<Hash>().is_err(), "{text}");
        }
    }
}
