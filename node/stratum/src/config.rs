//! What an operator can set about the miners' side, checked before anything starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::certificate::ServerCertificate;
use crate::error::StratumError;
use crate::listener::{Encryption, Listener, Speaks};

/// Whether shares are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification {
    /// Every share is hashed.
    #[default]
    Full,
    /// No share is hashed: each well-formed one counts as meeting its difficulty, and none as a
    /// block. Only for measuring everything around the hashing; a pool that pays must not use it.
    WithoutHashing,
}

/// Who is banned, from when on, and for how long. A bad share is one that is malformed, a duplicate
/// or below its difficulty; a stale one, one the pool could not look at or store, and one for a job
/// of another node are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanConfig {
    /// Time over which a worker's shares are counted.
    pub window_ms: u64,
    /// Shares of a worker within the window before which it is not judged.
    pub shares_min: u64,
    /// Percentage of bad shares from which on a worker is banned; 0 never bans.
    pub bad_percent: u32,
    /// How long a worker is banned, on every node.
    pub duration_ms: u64,
    /// Banned workers of one IP address within the window from which on it is refused, unless it
    /// has more good miners than that; 0 never refuses.
    pub workers_per_ip: usize,
    /// Connections of one IP address within the window that sent garbage before they were
    /// authorized, from which on it is refused, unless it has more good miners than that; 0 never
    /// refuses.
    pub garbage_per_ip: usize,
    /// How long an IP address is refused, by this node alone.
    pub ip_duration_ms: u64,
}

impl Default for BanConfig {
    /// Half of at least 50 shares within ten minutes, for ten minutes, as most pools do; three
    /// workers or twenty connections with garbage for the address behind them.
    fn default() -> Self {
        Self {
            window_ms: 600_000,
            shares_min: 50,
            bad_percent: 50,
            duration_ms: 600_000,
            workers_per_ip: 3,
            garbage_per_ip: 20,
            ip_duration_ms: 600_000,
        }
    }
}

/// Settings of a [`StratumServer`](crate::StratumServer).
#[derive(Debug, Clone)]
pub struct StratumConfig {
    /// Where to listen, and on which terms.
    pub listeners: Vec<Listener>,
    /// What listeners that speak TLS show.
    pub certificate: Option<Arc<ServerCertificate>>,
    /// Difficulty of a worker the ledger knows nothing about.
    pub starting_difficulty: u64,
    /// No job is handed out below this difficulty, unless the network's own is lower.
    pub minimum_difficulty: u64,
    /// No job is handed out above this difficulty.
    pub maximum_difficulty: u64,
    /// Time between two shares of a worker the difficulty is steered toward.
    pub target_share_interval_ms: u64,
    /// Threads that hash shares.
    pub verifier_threads: usize,
    /// Whether shares are hashed.
    pub verification: Verification,
    /// Time from connecting to being subscribed and authorized.
    pub hello_timeout_ms: u64,
    /// Time without a line from the miner after which its connection is closed.
    pub idle_timeout_ms: u64,
    /// Time a write may take before the reader counts as dead.
    pub write_timeout_ms: u64,
    /// Time between two pings.
    pub ping_interval_ms: u64,
    /// Longest line read, in bytes.
    pub line_bytes_max: usize,
    /// Lines that are no request after which a connection is closed; one a minute is forgiven.
    pub malformed_lines_max: u32,
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections of one IP address.
    pub connections_per_ip_max: usize,
    /// Open connections of one network, a /24 or for IPv6 a /64.
    pub connections_per_network_max: usize,
    /// New connections of one IP address in a minute, once as many as may be open have come; of a
    /// network four times as many. Requests without authorization have four times these bounds.
    pub connects_per_minute_per_ip_max: u32,
    /// Percentage of `connections_max` that only workers the ledger knows may take.
    pub reserve_for_known_percent: u32,
    /// Who is banned.
    pub bans: BanConfig,
    /// Requests of a connection before it is authorized.
    pub requests_before_authorization_max: u32,
    /// Requests read from one connection in a second while its worker is not known and
    /// well-behaved, once five times as many have come; more wait in its socket.
    pub stranger_requests_per_second: u32,
    /// Shares of one connection that wait for an answer.
    pub shares_in_flight_per_connection: usize,
    /// Shares of one IP address (or /64 of IPv6) that wait for a verifier.
    pub unverified_shares_per_ip_max: usize,
    /// Shares of all connections that wait for a verifier.
    pub verification_queue_max: usize,
    /// Verified shares that wait for their batch.
    pub credit_queue_max: usize,
    /// How long a batch collects shares.
    pub batch_linger_ms: u64,
    /// Shares of one batch.
    pub batch_shares_max: usize,
    /// Batches that are proposed at the same time.
    pub batches_in_flight: usize,
    /// How long a verified share waits for a quorum before it is answered with an error.
    pub no_quorum_wait_ms: u64,
    /// How many heights old a job may be for its shares to count in full. Whatever meets the
    /// block target is submitted however old its job is.
    pub grace_heights: u64,
    /// A job older than this is sent again with a fresh timestamp.
    pub job_refresh_ms: u64,
    /// Earliest time between two jobs on the same tips (the transactions changed).
    pub same_tips_interval_ms: u64,
    /// How long a shutdown waits for shares in flight.
    pub drain_ms: u64,
}

