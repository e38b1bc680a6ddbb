//! The section about miners: where they connect, and on which terms.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use raftpool_ledger::bans::BAN_MS_MAX;
use raftpool_stratum::{BanConfig, Encryption, Listener, Speaks};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::sections::require;
use super::settings::scheme;

/// How shares are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationMode {
    /// Every share is hashed.
    Full,
    /// No share is hashed: for load tests on a private network only.
    WithoutHashing,
}

/// `[stratum]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StratumSection {
    /// Addresses to listen on with the terms of this section, plain, and TLS on the same ports once
    /// there is a certificate. Some miners take port 8080 for something else: avoid it.
    #[schemars(with = "Vec<String>")]
    pub listen: Vec<SocketAddr>,
    /// Further addresses, each with terms of its own.
    pub listener: Vec<ListenerSection>,
    /// What miners see that use TLS.
    pub tls: Option<TlsSection>,
    /// Difficulty of a worker nothing is known of.
    pub starting_difficulty: u64,
    /// Lowest difficulty a worker gets or may ask for.
    pub minimum_difficulty: u64,
    /// Highest difficulty a worker gets or may ask for.
    pub maximum_difficulty: u64,
    /// Wanted time between two shares of one worker.
    pub target_share_interval_ms: u64,
    /// Threads that check shares; 0 is one per core.
    pub verifier_threads: usize,
    /// How many heights old a template may be for its shares to count.
    pub grace_heights: u64,
    /// Most connections at a time.
    pub connections_max: usize,
    /// Most connections at a time from one IP address.
    pub connections_per_ip_max: usize,
    /// Most connections at a time from one network: a /24, or a /64 of IPv6.
    pub connections_per_network_max: usize,
    /// Most new connections of one IP address in a minute, once as many as may be open have come;
    /// of a network four times as many.
    pub connects_per_minute_per_ip_max: u32,
    /// Percentage of `connections_max` that only known workers may take.
    pub reserve_for_known_percent: u32,
    /// Most shares of one IP address that wait to be checked.
    pub unverified_shares_per_ip_max: usize,
    /// Who is banned.
    pub bans: BansSection,
    /// How shares are checked; anything but "full" is for load tests.
    pub verification: VerificationMode,
}

/// `[stratum.bans]`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BansSection {
    /// Time over which a worker's shares are counted.
    pub window_ms: u64,
    /// Shares of a worker within that time before which it is not judged.
    pub shares_min: u64,
    /// Percentage of bad shares from which on a worker is banned; 0 never bans.
    pub bad_percent: u32,
    /// How long, on every node.
    pub duration_ms: u64,
    /// Banned workers from which on their IP address is refused; 0 never refuses.
    pub workers_per_ip: usize,
    /// Connections with garbage from which on their IP address is refused; 0 never refuses.
    pub garbage_per_ip: usize,
    /// How long an IP address is refused, by this node.
    pub ip_duration_ms: u64,
}

impl Default for BansSection {
    fn default() -> Self {
        let BanConfig {
            window_ms,
            shares_min,
            bad_percent,
            duration_ms,
            workers_per_ip,
            garbage_per_ip,
            ip_duration_ms,
        } = BanConfig::default();
        Self {
            window_ms,
            shares_min,
            bad_percent,
            duration_ms,
            workers_per_ip,
            garbage_per_ip,
            ip_duration_ms,
        }
    }
}

impl BansSection {
    /// In the terms of the miners' side.
    pub fn to_rules(self) -> BanConfig {
        BanConfig {
            window_ms: self.window_ms,
            shares_min: self.shares_min,
            bad_percent: self.bad_percent,
            duration_ms: self.duration_ms,
            workers_per_ip: self.workers_per_ip,
            garbage_per_ip: self.garbage_per_ip,
            ip_duration_ms: self.ip_duration_ms,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        require(
            self.bad_percent <= 100,
            "stratum.bans.bad_percent",
            format!("{} is above 100", self.bad_percent),
        )?;
        require(
            self.shares_min > 0,
            "stratum.bans.shares_min",
            "must be 1 or more".into(),
        )?;
        let times = [
            ("stratum.bans.window_ms", self.window_ms),
            ("stratum.bans.duration_ms", self.duration_ms),
            ("stratum.bans.ip_duration_ms", self.ip_duration_ms),
        ];
        for (key, value) in times {
            require(
                (1_000..=BAN_MS_MAX).contains(&value),
                key,
                format!("{value} must be from 1000 (a second) to {BAN_MS_MAX} (a year)"),
            )?;
        }
        Ok(())
    }
}

/// `[stratum.tls]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// PEM file with the certificate and its chain, relative to the file.
    pub certificate: PathBuf,
    /// PEM file with its private key, relative to the file.
    pub key: PathBuf,
}

/// Whether a listener speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EncryptionMode {
    /// Never.
    Plain,
    /// Always.
    Tls,
    /// As the miner begins.
    Both,
}

/// What miners speak on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DialectMode {
    /// Stratum, or Xatum as the miner begins.
    #[default]
    Stratum,
    /// Xatum alone.
    Xatum,
    /// The daemon's getwork WebSocket.
    Getwork,
}

/// `[[stratum.listener]]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerSection {
    /// Address to listen on.
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// "stratum", "xatum" or "getwork".
    #[serde(default)]
    pub dialect: DialectMode,
    /// "plain", "tls" or "both"; without it as those of `stratum.listen`.
    pub encryption: Option<EncryptionMode>,
    /// Networks of the proxies in front of it, which send a PROXY protocol v2 header.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub proxied_from: Vec<IpNet>,
    /// Difficulty of a worker nothing is known of, instead of the section's.
    pub starting_difficulty: Option<u64>,
    /// Scheme of a miner that names none, instead of the pool's.
    pub default_scheme: Option<String>,
}

