//! Orders one node, whichever is there first, to end or to stop at a step of a payout.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::ClusterPool;

/// The file that all nodes look into. Whoever acts renames it: its extension is then the id of
/// that process.
pub(super) fn file_in(root: &Path) -> PathBuf {
    root.join("crash.order")
}

impl ClusterPool {
    /// Orders the node that first meets a step to end there, or with `pause:` before the name to
    /// stop there. Only for clusters with [`super::ClusterOptions::has_crash_file`].
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn order_crash(&self, order: &str) -> Result<()> {
        if let Some(before) = self.crash_taken_by()? {
            let taken = file_in(self.root()).with_extension(before.to_string());
            std::fs::remove_file(taken).context("remove an order that was carried out")?;
        }
        let new = self.root().join("crash.new");
        std::fs::write(&new, order).context("write the crash file")?;
        // Renamed into place, so that no node reads half of it.
        std::fs::rename(&new, file_in(self.root())).context("place the crash file")
    }

    /// Takes an order back; whether it was still there.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn withdraw_crash(&self) -> Result<bool> {
        match std::fs::remove_file(file_in(self.root())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context("remove the crash file"),
        }
    }

    /// The id of the process that has carried out the newest order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn crash_taken_by(&self) -> Result<Option<u32>> {
        let directory = std::fs::read_dir(self.root()).context("look for the crash file")?;
        for entry in directory {
            let name = entry.context("look for the crash file")?.file_name();
            let name = name.to_string_lossy();
            let taken_by = name.strip_prefix("crash.").map(str::parse);
            if let Some(Ok(id)) = taken_by {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
