//! `raftpool loadgen`

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use raftpool_miner::PoolAddress;
use raftpool_miner::load::{Load, LoadConfig, LoadProtocol, LoadTls, Mix, Rate, Trust};

use super::stop;
use crate::cli::OutputFormat;
use crate::cli::load::{LoadgenArgs, ProtocolName};

/// Open files besides connections.
const OTHER_FILES: u64 = 64;
/// Longest time that makes sense, which is also one that can be counted.
const SECONDS_MAX: f64 = 1e6;

pub(super) fn execute(args: &LoadgenArgs) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let done = runtime.block_on(run(args));
    // Not waited for: a read of the standard input may never end.
    runtime.shutdown_background();
    done
}

async fn run(args: &LoadgenArgs) -> anyhow::Result<ExitCode> {
    crate::system::log_to_stderr("warn");
    let config = configuration(args).await?;
    let files = config.connections as u64 + OTHER_FILES;
    if let Err(allowed) = crate::system::allow_open_files(files) {
        bail!(
            "the system allows {allowed} open files and {files} are needed: raise the limit with \
             `ulimit -n`, or use several processes"
        );
    }
    eprintln!("seed {}", config.seed);
    let load = Load::start(config).context("start the load")?;
    let stopped = async {
        match stop::requested(args.exit_on_stdin_close).await {
            Ok(reason) => eprintln!("stopping: {reason}"),
            Err(error) => eprintln!("stopping: {error:#}"),
        }
    };
    let report = load.run(stopped).await;
    let text = match args.output {
        OutputFormat::Text => report.to_string(),
        OutputFormat::Json => {
            serde_json::to_string_pretty(&report).context("write the report")? + "\n"
        }
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write the report")?;
    Ok(ExitCode::SUCCESS)
}

async fn configuration(args: &LoadgenArgs) -> anyhow::Result<LoadConfig> {
    let mut pools = Vec::new();
    let mut first_host = None;
    for pool in &args.pools {
        let address: PoolAddress = pool.parse().context("--pool")?;
        pools.push(resolve(&address).await?);
        first_host.get_or_insert_with(|| address.host().to_owned());
    }
    let tls = match args.tls {
        true => Some(LoadTls {
            trust: trust(args)?,
            server_name: args.tls_name.clone().or(first_host).unwrap_or_default(),
        }),
        false => None,
    };
    let seconds = |what: &str, value: f64| {
        ensure!(
            (0.0..=SECONDS_MAX).contains(&value),
            "{what}: {value} is no time in seconds"
        );
        Ok(Duration::from_secs_f64(value))
    };
    let usual = LoadConfig::new(pools, String::new());
    Ok(LoadConfig {
        is_own_pool: args.i_own_this_pool,
        protocol: match args.protocol {
            ProtocolName::Stratum => LoadProtocol::Stratum,
            ProtocolName::Getwork => LoadProtocol::Getwork,
        },
        tls,
        addresses: args.addresses.clone(),
        workers: args.workers,
        password: args.password.clone(),
        difficulty: args.difficulty,
        low_difficulty: args.low_difficulty,
        connections: args.connections,
        connects_per_second: args.connects_per_second,
        connecting_max: args.connecting,
        rate: match (args.shares_per_second, args.saturate) {
            (_, true) => Rate::Saturate,
            (Some(rate), false) => Rate::PerSecond(rate),
            (None, false) => Rate::Idle,
        },
        in_flight_max: args.in_flight,
        mix: Mix {
            stale: args.stale_percent,
            duplicate: args.duplicate_percent,
            low: args.low_percent,
            malformed: args.malformed_percent,
        },
        stale_age_jobs: args.stale_age_jobs,
        reconnect_every: args
            .reconnect_every
            .map(|every| seconds("--reconnect-every", every))
            .transpose()?,
        duration: seconds("--duration", args.duration)?,
        connect_timeout: seconds("--connect-timeout", args.connect_timeout)?,
        source_addresses: args.source_addresses,
        agent: concat!("raftpool-loadgen/", env!("CARGO_PKG_VERSION")).into(),
        seed: args.seed.unwrap_or_else(rand::random),
        ..usual
    })
}

async fn resolve(pool: &PoolAddress) -> anyhow::Result<SocketAddr> {
    let found = tokio::net::lookup_host((pool.host(), pool.port())).await;
    let mut found = found.with_context(|| format!("look up {pool}"))?;
    found
        .next()
        .with_context(|| format!("{pool} has no address"))
}

fn trust(args: &LoadgenArgs) -> anyhow::Result<Trust> {
    match (&args.tls_ca, args.tls_insecure) {
        (_, true) => Ok(Trust::Anything),
        (Some(file), false) => {
            let text = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
            Ok(Trust::Pem(text))
        }
        (None, false) => bail!("--tls needs --tls-ca FILE or --tls-insecure"),
    }
}
