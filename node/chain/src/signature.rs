//! Signatures of addresses over texts, as the wallet's RPC method `sign_data` makes them.
//!
//! A Schnorr signature over Ristretto (`xelis_common/src/crypto/elgamal/signature.rs` of the official
//! node). The base point is the second generator of Bulletproofs, `H`. A private key `x` has the
//! public key `P = x^-1 * H`, and a signature `(s, e)` over a message `m` holds when
//! `e = SHA3-512(P, m, s * H - e * P)`, reduced to a scalar. The message of a text is the wallet's
//! encoding of a JSON string: kind "value" (0), kind "string" (1), its length in one byte, its bytes.

use std::sync::LazyLock;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use sha3::{Digest, Sha3_512};

use crate::address::Address;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Longest text that the wallet's encoding can carry, in bytes.
pub const SIGNED_TEXT_BYTES_MAX: usize = 255;

/// The second generator of Bulletproofs (`PedersenGens::default().B_blinding`).
static BASE: LazyLock<RistrettoPoint> = LazyLock::new(|| {
    let digest = Sha3_512::digest(RISTRETTO_BASEPOINT_COMPRESSED.as_bytes());
    RistrettoPoint::from_uniform_bytes(&digest.into())
});

/// Why a signature proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No wallet can have signed it.
    #[error("the text has {0} bytes; a wallet signs {SIGNED_TEXT_BYTES_MAX} at most")]
    TextTooLong(usize),
    /// The bytes are no pair of canonical scalars.
    #[error("it is not a signature of a XELIS wallet")]
    Malformed,
    /// It is of another key or another text.
    #[error("it is of another text, or of another wallet")]
    Wrong,
}

/// Checks that the key of `address` has signed `text`.
///
/// # Errors
/// When it has not, and as far as can be told, why.
pub fn verify_text(
    address: &Address,
    text: &str,
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), SignatureError> {
    let message = message_of(text)?;
    let (s, e) = (scalar(&signature[..32])?, scalar(&signature[32..])?);
    let compressed = CompressedRistretto(*address.public_key());
    // An address holds a valid point that is not the identity.
    let key = compressed.decompress().ok_or(SignatureError::Malformed)?;
    let commitment = *BASE * s - key * e;
    match e == challenge(&compressed, &message, &commitment) {
        true => Ok(()),
        false => Err(SignatureError::Wrong),
    }
}

/// A wallet's private key. The pool has none: simulated wallets and tests do.
#[derive(Clone)]
pub struct SigningKey {
    secret: Scalar,
    public: CompressedRistretto,
}

impl SigningKey {
    /// The key that 64 uniform bytes stand for.
    #[must_use]
    pub fn from_uniform_bytes(bytes: &[u8; 64]) -> Self {
        let secret = Scalar::from_bytes_mod_order_wide(bytes);
        let public = (*BASE * secret.invert()).compress();
        Self { secret, public }
    }

    /// Its public key, which an address stands for.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// Signs a text. The random number is drawn from key and text, so that the same are signed the
    /// same way and no two texts share one.
    ///
    /// # Errors
    /// When the text is longer than a wallet can sign.
    pub fn sign_text(&self, text: &str) -> Result<[u8; SIGNATURE_BYTES], SignatureError> {
        let message = message_of(text)?;
        let mut nonce = Sha3_512::new();
        nonce.update(b"raftpool signing nonce");
        nonce.update(self.secret.as_bytes());
        nonce.update(&message);
        let nonce = Scalar::from_bytes_mod_order_wide(&nonce.finalize().into());
        let e = challenge(&self.public, &message, &(*BASE * nonce));
        let s = self.secret.invert() * e + nonce;
        let mut signature = [0; SIGNATURE_BYTES];
        signature[..32].copy_from_slice(s.as_bytes());
        signature[32..].copy_from_slice(e.as_bytes());
        Ok(signature)
    }
}

fn message_of(text: &str) -> Result<Vec<u8>, SignatureError> {
    const VALUE: u8 = 0;
    const STRING: u8 = 1;
    let too_long = |_| SignatureError::TextTooLong(text.len());
    let length = u8::try_from(text.len()).map_err(too_long)?;
    let mut message = vec![VALUE, STRING, length];
    message.extend_from_slice(text.as_bytes());
    Ok(message)
}

fn scalar(bytes: &[u8]) -> Result<Scalar, SignatureError> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| SignatureError::Malformed)?;
    let scalar = Scalar::from_canonical_bytes(bytes);
    Option::from(scalar).ok_or(SignatureError::Malformed)
}

fn challenge(key: &CompressedRistretto, message: &[u8], commitment: &RistrettoPoint) -> Scalar {
    let mut hasher = Sha3_512::new();
    hasher.update(key.as_bytes());
    hasher.update(message);
    hasher.update(commitment.compress().as_bytes());
    Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    /// An exchange that was recorded with the official wallet: its address, what it signed, how.
    const ADDRESS: &str = "xet:hth3pjc4p7dppz7l7y6de6t02j37wy9frfc9yh603lh3v6hdhg8qq485q07";
    const TEXT: &str = "raftpool";
    const SIGNATURE: &str = "078118e2d8291ff6978af79919c705c37e88fa775e1793fe517170655c53a005\
                             f1a88062968a7ca86ede551a5c388fd9f106a78c1dacf45375330c3c4ecff508";

    fn recorded() -> (Address, [u8; SIGNATURE_BYTES]) {
        let address = Address::parse(ADDRESS, Network::Testnet).unwrap();
        let mut signature = [0; SIGNATURE_BYTES];
        hex::decode_to_slice(SIGNATURE, &mut signature).unwrap();
        (address, signature)
    }

    #[test]
    fn what_the_official_wallet_signed_is_accepted() {
        let (address, signature) = recorded();
        assert_eq!(verify_text(&address, TEXT, &signature), Ok(()));
    }

    #[test]
    fn another_text_key_or_byte_is_refused() {
        let (address, signature) = recorded();
        for text in ["Raftpool", "raftpool ", ""] {
            assert_eq!(
                verify_text(&address, text, &signature),
                Err(SignatureError::Wrong)
            );
        }
        let other = SigningKey::from_uniform_bytes(&[7; 64]).public_key();
        let other = Address::from_key(other, Network::Testnet).unwrap();
        assert_eq!(
            verify_text(&other, TEXT, &signature),
            Err(SignatureError::Wrong)
        );
        for byte in 0..SIGNATURE_BYTES {
            let mut changed = signature;
            changed[byte] ^= 1;
            assert!(
                verify_text(&address, TEXT, &changed).is_err(),
                "byte {byte}"
            );
        }
        let no_scalars = [0xff; SIGNATURE_BYTES];
        let refused = Err(SignatureError::Malformed);
        assert_eq!(verify_text(&address, TEXT, &no_scalars), refused);
    }

    #[test]
    fn a_key_of_ours_signs_as_the_wallet_does() {
        let key = SigningKey::from_uniform_bytes(&[3; 64]);
        let address = Address::from_key(key.public_key(), Network::Devnet).unwrap();
        let text = "x".repeat(SIGNED_TEXT_BYTES_MAX);
        let signature = key.sign_text(&text).unwrap();
        assert_eq!(verify_text(&address, &text, &signature), Ok(()));
        let longer = text + "x";
        assert_eq!(
            key.sign_text(&longer),
            Err(SignatureError::TextTooLong(256))
        );
        let refused = Err(SignatureError::TextTooLong(256));
        assert_eq!(verify_text(&address, &longer, &signature), refused);
    }
}
