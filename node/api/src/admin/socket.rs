//! The socket's file: made private, never taken from a living process, never put over a file of
//! another kind.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Read and write for the owner: to connect takes the right to write.
const MODE: u32 = 0o600;

/// Why the admin socket was not made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The directory it is to lie in does not exist.
    #[error("the directory {} of the admin socket does not exist", .0.display())]
    NoDirectory(PathBuf),
    /// The system bounds the length of a socket's path.
    #[error("the path of the admin socket, {}, is too long: a socket's may have about 100 bytes", .0.display())]
    PathTooLong(PathBuf),
    /// Something that is no socket has the name.
    #[error("{} is in the way of the admin socket and is not a socket: move it away", .0.display())]
    NotASocket(PathBuf),
    /// A living process listens there.
    #[error("another process serves the admin socket {}: stop it first", .0.display())]
    InUse(PathBuf),
    /// It cannot be told whether somebody listens there.
    #[error("find out whether a process serves {}", path.display())]
    Probe {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The socket of a dead process stays.
    #[error("remove {}, the socket of a process that has ended", path.display())]
    Remove {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The socket cannot be made.
    #[error("listen on {} for operators", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The socket cannot be made private.
    #[error("keep {} for its owner alone", path.display())]
    Protect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A socket that is listened on.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    /// User id of the file's owner, who is the user of this process.
    pub(super) owner_id: u32,
}

impl Socket {
    pub(super) async fn bind(path: &Path) -> Result<Self, AdminError> {
        check_place(path)?;
        remove_stale(path).await?;
        let listener = UnixListener::bind(path).map_err(|source| AdminError::Listen {
            path: path.into(),
            source,
        })?;
        let owner_id = protect(path).map_err(|source| AdminError::Protect {
            path: path.into(),
            source,
        })?;
        Ok(Self { listener, owner_id })
    }
}

fn check_place(path: &Path) -> Result<(), AdminError> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(AdminError::NoDirectory(directory.into()));
    }
    match std::os::unix::net::SocketAddr::from_pathname(path) {
        Ok(_) => Ok(()),
        Err(_) => Err(AdminError::PathTooLong(path.into())),
    }
}

/// Removes the socket of a process that has ended: nobody accepts connections there.
async fn remove_stale(path: &Path) -> Result<(), AdminError> {
    let probe_failed = |source| AdminError::Probe {
        path: path.into(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(AdminError::NotASocket(path.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(probe_failed(error)),
    }
    match UnixStream::connect(path).await {
        // A full queue means that somebody is there, only slow.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(AdminError::InUse(path.into())),
        Ok(_) => Err(AdminError::InUse(path.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing the socket of a process that has ended");
            std::fs::remove_file(path).map_err(|source| AdminError::Remove {
                path: path.into(),
                source,
            })
        }
        Err(error) => Err(probe_failed(error)),
    }
}

fn protect(path: &Path) -> io::Result<u32> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
    Ok(std::fs::symlink_metadata(path)?.uid())
}
