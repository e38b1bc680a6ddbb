//! The sections of the file as they are written, with their defaults and bounds.

use std::net::SocketAddr;
use std::path::PathBuf;

use raftpool_api::ApiConfig;
use raftpool_chain::Network;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::backup::BackupSection;
use super::cluster::{ClusterSection, StorageSection};
use super::dns::DnsSection;
use super::health::HealthSection;
use super::public::PublicSection;
use super::settings::SettingsSection;
use super::stratum::StratumSection;

/// The whole file. `Deserialize` refuses unknown keys in every section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// What the pool mines for.
    pub pool: PoolSection,
    /// Who this node is.
    pub node: NodeSection,
    /// How it is a member of a cluster of several; a node without one runs alone.
    pub cluster: Option<ClusterSection>,
    /// How the ledger is kept on disk.
    #[serde(default)]
    pub storage: StorageSection,
    /// The XELIS daemons this node works with.
    pub daemon: DaemonSection,
    /// The wallet that pays; a node without one never pays.
    pub wallet: Option<WalletSection>,
    /// How patiently blocks are followed and payouts made.
    #[serde(default)]
    pub payout: PayoutSection,
    /// The miners' side.
    #[serde(default)]
    pub stratum: StratumSection,
    /// The HTTP side.
    #[serde(default)]
    pub api: ApiSection,
    /// The listener for probes.
    #[serde(default)]
    pub health: HealthSection,
    /// Where and when this node backs up its books; a node without it never does.
    pub backup: Option<BackupSection>,
    /// The name server for the pool's name; a node without one answers nobody.
    pub dns: Option<DnsSection>,
    /// What strangers are told.
    #[serde(default)]
    pub public: PublicSection,
    /// Fees, windows and thresholds a cluster is created with, and `raftpool pool apply` proposes.
    #[serde(default)]
    pub settings: SettingsSection,
    /// What the log looks like.
    #[serde(default)]
    pub log: LogSection,
}

/// `[pool]`: the same on every node of a cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSection {
    /// mainnet, testnet, stagenet or devnet.
    #[serde(deserialize_with = "network")]
    #[schemars(with = "String")]
    pub network: Network,
    /// The address blocks pay to: the wallet's own.
    pub address: String,
}

fn network<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Network, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "network `{text}` is unknown; known are mainnet, testnet, stagenet and devnet"
        ))
    })
}

/// `[node]`: this node alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Number of this node in its cluster, never reused.
    #[serde(default = "NodeSection::default_id")]
    pub id: u64,
    /// Where the ledger is kept; relative to the file.
    pub data_directory: PathBuf,
    /// When the node is drained: how long it is not ready before miners have to go, so that balancers
    /// and resolvers notice first.
    #[serde(default = "NodeSection::default_drain_wait_ms")]
    pub drain_wait_ms: u64,
    /// When the node is drained: the time over which its miners go, unless the command says.
    #[serde(default = "NodeSection::default_drain_over_ms")]
    pub drain_over_ms: u64,
    /// As `drain_wait_ms`, when the process is told to stop.
    #[serde(default = "NodeSection::default_stop_wait_ms")]
    pub stop_wait_ms: u64,
    /// As `drain_over_ms`, when the process is told to stop.
    #[serde(default = "NodeSection::default_stop_over_ms")]
    pub stop_over_ms: u64,
}

impl NodeSection {
    fn default_id() -> u64 {
        1
    }

    fn default_drain_wait_ms() -> u64 {
        30_000
    }

    fn default_drain_over_ms() -> u64 {
        120_000
    }

    fn default_stop_wait_ms() -> u64 {
        5_000
    }

    fn default_stop_over_ms() -> u64 {
        10_000
    }
}

/// `[daemon]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DaemonSection {
    /// `http://host:port` of each daemon, the preferred one first.
    pub urls: Vec<String>,
    /// Longest wait for one answer.
    #[serde(default = "DaemonSection::default_timeout_ms")]
    pub timeout_ms: u64,
    /// How often a template is asked for when no event says that there is a new one.
    #[serde(default = "DaemonSection::default_template_poll_ms")]
    pub template_poll_ms: u64,
}

impl DaemonSection {
    fn default_timeout_ms() -> u64 {
        5_000
    }

    fn default_template_poll_ms() -> u64 {
        1_000
    }
}

/// `[wallet]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletSection {
    /// `http://host:port` of the wallet's RPC server.
    pub url: String,
    /// Its user name.
    pub username: String,
    /// A file with its password, relative to the configuration file.
    pub password_file: PathBuf,
    /// Longest wait for one answer; building a transaction of 255 payees takes seconds.
    #[serde(default = "WalletSection::default_timeout_ms")]
    pub timeout_ms: u64,
}