impl StratumConfig {
    /// The settings a pool should start with, listening on `listen` without TLS.
    pub fn new(listen: Vec<SocketAddr>) -> Self {
        Self {
            listeners: listen.into_iter().map(Listener::plain).collect(),
            certificate: None,
            starting_difficulty: 10_000,
            minimum_difficulty: 100,
            maximum_difficulty: 1_000_000_000_000,
            target_share_interval_ms: 5_000,
            verifier_threads: 1,
            verification: Verification::Full,
            hello_timeout_ms: 20_000,
            idle_timeout_ms: 600_000,
            write_timeout_ms: 10_000,
            ping_interval_ms: 25_000,
            line_bytes_max: 16 * 1024,
            malformed_lines_max: 8,
            connections_max: 60_000,
            connections_per_ip_max: 4_096,
            connections_per_network_max: 16_384,
            connects_per_minute_per_ip_max: 600,
            reserve_for_known_percent: 5,
            bans: BanConfig::default(),
            requests_before_authorization_max: 32,
            stranger_requests_per_second: 10,
            shares_in_flight_per_connection: 64,
            unverified_shares_per_ip_max: 512,
            verification_queue_max: 2_048,
            credit_queue_max: 65_536,
            batch_linger_ms: 3,
            batch_shares_max: 1_024,
            batches_in_flight: 8,
            no_quorum_wait_ms: 10_000,
            grace_heights: 3,
            job_refresh_ms: 15_000,
            same_tips_interval_ms: 1_000,
            drain_ms: 5_000,
        }
    }

    /// Checks the values against each other.
    ///
    /// # Errors
    /// Names the first setting that cannot work, and why.
    pub fn check(&self) -> Result<(), StratumError> {
        let invalid = |setting, problem: &str| {
            Err(StratumError::InvalidConfig {
                setting,
                problem: problem.to_owned(),
            })
        };
        if let Some((setting, _)) = self
            .must_be_positive()
            .into_iter()
            .find(|(_, value)| *value == 0)
        {
            return invalid(setting, "must be at least 1");
        }
        if self.listeners.is_empty() {
            return invalid("listeners", "needs at least one address");
        }
        if self.minimum_difficulty > self.maximum_difficulty {
            return invalid("maximum_difficulty", "must not be below minimum_difficulty");
        }
        if !(self.minimum_difficulty..=self.maximum_difficulty).contains(&self.starting_difficulty)
        {
            return invalid(
                "starting_difficulty",
                "must lie between the minimum and the maximum",
            );
        }
        if self.reserve_for_known_percent > 90 {
            return invalid("reserve_for_known_percent", "must be at most 90");
        }
        if self.bans.bad_percent > 100 {
            return invalid("bans.bad_percent", "must be at most 100");
        }
        if self.line_bytes_max < 1_024 {
            return invalid("line_bytes_max", "must be at least 1024");
        }
        self.listeners
            .iter()
            .try_for_each(|one| self.check_listener(one))
    }

