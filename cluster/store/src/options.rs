//! What the caller decides about a store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::header::Identity;

/// Called once, with the reason, when the store has stopped for good: the process must end.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// The data directory; made when it does not exist.
    pub directory: PathBuf,
    /// Whose data it is; must be what the directory's header says.
    pub identity: Identity,
    /// Told when the store stops for good.
    pub on_fatal: OnFatal,
    /// Newest log entries kept in memory, in bytes of their encoding. Entries that are not yet
    /// written stay whatever their size.
    pub tail_bytes_max: usize,
    /// Size of one RocksDB memtable, in bytes.
    pub memtable_bytes: usize,
    /// Cache for blocks of the state, in bytes.
    pub state_cache_bytes: usize,
    /// Snapshots kept on disk, at least 1.
    pub snapshots_kept: usize,
    /// Makes the disk fail, wait or lose data, for tests of what happens then.
    pub fault: Option<Arc<dyn Fault>>,
}

impl StoreOptions {
    /// Options for a node of moderate size.
    pub fn new(directory: impl Into<PathBuf>, identity: Identity, on_fatal: OnFatal) -> Self {
        Self {
            directory: directory.into(),
            identity,
            on_fatal,
            tail_bytes_max: 32 << 20,
            memtable_bytes: 32 << 20,
            state_cache_bytes: 64 << 20,
            snapshots_kept: 2,
            fault: None,
        }
    }
}

/// Stands before the store's writes. An error is handled as if the disk had answered with it;
/// a call that does not return is a disk that hangs. By default all is well.
pub trait Fault: Send + Sync {
    /// Before a write to the log's database.
    ///
    /// # Errors
    /// Makes the write fail.
    fn before_log_write(&self) -> io::Result<()> {
        Ok(())
    }

    /// Before an `fsync` of the log's database.
    ///
    /// # Errors
    /// Makes the `fsync` fail.
    fn before_log_sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Before a write to the state's database.
    ///
    /// # Errors
    /// Makes the write fail.
    fn before_state_write(&self) -> io::Result<()> {
        Ok(())
    }

    /// Whether what was not synced is lost with the process, and no `fsync` happens although
    /// each is reported as done. Asked once, when a database is opened. A node like this breaks
    /// its promises: whoever looks for lost data must find some here.
    fn loses_unsynced(&self) -> bool {
        false
    }

    /// Whether the ledger goes wrong with the entry at `index`, as by a flipped bit: its digest
    /// differs from then on, and nothing else is noticed. Asked once for each entry applied.
    fn spoils(&self, _index: u64) -> bool {
        false
    }
}
