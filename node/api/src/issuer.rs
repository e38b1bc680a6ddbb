//! What making tokens takes that only the program has: randomness, and the coin's addresses.

/// Gives tokens their bits, and addresses their one spelling.
pub trait TokenIssuer: Send + Sync + 'static {
    /// 256 bits that nobody can foresee.
    fn random(&self) -> [u8; 32];

    /// The one spelling of an address that miners are known under.
    ///
    /// # Errors
    /// A sentence for whoever typed it, when it is no address of the pool's network.
    fn canonical_address(&self, text: &str) -> Result<String, String>;
}
