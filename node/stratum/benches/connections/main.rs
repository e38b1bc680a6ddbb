//! Measures many connections of one node: how fast they come, what each costs in memory, and how
//! long a new template takes to the last of them. Prints numbers, asserts nothing.
//!
//! `cargo bench --workspace --bench connections`. The miners are in a process of their own, so that
//! the memory is the server's; they share its cores. `RAFTPOOL_BENCH_CONNECTIONS=50000` sets how
//! many there are.

// The harness is that of the tests, of which only a part is needed here.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../../tests/stratum/harness/mod.rs"]
mod harness;

mod crowd;

use std::process::Stdio;
use std::time::Duration;

use harness::tls::{Files, over_tls};
use harness::{Pool, config, template};
use raftpool_stratum::{Encryption, StratumConfig};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Measures miners over TLS, and nothing else.
const ENCRYPTED: &str = "--encrypted";
const CONNECTIONS: usize = 10_000;
/// Rounds of new templates of which the median is printed.
const ROUNDS: u64 = 7;
/// Time for the miners to become quiet between two rounds.
const PAUSE: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() {
    raise_file_limit();
    let arguments: Vec<_> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|one| one == crowd::ARGUMENT) {
        return crowd::run(&arguments[at + 1..]).await;
    }
    let count = std::env::var("RAFTPOOL_BENCH_CONNECTIONS");
    let count = count.map_or(CONNECTIONS, |text| text.parse().unwrap());
    let files = Files::new();
    match arguments.iter().any(|one| one == ENCRYPTED) {
        true => {
            measure(
                "TLS",
                count,
                over_tls(Encryption::Tls, &files),
                Some(&files),
            )
            .await
        }
        false => {
            measure("plain", count, config(), None).await;
            // In a process of its own: memory that was given back here would be used again there.
            let program = std::env::current_exe().unwrap();
            let encrypted = Command::new(program).arg(ENCRYPTED).status().await;
            assert!(encrypted.unwrap().success());
        }
    }
}

async fn measure(name: &str, count: usize, config: StratumConfig, files: Option<&Files>) {
    let pool = Pool::with(StratumConfig {
        connections_max: count,
        connections_per_ip_max: count,
        connections_per_network_max: count,
        reserve_for_known_percent: 0,
        job_refresh_ms: 3_600_000,
        ..config
    })
    .await;
    let before = resident_bytes();
    let mut crowd = Crowd::start(&pool, count, files);
    let connected = crowd.line().await;
    let each = resident_bytes().saturating_sub(before) as f64 / count as f64 / 1_024.0;
    println!("{name}: {count} connects                {connected}");
    println!("{name}: memory of a connection      {each:.1} KiB");
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        tokio::time::sleep(PAUSE).await;
        rounds.push(crowd.round(&pool, 101 + round).await);
    }
    rounds.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let [p50, p99, last] = rounds[rounds.len() / 2];
    println!(
        "{name}: new template to {count} miners p50 {p50:.0} ms, p99 {p99:.0} ms, last {last:.0} ms \
         (median of {ROUNDS} by p99)"
    );
}

/// The miners' process.
struct Crowd {
    _process: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

impl Crowd {
    fn start(pool: &Pool, count: usize, files: Option<&Files>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg(crowd::ARGUMENT)
            .arg(pool.address().to_string())
            .arg(count.to_string());
        if let Some(files) = files {
            let trusted = files.directory.path().join("trusted.der");
            std::fs::write(&trusted, &files.trusted).unwrap();
            command.arg(trusted);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        Self {
            orders: process.stdin.take().unwrap(),
            reports: BufReader::new(process.stdout.take().unwrap()).lines(),
            _process: process,
        }
    }

    async fn line(&mut self) -> String {
        let line = self.reports.next_line().await.unwrap();
        line.expect("the miners' process has ended")
    }

    /// Publishes a template; p50, p99 and the last arrival, in milliseconds.
    async fn round(&mut self, pool: &Pool, height: u64) -> [f64; 3] {
        let order = format!("{}\n", crowd::now_ns());
        pool.new_template(template(height));
        self.orders.write_all(order.as_bytes()).await.unwrap();
        let line = self.line().await;
        let figures: Vec<f64> = line.split(' ').map(|one| one.parse().unwrap()).collect();
        figures.try_into().unwrap()
    }
}

fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Some(120_000).max(limit.maximum);
    let raised = Rlimit {
        current: wanted,
        maximum: wanted,
    };
    // Without the right to it, the present hard limit has to do.
    if setrlimit(Resource::Nofile, raised).is_err() {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        );
    }
}

/// Memory of this process, from the second field of `statm` in pages of 4 KiB.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1);
    pages
        .and_then(|field| field.parse::<usize>().ok())
        .unwrap_or(0)
        * 4_096
}
