//! The sections of the file as they are written, with their defaults and bounds.

use std::net::SocketAddr;
use std::path::PathBuf;

use raftpool_api::ApiConfig;
use raftpool_chain::Network;
use raftpool_ledger::command::{NetworkFeePayer, Scheme, Settings};
use raftpool_ledger::settings::{check_settings, offer, scheme_of_name};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::backup::BackupSection;
use super::cluster::{ClusterSection, StorageSection};
use super::dns::DnsSection;
use super::health::HealthSection;
use super::public::PublicSection;
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

/// `[settings]`: read when the cluster is created, and by `raftpool pool apply`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsSection {
    /// Fee of PPLNS, in hundredths of a percent.
    pub pplns_fee_bps: u32,
    /// Fee of solo mining, in hundredths of a percent.
    pub solo_fee_bps: u32,
    /// Window of PPLNS, in thousandths of a block's expected work.
    pub pplns_window_milli: u32,
    /// Fee of PPS, in hundredths of a percent.
    pub pps_fee_bps: u32,
    /// Fee of FPPS, in hundredths of a percent.
    pub fpps_fee_bps: u32,
    /// Probability that the reserve of PPS and FPPS is ever used up, for which the required
    /// reserve is computed, in millionths.
    pub reserve_ruin_per_million: u32,
    /// Below it new work of PPS and FPPS is booked under PPLNS, in atomic units.
    pub reserve_floor_atomic: u64,
    /// The part of the pool's fees that goes to the donations, in hundredths of a percent.
    pub donation_bps: u32,
    /// Schemes a miner may choose: "pplns", "pps", "fpps", "solo".
    pub schemes: Vec<String>,
    /// Scheme of a miner who does not choose.
    pub default_scheme: String,
    /// Smallest balance that is paid out, in atomic units (1e-8 XEL).
    pub payout_threshold_atomic: u64,
    /// Earliest time between two payouts.
    pub payout_interval_ms: u64,
    /// Most payees of one transaction.
    pub payout_payees_max: u32,
    /// Most that the payouts of a day (UTC) take from balances, in atomic units; 0: no limit.
    pub payout_daily_limit_atomic: u64,
    /// A payout that takes more waits for an operator's approval; not given: none does, 0: every
    /// one does.
    pub payout_approval_above_atomic: Option<u64>,
    /// Who bears the network fee of payouts: "miners" or "pool".
    pub network_fee_payer: String,
}

impl Default for SettingsSection {
    fn default() -> Self {
        Self {
            pplns_fee_bps: 100,
            solo_fee_bps: 100,
            pplns_window_milli: 2_000,
            pps_fee_bps: 200,
            fpps_fee_bps: 300,
            reserve_ruin_per_million: 1_000,
            reserve_floor_atomic: 0,
            donation_bps: 0,
            schemes: vec!["pplns".into(), "solo".into()],
            default_scheme: "pplns".into(),
            payout_threshold_atomic: 10_000_000,
            payout_interval_ms: 3_600_000,
            payout_payees_max: 255,
            payout_daily_limit_atomic: 0,
            payout_approval_above_atomic: None,
            network_fee_payer: "miners".into(),
        }
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

pub(super) fn scheme(key: &'static str, name: &str) -> Result<Scheme, ConfigError> {
    scheme_of_name(name).ok_or_else(|| ConfigError::Value {
        key,
        problem: format!("scheme `{name}` is unknown; known are pplns, pps, fpps and solo"),
    })
}

fn fee_payer(name: &str) -> Result<NetworkFeePayer, ConfigError> {
    match name {
        "miners" => Ok(NetworkFeePayer::Miners),
        "pool" => Ok(NetworkFeePayer::Pool),
        other => Err(ConfigError::Value {
            key: "settings.network_fee_payer",
            problem: format!("`{other}` is unknown; known are miners and pool"),
        }),
    }
}

impl SettingsSection {
    /// The settings as the ledger knows them.
    ///
    /// # Errors
    /// When a scheme or the bearer of the network fee is unknown, or the ledger refuses them.
    pub fn to_ledger(&self, config: &RawConfig) -> Result<Settings, ConfigError> {
        let mut offered = Vec::new();
        for name in &self.schemes {
            offered.push(scheme("settings.schemes", name)?);
        }
        let default_scheme = scheme("settings.default_scheme", &self.default_scheme)?;
        let mut settings = Settings {
            network: config.pool.network.to_string(),
            pool_address: config.pool.address.clone(),
            pplns_fee_bps: self.pplns_fee_bps,
            solo_fee_bps: self.solo_fee_bps,
            pplns_window_milli: self.pplns_window_milli,
            default_scheme: default_scheme.into(),
            payout_threshold_atomic: self.payout_threshold_atomic,
            payout_interval_ms: self.payout_interval_ms,
            payout_payees_max: self.payout_payees_max,
            pps_fee_bps: self.pps_fee_bps,
            fpps_fee_bps: self.fpps_fee_bps,
            reserve_ruin_per_million: self.reserve_ruin_per_million,
            reserve_floor_atomic: self.reserve_floor_atomic,
            donation_bps: self.donation_bps,
            payout_daily_limit_atomic: self.payout_daily_limit_atomic,
            payout_approval_above_atomic: self.payout_approval_above_atomic,
            network_fee_payer: fee_payer(&self.network_fee_payer)?.into(),
            ..Settings::default()
        };
        offer(&mut settings, &offered);
        // The ledger has the last word on what it takes, so it is asked here as well.
        match check_settings(&settings) {
            Ok(()) => Ok(settings),
            Err(rejection) => Err(ConfigError::Value {
                key: "settings",
                problem: rejection.to_string(),
            }),
        }
    }
}
