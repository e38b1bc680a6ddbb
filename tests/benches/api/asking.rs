//! Many ask at once, again and again, one path after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use raftpool_tests::processes::Pool;

use super::{AIM_PER_CORE, cpu_time};

/// Connections that ask.
const ASKING: u64 = 8;

/// How long the node is looked at, and how often in a row it must be at rest, before it is asked.
const LOOK: Duration = Duration::from_secs(1);
const QUIET_LOOKS: u32 = 5;
/// After so long it is asked as it is.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Its name, and the path of the request of a number.
pub type Path = (&'static str, Box<dyn Fn(u64) -> String + Send + Sync>);

/// Asks each path for so long, and all of them in turn, and prints what it found.
pub async fn measure(pool: &Pool, paths: &[Path], time: Duration) -> Result<()> {
    let process_id = pool.node.id().await.context("the node runs")?;
    let address = pool.node.addresses().context("the node's addresses")?.api;
    let base = format!("http://{address}");
    settle(process_id).await?;
    println!(
        "\n{ASKING} connections ask without a pause; per core: by the node's own processor time (aim {AIM_PER_CORE})"
    );
    println!(
        "path                                  per second   per core   p50 ms   p99 ms  mean bytes"
    );
    for (name, path) in paths {
        // The first answers warm what is kept in memory.
        ask(&base, path, Duration::from_millis(300)).await?;
        let before = cpu_time(process_id)?;
        let asked = ask(&base, path, time).await?;
        let spent = cpu_time(process_id)?.saturating_sub(before);
        print(name, asked, spent);
    }
    let mixed = |number: u64| {
        let count = paths.len() as u64;
        let place = usize::try_from(number % count).unwrap_or_default();
        (paths[place].1)(number / count)
    };
    let before = cpu_time(process_id)?;
    let asked = ask(&base, &mixed, 2 * time).await?;
    let spent = cpu_time(process_id)?.saturating_sub(before);
    print("all of them in turn", asked, spent);
    Ok(())
}

/// Waits until the node has little to do by itself: after a year was written and the node started, its
/// database still puts itself in order, and whatever is asked first would pay for that.
async fn settle(process_id: u32) -> Result<()> {
    let started = Instant::now();
    let mut quiet = 0;
    while quiet < QUIET_LOOKS && started.elapsed() < SETTLE_MAX {
        let before = cpu_time(process_id)?;
        tokio::time::sleep(LOOK).await;
        let spent = cpu_time(process_id)?.saturating_sub(before);
        quiet = if spent < LOOK / 20 { quiet + 1 } else { 0 };
    }
    println!(
        "the node came to rest {:.0} s after its start",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

struct Asked {
    took: Vec<Duration>,
    bytes: u64,
    elapsed: Duration,
}

async fn ask(
    base: &str,
    path: &(impl Fn(u64) -> String + Sync + ?Sized),
    time: Duration,
) -> Result<Asked> {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(usize::try_from(ASKING)?)
        .build()?;
    let (number, bytes) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let connections = (0..ASKING).map(|_| async {
        let mut took = Vec::new();
        while started.elapsed() < time {
            let url = format!("{base}{}", path(number.fetch_add(1, Ordering::Relaxed)));
            let begin = Instant::now();
            let response = client.get(&url).send().await?;
            let status = response.status();
            let body = response.bytes().await?;
            ensure!(status.is_success(), "{url}: {status}");
            took.push(begin.elapsed());
            bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        Ok(took)
    });
    let mut took: Vec<Duration> = try_join_all(connections).await?.concat();
    let elapsed = started.elapsed();
    took.sort();
    Ok(Asked {
        took,
        bytes: bytes.load(Ordering::Relaxed),
        elapsed,
    })
}

fn print(name: &str, asked: Asked, spent: Duration) {
    let count = asked.took.len();
    let at = |percent: usize| asked.took[(count * percent / 100).min(count - 1)].as_secs_f64();
    println!(
        "{name:<36}  {:>10.0}  {:>9.0}  {:>7.2}  {:>7.2}  {:>10}",
        count as f64 / asked.elapsed.as_secs_f64(),
        count as f64 / spent.as_secs_f64().max(0.01),
        1_000.0 * at(50),
        1_000.0 * at(99),
        asked.bytes / count as u64,
    );
}
