//! A disk that can be full: a small file system in memory, filled by a ballast file.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Enough for what RocksDB allocates in advance for two write-ahead logs, and some data.
const SIZE: &std::ffi::CStr = c"size=512m,mode=0700";
/// File that takes up the rest of the space.
const BALLAST: &str = "ballast";
const PIECE_BYTES: usize = 1 << 20;

/// A mounted disk of limited size. It is unmounted, and what was on it is gone, when this is
/// dropped.
#[derive(Debug)]
pub struct LimitedDisk {
    directory: PathBuf,
}

impl LimitedDisk {
    /// Mounts a disk at `directory`. `None` when this user may not mount anything.
    ///
    /// # Errors
    /// When the directory cannot be made, or mounting fails for another reason.
    pub fn mount(directory: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(directory).context("make the directory of the disk")?;
        match mount("tmpfs", directory, "tmpfs", MountFlags::empty(), SIZE) {
            Ok(()) => Ok(Some(Self {
                directory: directory.into(),
            })),
            Err(Errno::PERM | Errno::ACCESS | Errno::NODEV | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error).context("mount a small disk"),
        }
    }

    /// Takes up all space that is left. What others give back later is free again: RocksDB
    /// allocates in advance, and shortens its files.
    ///
    /// # Errors
    /// When writing fails for another reason than that.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())?;
        let mut bytes = PIECE_BYTES;
        let piece = vec![0; PIECE_BYTES];
        while bytes > 0 {
            match ballast.write(&piece[..bytes]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => bytes /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// When the ballast cannot be removed.
    pub fn relieve(&self) -> io::Result<()> {
        match std::fs::remove_file(self.ballast()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join(BALLAST)
    }
}

impl Drop for LimitedDisk {
    fn drop(&mut self) {
        // Detached: a process that still has files open keeps them until it ends.
        if let Err(error) = unmount(&self.directory, UnmountFlags::DETACH) {
            eprintln!("unmount {}: {error}", self.directory.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_nothing_and_a_relieved_one_does() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let Some(disk) = LimitedDisk::mount(directory.path())? else {
            println!("this user may not mount anything: nothing is tried");
            return Ok(());
        };
        let file = directory.path().join("file");
        disk.fill()?;
        let refused = std::fs::write(&file, [1; 10_000]).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::StorageFull));
        disk.relieve()?;
        std::fs::write(&file, [1; 10_000])?;
        drop(disk);
        assert!(!file.exists(), "still mounted");
        Ok(())
    }
}
