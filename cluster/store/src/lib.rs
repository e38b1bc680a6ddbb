//! What a node keeps on disk, in RocksDB: the Raft log, the ledger's state and its snapshots.
//!
//! [`Store::open`] checks the data directory's header, takes its lock and opens two databases:
//! `raft/` (log entries, vote, committed and purged positions) and `state/` (the ledger and the
//! position it was applied to). [`LogStore`] acknowledges an append only after `fsync`;
//! [`StateStore`] writes without one, because the log makes the state again. A snapshot is a
//! RocksDB checkpoint of `state/`.
//!
//! Surprising: the first failed write or `fsync` stops the store for good ([`FailStop`]). The
//! kernel may have dropped the pages that failed, so neither a retry nor RocksDB's own recovery
//! proves anything; only a restart reads what is really on the disk.
//!
//! This is the only crate that links RocksDB. It knows nothing of peers and elections.

#![forbid(unsafe_code)]

mod types;

mod options;

mod store;

mod header;

mod log;

mod state;

mod snapshot;

mod backup;

mod database;

mod record;

mod files;

mod fail_stop;

mod metrics;

mod error;

pub use backup::{
    BackupInfo, BackupRequest, FoundBackup, Founding, found_anew, list_backups, restore_backup,
    verify_backup,
};
pub use error::StoreError;
pub use fail_stop::FailStop;
pub use header::{FORMAT_VERSION, Identity, stored_identity};
pub use log::{LogReader, LogStore};
pub use metrics::{LatencyHistogram, LogStatus, StateStatus};
pub use options::{Fault, OnFatal, StoreOptions};
pub use record::{
    decode_entry, decode_log_id, decode_vote, encode_entry, encode_log_id, encode_vote,
};
pub use snapshot::{SnapshotBuilder, SnapshotFiles, SnapshotReceiver};
pub use state::{Checkpoint, StateReader, StateStore};
pub use store::Store;
pub use types::{
    Entry, LogId, Membership, PoolNode, Proposal, Response, SnapshotMeta, StoredMembership,
    TypeConfig, Vote,
};
