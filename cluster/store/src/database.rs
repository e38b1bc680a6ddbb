//! Opening RocksDB with the settings each of the two databases needs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRecoveryMode, LogLevel, Options, WriteBatch, WriteOptions,
};
use tokio::sync::mpsc;

use crate::error::StoreError;
use crate::files::{self, DirectoryLock};
use crate::options::StoreOptions;

const MIB: usize = 1 << 20;

/// What keeps a data directory taken: held by every open database in it.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) _lock: Arc<DirectoryLock>,
    /// Closes its channel when the last holder is gone; by then, being later, the lock is too.
    pub(crate) _open: mpsc::Sender<()>,
}

/// What is buffered at most when unsynced data shall be lost: far more than a test writes.
const LOST_BYTES_MAX: u64 = 64 << 20;

/// An open database. Its fields are dropped in order: first RocksDB lets go of the files.
pub(crate) struct Database {
    db: Arc<DB>,
    /// Whether nothing is synced, see [`Fault::loses_unsynced`](crate::Fault::loses_unsynced).
    loses_unsynced: bool,
    retired: Retired,
    _claim: Claim,
}

impl Database {
    pub(crate) fn open_raft(
        path: &Path,
        options: &StoreOptions,
        claim: Claim,
    ) -> Result<Self, StoreError> {
        let mut database = base_options(options);
        database.set_max_total_wal_size((4 * options.memtable_bytes) as u64);
        // The default mode would quietly drop everything after the first damaged record; a log or
        // vote cut short in its middle breaks Raft's promises, so only a torn tail is forgiven.
        database.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        database.set_track_and_verify_wals_in_manifest(true);
        database.set_recycle_log_file_num(0);
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&Cache::new_lru_cache(8 * MIB));
        let mut family = database.clone();
        family.set_block_based_table_factory(&table);
        family.set_compression_type(DBCompressionType::None);
        let families = [family::LOG, family::META];
        Self::open(path, database, &family, &families, options, claim)
    }

    pub(crate) fn open_state(
        path: &Path,
        options: &StoreOptions,
        claim: Claim,
    ) -> Result<Self, StoreError> {
        let mut database = base_options(options);
        // Writes here are not synced: after a power cut the log brings back what is missing, from
        // whatever consistent prefix was left.
        database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        let family = state_family(&database, options.state_cache_bytes);
        let families = [family::LEDGER, family::META];
        Self::open(path, database, &family, &families, options, claim)
    }

    fn open(
        path: &Path,
        mut database: Options,
        family: &Options,
        families: &[&str],
        options: &StoreOptions,
        claim: Claim,
    ) -> Result<Self, StoreError> {
        let fault = options.fault.as_ref();
        let loses_unsynced = fault.is_some_and(|fault| fault.loses_unsynced());
        if loses_unsynced {
            // What is written stays in this process until somebody flushes it, and nobody does.
            database.set_manual_wal_flush(true);
            database.set_writable_file_max_buffer_size(LOST_BYTES_MAX);
        }
        let descriptors = families
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(*name, family.clone()));
        let db = DB::open_cf_descriptors(&database, path, descriptors).map_err(|source| {
            StoreError::OpenDatabase {
                path: path.into(),
                source,
            }
        })?;
        let db = Arc::new(db);
        if loses_unsynced {
            // RocksDB flushes when it is closed, so it never is.
            std::mem::forget(db.clone());
        }
        Ok(Self {
            db,
            loses_unsynced,
            retired: Retired::default(),
            _claim: claim,
        })
    }

    pub(crate) fn db(&self) -> &DB {
        &self.db
    }

    pub(crate) fn family(&self, name: &'static str) -> &ColumnFamily {
        self.db
            .cf_handle(name)
            .expect("every family used is opened with the database")
    }

    /// Writes without waiting for the disk.
    pub(crate) fn write(&self, what: &'static str, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(false);
        self.db
            .write_opt(batch, &options)
            .map_err(StoreError::write(what))
    }

    /// Waits until everything written so far is on the disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        if self.loses_unsynced {
            return Ok(());
        }
        self.db
            .flush_wal(true)
            .map_err(StoreError::write("the write-ahead log (fsync)"))
    }

    /// A small record of the `meta` family.
    pub(crate) fn meta(&self, key: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .get_cf(self.family(family::META), key)
            .map_err(StoreError::read(key))
    }

    /// Bytes in tables and memtables.
    pub(crate) fn size_bytes(&self, families: &[&'static str]) -> u64 {
        let properties = [
            "rocksdb.total-sst-files-size",
            "rocksdb.cur-size-all-mem-tables",
        ];
        let sizes = families.iter().flat_map(|name| {
            let of = |property| self.db.property_int_value_cf(self.family(name), property);
            properties.map(of)
        });
        sizes.filter_map(|size| size.ok().flatten()).sum()
    }

    /// Removes the directory once the last user of this database is gone.
    pub(crate) fn retire(&self, directory: PathBuf) {
        // A second call names the same directory.
        let _ = self.retired.0.set(directory);
    }
}

/// Names of the column families.
pub(crate) mod family {
    /// Log entries, by big-endian index.
    pub(crate) const LOG: &str = "log";
    /// The ledger's keys.
    pub(crate) const LEDGER: &str = "ledger";
    /// Positions, vote, membership, identity.
    pub(crate) const META: &str = "meta";
}

/// Opens a checkpoint of `state/` to look into it; leaves its files as they are.
pub(crate) fn open_checkpoint(path: &Path) -> Result<DB, StoreError> {
    let families = [family::LEDGER, family::META];
    DB::open_cf_for_read_only(&quiet_options(), path, families, false).map_err(|source| {
        StoreError::OpenDatabase {
            path: path.into(),
            source,
        }
    })
}

#[derive(Default)]
struct Retired(OnceLock<PathBuf>);

impl Drop for Retired {
    fn drop(&mut self) {
        if let Some(directory) = self.0.get()
            && let Err(error) = files::remove_directory(directory)
        {
            // What is left is removed at the next start.
            tracing::warn!(
                error = error.chain(),
                "an old state directory was not removed"
            );
        }
    }
}

fn quiet_options() -> Options {
    let mut options = Options::default();
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(4 * MIB);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options
}

fn base_options(options: &StoreOptions) -> Options {
    let mut database = quiet_options();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_paranoid_checks(true);
    // All families are flushed together, so that what is left after a crash is of one moment.
    database.set_atomic_flush(true);
    database.set_use_fsync(false);
    database.set_manual_wal_flush(false);
    database.set_write_buffer_size(options.memtable_bytes);
    database.set_max_write_buffer_number(4);
    // All memtables of the database together; without it each family may have its own four.
    database.set_db_write_buffer_size(2 * options.memtable_bytes);
    database.set_max_background_jobs(2);
    database.set_max_open_files(512);
    database.set_bytes_per_sync(MIB as u64);
    database.set_wal_bytes_per_sync(MIB as u64);
    database.set_avoid_unnecessary_blocking_io(true);
    database
}

fn state_family(database: &Options, cache_bytes: usize) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(cache_bytes));
    table.set_bloom_filter(10.0, false);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // In parts: the whole filter of a large file does not fit into a shard of the cache, and would
    // be read and checked again by every look-up.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(4096);
    table.set_pin_top_level_index_and_filter(true);
    let mut family = database.clone();
    family.set_block_based_table_factory(&table);
    family.set_compression_type(DBCompressionType::Lz4);
    family.set_bottommost_compression_type(DBCompressionType::Zstd);
    family.set_level_compaction_dynamic_level_bytes(true);
    family
}
