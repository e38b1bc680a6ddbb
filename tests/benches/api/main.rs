//! What the API of one node costs with a year of a pool in its books: latencies and requests per
//! second and core by path, the memory of thousands of open streams of events, and what they cost
//! while shares come. Prints numbers.
//!
//! The node is a process of its own, so that its processor time and memory are its alone; whoever asks
//! shares its cores, so latencies are those of a machine that is busy with both. What a core bears is
//! reckoned from the node's processor time and not from the clock.
//! `RAFTPOOL_BENCH_DAYS` (365), `RAFTPOOL_BENCH_STREAMS` (5,000) and `RAFTPOOL_BENCH_SECONDS` (4, for
//! each path) set how much there is of each.

mod asking;
mod streams;
mod year;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_tests::environment::number;
use raftpool_tests::processes::{Pool, PoolOptions};

use year::{MINERS, Year, address};

/// What the design aims at.
const AIM_PER_CORE: u64 = 5_000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let days = number("RAFTPOOL_BENCH_DAYS", 365)?;
    let streams = number("RAFTPOOL_BENCH_STREAMS", 5_000)?;
    let seconds = number("RAFTPOOL_BENCH_SECONDS", 4)?;
    let files = 2 * streams + 1_000;
    if let Err(allowed) = raftpool::system::allow_open_files(files) {
        println!("the system allows {allowed} open files, {files} are wanted");
    }
    let mut pool = Pool::start(PoolOptions::default()).await?;
    ensure!(pool.stop_node().await, "the node did not stop");
    let year = Year::fill(&pool.directory().join("data"), days).await?;
    println!("{year}");
    widen(&pool, streams)?;
    pool.start_node(&[]).await?;
    asking::measure(&pool, &paths(), Duration::from_secs(seconds)).await?;
    streams::measure(&pool, usize::try_from(streams)?).await?;
    Ok(())
}

/// Paths as pages ask for them, each for other miners and blocks from one request to the next.
fn paths() -> Vec<asking::Path> {
    fn of(miner: u64) -> String {
        format!("/api/v1/miners/{}", address(miner % MINERS))
    }
    vec![
        ("pool", Box::new(|_| "/api/v1/pool".into())),
        (
            "pool/series (a day)",
            Box::new(|_| "/api/v1/pool/series?step=ten_minutes".into()),
        ),
        (
            "blocks (20)",
            Box::new(|_| "/api/v1/blocks?limit=20".into()),
        ),
        (
            "blocks (20, long ago)",
            Box::new(|number| format!("/api/v1/blocks?limit=20&before={}", 100 + number % 3_000)),
        ),
        (
            "miners/top",
            Box::new(|_| "/api/v1/miners/top?limit=20".into()),
        ),
        ("miners/{address}", Box::new(of)),
        (
            "miners/{address}/workers",
            Box::new(|number| of(number) + "/workers"),
        ),
        (
            "miners/{address}/series",
            Box::new(|number| of(number) + "/series?step=day"),
        ),
        (
            "miners/{address}/rewards (20)",
            Box::new(|number| of(number) + "/rewards?limit=20"),
        ),
        (
            "miners/{address}/statement",
            Box::new(|number| of(number) + "/statement?limit=20"),
        ),
    ]
}

/// Lets so many streams in.
fn widen(pool: &Pool, streams: u64) -> Result<()> {
    let file = pool.config_file();
    let text = std::fs::read_to_string(&file).context("read the configuration")?;
    let wide = format!(
        "[api]\nevent_streams_max = {}\nevent_streams_per_ip_max = {}\n",
        streams + 500,
        streams::PER_ADDRESS
    );
    std::fs::write(&file, text.replace("[api]\n", &wide)).context("write the configuration")
}

/// Processor time that a process has used so far.
fn cpu_time(process_id: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("a name in parentheses")?
        .1
        .split_whitespace()
        .collect();
    // The 14th and 15th of all, of which two stand before the parenthesis; in hundredths of a second.
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(10 * ticks))
}
