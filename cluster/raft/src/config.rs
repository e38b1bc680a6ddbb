//! How a node is run. Values that change money are not here: they are ledger commands.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy, StepDownPolicy};
use raftpool_ledger::{COMMAND_VERSION, Clock};
use raftpool_store::{Fault, Identity, OnFatal};

use crate::error::RaftNodeError;

/// Everything a node needs to start.
#[derive(Clone)]
pub struct RaftNodeConfig {
    /// The data directory; made when it does not exist.
    pub data_directory: PathBuf,
    /// The cluster and the node; a new directory is claimed for them, any other must be theirs.
    pub identity: Identity,
    /// Called once, with the reason, when storage or consensus has stopped for good. The process
    /// must end then.
    pub on_fatal: OnFatal,
    /// How this node and others reach each other; `None` in a node that runs alone.
    pub peers: Option<PeerSettings>,
    /// Bytes of snapshots sent to one node per second at most, so that replication is not starved.
    pub snapshot_bytes_per_second: u64,
    /// How long [`RaftNode::start`](crate::RaftNode::start) waits for a leader.
    pub start_timeout: Duration,
    /// How long a proposal is waited for; then its outcome is unknown.
    pub propose_timeout: Duration,
    /// How long a linearizable read waits.
    pub linearize_timeout: Duration,
    /// Proposals in flight at most.
    pub in_flight_max: usize,
    /// Bytes of proposals in flight at most.
    pub in_flight_bytes_max: usize,
    /// Bytes of one command at most.
    pub command_bytes_max: usize,
    /// When snapshots are made and how much log is kept.
    pub log_policy: LogPolicy,
    /// How soon a lost leader is noticed.
    pub timing: Timing,
    /// A running `fsync` this old is treated as a failed disk. A leader whose disk hangs would
    /// otherwise go on leading without committing anything.
    pub sync_stall_limit: Duration,
    /// How often this node compares its ledger's digests with those of its peers.
    pub digest_interval: Duration,
    /// The newest version of commands that this node says it knows; tests say less, as an older program
    /// would.
    pub command_version: u32,
    /// How long every member must have known a newer version of the commands until the leader finalizes
    /// it by itself; `None` leaves it to operators.
    pub finalize_after: Option<Duration>,
    /// Tells a leader whether the clock of whoever proposes is right; without one nobody's is doubted.
    pub clock: Option<Arc<dyn Clock>>,
    /// Makes the disk fail, for tests of what happens then.
    pub fault: Option<Arc<dyn Fault>>,
}

impl RaftNodeConfig {
    /// A node with the usual limits.
    pub fn new(data_directory: impl Into<PathBuf>, identity: Identity, on_fatal: OnFatal) -> Self {
        Self {
            data_directory: data_directory.into(),
            identity,
            on_fatal,
            peers: None,
            snapshot_bytes_per_second: 100 << 20,
            start_timeout: Duration::from_secs(30),
            propose_timeout: Duration::from_secs(10),
            linearize_timeout: Duration::from_secs(5),
            in_flight_max: 4096,
            in_flight_bytes_max: 64 << 20,
            command_bytes_max: 8 << 20,
            log_policy: LogPolicy::default(),
            timing: Timing::default(),
            sync_stall_limit: Duration::from_secs(30),
            digest_interval: Duration::from_secs(2),
            command_version: COMMAND_VERSION,
            finalize_after: None,
            clock: None,
            fault: None,
        }
    }

