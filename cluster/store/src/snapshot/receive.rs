//! A snapshot on its way in from another node.
//!
//! It is written into a directory of its own, checked as a whole, and only then handed on to be
//! installed; until then this node's state knows nothing of it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::files::SnapshotFiles;
use super::manifest::{Manifest, damaged};
use super::meta_of;
use crate::error::StoreError;
use crate::files;

/// Takes the files of a snapshot one after the other. What was received is removed when this, or
/// what it became, is dropped.
#[derive(Debug)]
pub struct SnapshotReceiver {
    directory: StagedDirectory,
    manifest: Manifest,
    cluster_id: [u8; 16],
    /// Sizes and names of the files, as announced.
    announced: Vec<(String, u64)>,
    /// The file that comes next, or is being written.
    position: usize,
    offset: u64,
    file: Option<File>,
}

impl SnapshotReceiver {
    pub(super) fn begin(
        path: PathBuf,
        manifest: &[u8],
        cluster_id: [u8; 16],
    ) -> Result<Self, StoreError> {
        let manifest = Manifest::parse(&path, manifest)?;
        manifest.check_cluster(&path, cluster_id)?;
        files::remove_directory(&path)?;
        files::create_directory(&path)?;
        let announced = manifest.files().map(|(name, size)| (name.to_owned(), size));
        Ok(Self {
            announced: announced.collect(),
            directory: StagedDirectory(path),
            manifest,
            cluster_id,
            position: 0,
            offset: 0,
            file: None,
        })
    }

    /// Takes the next bytes of the file at a position of the manifest. An empty file comes as one
    /// call without bytes.
    ///
    /// # Errors
    /// When the bytes are not the next ones, are more than announced, or cannot be written.
    pub fn write(&mut self, position: usize, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        let path = self.directory.path();
        if (position, offset) != (self.position, self.offset) {
            let problem = format!(
                "file {position} at byte {offset} came where file {} at byte {} follows",
                self.position, self.offset
            );
            return Err(damaged(path, problem));
        }
        let Some((name, size)) = self.announced.get(position) else {
            return Err(damaged(path, format!("there is no file {position}")));
        };
        let end = offset.saturating_add(data.len() as u64);
        if end > *size {
            return Err(damaged(path, format!("`{name}` is larger than announced")));
        }
        let path = path.join(name);
        let file = match &mut self.file {
            Some(file) => file,
            closed => {
                closed.insert(File::create(&path).map_err(StoreError::file("create", &path))?)
            }
        };
        file.write_all(data)
            .map_err(StoreError::file("write", &path))?;
        self.offset = end;
        if end == *size {
            file.sync_all().map_err(StoreError::file("sync", &path))?;
            (self.position, self.offset, self.file) = (position + 1, 0, None);
        }
        Ok(())
    }

    /// Checks that everything has come and is what was announced.
    ///
    /// # Errors
    /// When it is not.
    pub fn finish(self) -> Result<SnapshotFiles, StoreError> {
        let path = self.directory.path();
        if self.position != self.announced.len() {
            let problem = format!(
                "only {} of {} files came",
                self.position,
                self.announced.len()
            );
            return Err(damaged(path, problem));
        }
        self.manifest.check_cluster(path, self.cluster_id)?;
        self.manifest.write(path)?;
        self.manifest.verify(path)?;
        let meta = self.manifest.meta(path)?;
        if meta_of(path)? != meta {
            return Err(damaged(path, "does not cover what it says".to_owned()));
        }
        Ok(SnapshotFiles::staged(self.directory, self.manifest, meta))
    }
}

/// A directory that lives as long as this.
#[derive(Debug)]
pub(super) struct StagedDirectory(PathBuf);

impl StagedDirectory {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for StagedDirectory {
    fn drop(&mut self) {
        if let Err(error) = files::remove_directory(&self.0) {
            // The next start removes it.
            tracing::warn!(
                error = error.chain(),
                "a received snapshot stays on the disk"
            );
        }
    }
}
