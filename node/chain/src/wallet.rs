//! What the pool needs from the wallet that owns its key.

use crate::{BoxFuture, address::Address, error::ChainError, hash::Hash};

/// The wallet that owns the pool's key. It builds and signs; it never sends.
pub trait Wallet: Send + Sync + 'static {
    /// For logs and errors.
    fn name(&self) -> String;

    /// The wallet's own address, as text.
    fn address(&self) -> BoxFuture<'_, Result<String, ChainError>>;

    /// Whether the wallet follows a daemon.
    fn is_online(&self) -> BoxFuture<'_, Result<bool, ChainError>>;

    /// How far the wallet has followed the chain.
    fn topoheight(&self) -> BoxFuture<'_, Result<u64, ChainError>>;

    /// Balance at the top the wallet has seen (not stable), in atomic units.
    fn balance_atomic(&self) -> BoxFuture<'_, Result<u64, ChainError>>;

    /// The transactions of the wallet's account that it knows as executed, newest first: all of them,
    /// as long as its history was not left out (`--history-scan-mode none`).
    fn spends(&self) -> BoxFuture<'_, Result<Vec<WalletSpend>, ChainError>>;

    /// What a transaction with these transfers would cost now, in atomic units.
    fn estimate_fee_atomic<'a>(
        &'a self,
        transfers: &'a [Transfer],
    ) -> BoxFuture<'a, Result<u64, ChainError>>;

    /// Makes the wallet forget what it built but never sent.
    fn clear_transaction_cache(&self) -> BoxFuture<'_, Result<(), ChainError>>;

    /// Builds and signs, without sending. The nonce is always explicit; the answer's hash, source,
    /// nonce and payees are checked. Every call gives other bytes and another hash.
    fn build<'a>(
        &'a self,
        transfers: &'a [Transfer],
        nonce: u64,
    ) -> BoxFuture<'a, Result<BuiltTransaction, ChainError>>;
}

/// One payee of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Who gets it.
    pub destination: Address,
    /// How much, in atomic units.
    pub amount_atomic: u64,
}

/// A signed transaction that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltTransaction {
    /// BLAKE3 of the bytes.
    pub hash: Hash,
    /// What is handed to daemons.
    pub bytes: Vec<u8>,
    /// The paying address.
    pub source: String,
    /// The account nonce it uses up.
    pub nonce: u64,
    /// What the chain takes for it, in atomic units.
    pub fee_atomic: u64,
    /// Payees as the wallet named them, in order. The amounts are those asked for: on the chain
    /// they are encrypted, and the wallet does not repeat them.
    pub transfers: Vec<(String, u64)>,
    /// Position of the chain state its proofs refer to.
    pub reference_topoheight: u64,
}

/// A transaction of the wallet's account in its history. Amounts are those the wallet can decrypt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletSpend {
    /// Its hash.
    pub hash: Hash,
    /// The account nonce it used up.
    pub nonce: u64,
    /// What the chain took for it, in atomic units.
    pub fee_atomic: u64,
    /// Where it was executed, as far as the wallet knows.
    pub topoheight: u64,
    /// Payees and amounts in atomic units; transfers of other assets are left out.
    pub transfers: Vec<(String, u64)>,
}
