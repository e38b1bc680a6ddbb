//! The sections that make a node a member of a cluster, and say how it keeps its ledger.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use raftpool_raft::{LogPolicy, PeerAddress, Timing};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::sections::require;

/// `[cluster]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSection {
    /// Where the other nodes connect.
    #[serde(default = "ClusterSection::default_listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// By what the other nodes find this one: host and port, or a service name with SRV records.
    pub address: String,
    /// Directory with `node.pem`, `node.key` and `ca.pem`, relative to the file.
    pub certificates: PathBuf,
    /// Addresses of other nodes, asked when this one starts in an empty data directory.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Local address that connections to other nodes come from.
    pub connect_from: Option<IpAddr>,
    /// Time between two heartbeats of the leader.
    #[serde(default = "ClusterSection::default_heartbeat_ms")]
    pub heartbeat_ms: u64,
    /// Shortest silence of the leader after which another one is elected.
    #[serde(default = "ClusterSection::default_election_timeout_ms")]
    pub election_timeout_ms: u64,
    /// Minutes for which every member must have run the new version until the leader lets its new
    /// commands be used, after which no node can go back; 0 leaves that to `raftpool cluster finalize`.
    #[serde(default = "ClusterSection::default_finalize_after_minutes")]
    pub finalize_after_minutes: u64,
}

impl ClusterSection {
    fn default_listen() -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0], 5078))
    }

    fn default_heartbeat_ms() -> u64 {
        Timing::default().heartbeat_ms
    }

    fn default_election_timeout_ms() -> u64 {
        Timing::default().election_timeout_ms
    }

    /// What `finalize_after_minutes` is when it is not given: a day, in which an upgrade can be taken
    /// back.
    pub const FINALIZE_AFTER: Duration = Duration::from_secs(86_400);

    fn default_finalize_after_minutes() -> u64 {
        Self::FINALIZE_AFTER.as_secs() / 60
    }

    /// When the leader finalizes what every member knows; `None`: an operator does.
    pub fn finalize_after(&self) -> Option<Duration> {
        let minutes = self.finalize_after_minutes;
        (minutes > 0).then(|| Duration::from_secs(60 * minutes))
    }

    /// When a lost leader is noticed.
    pub fn timing(&self) -> Timing {
        Timing {
            heartbeat_ms: self.heartbeat_ms,
            election_timeout_ms: self.election_timeout_ms,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let is_address = |key, text: &str| match text.parse::<PeerAddress>() {
            Ok(_) => Ok(()),
            Err(error) => require(false, key, error.to_string()),
        };
        is_address("cluster.address", &self.address)?;
        for peer in &self.peers {
            is_address("cluster.peers", peer)?;
        }
        require(
            self.heartbeat_ms >= 10,
            "cluster.heartbeat_ms",
            "must be 10 or more".into(),
        )?;
        require(
            self.election_timeout_ms >= 2 * self.heartbeat_ms,
            "cluster.election_timeout_ms",
            format!(
                "must be at least twice heartbeat_ms ({}), or one late heartbeat costs the leader",
                self.heartbeat_ms
            ),
        )?;
        require(
            self.election_timeout_ms <= 60_000,
            "cluster.election_timeout_ms",
            "must be 60000 or less".into(),
        )?;
        require(
            self.finalize_after_minutes <= 525_600,
            "cluster.finalize_after_minutes",
            "must be 525600 (a year) or less; 0 is for never".into(),
        )
    }
}

/// `[storage]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSection {
    /// A snapshot is made after so many log entries.
    pub snapshot_entries: u64,
    /// A snapshot is made after so many bytes of log entries.
    pub snapshot_bytes: u64,
    /// Log entries kept although a snapshot covers them, for nodes that were away shortly.
    pub log_entries_kept: u64,
    /// Bytes of snapshots sent to one node per second at most.
    pub snapshot_bytes_per_second: u64,
    /// An `fsync` that takes longer is taken for a failed disk, and the node stops.
    pub sync_stall_ms: u64,
}

impl Default for StorageSection {
    fn default() -> Self {
        let policy = LogPolicy::default();
        Self {
            snapshot_entries: policy.snapshot_entries,
            snapshot_bytes: policy.snapshot_bytes,
            log_entries_kept: policy.entries_kept,
            snapshot_bytes_per_second: 100 << 20,
            sync_stall_ms: 30_000,
        }
    }
}

impl StorageSection {
    /// When snapshots are made and how much log is kept.
    pub fn log_policy(&self) -> LogPolicy {
        LogPolicy {
            snapshot_entries: self.snapshot_entries,
            snapshot_bytes: self.snapshot_bytes,
            entries_kept: self.log_entries_kept,
            ..LogPolicy::default()
        }
    }

    /// Age of a running `fsync` at which the disk counts as failed.
    pub fn sync_stall_limit(&self) -> Duration {
        Duration::from_millis(self.sync_stall_ms)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        require(
            self.snapshot_entries > 0,
            "storage.snapshot_entries",
            "must be above 0".into(),
        )?;
        require(
            self.snapshot_bytes >= 1 << 20,
            "storage.snapshot_bytes",
            "must be 1048576 (1 MiB) or more".into(),
        )?;
        require(
            self.snapshot_bytes_per_second >= 64 << 10,
            "storage.snapshot_bytes_per_second",
            "must be 65536 (64 KiB) or more, or no snapshot arrives in its 30 minutes".into(),
        )?;
        require(
            self.sync_stall_ms >= 1_000,
            "storage.sync_stall_ms",
            "must be 1000 or more: busy disks take that long at times".into(),
        )
    }
}
