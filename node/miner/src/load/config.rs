//! What a load is made of, checked before the first connection.

use std::net::SocketAddr;
use std::time::Duration;

use super::tls::LoadTls;

/// Just beyond the three heights that pools of this program pay late work for, if every height
/// brings one job; where there are more jobs than heights such a share may still count.
pub const STALE_AGE_JOBS: u64 = 5;

/// Most emulated miners of one process.
const CONNECTIONS_MAX: usize = 200_000;
/// Most source addresses; each lies in a network of its own.
const SOURCE_ADDRESSES_MAX: usize = 10_000;
/// Miners of one source address when their number is not given: an address has about 28,000 ports.
const CONNECTIONS_PER_SOURCE: usize = 20_000;

/// What the emulated miners speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadProtocol {
    /// JSON lines over TCP.
    Stratum,
    /// The daemon's WebSocket, as the official miner does. Its answers do not say which share they
    /// are for, so each miner has one share without an answer at a time.
    Getwork,
}

/// How shares come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// Not at all: the miners connect and listen.
    Idle,
    /// So many a second, of all miners together, at random times (a Poisson process) that do not
    /// depend on how fast the pool answers.
    PerSecond(f64),
    /// As fast as the pool answers: every miner always has as many shares without an answer as it
    /// may. Measures the most the pool can do; its latencies say little.
    Saturate,
}

/// Which part of the shares is bad, in percent. The rest is valid.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mix {
    /// For jobs that are too old.
    pub stale: f64,
    /// Sent a second time.
    pub duplicate: f64,
    /// Below the difficulty. So many percent of the miners ask for a difficulty that no share of
    /// theirs meets, since at difficulty 1 every share is good.
    pub low: f64,
    /// With a nonce or a job that is none.
    pub malformed: f64,
}

impl Mix {
    fn sum(&self) -> f64 {
        self.stale + self.duplicate + self.low + self.malformed
    }
}

/// A load.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// Nodes of the pool. Miners spread over them evenly, and one that loses its node goes to the
    /// next.
    pub pools: Vec<SocketAddr>,
    /// Says that every pool that is not on this machine belongs to whoever started this.
    pub is_own_pool: bool,
    /// What the miners speak.
    pub protocol: LoadProtocol,
    /// How they encrypt, if they do.
    pub tls: Option<LoadTls>,
    /// Addresses that earn, taken in turn; at least one.
    pub addresses: Vec<String>,
    /// How many names the workers of one address have, taken in turn.
    pub workers: usize,
    /// What every miner sends as its password, before the difficulty it asks for.
    pub password: String,
    /// Difficulty to ask for; 0 asks for none.
    pub difficulty: u64,
    /// Difficulty that miners ask for whose shares shall be too low.
    pub low_difficulty: u64,
    /// Emulated miners.
    pub connections: usize,
    /// Connects a second; as fast as [`LoadConfig::connecting_max`] lets them if absent.
    pub connects_per_second: Option<f64>,
    /// Connections that are being made at a time, without a rate.
    pub connecting_max: usize,
    /// How shares come.
    pub rate: Rate,
    /// Shares of one miner without an answer; one that is due beyond waits, and the waiting counts.
    pub in_flight_max: usize,
    /// Which of them are bad.
    pub mix: Mix,
    /// How many jobs old a stale share's job is. Until a miner has had as many it names a job that
    /// never was, which costs a pool no hash.
    pub stale_age_jobs: u64,
    /// Mean time after which a miner reconnects by itself.
    pub reconnect_every: Option<Duration>,
    /// How long shares are sent and jobs awaited, once every miner has tried to connect.
    pub duration: Duration,
    /// How long a connection may take, with everything up to its first job.
    pub connect_timeout: Duration,
    /// How long answers are awaited at the end.
    pub drain_timeout: Duration,
    /// Addresses 127.x.y.1 to connect from, each in a network of its own, so that a pool on this
    /// machine does not take all miners for one; 0 takes what the number of miners needs.
    pub source_addresses: usize,
    /// Name and version of the program, as the pool shows it.
    pub agent: String,
    /// Decides all that is left to chance.
    pub seed: u64,
}

