//! One snapshot on disk.

use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::receive::StagedDirectory;
use crate::error::StoreError;
use crate::files;
use crate::types::SnapshotMeta;

/// A snapshot's directory, which stays as long as this lives.
#[derive(Debug)]
pub struct SnapshotFiles {
    path: PathBuf,
    manifest: Manifest,
    meta: SnapshotMeta,
    /// Removes what was received, once nobody needs it any more.
    _staged: Option<StagedDirectory>,
}

impl SnapshotFiles {
    /// A directory with a manifest of the given cluster. The files themselves are looked at when
    /// the snapshot is installed.
    ///
    /// # Errors
    /// When the manifest is missing, damaged, or of another cluster.
    pub fn open(path: &Path, cluster_id: [u8; 16]) -> Result<Self, StoreError> {
        let manifest = Manifest::read(path)?;
        manifest.check_cluster(path, cluster_id)?;
        let meta = manifest.meta(path)?;
        Ok(Self {
            path: path.into(),
            manifest,
            meta,
            _staged: None,
        })
    }

    /// What was received into a directory that goes with it.
    pub(super) fn staged(
        directory: StagedDirectory,
        manifest: Manifest,
        meta: SnapshotMeta,
    ) -> Self {
        Self {
            path: directory.path().into(),
            manifest,
            meta,
            _staged: Some(directory),
        }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it covers.
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Bytes of all its files.
    pub fn size_bytes(&self) -> u64 {
        self.manifest.size_bytes()
    }

    /// Its manifest as it is sent to another node.
    ///
    /// # Errors
    /// Never for a manifest that was read or made here.
    pub fn manifest_bytes(&self) -> Result<Vec<u8>, StoreError> {
        self.manifest.render(&self.path)
    }

    /// Paths and sizes in bytes of its files, in the manifest's order.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.manifest
            .files()
            .map(|(name, size)| (self.path.join(name), size))
            .collect()
    }

    /// Writes its manifest into a directory with a copy of its files.
    pub(crate) fn write_manifest(&self, directory: &Path) -> Result<(), StoreError> {
        self.manifest.write(directory)
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads every file and compares it with the manifest.
    pub(crate) fn verify(&self, cluster_id: [u8; 16]) -> Result<(), StoreError> {
        self.manifest.check_cluster(&self.path, cluster_id)?;
        self.manifest.verify(&self.path)
    }

    /// Puts the database files into `directory`: immutable ones by a second name, the others,
    /// which a database that is opened there goes on writing, as durable copies.
    pub(crate) fn fill(&self, directory: &Path) -> Result<(), StoreError> {
        for name in self.manifest.names() {
            let (from, to) = (self.path.join(name), directory.join(name));
            match name.ends_with(".sst") {
                true => files::link_or_copy(&from, &to)?,
                false => files::copy(&from, &to)?,
            }
        }
        Ok(())
    }
}
