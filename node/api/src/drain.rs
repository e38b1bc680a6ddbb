//! Taking a node out of service for a while, as the binary does it.

use std::time::Duration;

use raftpool_ledger::cluster::BoxFuture;

use crate::dto::drain::DrainStatus;

/// How an operator has the node that is asked let go of its work, and take it up again.
pub trait DrainControl: Send + Sync + 'static {
    /// Begins to drain, miners going over a time, and says at once how far it is. A node that
    /// drains already goes on as it does.
    ///
    /// # Errors
    /// Why it is refused, in words.
    fn drain(
        &self,
        over: Option<Duration>,
        is_forced: bool,
    ) -> BoxFuture<'_, Result<DrainStatus, String>>;

    /// Takes up the work again; harmless when the node does not drain.
    fn undrain(&self) -> DrainStatus;

    /// How far it is.
    fn status(&self) -> DrainStatus;
}
