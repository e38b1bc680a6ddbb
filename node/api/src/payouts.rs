//! What only the process knows of payouts, as the binary tells it to the API: what the chain says
//! of the open one, and what a run would do now. What has happened is in the ledger.

use raftpool_ledger::cluster::BoxFuture;
use raftpool_ledger::command::ExecutedSpend;

use crate::dto::rules::{NonceInsight, Simulation};

/// What stands between the books and the chain, before it is booked.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// Why it cannot be booked now; empty when it can.
    pub problems: Vec<String>,
    /// Transactions that the books do not have, by rising nonce.
    pub spends: Vec<ExecutedSpend>,
    /// The first nonce that the books do not know as used.
    pub books_nonce: u64,
    /// The account's next nonce where the chain is stable.
    pub stable_nonce: u64,
    /// The same at the top.
    pub top_nonce: u64,
    /// Up to this height the chain does not change.
    pub stable_height: u64,
    /// The same as a topoheight.
    pub stable_topoheight: u64,
    /// What the wallet holds, in atomic units.
    pub wallet_atomic: u64,
    /// What the books owe to miners, in atomic units.
    pub owed_atomic: u128,
}

/// Answers that take the payout duty of this node.
pub trait PayoutInsight: Send + Sync + 'static {
    /// What the chain says of the nonce of the open payout; nothing unless this node leads and has
    /// looked at a signed payout. Answers from memory.
    fn nonce(&self) -> Option<NonceInsight>;

    /// What a payout run would do now; nothing is proposed.
    ///
    /// # Errors
    /// A sentence for the operator, when it cannot be said.
    fn simulate(&self) -> BoxFuture<'_, Result<Simulation, String>>;

    /// Compares the books with the chain and the wallet; nothing is proposed.
    ///
    /// # Errors
    /// A sentence for the operator, when it cannot be said.
    fn reconciliation(&self) -> BoxFuture<'_, Result<Finding, String>>;

    /// The topoheight up to which the chain is stable; none when no daemon answers.
    fn stable_topoheight(&self) -> BoxFuture<'_, Option<u64>>;
}
