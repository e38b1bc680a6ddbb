//! Backups of this node's books.

use raftpool_store::{BackupRequest, FoundBackup, StoreError};

use crate::node::RaftNode;

impl RaftNode {
    /// Makes a backup of the books as this node has applied them. It need not lead, nor have a
    /// quorum.
    ///
    /// # Errors
    /// When nothing was applied yet, or a file cannot be written; then there is no new backup.
    pub async fn back_up(&self, request: BackupRequest) -> Result<FoundBackup, StoreError> {
        let state = self.state.clone();
        let made = tokio::task::spawn_blocking(move || state.back_up(&request));
        made.await.map_err(|panic| StoreError::Write {
            what: "a backup",
            source: Box::new(panic),
        })?
    }
}
