//! The state file: written to a temporary file and renamed, so that it is always whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::chain::{Chain, Rules, SavedChain, SavedError};

/// Version of the file's layout.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    format: u32,
    /// Starts so far: each gets randomness of its own, or extra nonces would repeat.
    starts: u64,
    chain: SavedChain,
}

/// The state file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The operating system refused.
    #[error("cannot {action} the state file {}", path.display())]
    Io {
        /// read, write or replace.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Its reason.
        #[source]
        source: io::Error,
    },
    /// The content is not what this program writes.
    #[error("the state file {} is damaged; move it away to start a new chain", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: serde_json::Error,
    },
    /// The content was written by another version.
    #[error("the state file {} has format {found}, this program writes format {FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The content is readable but no complete chain of this network.
    #[error("the state file {} cannot be used; move it away to start a new chain", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: SavedError,
    },
}

/// A chain and how often it was started.
pub(crate) struct Loaded {
    pub(crate) chain: Chain,
    pub(crate) starts: u64,
}

/// Reads the file; a new chain when there is none.
pub(crate) fn load(path: &Path, rules: Rules, seed: u64) -> Result<Loaded, StateFileError> {
    let owned = || path.to_owned();
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Loaded {
                chain: Chain::new(rules, seed),
                starts: 1,
            });
        }
        Err(source) => {
            return Err(StateFileError::Io {
                action: "read",
                path: owned(),
                source,
            });
        }
    };
    let damaged = |source| StateFileError::Damaged {
        path: owned(),
        source,
    };
    let raw: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
    if let Some(found) = raw["format"]
        .as_u64()
        .and_then(|found| u32::try_from(found).ok())
        && found != FORMAT
    {
        return Err(StateFileError::Format {
            path: owned(),
            found,
        });
    }
    let state: StateFile = serde_json::from_value(raw).map_err(damaged)?;
    let starts = state.starts + 1;
    // Any odd constant spreads consecutive starts over the whole range of seeds.
    let seed = seed ^ starts.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let chain =
        Chain::restore(rules, seed, &state.chain).map_err(|source| StateFileError::Unusable {
            path: owned(),
            source,
        })?;
    Ok(Loaded { chain, starts })
}

/// Replaces the file.
pub(crate) fn save(path: &Path, starts: u64, chain: SavedChain) -> Result<(), StateFileError> {
    let failed = |action, source| StateFileError::Io {
        action,
        path: path.to_owned(),
        source,
    };
    let text = serde_json::to_vec(&StateFile {
        format: FORMAT,
        starts,
        chain,
    })
    .map_err(|source| StateFileError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    fs::write(&temporary, text).map_err(|source| failed("write", source))?;
    fs::rename(&temporary, path).map_err(|source| failed("replace", source))
}