    /// Every setting that cannot be 0, with its value.
    fn must_be_positive(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("minimum_difficulty", self.minimum_difficulty),
            ("target_share_interval_ms", self.target_share_interval_ms),
            ("hello_timeout_ms", self.hello_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("write_timeout_ms", self.write_timeout_ms),
            ("ping_interval_ms", self.ping_interval_ms),
            ("no_quorum_wait_ms", self.no_quorum_wait_ms),
            ("job_refresh_ms", self.job_refresh_ms),
            ("verifier_threads", self.verifier_threads as u64),
            ("connections_max", self.connections_max as u64),
            ("connections_per_ip_max", self.connections_per_ip_max as u64),
            (
                "connections_per_network_max",
                self.connections_per_network_max as u64,
            ),
            (
                "connects_per_minute_per_ip_max",
                self.connects_per_minute_per_ip_max.into(),
            ),
            (
                "requests_before_authorization_max",
                self.requests_before_authorization_max.into(),
            ),
            (
                "stranger_requests_per_second",
                self.stranger_requests_per_second.into(),
            ),
            (
                "shares_in_flight_per_connection",
                self.shares_in_flight_per_connection as u64,
            ),
            (
                "unverified_shares_per_ip_max",
                self.unverified_shares_per_ip_max as u64,
            ),
            ("bans.window_ms", self.bans.window_ms),
            ("bans.shares_min", self.bans.shares_min),
            ("bans.duration_ms", self.bans.duration_ms),
            ("bans.ip_duration_ms", self.bans.ip_duration_ms),
            ("verification_queue_max", self.verification_queue_max as u64),
            ("credit_queue_max", self.credit_queue_max as u64),
            ("batch_shares_max", self.batch_shares_max as u64),
            ("batches_in_flight", self.batches_in_flight as u64),
        ]
    }

    fn check_listener(&self, listener: &Listener) -> Result<(), StratumError> {
        let invalid = |problem: String| {
            Err(StratumError::InvalidConfig {
                setting: "listeners",
                problem: format!("of {}: {problem}", listener.address),
            })
        };
        if listener.encryption != Encryption::Plain && self.certificate.is_none() {
            return invalid("TLS needs a certificate".to_owned());
        }
        let bounds = self.minimum_difficulty..=self.maximum_difficulty;
        match listener.starting_difficulty {
            Some(difficulty) if !bounds.contains(&difficulty) => invalid(format!(
                "starting difficulty {difficulty} must lie between {} and {}",
                bounds.start(),
                bounds.end()
            )),
            _ => Ok(()),
        }
    }

    /// Connections beyond which only known workers are let in.
    pub(crate) fn connections_for_all(&self) -> usize {
        let percent = self.reserve_for_known_percent as usize;
        // Divided first, so that nothing overflows; below a hundred places there is no reserve of
        // less than one.
        let reserve =
            self.connections_max / 100 * percent + self.connections_max % 100 * percent / 100;
        self.connections_max.saturating_sub(reserve)
    }

    /// How long a miner may take to say who it is.
    pub(crate) fn hello(&self, speaks: Speaks) -> Duration {
        let hello = Duration::from_millis(self.hello_timeout_ms);
        speaks.hello_max().map_or(hello, |most| hello.min(most))
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(crate) fn no_quorum_wait(&self) -> Duration {
        Duration::from_millis(self.no_quorum_wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xatum_waits_no_longer_for_a_hello_than_it_is_meant_to() {
        let mut config = StratumConfig::new(Vec::new());
        let seconds = |config: &StratumConfig, speaks| config.hello(speaks).as_secs();
        assert_eq!(seconds(&config, Speaks::Stratum), 20);
        assert_eq!(seconds(&config, Speaks::Xatum), 5);
        config.hello_timeout_ms = 3_000;
        assert_eq!(seconds(&config, Speaks::Xatum), 3);
    }

    #[test]
    fn defaults_are_valid_and_a_bad_value_is_named() {
        let config = StratumConfig::new(vec![([127, 0, 0, 1], 0).into()]);
        config.check().unwrap();

        let bad = StratumConfig {
            starting_difficulty: 1,
            ..config.clone()
        };
        assert!(
            bad.check()
                .unwrap_err()
                .to_string()
                .contains("starting_difficulty")
        );
        let bad = StratumConfig {
            listeners: vec![],
            ..config.clone()
        };
        assert!(bad.check().unwrap_err().to_string().contains("listeners"));
        let mut bad = config.clone();
        bad.listeners[0].encryption = Encryption::Both;
        let problem = bad.check().unwrap_err().to_string();
        assert!(problem.contains("127.0.0.1:0") && problem.contains("certificate"));
        let mut bad = config.clone();
        bad.listeners[0].starting_difficulty = Some(1);
        assert!(bad.check().unwrap_err().to_string().contains("between 100"));
        let bad = StratumConfig {
            verifier_threads: 0,
            ..config
        };
        assert!(
            bad.check()
                .unwrap_err()
                .to_string()
                .contains("verifier_threads")
        );
    }
}