/// Why a load cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no pool, no address or no miner.
    #[error("a load needs at least one {0}")]
    Missing(&'static str),
    /// A pool is somewhere else, and nobody said that it may be loaded.
    #[error("{0} is not on this machine; a load on somebody else's pool is an attack")]
    NotLoopback(SocketAddr),
    /// A number is out of its bounds.
    #[error("{what} must lie between {minimum} and {maximum}")]
    OutOfBounds {
        /// Which one.
        what: &'static str,
        /// The least it may be.
        minimum: f64,
        /// The most it may be.
        maximum: f64,
    },
    /// Bad shares are more than all shares.
    #[error("{0} percent of bad shares are more than there are")]
    Mix(f64),
    /// Source addresses make sense on this machine only, and for IPv4.
    #[error("source addresses 127.x.y.1 do not reach {0}")]
    SourceAddresses(SocketAddr),
    /// TLS cannot be set up.
    #[error("TLS")]
    Tls(#[source] tokio_rustls::rustls::Error),
}

impl LoadConfig {
    /// An idle load of one miner with the usual settings.
    pub fn new(pools: Vec<SocketAddr>, address: String) -> Self {
        Self {
            pools,
            is_own_pool: false,
            protocol: LoadProtocol::Stratum,
            tls: None,
            addresses: vec![address],
            workers: 100,
            password: String::new(),
            difficulty: 1,
            low_difficulty: 1_000_000_000,
            connections: 1,
            connects_per_second: None,
            connecting_max: 256,
            rate: Rate::Idle,
            in_flight_max: 16,
            mix: Mix::default(),
            stale_age_jobs: STALE_AGE_JOBS,
            reconnect_every: None,
            duration: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(10),
            source_addresses: 0,
            agent: "raftpool-loadgen".into(),
            seed: 1,
        }
    }

    /// Checks what the types leave open.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), LoadError> {
        for (what, is_missing) in [
            ("pool", self.pools.is_empty()),
            ("address", self.addresses.is_empty()),
            ("connection", self.connections == 0),
        ] {
            if is_missing {
                return Err(LoadError::Missing(what));
            }
        }
        if let Some(away) = self.pools.iter().find(|pool| !pool.ip().is_loopback())
            && !self.is_own_pool
        {
            return Err(LoadError::NotLoopback(*away));
        }
        let unreachable = |pool: &&SocketAddr| !pool.ip().is_loopback() || pool.is_ipv6();
        if self.source_addresses > 0
            && let Some(pool) = self.pools.iter().find(unreachable)
        {
            return Err(LoadError::SourceAddresses(*pool));
        }
        self.check_numbers()
    }

    fn check_numbers(&self) -> Result<(), LoadError> {
        let rate = match self.rate {
            Rate::PerSecond(rate) => rate,
            Rate::Idle | Rate::Saturate => 1.0,
        };
        for (what, value, minimum, maximum) in [
            (
                "connections",
                self.connections as f64,
                1.0,
                CONNECTIONS_MAX as f64,
            ),
            (
                "connects per second",
                self.connects_per_second.unwrap_or(1.0),
                0.001,
                1e6,
            ),
            (
                "connections made at a time",
                self.connecting_max as f64,
                1.0,
                1e5,
            ),
            ("shares per second", rate, 0.001, 1e6),
            ("shares in flight", self.in_flight_max as f64, 1.0, 1_024.0),
            ("workers", self.workers as f64, 1.0, 1e6),
            ("age of stale jobs", self.stale_age_jobs as f64, 1.0, 200.0),
            (
                "source addresses",
                self.source_addresses as f64,
                0.0,
                SOURCE_ADDRESSES_MAX as f64,
            ),
            ("percent of stale shares", self.mix.stale, 0.0, 100.0),
            (
                "percent of duplicate shares",
                self.mix.duplicate,
                0.0,
                100.0,
            ),
            ("percent of low shares", self.mix.low, 0.0, 100.0),
            (
                "percent of malformed shares",
                self.mix.malformed,
                0.0,
                100.0,
            ),
        ] {
            // Written so that what is no number fails too.
            if !(minimum..=maximum).contains(&value) {
                return Err(LoadError::OutOfBounds {
                    what,
                    minimum,
                    maximum,
                });
            }
        }
        match self.mix.sum() {
            sum if sum > 100.0 => Err(LoadError::Mix(sum)),
            _ => Ok(()),
        }
    }

    /// Miners whose shares are too low: the first ones.
    pub(super) fn low_miners(&self) -> usize {
        // At most 100 percent of a number that fits.
        (self.connections as f64 * self.mix.low / 100.0).ceil() as usize
    }

    /// How many source addresses are used; 0 leaves it to the system.
    pub(super) fn sources(&self) -> usize {
        let can_choose = self
            .pools
            .iter()
            .all(|pool| pool.ip().is_loopback() && pool.is_ipv4());
        match self.source_addresses {
            0 if can_choose && self.connections > CONNECTIONS_PER_SOURCE => {
                self.connections.div_ceil(CONNECTIONS_PER_SOURCE)
            }
            given => given,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pool: &str) -> LoadConfig {
        LoadConfig::new(vec![pool.parse().unwrap()], "xet:a".into())
    }

    #[test]
    fn somebody_elses_pool_is_refused_unless_it_is_said_to_be_ones_own() {
        assert!(config("127.0.0.1:1").check().is_ok());
        assert!(config("[::1]:1").check().is_ok());
        let mut away = config("198.51.100.7:1");
        assert!(matches!(away.check(), Err(LoadError::NotLoopback(_))));
        away.is_own_pool = true;
        assert!(away.check().is_ok());
        away.source_addresses = 2;
        assert!(matches!(away.check(), Err(LoadError::SourceAddresses(_))));
    }

    #[test]
    fn numbers_out_of_bounds_are_named() {
        let refused = |change: fn(&mut LoadConfig)| {
            let mut config = config("127.0.0.1:1");
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(refused(|config| config.connections = 0).contains("connection"));
        assert!(refused(|config| config.rate = Rate::PerSecond(f64::NAN)).contains("shares per"));
        assert!(refused(|config| config.mix.low = -1.0).contains("low"));
        assert!(
            refused(|config| (config.mix.low, config.mix.stale) = (60.0, 60.0)).contains("120")
        );
    }

    #[test]
    fn many_miners_come_from_several_addresses() {
        let mut config = config("127.0.0.1:1");
        assert_eq!(config.sources(), 0);
        config.connections = 50_000;
        assert_eq!(config.sources(), 3);
        config.source_addresses = 200;
        assert_eq!(config.sources(), 200);
        config.mix.low = 0.01;
        assert_eq!(config.low_miners(), 5);
    }
}
