//! The number of this process among all processes of the node, kept beside the log.
//!
//! Extra nonces and ids of batches are unique only within it (promises P2 and P7). The ledger
//! knows the epochs of batches, but a follower's ledger may be behind, and an epoch that never
//! had a batch is not in it; so the last one taken is in a file of its own.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};

const FILE: &str = "epoch";

/// Takes the epoch `wanted`, or the next one after the last that was taken, and keeps it durably
/// before it is used.
pub(super) fn take(directory: &Path, wanted: u64) -> anyhow::Result<u64> {
    let path = directory.join(FILE);
    let last = match std::fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u64>() {
            Ok(last) => last,
            Err(_) => bail!(
                "{} holds no number: remove it only if the clock was never set back",
                path.display()
            ),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let epoch = wanted.max(last.saturating_add(1));
    write(directory, &path, epoch).with_context(|| format!("write {}", path.display()))?;
    Ok(epoch)
}

fn write(directory: &Path, path: &Path, epoch: u64) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    writeln!(file, "{epoch}")?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_rise_also_when_the_clock_goes_back() {
        let directory = tempfile::tempdir().unwrap();
        let take = |wanted| take(directory.path(), wanted).unwrap();
        assert_eq!(take(1_000), 1_000);
        assert_eq!(take(500), 1_001);
        assert_eq!(take(2_000), 2_000);
        std::fs::write(directory.path().join(FILE), "x").unwrap();
        assert!(super::take(directory.path(), 1).is_err());
    }
}
