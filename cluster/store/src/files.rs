//! File operations that survive a power cut.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Makes `path` hold `content`, all or nothing: written beside it, synced, and renamed over it.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary).map_err(StoreError::file("create", &temporary))?;
    file.write_all(content)
        .map_err(StoreError::file("write", &temporary))?;
    file.sync_all()
        .map_err(StoreError::file("sync", &temporary))?;
    drop(file);
    fs::rename(&temporary, path).map_err(StoreError::file("rename to", path))?;
    sync_parent(path)
}

/// Makes names created, renamed or removed in the directory of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// Makes the content of a file, or the names in a directory, durable.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StoreError::file("sync", path))
}

/// Makes a directory, durably, if it does not exist.
pub(crate) fn create_directory(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(StoreError::file("create directory", path))?;
    sync_parent(path)
}

/// Removes a directory and all in it; it may be missing.
pub(crate) fn remove_directory(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(StoreError::file("remove directory", path)),
    }
}

/// The names in a directory, sorted; names that are not text are left out.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |source| StoreError::File {
        action: "list",
        path: directory.into(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// A second name for an immutable file, or a copy where the file system offers none.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    copy(from, to)
}

/// A durable copy.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::copy(from, to).map_err(StoreError::file("copy to", to))?;
    sync(to)
}

/// The lock on a data directory; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    pub(crate) fn acquire(directory: &Path) -> Result<Self, StoreError> {
        let path: PathBuf = directory.join("LOCK");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.map_err(StoreError::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: directory.to_owned(),
            }),
            Err(fs::TryLockError::Error(source)) => Err(StoreError::File {
                action: "lock",
                path,
                source,
            }),
        }
    }
}
