//! Backups: copies of a snapshot that depend on nothing of the node that made them.
//!
//! A backup is a directory with the files of a snapshot, its manifest, and `backup.json`, which says
//! what the state is and what its manifest must be. It is written under a name that nobody takes for
//! a backup, synced, and renamed: whatever is there under a backup's name is complete.

mod catalog;

mod restore;

use std::path::{Path, PathBuf};

use raftpool_ledger::StateRead;
use raftpool_ledger::view::LedgerView;
use serde::{Deserialize, Serialize};

pub use self::catalog::{FoundBackup, list_backups};
pub use self::restore::{Founding, found_anew, restore_backup};
use crate::database::{family, open_checkpoint};
use crate::error::StoreError;
use crate::files;
use crate::snapshot::SnapshotFiles;
use crate::state::{StateCore, StateStore, StateView};

/// Version of `backup.json`. A program refuses backups of newer ones.
const BACKUP_VERSION: u32 = 1;
const FILE_NAME: &str = "backup.json";
const PREFIX: &str = "backup-";
const MAKING: &str = ".making-";
const REMOVING: &str = ".removing-";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupInfo {
    version: u32,
    /// Id of the cluster it is of, in hexadecimal.
    pub cluster: String,
    /// The node that made it.
    pub node: u64,
    /// Log index up to which the state is applied.
    pub index: u64,
    /// Term of that entry.
    pub term: u64,
    /// The ledger's time there, in milliseconds since the Unix epoch.
    pub ledger_time_ms: u64,
    /// When it was made, in milliseconds since the Unix epoch, by the node's clock.
    pub made_at_ms: u64,
    /// Version of the program that made it.
    pub program: String,
    /// The ledger's running digest there, in hexadecimal.
    pub digest: String,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// BLAKE3 of its manifest, which has the names, sizes and hashes of its files.
    pub manifest_blake3: String,
    /// BLAKE3 of this record with nothing here.
    check: String,
}

/// How a backup is made.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// Where backups are kept; made when it does not exist.
    pub directory: PathBuf,
    /// The present time, in milliseconds since the Unix epoch.
    pub made_at_ms: u64,
    /// Version of the program.
    pub program: String,
    /// How many backups of this node stay, the newest ones; at least 1.
    pub kept_max: usize,
}

impl StateStore {
    /// Makes a backup of the present state and removes the oldest ones. Blocks, as long as it takes
    /// to copy the state.
    ///
    /// # Errors
    /// When nothing was applied yet, or a file cannot be written; then there is no new backup.
    pub fn back_up(&self, request: &BackupRequest) -> Result<FoundBackup, StoreError> {
        let core = self.core();
        let _making = core.backing_up.lock();
        files::create_directory(&request.directory)?;
        let node = core.options.identity.node_id;
        catalog::remove_leftovers(&request.directory, node)?;
        let path = make(core, request)?;
        catalog::prune(&request.directory, node, request.kept_max.max(1))?;
        FoundBackup::read(&path)
    }
}

fn make(core: &StateCore, request: &BackupRequest) -> Result<PathBuf, StoreError> {
    let database = core.database()?;
    let snapshot = core.snapshots.build(&database)?;
    let identity = core.options.identity;
    let Some(last) = snapshot.meta().last_log_id else {
        let problem = "there is nothing to back up yet".to_owned();
        return Err(damaged(&request.directory, problem));
    };
    let (digest, ledger_time_ms) = read_checkpoint(snapshot.path(), |state| {
        let view = LedgerView::new(state);
        Ok((view.digest()?, view.time_ms()?))
    })?;
    let (index, time_ms) = (last.index(), request.made_at_ms);
    let name = format!("{index:020}-{time_ms}-node-{}", identity.node_id);
    let making = request.directory.join(format!("{MAKING}{name}"));
    files::create_directory(&making)?;
    for (file, _) in snapshot.files() {
        let name = file.file_name().unwrap_or_default();
        files::copy(&file, &making.join(name))?;
    }
    snapshot.write_manifest(&making)?;
    let info = BackupInfo {
        version: BACKUP_VERSION,
        cluster: hex::encode(identity.cluster_id),
        node: identity.node_id,
        index,
        term: last.committed_leader_id().term,
        ledger_time_ms,
        made_at_ms: time_ms,
        program: request.program.clone(),
        digest: hex::encode(digest),
        size_bytes: snapshot.size_bytes(),
        manifest_blake3: manifest_hash(&making)?,
        check: String::new(),
    };
    let info = info.sealed(&making)?;
    let text = serde_json::to_vec_pretty(&info);
    let text = text.map_err(|error| damaged(&making, error.to_string()))?;
    files::write_atomically(&making.join(FILE_NAME), &text)?;
    // What was copied is compared once more: a backup that is wrong from the beginning is none.
    SnapshotFiles::open(&making, identity.cluster_id)?.verify(identity.cluster_id)?;
    files::sync(&making)?;
    let path = request.directory.join(format!("{PREFIX}{name}"));
    std::fs::rename(&making, &path).map_err(StoreError::file("rename to", &path))?;
    files::sync_parent(&path)?;
    Ok(path)
}

