//! The configuration file: what one node needs to know before it can start.
//!
//! Local facts only (addresses, paths, limits). What changes money is ledger state: the
//! `[settings]` section says how a cluster is created, and what `raftpool pool apply` proposes.
//! A file is parsed strictly: an unknown key is refused with the nearest valid name.

mod backup;
mod cluster;
mod dns;
mod environment;
mod health;
mod init;
mod public;
mod reference;
mod sections;
mod settings;
mod stratum;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use raftpool_chain::{Address, AddressError};

pub use backup::BackupSection;
pub use cluster::{ClusterSection, StorageSection};
pub use dns::DnsSection;
pub use health::HealthSection;
pub use init::{InitError, Membership, NewNode, NewWallet};
pub use public::PublicSection;
pub use reference::reference;
pub use sections::{
    ApiSection, DaemonSection, LogFormat, LogSection, NodeSection, PayoutSection, PoolSection,
    RawConfig, WalletSection,
};
pub use settings::SettingsSection;
pub use stratum::{EncryptionMode, ListenerSection, StratumSection, TlsSection, VerificationMode};

/// The commented example, which is also the reference of every key.
pub const EXAMPLE: &str = include_str!("../../ops/config/raftpool.toml");

/// A configuration that was read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The sections as written, with defaults filled in.
    pub raw: RawConfig,
    /// `pool.address`, parsed for `pool.network`.
    pub pool_address: Address,
    /// The wallet's password, read from its file; `None` without a wallet, or without the secrets.
    pub wallet_password: Option<String>,
}

/// Why a configuration cannot be used. Each says where, what, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid TOML, has an unknown key, or a value of the wrong type.
    #[error("{}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// An environment variable names no key or has a value of the wrong type.
    #[error("environment variable {variable}: {message}")]
    Environment {
        /// The variable.
        variable: String,
        /// The reason.
        message: String,
    },
    /// A value is out of its bounds or contradicts another one.
    #[error("{key}: {problem}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The pool's address is not one of the configured network.
    #[error("pool.address")]
    PoolAddress(#[source] AddressError),
    /// The secret file cannot be read.
    #[error("wallet.password_file: read {}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

impl Config {
    /// Reads, overrides from `environment` and checks the file at `path`, and reads the secrets that
    /// it names.
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::load_without_secrets(path, environment)?.with_secrets()
    }

    /// The same without the secrets, for whoever only talks to the node: they may be readable by the
    /// node alone, and only while it runs.
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn load_without_secrets(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse_without_secrets(path, &text, environment)
    }

    /// [`Config::load`] for a text; `path` is only named in errors and resolves relative paths.
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::parse_without_secrets(path, text, environment)?.with_secrets()
    }

    /// [`Config::load_without_secrets`] for a text.
    fn parse_without_secrets(
        path: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let parse_error = |error: toml::de::Error| ConfigError::Parse {
            path: path.into(),
            message: explain(text, &error),
        };
        let mut table: toml::Table = toml::from_str(text).map_err(parse_error)?;
        // The typed parse of the untouched text comes first: only it knows lines and columns.
        let overrides = environment::overrides(environment);
        let has_all_required = overrides.is_empty();
        if has_all_required {
            let raw = toml::from_str(text).map_err(parse_error)?;
            return Self::check(path, raw);
        }
        for one in &overrides {
            one.apply(&mut table)?;
        }
        let raw = RawConfig::deserialize_table(table).map_err(|error| {
            let message = with_nearest_name(error.message());
            match overrides.iter().find(|one| one.is_named_in(&message)) {
                Some(one) => ConfigError::Environment {
                    variable: one.variable.clone(),
                    message,
                },
                None => ConfigError::Parse {
                    path: path.into(),
                    message,
                },
            }
        })?;
        Self::check(path, raw)
    }

    /// Where the node listens for its operators, and where they find it.
    pub fn admin_socket(&self) -> PathBuf {
        self.raw.node.data_directory.join("admin.sock")
    }

    fn check(path: &Path, raw: RawConfig) -> Result<Self, ConfigError> {
        let network = raw.pool.network;
        let pool_address =
            Address::parse(&raw.pool.address, network).map_err(ConfigError::PoolAddress)?;
        raw.check()?;
        let mut raw = raw;
        if let Some(wallet) = &mut raw.wallet {
            wallet.password_file = relative_to(path, &wallet.password_file);
        }
        raw.node.data_directory = relative_to(path, &raw.node.data_directory);
        raw.stratum.resolve_paths(|file| relative_to(path, file));
        if let Some(backup) = &mut raw.backup {
            backup.directory = relative_to(path, &backup.directory);
        }
        if let Some(cluster) = &mut raw.cluster {
            cluster.certificates = relative_to(path, &cluster.certificates);
        }
        Ok(Self {
            raw,
            pool_address,
            wallet_password: None,
        })
    }

    fn with_secrets(self) -> Result<Self, ConfigError> {
        let wallet = self.raw.wallet.as_ref();
        Ok(Self {
            wallet_password: wallet.map(WalletSection::read_password).transpose()?,
            ..self
        })
    }
}

/// Paths in the file are relative to the file, wherever the program is started.
fn relative_to(config: &Path, path: &Path) -> PathBuf {
    config.parent().unwrap_or(Path::new("")).join(path)
}

fn explain(text: &str, error: &toml::de::Error) -> String {
    let reason = with_nearest_name(error.message());
    match error.span() {
        Some(span) => {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("line {line}, column {column}: {reason}")
        }
        None => reason,
    }
}

/// Adds the nearest valid name to serde's "unknown field `x`, expected one of `a`, `b`".
fn with_nearest_name(message: &str) -> String {
    let message = message.trim();
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return message.to_owned();
    };
    let mut names = rest.split('`').step_by(2);
    let Some(unknown) = names.next() else {
        return message.to_owned();
    };
    let nearest = rest
        .split('`')
        .skip(2)
        .step_by(2)
        .max_by(|a, b| similarity(unknown, a).total_cmp(&similarity(unknown, b)));
    match nearest {
        Some(nearest) if similarity(unknown, nearest) > 0.6 => {
            format!("unknown key `{unknown}`; did you mean `{nearest}`?")
        }
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}
