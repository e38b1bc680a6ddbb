//! What a miner is told at its start.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Longest pool address that an error repeats, in characters.
const QUOTE_MAX_CHARS: usize = 80;

/// Where, for whom and how hard to mine.
#[derive(Debug, Clone)]
pub struct MinerConfig {
    /// Pools in order of preference. The miner goes to the next when one fails, and returns to the
    /// first when that one lives again.
    pub pools: Vec<PoolAddress>,
    /// The address that earns.
    pub address: String,
    /// Name of this machine in the pool's statistics.
    pub worker: String,
    /// Options for the pool, such as `d=1000`; most miners send `x`.
    pub password: String,
    /// Hashing threads, at least one.
    pub threads: usize,
    /// Name and version of the program, as the pool shows it.
    pub agent: String,
    /// Where counting nonces starts. Random, so that two miners behind one proxy do not try the
    /// same ones.
    pub nonce_seed: u64,
    /// The part of each thread's time that is spent hashing, above 0 and up to 1; all of it if
    /// absent.
    pub throttle: Option<f32>,
    /// Time-outs and pauses.
    pub timing: Timing,
}

impl MinerConfig {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// [`MinerError::NoPool`], [`MinerError::NoThread`] or [`MinerError::Throttle`].
    pub fn validate(&self) -> Result<(), MinerError> {
        if self.pools.is_empty() {
            return Err(MinerError::NoPool);
        }
        if self.threads == 0 {
            return Err(MinerError::NoThread);
        }
        match self.throttle {
            Some(part) if !(part > 0.0 && part <= 1.0) => Err(MinerError::Throttle { part }),
            _ => Ok(()),
        }
    }
}

/// Time-outs and pauses of a miner; the default suits public pools.
#[derive(Debug, Clone)]
pub struct Timing {
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long subscribing, authorizing and the first job may take together.
    pub handshake_timeout: Duration,
    /// Silence after which a pool counts as dead. Pools ping about every 25 seconds.
    pub idle_timeout: Duration,
    /// First pause after every pool has failed; it doubles up to [`Timing::backoff_max`].
    pub backoff_min: Duration,
    /// Longest pause between rounds over the pools.
    pub backoff_max: Duration,
    /// How often a miner on another pool tries the first one.
    pub return_interval: Duration,
    /// How long a shutdown waits for the answers to the last shares.
    pub drain_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(90),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            return_interval: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(2),
        }
    }
}

/// Host and port of a pool. Reads `host:port` and `stratum+tcp://host:port`; an IPv6 address
/// stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolAddress {
    host: String,
    port: u16,
}

impl PoolAddress {
    /// Name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port, above zero.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for PoolAddress {
    type Err = MinerError;

    fn from_str(text: &str) -> Result<Self, MinerError> {
        let invalid = || MinerError::PoolAddress {
            text: text
                .chars()
                .filter(|c| !c.is_control())
                .take(QUOTE_MAX_CHARS)
                .collect(),
        };
        let rest = text.strip_prefix("stratum+tcp://").unwrap_or(text);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(invalid)?;
        // The number parser alone would also take a sign.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port
            .parse()
            .ok()
            .filter(|port| is_number && *port > 0)
            .ok_or_else(invalid)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            _ => host,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_address = host.parse::<std::net::Ipv6Addr>().is_ok() && rest.starts_with('[');
        if host.is_empty() || !(is_address || host.chars().all(is_name)) {
            return Err(invalid());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for PoolAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a miner cannot start.
#[derive(Debug, thiserror::Error)]
pub enum MinerError {
    /// The list of pools is empty.
    #[error("a miner needs at least one pool")]
    NoPool,
    /// Zero threads were asked for.
    #[error("a miner needs at least one thread")]
    NoThread,
    /// The part of the time to hash is no part.
    #[error("the throttle {part} is not above 0 and at most 1")]
    Throttle {
        /// What was asked for.
        part: f32,
    },
    /// The text is no pool address.
    #[error("`{text}` is not a pool address; they look like pool.example.com:3333")]
    PoolAddress {
        /// What was given, cut when long.
        text: String,
    },
    /// The system gave no thread.
    #[error("cannot start hashing thread {thread_idx}")]
    SpawnThread {
        /// Which of the threads.
        thread_idx: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_addresses_round_trip() {
        for (text, shown) in [
            ("pool.example.com:3333", "pool.example.com:3333"),
            ("stratum+tcp://node-1:1225", "node-1:1225"),
            ("stratum+tcp://node-1:1225/", "node-1:1225"),
            ("127.0.0.1:65535", "127.0.0.1:65535"),
            ("[::1]:3333", "[::1]:3333"),
        ] {
            let address: PoolAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<PoolAddress>().unwrap(), address);
        }
        assert_eq!("[::1]:3333".parse::<PoolAddress>().unwrap().host(), "::1");
    }

    #[test]
    fn what_is_no_pool_address_is_refused() {
        for text in [
            "",
            "pool",
            ":3333",
            "pool:",
            "pool:0",
            "pool:65536",
            "pool:x",
            "po ol:1",
            "::1:3333",
            "[pool]:1",
            "http://pool:1",
            "pool:1:2",
            "pool:+1",
        ] {
            assert!(text.parse::<PoolAddress>().is_err(), "`{text}` was taken");
        }
        let error = "\u{1b}[31m"
            .repeat(1000)
            .parse::<PoolAddress>()
            .unwrap_err()
            .to_string();
        assert!(error.len() < 200 && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn impossible_configurations_are_refused() {
        let good = MinerConfig {
            pools: vec!["pool:1".parse().unwrap()],
            address: String::new(),
            worker: String::new(),
            password: String::new(),
            threads: 1,
            agent: String::new(),
            nonce_seed: 0,
            throttle: Some(1.0),
            timing: Timing::default(),
        };
        assert!(good.validate().is_ok());
        let no_pool = MinerConfig {
            pools: Vec::new(),
            ..good.clone()
        };
        assert!(matches!(no_pool.validate(), Err(MinerError::NoPool)));
        let no_thread = MinerConfig {
            threads: 0,
            ..good.clone()
        };
        assert!(matches!(no_thread.validate(), Err(MinerError::NoThread)));
        for part in [0.0, -1.0, 1.01, f32::NAN] {
            let throttled = MinerConfig {
                throttle: Some(part),
                ..good.clone()
            };
            assert!(
                matches!(throttled.validate(), Err(MinerError::Throttle { .. })),
                "{part}"
            );
        }
    }
}
