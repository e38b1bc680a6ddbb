//! What only the process knows of payouts, as the binary tells it to the API: what the chain says
//! of the open one, and what a run would do now. What has happened is in the ledger.

use raftpool_ledger::cluster::BoxFuture;

use crate::dto::rules::{NonceInsight, Simulation};

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

    /// The topoheight up to which the chain is stable; none when no daemon answers.
    fn stable_topoheight(&self) -> BoxFuture<'_, Option<u64>>;
}
