//! Switches for tests only, read from the environment: a disk that fails as a file says, and ways
//! to break the pool's promises on purpose, so that whoever looks for broken promises can be seen
//! to find them.

mod faults;
mod sabotaged;

use std::env::VarError;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use raftpool_ledger::Cluster;
use raftpool_store::Fault;

use faults::Faults;
use sabotaged::{Sabotage, Sabotaged};

/// Names a file whose lines say how the disk fails at present.
const FAULT_FILE_VARIABLE: &str = "RAFTPOOL_TEST_FAULT_FILE";
/// Says which promise is broken.
const SABOTAGE_VARIABLE: &str = "RAFTPOOL_TEST_SABOTAGE";

/// What the store shall suffer; `None` without a switch.
///
/// # Errors
/// When a variable, or the file it names, says something unknown.
pub(super) fn fault() -> anyhow::Result<Option<Arc<dyn Fault>>> {
    fault_of(variable(FAULT_FILE_VARIABLE)?, sabotage()?)
}

/// The cluster, or what a switch makes of it.
///
/// # Errors
/// When the variable says something unknown.
pub(super) fn wrap(cluster: Arc<dyn Cluster>) -> anyhow::Result<Arc<dyn Cluster>> {
    Ok(wrap_as(cluster, sabotage()?))
}

fn fault_of(
    file: Option<String>,
    sabotage: Option<Sabotage>,
) -> anyhow::Result<Option<Arc<dyn Fault>>> {
    let loses_unsynced = sabotage == Some(Sabotage::NoFsync);
    if file.is_none() && !loses_unsynced {
        return Ok(None);
    }
    tracing::warn!(
        file,
        loses_unsynced,
        "a switch for tests is on: this node's disk is not to be trusted"
    );
    let faults = Faults::new(file.map(PathBuf::from), loses_unsynced);
    Ok(Some(Arc::new(faults.context(FAULT_FILE_VARIABLE)?)))
}

fn wrap_as(cluster: Arc<dyn Cluster>, sabotage: Option<Sabotage>) -> Arc<dyn Cluster> {
    match sabotage {
        None | Some(Sabotage::NoFsync) => cluster,
        Some(sabotage) => {
            tracing::warn!(
                ?sabotage,
                "a switch for tests is on: this node breaks its promises"
            );
            Arc::new(Sabotaged::new(cluster, sabotage))
        }
    }
}

fn sabotage() -> anyhow::Result<Option<Sabotage>> {
    let value = variable(SABOTAGE_VARIABLE)?;
    let sabotage = value.map(|value| value.parse()).transpose();
    sabotage.context(SABOTAGE_VARIABLE)
}

fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => bail!("{name} is not text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_switch_brings_a_fault() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("faults").display().to_string();
        assert!(fault_of(None, None).unwrap().is_none());
        let harmless = [
            Sabotage::AcknowledgeBeforeCommit,
            Sabotage::NoDuplicateFilter,
        ];
        for sabotage in harmless {
            assert!(fault_of(None, Some(sabotage)).unwrap().is_none());
        }
        let lossy = fault_of(None, Some(Sabotage::NoFsync)).unwrap().unwrap();
        assert!(lossy.loses_unsynced());
        let failing = fault_of(Some(file.clone()), None).unwrap().unwrap();
        assert!(!failing.loses_unsynced());
        failing.before_log_sync().unwrap();
        std::fs::write(&file, "log_sync_fails").unwrap();
        failing.before_log_sync().unwrap_err();
    }

    #[test]
    fn unknown_value_is_refused_with_the_variable_and_the_known_ones() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("faults");
        std::fs::write(&file, "log_sync_slow").unwrap();
        let refused = fault_of(Some(file.display().to_string()), None);
        let refused = format!("{:#}", refused.err().unwrap());
        for part in ["RAFTPOOL_TEST_FAULT_FILE", "log_sync_slow", "log_sync_ms=N"] {
            assert!(refused.contains(part), "{refused}");
        }
    }
}
