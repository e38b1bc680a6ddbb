//! What `raftpool loadgen --help` prints.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use raftpool_miner::load::STALE_AGE_JOBS;

use super::OutputFormat;

/// What to load, with what.
#[derive(Debug, Args)]
pub struct LoadgenArgs {
    /// Node of the pool, HOST:PORT; may be given several times, and miners spread over them
    #[arg(long = "pool", short = 'o', value_name = "HOST:PORT", required = true)]
    pub pools: Vec<String>,
    /// Address that earns; may be given several times
    #[arg(long = "address", short = 'a', value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// What the miners speak
    #[arg(long, value_enum, default_value_t = ProtocolName::Stratum)]
    pub protocol: ProtocolName,
    /// Names of the workers of one address; miners share them, since the pool keeps each for ever
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub workers: usize,
    /// Password of every miner, sent before the difficulty it asks for
    #[arg(long, short = 'p', default_value = "", hide_default_value = true)]
    pub password: String,
    /// Difficulty to ask for. At 1 every hash is a share, so that valid shares need no hashing; the
    /// pool must allow it (`[stratum] minimum_difficulty = 1`). 0 leaves it to the pool, which then
    /// finds most shares too low unless it does not hash
    #[arg(long, default_value_t = 1)]
    pub difficulty: u64,
    /// Use TLS; needs --tls-ca or --tls-insecure
    #[arg(long)]
    pub tls: bool,
    /// PEM file with the certificates to trust
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls",
        conflicts_with = "tls_insecure"
    )]
    pub tls_ca: Option<PathBuf>,
    /// Take any certificate, as many miners do
    #[arg(long, requires = "tls")]
    pub tls_insecure: bool,
    /// Name to ask for, and that the certificate must have; the host of the first pool if not given
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub tls_name: Option<String>,
    /// Emulated miners
    #[arg(long, short = 'c', value_name = "COUNT", default_value_t = 100)]
    pub connections: usize,
    /// Connects a second; without it as fast as --connecting lets them
    #[arg(long, value_name = "RATE")]
    pub connects_per_second: Option<f64>,
    /// Connections made at a time, without a rate
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    pub connecting: usize,
    /// Shares a second, of all miners together, at random times that do not depend on how fast the
    /// pool answers; latencies count from these times. Without it the miners only listen
    #[arg(long, value_name = "RATE")]
    pub shares_per_second: Option<f64>,
    /// Send shares as fast as they are answered, with --in-flight of each miner under way
    #[arg(long, conflicts_with = "shares_per_second")]
    pub saturate: bool,
    /// Shares of one miner without an answer; in getwork, which does not say which share an answer
    /// is for, it is always 1
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    pub in_flight: usize,
    /// Part of the shares that are for too old a job
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub stale_percent: f64,
    /// How many jobs old such a job is; until so many came, one is named that never was
    #[arg(long, value_name = "COUNT", default_value_t = STALE_AGE_JOBS)]
    pub stale_age_jobs: u64,
    /// Part of the shares that were sent before
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub duplicate_percent: f64,
    /// Part of the shares, and of the miners, below the difficulty: these miners ask for
    /// --low-difficulty, which no share of theirs meets
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub low_percent: f64,
    /// Difficulty of the miners whose shares are too low. The pool lowers it to that of the network
    #[arg(long, value_name = "DIFFICULTY", default_value_t = 1_000_000_000)]
    pub low_difficulty: u64,
    /// Part of the shares with a job or nonce that is none
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub malformed_percent: f64,
    /// Mean time after which a miner reconnects, to the same node
    #[arg(long, value_name = "SECONDS")]
    pub reconnect_every: Option<f64>,
    /// How long to send shares and listen, once every miner has tried to connect
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    pub duration: f64,
    /// Longest time until the first job of a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    pub connect_timeout: f64,
    /// Connect from so many addresses 127.x.y.1, each in a network of its own, so that the limits
    /// on one address or network are not in the way; 0 takes one for 20,000 miners
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub source_addresses: usize,
    /// Say that the pool is yours: without it only pools on this machine are loaded
    #[arg(long)]
    pub i_own_this_pool: bool,
    /// Decides what is left to chance; random if not given, and printed
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How to show the report, which goes to standard output
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Stop, and report, when standard input is closed
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}

/// What emulated miners speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// JSON lines over TCP, as nearly all miners
    Stratum,
    /// The daemon's WebSocket on the HTTP listener, as the official miner
    Getwork,
}