/// Checks every file of a backup, and that its state is what it says; `query` may look into it.
///
/// # Errors
/// When it is damaged, incomplete, or of a newer version; the error names what is wrong.
pub fn verify_backup<T>(
    path: &Path,
    query: impl FnOnce(&dyn StateRead) -> Result<T, raftpool_ledger::StateError>,
) -> Result<(BackupInfo, T), StoreError> {
    let info = BackupInfo::read(path)?;
    let cluster_id = info.cluster_id(path)?;
    let files = SnapshotFiles::open(path, cluster_id)?;
    if manifest_hash(path)? != info.manifest_blake3 {
        return Err(damaged(path, "its manifest is not what it was".to_owned()));
    }
    files.verify(cluster_id)?;
    let position = files.meta().last_log_id;
    let position = position.map(|last| (last.index(), last.committed_leader_id().term));
    let (digest, time_ms, found) = read_checkpoint(path, |state| {
        let view = LedgerView::new(state);
        Ok((view.digest()?, view.time_ms()?, query(state)?))
    })?;
    let is_same = position == Some((info.index, info.term))
        && hex::encode(digest) == info.digest
        && time_ms == info.ledger_time_ms;
    if !is_same {
        let problem = "its state is not the one that it says".to_owned();
        return Err(damaged(path, problem));
    }
    Ok((info, found))
}

impl BackupInfo {
    fn read(path: &Path) -> Result<Self, StoreError> {
        let file = path.join(FILE_NAME);
        let bytes = std::fs::read(&file).map_err(StoreError::file("read", &file))?;
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let wrong = |error: serde_json::Error| damaged(path, format!("{FILE_NAME}: {error}"));
        // Asked before all else: a newer version may have other fields.
        let Version { version } = serde_json::from_slice(&bytes).map_err(wrong)?;
        if version > BACKUP_VERSION {
            let problem = format!(
                "it has version {version}, this program knows versions up to {BACKUP_VERSION}: \
                 use the newer program"
            );
            return Err(damaged(path, problem));
        }
        let info: Self = serde_json::from_slice(&bytes).map_err(wrong)?;
        if info.clone().sealed(path)?.check != info.check {
            let problem = format!("{FILE_NAME} is not what it was");
            return Err(damaged(path, problem));
        }
        Ok(info)
    }

    fn sealed(mut self, path: &Path) -> Result<Self, StoreError> {
        self.check.clear();
        let text = serde_json::to_vec(&self);
        let text = text.map_err(|error| damaged(path, error.to_string()))?;
        self.check = blake3::hash(&text).to_hex().to_string();
        Ok(self)
    }

    /// The cluster it is of.
    fn cluster_id(&self, path: &Path) -> Result<[u8; 16], StoreError> {
        let id = hex::decode(&self.cluster);
        let id = id.ok().and_then(|id| id.try_into().ok());
        id.ok_or_else(|| damaged(path, "its cluster id is not 16 bytes".to_owned()))
    }
}

/// Looks into a checkpoint without changing its files.
fn read_checkpoint<T>(
    path: &Path,
    query: impl FnOnce(&dyn StateRead) -> Result<T, raftpool_ledger::StateError>,
) -> Result<T, StoreError> {
    let checkpoint = open_checkpoint(path)?;
    let ledger = checkpoint.cf_handle(family::LEDGER);
    let ledger = ledger.ok_or_else(|| damaged(path, "it has no ledger".to_owned()))?;
    let snapshot = checkpoint.snapshot();
    let found = query(&StateView::of(&snapshot, ledger));
    found.map_err(|error| damaged(path, format!("its ledger cannot be read: {error}")))
}

fn manifest_hash(path: &Path) -> Result<String, StoreError> {
    let file = path.join(crate::snapshot::MANIFEST_NAME);
    let bytes = std::fs::read(&file).map_err(StoreError::file("read", &file))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

fn damaged(path: &Path, problem: String) -> StoreError {
    StoreError::Backup {
        path: path.into(),
        problem,
    }
}