impl Default for StratumSection {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 5077))],
            listener: Vec::new(),
            tls: None,
            starting_difficulty: 50_000,
            minimum_difficulty: 1_000,
            maximum_difficulty: 1_000_000_000_000,
            target_share_interval_ms: 5_000,
            verifier_threads: 0,
            grace_heights: 3,
            connections_max: 20_000,
            connections_per_ip_max: 1_000,
            connections_per_network_max: 4_000,
            connects_per_minute_per_ip_max: 600,
            reserve_for_known_percent: 5,
            unverified_shares_per_ip_max: 512,
            bans: BansSection::default(),
            verification: VerificationMode::Full,
        }
    }
}

impl StratumSection {
    /// Every listener, those of `listen` first.
    ///
    /// # Errors
    /// When one names an unknown scheme.
    pub fn listeners(&self) -> Result<Vec<Listener>, ConfigError> {
        let usual = self.listen.iter().map(|address| {
            Ok(Listener {
                encryption: self.usual_encryption(),
                ..Listener::plain(*address)
            })
        });
        let special = self.listener.iter().map(|section| {
            Ok(Listener {
                address: section.address,
                speaks: match section.dialect {
                    DialectMode::Stratum => Speaks::Stratum,
                    DialectMode::Xatum => Speaks::Xatum,
                    DialectMode::Getwork => Speaks::Getwork,
                },
                encryption: match section.encryption {
                    None => self.usual_encryption(),
                    Some(EncryptionMode::Plain) => Encryption::Plain,
                    Some(EncryptionMode::Tls) => Encryption::Tls,
                    Some(EncryptionMode::Both) => Encryption::Both,
                },
                proxied_from: section.proxied_from.clone(),
                starting_difficulty: section.starting_difficulty,
                default_scheme: section
                    .default_scheme
                    .as_deref()
                    .map(|name| scheme("stratum.listener.default_scheme", name))
                    .transpose()?,
            })
        });
        usual.chain(special).collect()
    }

    fn usual_encryption(&self) -> Encryption {
        match self.tls {
            Some(_) => Encryption::Both,
            None => Encryption::Plain,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        require(
            !(self.listen.is_empty() && self.listener.is_empty()),
            "stratum.listen",
            "must name at least one address, or there must be a [[stratum.listener]]".into(),
        )?;
        require(
            0 < self.minimum_difficulty
                && self.minimum_difficulty <= self.starting_difficulty
                && self.starting_difficulty <= self.maximum_difficulty,
            "stratum.starting_difficulty",
            format!(
                "0 < minimum ({}) <= starting ({}) <= maximum ({}) must hold",
                self.minimum_difficulty, self.starting_difficulty, self.maximum_difficulty
            ),
        )?;
        require(
            self.grace_heights <= 8,
            "stratum.grace_heights",
            format!(
                "{} is above 8, where late blocks are no longer paid",
                self.grace_heights
            ),
        )?;
        require(
            self.target_share_interval_ms >= 100,
            "stratum.target_share_interval_ms",
            "must be 100 or more".into(),
        )?;
        let connections = [
            ("stratum.connections_max", self.connections_max),
            (
                "stratum.connections_per_ip_max",
                self.connections_per_ip_max,
            ),
            (
                "stratum.connections_per_network_max",
                self.connections_per_network_max,
            ),
            (
                "stratum.connects_per_minute_per_ip_max",
                self.connects_per_minute_per_ip_max as usize,
            ),
        ];
        for (key, value) in connections {
            require(
                value > 0,
                key,
                "must be 1 or more, or no miner can connect".into(),
            )?;
        }
        require(
            self.unverified_shares_per_ip_max > 0,
            "stratum.unverified_shares_per_ip_max",
            "must be 1 or more, or no share is checked".into(),
        )?;
        require(
            self.reserve_for_known_percent <= 90,
            "stratum.reserve_for_known_percent",
            format!(
                "{} is above 90, which would leave new workers no place",
                self.reserve_for_known_percent
            ),
        )?;
        self.bans.check()?;
        for listener in self.listeners()? {
            self.check_listener(&listener)?;
        }
        Ok(())
    }

    fn check_listener(&self, listener: &Listener) -> Result<(), ConfigError> {
        let address = listener.address;
        require(
            listener.encryption == Encryption::Plain || self.tls.is_some(),
            "stratum.listener.encryption",
            format!(
                "{address} is to speak TLS, which needs [stratum.tls] with `certificate` and `key`"
            ),
        )?;
        require(
            listener.speaks != Speaks::Xatum
                || listener.encryption != Encryption::Plain
                || !listener.proxied_from.is_empty(),
            "stratum.listener.dialect",
            format!(
                "{address} is to speak Xatum, which miners only speak over TLS: set [stratum.tls], \
                 or `proxied_from` if a proxy ends TLS"
            ),
        )?;
        let bounds = self.minimum_difficulty..=self.maximum_difficulty;
        require(
            listener
                .starting_difficulty
                .is_none_or(|difficulty| bounds.contains(&difficulty)),
            "stratum.listener.starting_difficulty",
            format!(
                "of {address} must lie between minimum_difficulty ({}) and maximum_difficulty ({})",
                self.minimum_difficulty, self.maximum_difficulty
            ),
        )
    }

    /// Makes relative paths absolute as `resolve` says.
    pub(super) fn resolve_paths(&mut self, resolve: impl Fn(&Path) -> PathBuf) {
        if let Some(tls) = &mut self.tls {
            tls.certificate = resolve(&tls.certificate);
            tls.key = resolve(&tls.key);
        }
    }
}
