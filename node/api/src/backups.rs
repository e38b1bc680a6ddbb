//! Making backups, as the binary does it for an operator.

use raftpool_ledger::cluster::BoxFuture;
use serde::Serialize;

/// A backup that was made.
#[derive(Debug, Clone, Serialize)]
pub struct BackupMade {
    /// Name of its directory.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// Log index up to which its books go.
    pub index: u64,
    /// Bytes of its files.
    pub size_bytes: u64,
}

/// Makes backups of this node's books.
pub trait BackupControl: Send + Sync + 'static {
    /// Makes one now; waits for one that is being made.
    ///
    /// # Errors
    /// A sentence for the operator, when none is configured or it failed.
    fn back_up(&self) -> BoxFuture<'_, Result<BackupMade, String>>;
}
