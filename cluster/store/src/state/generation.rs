//! Which directory below `state/` is the database, and how another takes its place.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files;
use crate::snapshot::SnapshotFiles;

const POINTER: &str = "CURRENT";
const PREFIX: &str = "gen-";

/// The directory of the generation in use; the first one is made here.
pub(crate) fn current(state: &Path) -> Result<PathBuf, StoreError> {
    let pointer = state.join(POINTER);
    match fs::read_to_string(&pointer) {
        Ok(name) => {
            number_of(name.trim()).ok_or_else(|| StoreError::Damaged {
                what: "pointer to the state",
                problem: format!("`{}` names no generation", name.trim()),
            })?;
            Ok(state.join(name.trim()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let first = state.join(name_of(1));
            switch(state, &first)?;
            Ok(first)
        }
        Err(error) => Err(StoreError::file("read", pointer)(error)),
    }
}

/// Removes what a crash during an installation left.
pub(super) fn remove_others(state: &Path, current: &Path) -> Result<(), StoreError> {
    for name in files::names(state)? {
        let path = state.join(&name);
        if number_of(&name).is_some() && path != current {
            files::remove_directory(&path)?;
        }
    }
    Ok(())
}

/// Makes the generation after `current` out of a snapshot, without using it yet.
pub(super) fn prepare(
    state: &Path,
    current: &Path,
    snapshot: &SnapshotFiles,
) -> Result<PathBuf, StoreError> {
    let name = current.file_name().and_then(|name| name.to_str());
    let number = name.and_then(number_of).unwrap_or_default();
    let path = state.join(name_of(number + 1));
    files::remove_directory(&path)?;
    files::create_directory(&path)?;
    snapshot.fill(&path)?;
    files::sync(&path)?;
    Ok(path)
}

/// Makes `generation` the one in use, all or nothing.
pub(crate) fn switch(state: &Path, generation: &Path) -> Result<(), StoreError> {
    let name = generation.file_name().unwrap_or_default();
    files::write_atomically(&state.join(POINTER), name.as_encoded_bytes())
}

fn name_of(number: u64) -> String {
    format!("{PREFIX}{number:08}")
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}
