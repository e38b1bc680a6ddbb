//! Randomness and addresses for tokens.

use raftpool_api::TokenIssuer;
use raftpool_chain::signature::{SIGNATURE_BYTES, verify_text};
use raftpool_chain::{Address, Network};

/// Draws from a generator the system has seeded, and reads addresses of one network.
pub(super) struct Issuer {
    network: Network,
}

impl Issuer {
    pub(super) fn new(network: Network) -> Self {
        Self { network }
    }
}

impl TokenIssuer for Issuer {
    fn random(&self) -> [u8; 32] {
        rand::random()
    }

    fn canonical_address(&self, text: &str) -> Result<String, String> {
        let address = Address::parse(text.trim(), self.network);
        let address = address.map_err(|error| error.to_string())?;
        Ok(address.as_str().to_owned())
    }

    fn check_signature(
        &self,
        address: &str,
        text: &str,
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), String> {
        let address = Address::parse(address, self.network).map_err(|error| error.to_string())?;
        verify_text(&address, text, signature).map_err(|error| error.to_string())
    }
}
