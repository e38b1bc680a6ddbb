//! What the state's writer, readers and snapshots share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rocksdb::WriteBatch;
use tokio::sync::watch;

use super::checkpoint::Checkpoints;
use super::generation;
use crate::database::{Claim, Database, family};
use crate::error::StoreError;
use crate::fail_stop::FailStop;
use crate::header;
use crate::metrics::StateStatus;
use crate::options::StoreOptions;
use crate::record;
use crate::snapshot::Snapshots;
use crate::types::{LogId, SnapshotMeta, StoredMembership};

/// Keys of the `meta` family.
pub(crate) const APPLIED: &str = "applied";
pub(crate) const MEMBERSHIP: &str = "membership";
pub(crate) const CLUSTER: &str = "cluster";

pub(crate) struct StateCore {
    /// The generation in use; `None` once the store is closed.
    database: ArcSwapOption<Database>,
    /// `state/`.
    pub(super) directory: PathBuf,
    pub(crate) options: StoreOptions,
    pub(super) claim: Mutex<Option<Claim>>,
    pub(crate) snapshots: Snapshots,
    pub(crate) fail_stop: Arc<FailStop>,
    pub(crate) position: Mutex<Position>,
    pub(crate) applied: watch::Sender<Option<u64>>,
    pub(super) checkpoints: Checkpoints,
    /// Held while a backup is made, so that there is one at a time.
    pub(crate) backing_up: Mutex<()>,
}

/// How far the state was folded, and the membership at that point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

impl Position {
    /// Reads a position through whatever reads the `meta` family.
    pub(crate) fn read(
        get: impl Fn(&'static str) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Self, StoreError> {
        let applied = get(APPLIED)?;
        let applied = applied
            .map(|bytes| record::decode_log_id("applied position", &bytes))
            .transpose()?;
        let membership = get(MEMBERSHIP)?;
        let membership = membership
            .map(|bytes| record::decode_membership(&bytes))
            .transpose()?;
        Ok(Self {
            applied,
            membership: membership.unwrap_or_default(),
        })
    }

    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        }
    }
}

impl StateCore {
    pub(crate) fn open(
        directory: PathBuf,
        snapshots: Snapshots,
        options: &StoreOptions,
        claim: Claim,
        fail_stop: Arc<FailStop>,
    ) -> Result<Self, StoreError> {
        let current = generation::current(&directory)?;
        generation::remove_others(&directory, &current)?;
        let database = open_database(&current, options, claim.clone())?;
        let position = Position::read(|key| database.meta(key))?;
        let (applied, _) = watch::channel(position.applied.map(|applied| applied.index()));
        Ok(Self {
            database: ArcSwapOption::new(Some(Arc::new(database))),
            directory,
            options: options.clone(),
            claim: Mutex::new(Some(claim)),
            snapshots,
            fail_stop,
            position: Mutex::new(position),
            applied,
            checkpoints: Checkpoints::default(),
            backing_up: Mutex::new(()),
        })
    }

    pub(crate) fn database(&self) -> Result<Arc<Database>, StoreError> {
        self.database.load_full().ok_or(StoreError::Closed)
    }

    /// Puts a snapshot in place of the state.
    pub(crate) fn install(
        &self,
        meta: &SnapshotMeta,
        files: &crate::snapshot::SnapshotFiles,
    ) -> Result<(), StoreError> {
        self.fail_stop.check()?;
        let claim = self.claim.lock().clone().ok_or(StoreError::Closed)?;
        let kept = self.snapshots.adopt(files, meta)?;
        let old = self.database()?;
        let old_directory = generation::current(&self.directory)?;
        let new_directory = generation::prepare(&self.directory, &old_directory, &kept)?;
        let new = open_database(&new_directory, &self.options, claim)?;
        let position = Position::read(|key| new.meta(key))?;
        if position.meta() != *meta {
            let problem = "holds another state than it says".to_owned();
            return Err(StoreError::Snapshot {
                path: kept.path().into(),
                problem,
            });
        }
        generation::switch(&self.directory, &new_directory)?;
        let applied = position.applied.map(|applied| applied.index());
        *self.position.lock() = position;
        self.checkpoints.keep_up_to(applied);
        self.database.store(Some(Arc::new(new)));
        // Readers may still be in the old generation; the last of them removes it.
        old.retire(old_directory);
        self.snapshots.keep_only(&kept)?;
        self.applied.send_replace(applied);
        Ok(())
    }

    pub(crate) fn status(&self) -> StateStatus {
        let database = self.database.load_full();
        let families = [family::LEDGER, family::META];
        StateStatus {
            applied_index: *self.applied.borrow(),
            database_bytes: database.map_or(0, |database| database.size_bytes(&families)),
            snapshot_index: self
                .snapshots
                .newest()
                .and_then(|files| files.meta().last_log_id)
                .map(|last| last.index()),
        }
    }

    /// Lets go of the database; readers that are at it finish.
    pub(crate) fn close(&self) {
        self.database.store(None);
        *self.claim.lock() = None;
    }
}

/// Opens a generation and makes sure it belongs to this cluster: volumes get mixed up.
fn open_database(
    path: &Path,
    options: &StoreOptions,
    claim: Claim,
) -> Result<Database, StoreError> {
    let database = Database::open_state(path, options, claim)?;
    let expected = options.identity.cluster_id;
    match database.meta(CLUSTER)? {
        Some(found) => {
            let found = found.try_into().map_err(|_| StoreError::Damaged {
                what: "cluster id",
                problem: "not 16 bytes".to_owned(),
            })?;
            header::check_cluster(path, found, expected)?;
        }
        None => {
            let mut batch = WriteBatch::default();
            batch.put_cf(database.family(family::META), CLUSTER, expected);
            database.write("the cluster id", batch)?;
            database.sync()?;
        }
    }
    Ok(database)
}
