//! Snapshots: RocksDB checkpoints of the state, each with a manifest.
//!
//! `snapshots/` holds one directory per snapshot, named by the position it covers, zero-padded so
//! that names sort as positions do. A directory under its final name is complete and durable;
//! whatever is not is removed at the next start.

mod files;

mod manifest;

mod receive;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::RaftSnapshotBuilder;
use openraft::storage::Snapshot;
use parking_lot::Mutex;
use rocksdb::checkpoint::Checkpoint;

pub use self::files::SnapshotFiles;
pub(crate) use self::manifest::FILE_NAME as MANIFEST_NAME;
use self::manifest::Manifest;
pub use self::receive::SnapshotReceiver;
use crate::database::{Database, family, open_checkpoint};
use crate::error::StoreError;
use crate::files as disk;
use crate::header::Identity;
use crate::state::StateCore;
use crate::types::{LogId, SnapshotMeta, TypeConfig};

const PREFIX: &str = "snap-";
const BUILDING: &str = "building";
const ADOPTING: &str = "adopting";
const RECEIVING: &str = "receiving";

/// The snapshots of a node, oldest first.
pub(crate) struct Snapshots {
    directory: PathBuf,
    identity: Identity,
    kept_max: usize,
    list: Mutex<Vec<Arc<SnapshotFiles>>>,
    /// Held while a directory is made, so that two makers do not use the same name.
    making: Mutex<()>,
    /// Snapshots whose reception was begun, so that each has a directory of its own.
    received: AtomicU64,
}

impl Snapshots {
    pub(crate) fn open(
        directory: PathBuf,
        identity: Identity,
        kept_max: usize,
    ) -> Result<Self, StoreError> {
        disk::create_directory(&directory)?;
        let mut list = Vec::new();
        for name in disk::names(&directory)? {
            let path = directory.join(&name);
            if !name.starts_with(PREFIX) {
                disk::remove_directory(&path)?;
                continue;
            }
            match SnapshotFiles::open(&path, identity.cluster_id) {
                Ok(files) => list.push(Arc::new(files)),
                // The state itself does not depend on it; the next snapshot takes its place.
                Err(error) => tracing::warn!(error = error.chain(), "a snapshot is left out"),
            }
        }
        let kept_max = kept_max.max(1);
        let (list, making) = (Mutex::new(list), Mutex::new(()));
        let received = AtomicU64::new(0);
        Ok(Self {
            directory,
            identity,
            kept_max,
            list,
            making,
            received,
        })
    }

    pub(crate) fn newest(&self) -> Option<Arc<SnapshotFiles>> {
        self.list.lock().last().cloned()
    }

    /// Makes a snapshot of the present state.
    pub(crate) fn build(&self, database: &Database) -> Result<Arc<SnapshotFiles>, StoreError> {
        let _making = self.making.lock();
        let path = self.directory.join(BUILDING);
        disk::remove_directory(&path)?;
        let failed = || StoreError::write("a checkpoint of the state");
        Checkpoint::new(database.db())
            .and_then(|checkpoint| checkpoint.create_checkpoint(&path))
            .map_err(failed())?;
        // From the checkpoint, not from the running state, which has moved on.
        let meta = meta_of(&path)?;
        let manifest = Manifest::of(&path, self.identity, &meta)?;
        manifest.write(&path)?;
        self.publish(&path, meta.last_log_id)
    }

    /// Verifies a snapshot that was received or made here and keeps it among this node's own.
    pub(crate) fn adopt(
        &self,
        files: &SnapshotFiles,
        meta: &SnapshotMeta,
    ) -> Result<Arc<SnapshotFiles>, StoreError> {
        let _making = self.making.lock();
        files.verify(self.identity.cluster_id)?;
        if files.meta() != meta || meta_of(files.path())? != *meta {
            let problem = "does not cover what was announced".to_owned();
            return Err(StoreError::Snapshot {
                path: files.path().into(),
                problem,
            });
        }
        if files.path().parent() == Some(&self.directory)
            && let Some(own) = self.find(files.path())
        {
            return Ok(own);
        }
        let path = self.directory.join(ADOPTING);
        disk::remove_directory(&path)?;
        disk::create_directory(&path)?;
        files.fill(&path)?;
        files.manifest().write(&path)?;
        self.publish(&path, meta.last_log_id)
    }

