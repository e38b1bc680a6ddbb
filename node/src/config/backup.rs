//! The section about backups.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::sections::require;

/// `[backup]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSection {
    /// Where this node keeps its backups; relative to the file. Not on the disk of the data
    /// directory, and not within it.
    pub directory: PathBuf,
    /// Time from one backup to the next.
    #[serde(default = "BackupSection::default_interval_ms")]
    pub interval_ms: u64,
    /// Whether a backup is made after every payout that is final as well.
    #[serde(default = "BackupSection::default_after_payouts")]
    pub after_payouts: bool,
    /// How many backups of this node are kept, the newest ones.
    #[serde(default = "BackupSection::default_keep")]
    pub keep: u32,
    /// Program and arguments that bring a new backup elsewhere, such as to an object store: `{path}`
    /// is its directory, `{name}` its name. Tried again every minute until it ends with success.
    #[serde(default)]
    pub copy_command: Vec<String>,
}

impl BackupSection {
    fn default_interval_ms() -> u64 {
        3_600_000
    }

    fn default_after_payouts() -> bool {
        true
    }

    fn default_keep() -> u32 {
        48
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        require(
            self.interval_ms >= 1_000,
            "backup.interval_ms",
            "must be 1000 or more".into(),
        )?;
        let words = &self.copy_command;
        require(
            words.is_empty() || words.iter().skip(1).any(|word| word.contains("{path}")),
            "backup.copy_command",
            "must have `{path}`, which stands for the backup, in one of its arguments".into(),
        )?;
        require(
            self.keep >= 1,
            "backup.keep",
            "must be 1 or more: the newest backup always stays".into(),
        )
    }
}
