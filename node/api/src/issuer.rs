//! What making and checking secrets takes that only the program has: randomness, and the coin's
//! addresses and signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use raftpool_ledger::tokens::{TOKEN_ENDING_BYTES_MAX, TOKEN_PREFIX, token_hash, token_id};

/// Gives tokens their bits and addresses their one spelling, and checks who has signed what.
pub trait TokenIssuer: Send + Sync + 'static {
    /// 256 bits that nobody can foresee.
    fn random(&self) -> [u8; 32];

    /// The one spelling of an address that miners are known under.
    ///
    /// # Errors
    /// A sentence for whoever typed it, when it is no address of the pool's network.
    fn canonical_address(&self, text: &str) -> Result<String, String>;

    /// Checks that the key of an address has signed a text.
    ///
    /// # Errors
    /// A sentence for whoever sent the signature, when it has not.
    fn check_signature(
        &self,
        address: &str,
        text: &str,
        signature: &[u8; 64],
    ) -> Result<(), String>;
}

/// A token that was just made: its text is here and nowhere else.
pub(crate) struct NewToken {
    /// 256 bits as text that needs no quoting anywhere: letters, digits, `-` and `_`.
    pub(crate) text: String,
    /// What the ledger knows it by.
    pub(crate) hash: [u8; 32],
}

impl NewToken {
    pub(crate) fn make(issuer: &dyn TokenIssuer) -> Self {
        let text = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(issuer.random()));
        let hash = token_hash(&text);
        Self { text, hash }
    }

    /// Its last characters, by which people tell their tokens apart.
    pub(crate) fn ending(&self) -> &str {
        &self.text[self.text.len() - TOKEN_ENDING_BYTES_MAX..]
    }

    /// What people call it by: 16 hex digits.
    pub(crate) fn id(&self) -> String {
        hex::encode(token_id(&self.hash))
    }
}