    /// Begins to receive the snapshot that a manifest describes.
    pub(crate) fn receive(&self, manifest: &[u8]) -> Result<SnapshotReceiver, StoreError> {
        let number = self.received.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{RECEIVING}-{number}"));
        SnapshotReceiver::begin(path, manifest, self.identity.cluster_id)
    }

    /// Removes all snapshots but one that nobody is reading.
    pub(crate) fn keep_only(&self, kept: &Arc<SnapshotFiles>) -> Result<(), StoreError> {
        self.remove_where(|_, files| !Arc::ptr_eq(files, kept))
    }

    /// Gives a complete directory its final name, durably.
    fn publish(
        &self,
        made: &Path,
        position: Option<LogId>,
    ) -> Result<Arc<SnapshotFiles>, StoreError> {
        let path = self.directory.join(name_of(position));
        if let Some(same) = self.find(&path) {
            // At one position there is one state: what exists already serves as well.
            disk::remove_directory(made)?;
            return Ok(same);
        }
        disk::remove_directory(&path)?;
        disk::sync(made)?;
        std::fs::rename(made, &path).map_err(StoreError::file("rename to", &path))?;
        disk::sync_parent(&path)?;
        let files = Arc::new(SnapshotFiles::open(&path, self.identity.cluster_id)?);
        {
            let mut list = self.list.lock();
            list.push(files.clone());
            list.sort_by(|a, b| a.path().cmp(b.path()));
        }
        let kept_max = self.kept_max;
        self.remove_where(|newer, _| newer >= kept_max)?;
        Ok(files)
    }

    fn find(&self, path: &Path) -> Option<Arc<SnapshotFiles>> {
        self.list
            .lock()
            .iter()
            .find(|files| files.path() == path)
            .cloned()
    }

    /// Removes the snapshots that nobody reads and for which `condition` holds, given how many
    /// newer ones there are.
    fn remove_where(
        &self,
        condition: impl Fn(usize, &Arc<SnapshotFiles>) -> bool,
    ) -> Result<(), StoreError> {
        let mut list = self.list.lock();
        let count = list.len();
        let mut removed = Vec::new();
        let mut position = 0;
        list.retain(|files| {
            position += 1;
            let remove = condition(count - position, files) && Arc::strong_count(files) == 1;
            if remove {
                removed.push(files.path().to_owned());
            }
            !remove
        });
        removed
            .iter()
            .try_for_each(|path| disk::remove_directory(path))
    }
}

/// Makes snapshots beside the state's writer.
pub struct SnapshotBuilder {
    core: Arc<StateCore>,
}

impl SnapshotBuilder {
    pub(crate) fn new(core: Arc<StateCore>) -> Self {
        Self { core }
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Arc<SnapshotFiles>;

    async fn build_snapshot(
        &mut self,
    ) -> io::Result<openraft::alias::SnapshotOf<TypeConfig, Arc<SnapshotFiles>>> {
        let core = self.core.clone();
        let built = tokio::task::spawn_blocking(move || {
            let database = core.database()?;
            core.fail_stop
                .trip_on_error(core.snapshots.build(&database))
        });
        let files = built.await.map_err(io::Error::other)??;
        Ok(Snapshot {
            meta: files.meta().clone(),
            snapshot: files,
        })
    }
}

/// Name of the snapshot at a position; the one before the first entry sorts before all others.
fn name_of(position: Option<LogId>) -> String {
    let Some(position) = position else {
        return format!("{PREFIX}-empty");
    };
    let leader = position.committed_leader_id();
    format!(
        "{PREFIX}{:020}-{:020}-{:020}",
        position.index(),
        leader.term,
        leader.node_id
    )
}

/// What the checkpoint in a directory covers.
fn meta_of(path: &Path) -> Result<SnapshotMeta, StoreError> {
    let checkpoint = open_checkpoint(path)?;
    let meta = checkpoint
        .cf_handle(family::META)
        .ok_or_else(|| StoreError::Damaged {
            what: "checkpoint",
            problem: "no meta family".to_owned(),
        })?;
    let get = |key| checkpoint.get_cf(meta, key).map_err(StoreError::read(key));
    Ok(crate::state::Position::read(get)?.meta())
}
