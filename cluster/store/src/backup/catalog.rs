//! The backups in a directory.

use std::path::{Path, PathBuf};

use super::{BackupInfo, MAKING, PREFIX, REMOVING};
use crate::error::StoreError;
use crate::files;

/// A directory that has a backup's name.
#[derive(Debug)]
pub struct FoundBackup {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds, or what is wrong with it. Its files are not looked at.
    pub info: Result<BackupInfo, StoreError>,
}

impl FoundBackup {
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let (path, info) = (path.to_owned(), BackupInfo::read(path)?);
        let info = Ok(info);
        Ok(Self { path, info })
    }

    /// Its name: that of its directory.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// The backups of all nodes in a directory, oldest first by what they hold; none when there is no
/// such directory. What was not finished is none.
///
/// # Errors
/// When the directory cannot be read.
pub fn list_backups(directory: &Path) -> Result<Vec<FoundBackup>, StoreError> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let names = files::names(directory)?;
    let names = names.iter().filter(|name| name.starts_with(PREFIX));
    let found = names.map(|name| {
        let path = directory.join(name);
        let info = BackupInfo::read(&path);
        FoundBackup { path, info }
    });
    Ok(found.collect())
}

/// Removes what this node did not finish making or removing.
pub(super) fn remove_leftovers(directory: &Path, node: u64) -> Result<(), StoreError> {
    for name in files::names(directory)? {
        let is_leftover = name.starts_with(MAKING) || name.starts_with(REMOVING);
        if is_leftover && name.ends_with(&suffix(node)) {
            files::remove_directory(&directory.join(&name))?;
        }
    }
    Ok(())
}

/// Removes all backups of a node but the newest ones. Each is renamed first, so that one that is
/// half gone is no backup any more.
pub(super) fn prune(directory: &Path, node: u64, kept_max: usize) -> Result<(), StoreError> {
    let suffix = suffix(node);
    let names = files::names(directory)?;
    let is_own = |name: &&String| name.starts_with(PREFIX) && name.ends_with(&suffix);
    let own: Vec<&String> = names.iter().filter(is_own).collect();
    for name in own.iter().take(own.len().saturating_sub(kept_max)) {
        let path = directory.join(name);
        let removing = directory.join(format!("{REMOVING}{name}"));
        std::fs::rename(&path, &removing).map_err(StoreError::file("rename", &path))?;
        files::sync(directory)?;
        files::remove_directory(&removing)?;
    }
    Ok(())
}

fn suffix(node: u64) -> String {
    format!("-node-{node}")
}