    /// The settings of openraft.
    pub(crate) fn openraft(&self) -> Result<Arc<Config>, RaftNodeError> {
        let config = Config {
            cluster_name: "raftpool".to_owned(),
            heartbeat_interval: self.timing.heartbeat_ms,
            election_timeout_min: self.timing.election_timeout_ms,
            election_timeout_max: self.timing.election_timeout_max_ms(),
            enable_pre_vote: Some(true),
            // A restarted leader may have lost applied state; it learns what is committed by
            // winning an election, never by assuming that it still leads.
            enable_leader_restore: Some(false),
            quorum_loss_probe_interval: Some(1_000.max(2 * self.timing.election_timeout_max_ms())),
            allow_log_reversion: Some(false),
            removed_leader_step_down: StepDownPolicy::After(300),
            // Entries are batches of shares already.
            max_payload_entries: 64,
            max_append_entries: Some(1_024),
            api_batch_capacity: 1_024,
            install_snapshot_timeout: 60_000,
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: self.log_policy.entries_kept,
            replication_lag_threshold: self.log_policy.lag_threshold(),
            purge_batch_size: self.log_policy.purge_batch(),
            backoff: "50ms 100ms 200ms ..1s".to_owned(),
            ..Config::default()
        };
        Ok(Arc::new(config.validate().map_err(RaftNodeError::Config)?))
    }
}

/// How a node is a member of a cluster of several. With an empty data directory it waits until it
/// is added to a cluster, or is told to found one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// Where peers connect; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Host and port by which the others reach this node, best by a name that stays when the
    /// address changes. Port 0 stands for the port that `listen` got.
    pub address: String,
    /// Directory with `node.pem`, `node.key` and `ca.pem`.
    pub certificates: PathBuf,
    /// Addresses of nodes that a node with an empty data directory asks whether the cluster knows
    /// its id already.
    pub seeds: Vec<String>,
    /// Where connections to peers come from; any address of the machine when not given.
    pub connect_from: Option<IpAddr>,
}

/// How often a leader shows that it lives, and how long the others wait for it.
///
/// A lost leader is followed by another one after 2.2 to 3.4 election timeouts and a few round
/// trips: the followers first let its lease run out, which is the longest election timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Time between two heartbeats.
    pub heartbeat_ms: u64,
    /// Shortest time without a heartbeat after which a node stands for election; the longest is
    /// 1.6 times as much. Must exceed the heartbeat, and what a slow `fsync` takes.
    pub election_timeout_ms: u64,
}

impl Default for Timing {
    /// For a local network: failover in 0.55 to 0.85 s.
    fn default() -> Self {
        Self {
            heartbeat_ms: 100,
            election_timeout_ms: 250,
        }
    }
}

impl Timing {
    fn election_timeout_max_ms(self) -> u64 {
        self.election_timeout_ms.saturating_mul(8) / 5
    }
}

/// When snapshots are made and how much log is kept behind them. The log holds at most about
/// `entries_kept` plus `snapshot_entries` entries, and about `snapshot_bytes` after a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPolicy {
    /// A snapshot is made after so many entries since the last one.
    pub snapshot_entries: u64,
    /// A snapshot is made after so many bytes of entries since the last one.
    pub snapshot_bytes: u64,
    /// Entries kept although a snapshot covers them, for followers that were away shortly.
    pub entries_kept: u64,
    /// How often is looked whether a snapshot is due.
    pub check_interval: Duration,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self {
            snapshot_entries: 100_000,
            snapshot_bytes: 512 << 20,
            entries_kept: 50_000,
            check_interval: Duration::from_secs(1),
        }
    }
}

impl LogPolicy {
    /// A follower further behind gets a snapshot; it must lie beyond what the log may hold.
    fn lag_threshold(&self) -> u64 {
        (self.entries_kept + self.snapshot_entries).saturating_mul(2)
    }

    /// Purging leaves a tombstone each time, so it is done in batches, but not coarser than
    /// snapshots are.
    fn purge_batch(&self) -> u64 {
        self.snapshot_entries.clamp(1, 4_096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_settings_are_valid_and_keep_openrafts_own_snapshots_off() {
        let identity = Identity {
            cluster_id: [1; 16],
            node_id: 1,
        };
        let config = RaftNodeConfig::new("unused", identity, Arc::new(|_| {}));
        let openraft = config.openraft().unwrap();
        assert_eq!(openraft.snapshot_policy, SnapshotPolicy::Never);
        assert!(openraft.replication_lag_threshold > openraft.max_in_snapshot_log_to_keep);
    }
}