impl WalletSection {
    /// Reads the password from its file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_password(&self) -> Result<String, ConfigError> {
        let secret = std::fs::read_to_string(&self.password_file);
        let secret = secret.map_err(|source| ConfigError::Secret {
            path: self.password_file.clone(),
            source,
        })?;
        Ok(secret.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn default_timeout_ms() -> u64 {
        60_000
    }
}

/// `[payout]`: this node's patience; nothing here changes who is owed what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PayoutSection {
    /// Time between two looks at the chain when nothing else asks for one.
    pub step_interval_ms: u64,
    /// Time between two sendings of the same transaction.
    pub resend_interval_ms: u64,
    /// Time between two tries of something that failed.
    pub retry_interval_ms: u64,
    /// Shortest time between two looks that count as two, where several must agree.
    pub sighting_gap_ms: u64,
    /// Heights past stability before an unordered or unknown block may be given up.
    pub orphan_margin_heights: u64,
}

impl Default for PayoutSection {
    fn default() -> Self {
        Self {
            step_interval_ms: 5_000,
            resend_interval_ms: 15_000,
            retry_interval_ms: 30_000,
            sighting_gap_ms: 10_000,
            orphan_margin_heights: 24,
        }
    }
}

/// `[api]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// Address to listen on.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Sites whose pages may read the API: origins such as "https://pool.example", or "*" for all.
    pub cors_origins: Vec<String>,
    /// Most requests of one IP address (or /64 of IPv6) in a minute, half of which may come at once;
    /// 0: no limit. Behind a proxy all visitors have its address.
    pub requests_per_minute_per_ip_max: u32,
    /// Most open streams of events.
    pub event_streams_max: usize,
    /// Most open streams of events of one IP address.
    pub event_streams_per_ip_max: usize,
}

impl Default for ApiSection {
    fn default() -> Self {
        let ApiConfig {
            cors_origins,
            requests_per_minute_per_ip_max,
            event_streams_max,
            event_streams_per_ip_max,
            listen,
            ..
        } = ApiConfig::new(SocketAddr::from(([127, 0, 0, 1], 8000)));
        Self {
            listen,
            cors_origins,
            requests_per_minute_per_ip_max,
            event_streams_max,
            event_streams_per_ip_max,
        }
    }
}

impl ApiSection {
    /// The limits of the API.
    pub fn to_config(&self) -> ApiConfig {
        let usual = ApiConfig::new(self.listen);
        ApiConfig {
            cors_origins: self.cors_origins.clone(),
            requests_per_minute_per_ip_max: self.requests_per_minute_per_ip_max,
            event_streams_max: self.event_streams_max,
            event_streams_per_ip_max: self.event_streams_per_ip_max,
            // A stream is a connection, and other questions need some as well.
            connections_max: usual.connections_max + self.event_streams_max,
            connections_per_ip_max: usual.connections_per_ip_max + self.event_streams_per_ip_max,
            ..usual
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        for origin in &self.cors_origins {
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            let is_origin = host.is_some_and(|host| {
                let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
                !host.is_empty() && host.bytes().all(is_plain)
            });
            require(
                origin == "*" || is_origin,
                "api.cors_origins",
                format!(
                    "`{origin}` is neither \"*\" nor an origin such as \"https://pool.example\""
                ),
            )?;
        }
        Ok(())
    }
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One readable line each.
    Text,
    /// One JSON object each.
    Json,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// Form of the lines.
    pub format: LogFormat,
    /// Which lines: a level or a filter such as `info,raftpool_stratum=debug`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info,openraft=warn".into(),
        }
    }
}

impl RawConfig {
    /// Reads the sections out of a table that was changed after parsing.
    pub(super) fn deserialize_table(table: toml::Table) -> Result<Self, toml::de::Error> {
        Self::deserialize(table)
    }

    /// Checks the bounds that types cannot express.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        require(self.node.id > 0, "node.id", "must be 1 or more".into())?;
        require(
            u32::try_from(self.node.id).is_ok(),
            "node.id",
            "must fit 32 bits: it is part of every extra nonce".into(),
        )?;
        require(
            !self.daemon.urls.is_empty(),
            "daemon.urls",
            "must name at least one daemon, such as \"http://127.0.0.1:8080\"".into(),
        )?;
        require(
            self.daemon.timeout_ms > 0,
            "daemon.timeout_ms",
            "must be above 0".into(),
        )?;
        require(
            self.daemon.template_poll_ms >= 50,
            "daemon.template_poll_ms",
            "must be 50 or more, or the daemon is flooded".into(),
        )?;
        require(
            self.payout.step_interval_ms > 0,
            "payout.step_interval_ms",
            "must be above 0".into(),
        )?;
        self.stratum.check()?;
        self.api.check()?;
        if let Some(dns) = &self.dns {
            dns.check()?;
        }
        self.public.check()?;
        if let Some(cluster) = &self.cluster {
            cluster.check()?;
        }
        self.storage.check()?;
        if let Some(backup) = &self.backup {
            backup.check()?;
        }
        self.settings.to_ledger(self).map(drop)
    }
}

/// Nothing when it holds, otherwise that the key's value has a problem.
pub(super) fn require(holds: bool, key: &'static str, problem: String) -> Result<(), ConfigError> {
    match holds {
        true => Ok(()),
        false => Err(ConfigError::Value { key, problem }),
    }
}
