//! Addresses: strict parsing, so that every accepted text can really be paid.
//!
//! The official parser lets some texts through that cannot be paid (a key that is no curve point)
//! or that are second spellings of the same key (trailing bytes). One such payee would block its
//! whole payout, so they are refused here, before any miner can authorize with them.

use std::fmt;

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use curve25519_dalek::ristretto::CompressedRistretto;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::network::Network;

/// Bytes of an address: the key and one byte for the kind of address.
const PAYLOAD_SIZE: usize = 33;
/// The kind byte of an address without attached data.
const NORMAL: u8 = 0;
/// The kind byte of an address that carries data for the receiver.
const INTEGRATED: u8 = 1;
/// The chain's own texts have no bech32 `1` but this between prefix and data.
const SEPARATOR: char = ':';
/// Longest text that is looked at: far above a normal address, near the largest integrated one.
const TEXT_SIZE_MAX: usize = 2048;

/// A normal address: canonical text of a valid Ristretto key on the right network. Its serde form is the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    text: String,
    key: [u8; 32],
}

impl Address {
    /// Reads an address of `network`.
    ///
    /// # Errors
    ///
    /// Strict: normal kind, exactly 33 bytes, canonical text (no blanks, lower case), a valid
    /// non-zero point, the prefix of `network`.
    pub fn parse(text: &str, network: Network) -> Result<Self, AddressError> {
        let (prefix, data) = split(text)?;
        if prefix != network.prefix() {
            return Err(match prefix {
                "xel" | "xet" => AddressError::WrongNetwork {
                    prefix: prefix.to_owned(),
                    network,
                    expected: network.prefix(),
                },
                _ => AddressError::UnknownPrefix,
            });
        }
        let key = decode(prefix, data)?;
        let address = Self::from_key(key, network)?;
        if address.text != text {
            return Err(AddressError::NotCanonical);
        }
        Ok(address)
    }

    /// The address of a public key.
    ///
    /// # Errors
    ///
    /// Fails when the bytes are no valid Ristretto point or all zero.
    pub fn from_key(key: [u8; 32], network: Network) -> Result<Self, AddressError> {
        if key == [0; 32] {
            return Err(AddressError::ZeroKey);
        }
        if CompressedRistretto(key).decompress().is_none() {
            return Err(AddressError::NotAPoint);
        }
        let mut payload = [NORMAL; PAYLOAD_SIZE];
        payload[..32].copy_from_slice(&key);
        let prefix = network.prefix();
        // The checksum covers the prefix but not the separator, so only the separator is exchanged.
        let text = bech32::encode::<Bech32>(Hrp::parse_unchecked(prefix), &payload)
            .map_err(|_| AddressError::NotCanonical)?
            .replacen('1', ":", 1);
        Ok(Self { text, key })
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The compressed Ristretto public key.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether this address can be used on `network`. The test networks share one prefix.
    pub fn is_on(&self, network: Network) -> bool {
        self.text.starts_with(network.prefix())
    }
}

fn split(text: &str) -> Result<(&str, &str), AddressError> {
    if text.len() > TEXT_SIZE_MAX {
        return Err(AddressError::TooLong { max: TEXT_SIZE_MAX });
    }
    let (prefix, data) = text.split_once(SEPARATOR).ok_or(AddressError::NoPrefix)?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(AddressError::UpperCase);
    }
    Ok((prefix, data))
}

fn decode(prefix: &str, data: &str) -> Result<[u8; 32], AddressError> {
    let with_bech32_separator = format!("{prefix}1{data}");
    let decoded = CheckedHrpstring::new::<Bech32>(&with_bech32_separator)
        .map_err(|_| AddressError::Checksum)?;
    let payload: Vec<u8> = decoded.byte_iter().collect();
    match (payload.get(32), payload.len()) {
        (Some(&INTEGRATED), _) => return Err(AddressError::Integrated),
        (Some(&NORMAL), PAYLOAD_SIZE) => {}
        (Some(&kind), PAYLOAD_SIZE) => return Err(AddressError::UnknownKind(kind)),
        (_, bytes) => return Err(AddressError::WrongLength { bytes }),
    }
    let mut key = [0; 32];
    key.copy_from_slice(&payload[..32]);
    Ok(key)
}

/// Why a text is no address the pool can pay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `xel:` or `xet:` at the start.
    #[error("the address has no prefix; it must start with xel: or xet:")]
    NoPrefix,
    /// A prefix of another coin.
    #[error("the address has an unknown prefix; it must start with xel: or xet:")]
    UnknownPrefix,
    /// The prefix of another network.
    #[error("the address starts with {prefix}:, but addresses of {network} start with {expected}:")]
    WrongNetwork {
        /// The prefix found.
        prefix: String,
        /// The network asked for.
        network: Network,
        /// Its prefix.
        expected: &'static str,
    },
    /// The official software refuses upper case too.
    #[error("the address must be in lower case")]
    UpperCase,
    /// A character outside of the alphabet, a wrong checksum, or a prefix that was exchanged.
    #[error("the address is mistyped: its checksum does not fit")]
    Checksum,
    /// An address with attached data.
    #[error("integrated addresses cannot be paid by the pool; use the plain address")]
    Integrated,
    /// A kind of address that does not exist today.
    #[error("the address is of the unknown kind {0}")]
    UnknownKind(u8),
    /// Too short or too long although the checksum fits.
    #[error("the address holds {bytes} bytes instead of 33")]
    WrongLength {
        /// Bytes found.
        bytes: usize,
    },
    /// Longer than any address.
    #[error("the address is longer than {max} characters")]
    TooLong {
        /// The limit, in bytes.
        max: usize,
    },
    /// A second spelling of the same key.
    #[error("the address is not in its canonical form")]
    NotCanonical,
    /// Nobody could be paid there.
    #[error("the address holds no valid public key")]
    NotAPoint,
    /// The neutral element: nobody owns it.
    #[error("the address holds an empty public key")]
    ZeroKey,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    /// The network follows from the prefix; where it matters the caller checks [`Address::is_on`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let network = if text.starts_with("xet:") {
            Network::Testnet
        } else {
            Network::Mainnet
        };
        Self::parse(&text, network).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
