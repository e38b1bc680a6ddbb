//! The header of a data directory: read before anything else in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files;

/// Version of everything below the data directory. A program refuses directories of newer ones.
///
/// Version 1 had a ledger without a journal, version 2 one without work over time. No release has
/// written them, and they cannot be carried over: what happened when cannot be made up afterwards.
///
/// When this rises, the way from the version before belongs into `claim`: it runs once at each start, under
/// the directory's lock and before a database is opened. The header is to be written last, so that a way that
/// was broken off is gone again from its beginning. The directory that each version has left is kept in
/// `tests/testdata/data-directories`.
pub const FORMAT_VERSION: u32 = 3;

const MAGIC: &str = "raftpool-data";
const FILE_NAME: &str = "FORMAT";

/// Whose data a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Chosen at random when the cluster was made.
    pub cluster_id: [u8; 16],
    /// The node; never used for another one.
    pub node_id: u64,
}

/// Whose data `directory` holds, or `None` when it is new. Takes no lock.
///
/// # Errors
/// When the header is damaged, of a newer version, or missing beside existing databases.
pub fn stored_identity(directory: &Path) -> Result<Option<Identity>, StoreError> {
    let path = directory.join(FILE_NAME);
    match fs::read(&path) {
        Ok(bytes) => parse(directory, &path, &bytes).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let has_databases = ["raft", "state"]
                .iter()
                .any(|name| directory.join(name).exists());
            match has_databases {
                true => Err(StoreError::MissingHeader {
                    directory: directory.into(),
                    header: path,
                }),
                false => Ok(None),
            }
        }
        Err(error) => Err(StoreError::file("read", path)(error)),
    }
}

/// Checks that the directory belongs to `identity`, or makes it so when it is new.
pub(crate) fn claim(directory: &Path, identity: Identity) -> Result<(), StoreError> {
    let Some(found) = stored_identity(directory)? else {
        return files::write_atomically(&directory.join(FILE_NAME), render(identity).as_bytes());
    };
    check_cluster(directory, found.cluster_id, identity.cluster_id)?;
    if found.node_id != identity.node_id {
        return Err(StoreError::WrongNode {
            path: directory.into(),
            found: found.node_id,
            expected: identity.node_id,
        });
    }
    Ok(())
}

/// Makes the directory another identity's, whoever it belonged to.
pub(crate) fn replace(directory: &Path, identity: Identity) -> Result<(), StoreError> {
    files::write_atomically(&directory.join(FILE_NAME), render(identity).as_bytes())
}

/// Refuses what belongs to another cluster.
pub(crate) fn check_cluster(
    path: &Path,
    found: [u8; 16],
    expected: [u8; 16],
) -> Result<(), StoreError> {
    if found == expected {
        return Ok(());
    }
    Err(StoreError::WrongCluster {
        path: path.into(),
        found: hex::encode(found),
        expected: hex::encode(expected),
    })
}

fn render(identity: Identity) -> String {
    let cluster = hex::encode(identity.cluster_id);
    let body = format!(
        "{MAGIC} {FORMAT_VERSION}\ncluster {cluster}\nnode {}\n",
        identity.node_id
    );
    format!("{body}check {}\n", check_of(&body))
}

fn check_of(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex()[..16].to_owned()
}

fn parse(directory: &Path, path: &Path, bytes: &[u8]) -> Result<Identity, StoreError> {
    let damaged = |problem: &str| StoreError::DamagedHeader {
        path: PathBuf::from(path),
        problem: problem.to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("not text"))?;
    let mut lines = text.lines();
    let mut value_of = |name: &str| {
        let line = lines
            .next()
            .ok_or_else(|| damaged(&format!("no line `{name}`")))?;
        let value = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(' '));
        value.ok_or_else(|| damaged(&format!("`{line}` where `{name} ...` belongs")))
    };
    let version = value_of(MAGIC)?;
    let version: u32 = version
        .parse()
        .map_err(|_| damaged("the version is not a number"))?;
    // Asked before all else: a newer version may have other lines.
    if version > FORMAT_VERSION {
        return Err(StoreError::NewerVersion {
            path: directory.into(),
            found: version,
            supported: FORMAT_VERSION,
        });
    }
    if version == 0 {
        return Err(damaged("there is no version 0"));
    }
    if version < FORMAT_VERSION {
        return Err(StoreError::OlderVersion {
            path: directory.into(),
            found: version,
        });
    }
    let cluster_id = hex::decode(value_of("cluster")?)
        .ok()
        .and_then(|id| id.try_into().ok());
    let cluster_id = cluster_id.ok_or_else(|| damaged("the cluster id is not 16 bytes"))?;
    let node_id = value_of("node")?
        .parse()
        .map_err(|_| damaged("the node id is not a number"))?;
    let check = value_of("check")?;
    let body_end = text.rfind("check ").unwrap_or_default();
    if check != check_of(&text[..body_end]) {
        return Err(damaged("the check value does not fit"));
    }
    Ok(Identity {
        cluster_id,
        node_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity {
        cluster_id: [7; 16],
        node_id: 3,
    };

    fn read(content: &str) -> Result<Option<Identity>, StoreError> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE_NAME), content).unwrap();
        stored_identity(directory.path())
    }

    #[test]
    fn header_written_is_read_back() {
        assert_eq!(read(&render(IDENTITY)).unwrap(), Some(IDENTITY));
    }

    #[test]
    fn every_changed_byte_of_a_header_is_noticed() {
        let good = render(IDENTITY);
        for position in 0..good.len() - 1 {
            let mut bytes = good.clone().into_bytes();
            bytes[position] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(read(&text).is_err(), "byte {position} changed: {text}");
        }
        for length in 0..good.len() - 1 {
            assert!(read(&good[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn header_of_a_newer_version_names_both_versions() {
        let error = read("raftpool-data 9\nsomething else\n").unwrap_err();
        assert!(matches!(
            error,
            StoreError::NewerVersion {
                found: 9,
                supported: FORMAT_VERSION,
                ..
            }
        ));
        assert!(error.to_string().contains("run the newer program"));
    }

    #[test]
    fn new_directory_is_claimed_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(stored_identity(path).unwrap(), None);
        claim(path, IDENTITY).unwrap();
        claim(path, IDENTITY).unwrap();
        let other_node = claim(
            path,
            Identity {
                node_id: 4,
                ..IDENTITY
            },
        )
        .unwrap_err();
        assert!(matches!(
            other_node,
            StoreError::WrongNode {
                found: 3,
                expected: 4,
                ..
            }
        ));
        let other = claim(
            path,
            Identity {
                cluster_id: [8; 16],
                ..IDENTITY
            },
        )
        .unwrap_err();
        assert!(matches!(other, StoreError::WrongCluster { .. }));
        assert!(other.to_string().contains(&hex::encode([7; 16])));
    }

    #[test]
    fn databases_without_header_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("state")).unwrap();
        let error = stored_identity(directory.path()).unwrap_err();
        assert!(matches!(error, StoreError::MissingHeader { .. }));
    }
}
