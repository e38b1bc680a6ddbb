//! The wallet's key. Transactions are not really signed with it, texts are.

use raftpool_chain::signature::SigningKey;

const CONTEXT: &str = "raftpool devnet 2026 wallet key";

/// Public key of the wallet of a seed text: a point of the curve, the same for the same text.
#[must_use]
pub fn wallet_key(seed: &str) -> [u8; 32] {
    wallet_signing_key(seed).public_key()
}

/// The private key of that wallet.
#[must_use]
pub fn wallet_signing_key(seed: &str) -> SigningKey {
    let mut wide = [0; 64];
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(seed.as_bytes());
    hasher.finalize_xof().fill(&mut wide);
    SigningKey::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests {
    use raftpool_chain::{Address, Network};

    use super::*;

    #[test]
    fn wallet_key_makes_a_valid_address() {
        let key = wallet_key("some seed");
        assert_eq!(key, wallet_key("some seed"));
        assert_ne!(key, wallet_key("another seed"));
        Address::from_key(key, Network::Devnet).unwrap();
    }
}
