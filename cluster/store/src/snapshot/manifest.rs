//! What a snapshot consists of, as JSON beside its files.

use std::fs::{self, File};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::files;
use crate::header::{self, FORMAT_VERSION, Identity};
use crate::record;
use crate::types::SnapshotMeta;

pub(crate) const FILE_NAME: &str = "snapshot.json";

/// Names the files of a snapshot with their sizes and hashes, and what they cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// On-disk version of the files.
    format: u32,
    /// Cluster id, in hexadecimal.
    cluster: String,
    /// The node that made it.
    node: u64,
    /// Position covered; the sealed record, in hexadecimal.
    last_log_id: String,
    /// Membership at that position; the sealed record, in hexadecimal.
    membership: String,
    files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    name: String,
    size: u64,
    blake3: String,
}

impl Manifest {
    /// Describes the checkpoint in `directory`, and makes its files durable.
    pub(super) fn of(
        directory: &Path,
        identity: Identity,
        meta: &SnapshotMeta,
    ) -> Result<Self, StoreError> {
        let mut entries = Vec::new();
        for name in files::names(directory)? {
            let path = directory.join(&name);
            if !is_database_file(&name) {
                fs::remove_file(&path).map_err(StoreError::file("remove", &path))?;
                continue;
            }
            let (size, blake3) = digest(&path)?;
            files::sync(&path)?;
            entries.push(FileEntry { name, size, blake3 });
        }
        let last_log_id = meta.last_log_id.as_ref().map(record::encode_log_id);
        Ok(Self {
            format: FORMAT_VERSION,
            cluster: hex::encode(identity.cluster_id),
            node: identity.node_id,
            last_log_id: hex::encode(last_log_id.unwrap_or_default()),
            membership: hex::encode(record::encode_membership(&meta.last_membership)),
            files: entries,
        })
    }

    pub(super) fn read(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        let bytes = fs::read(&path).map_err(StoreError::file("read", &path))?;
        Self::parse(directory, &bytes)
    }

    /// The manifest of the snapshot in `directory`, out of its bytes.
    pub(super) fn parse(directory: &Path, bytes: &[u8]) -> Result<Self, StoreError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| damaged(directory, format!("manifest: {error}")))?;
        if manifest.format > FORMAT_VERSION {
            let (found, supported) = (manifest.format, FORMAT_VERSION);
            return Err(StoreError::NewerVersion {
                path: directory.into(),
                found,
                supported,
            });
        }
        if manifest.format < FORMAT_VERSION {
            return Err(StoreError::OlderVersion {
                path: directory.into(),
                found: manifest.format,
            });
        }
        if let Some(file) = manifest
            .files
            .iter()
            .find(|file| !is_database_file(&file.name))
        {
            return Err(damaged(
                directory,
                format!("`{}` is no database file", file.name),
            ));
        }
        Ok(manifest)
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), StoreError> {
        files::write_atomically(&directory.join(FILE_NAME), &self.render(directory)?)
    }

    pub(super) fn render(&self, directory: &Path) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec_pretty(self)
            .map_err(|error| damaged(directory, format!("manifest: {error}")))
    }

    pub(super) fn check_cluster(&self, path: &Path, expected: [u8; 16]) -> Result<(), StoreError> {
        let found = hex::decode(&self.cluster)
            .ok()
            .and_then(|id| id.try_into().ok());
        let found = found.ok_or_else(|| damaged(path, "cluster id is not 16 bytes".to_owned()))?;
        header::check_cluster(path, found, expected)
    }

    pub(super) fn meta(&self, path: &Path) -> Result<SnapshotMeta, StoreError> {
        let bytes =
            |text: &str| hex::decode(text).map_err(|error| damaged(path, error.to_string()));
        let last_log_id = match bytes(&self.last_log_id)? {
            empty if empty.is_empty() => None,
            sealed => Some(record::decode_log_id("snapshot position", &sealed)?),
        };
        let last_membership = record::decode_membership(&bytes(&self.membership)?)?;
        Ok(SnapshotMeta {
            last_log_id,
            last_membership,
        })
    }

    pub(super) fn verify(&self, directory: &Path) -> Result<(), StoreError> {
        for file in &self.files {
            let (size, blake3) = digest(&directory.join(&file.name))?;
            if (size, &blake3) != (file.size, &file.blake3) {
                return Err(damaged(
                    directory,
                    format!("`{}` is not what it was", file.name),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// Names and sizes, in order.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files
            .iter()
            .map(|file| (file.name.as_str(), file.size))
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Whether a name is one RocksDB needs; its own diagnostics are not. Names with a path in them
/// are none, whoever sent the manifest.
fn is_database_file(name: &str) -> bool {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let is_known = name.ends_with(".sst")
        || name.ends_with(".log")
        || name.starts_with("MANIFEST-")
        || name.starts_with("OPTIONS-")
        || name == "CURRENT"
        || name == "IDENTITY";
    is_plain && is_known
}

fn digest(path: &Path) -> Result<(u64, String), StoreError> {
    let file = File::open(path).map_err(StoreError::file("open", path))?;
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(file)
        .map_err(StoreError::file("read", path))?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

pub(super) fn damaged(path: &Path, problem: String) -> StoreError {
    StoreError::Snapshot {
        path: path.into(),
        problem,
    }
}
