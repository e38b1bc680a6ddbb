//! Measures what attacks cost the honest miners beside them: how much of their rate of accepted
//! shares they keep, and how long answers take. Prints numbers, and a verdict: those that work keep
//! at least 90 percent of their rate, and 99 of 100 answers take less than a second. New workers
//! that come meanwhile are measured as well; a busy node sends them elsewhere, which is no failure.
//!
//! `cargo bench --workspace --bench attack`; server, miners and attackers are in one process and
//! share its cores, so that the attackers' own work counts against the server. Everything is as a
//! node has it by default. `RAFTPOOL_BENCH_SECONDS` (10) is how long each attack lasts; it ends with
//! an error if a verdict is bad.

// The harness is that of the tests, of which only a part is needed here.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../tests/stratum/harness/mod.rs"]
mod harness;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use harness::attack::{Attack, Attackers, Honest};
use harness::tls::{Files, listener, over_tls};
use harness::{Pool, template};
use raftpool_stratum::{Encryption, Speaks, StratumConfig};

/// Honest miners, half of them over TLS, and the time between two shares of each.
const HONEST: u8 = 8;
const PACE: Duration = Duration::from_millis(200);
/// Time between two new workers.
const NEW_PACE: Duration = Duration::from_millis(500);
/// Time between two heights, as on a fast day, and in a flood of templates.
const HEIGHT: Duration = Duration::from_millis(1_000);
const FLOOD: Duration = Duration::from_millis(20);
/// The aims.
const KEPT_PERCENT_MIN: f64 = 90.0;
const P99_MS_MAX: f64 = 1_000.0;

/// What is done, from how many addresses, and over how many connections of each.
type Case = (Option<Attack>, u8, usize);

/// The first one is a flood of templates, which no miner makes.
const CASES: [Case; 13] = [
    (None, 0, 0),
    (Some(Attack::InvalidShares), 1, 100),
    (Some(Attack::InvalidShares), 200, 1),
    (Some(Attack::InvalidShares), 200, 5),
    (Some(Attack::StaleShares), 1, 100),
    (Some(Attack::StaleShares), 200, 1),
    (Some(Attack::DuplicateShares), 200, 1),
    (Some(Attack::GetworkShares), 200, 1),
    (Some(Attack::SlowLoris), 200, 20),
    (Some(Attack::LongLines), 100, 2),
    (Some(Attack::DeepJson), 100, 2),
    (Some(Attack::ConnectStorm), 100, 1),
    (Some(Attack::TlsGarbage), 100, 2),
];

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = std::env::var("RAFTPOOL_BENCH_SECONDS");
    let seconds = seconds.map_or(10, |text| text.parse().expect("a number of seconds"));
    let during = Duration::from_secs(seconds);
    let (rate, pace) = (1.0 / PACE.as_secs_f64(), PACE.as_millis());
    println!(
        "{HONEST} honest miners, half of them over TLS, a share every {pace} ms each ({:.0} per second)",
        f64::from(HONEST) * rate
    );
    let mut is_good = true;
    for case in CASES {
        is_good &= measure(case, during).await;
    }
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Measures one attack; whether the aims are met.
async fn measure((attack, addresses, connections): Case, time: Duration) -> bool {
    let files = Files::new();
    let mut config = as_a_node(over_tls(Encryption::Both, &files));
    let mut getwork = listener(Encryption::Plain);
    getwork.speaks = Speaks::Getwork;
    config.listeners.push(getwork);
    let pool = Pool::with(config).await;
    let mut honest = Vec::new();
    for number in 0..HONEST {
        let trusted = (number % 2 == 1).then_some(&files.trusted);
        let name = format!("honest-{number}");
        let miner = Honest::come(pool.address(), number, &name, trusted).await;
        honest.push(miner.expect("a miner is let in while there is no attack"));
    }
    let (honest, before) = work(honest, time / 2).await;
    let door = usize::from(attack == Some(Attack::GetworkShares));
    let server = pool.server.local_addresses()[door];
    let attackers = attack.map(|attack| Attackers::start(server, attack, addresses, connections));
    let pace = if attack.is_some() { HEIGHT } else { FLOOD };
    let (new, (_, during)) = tokio::select! {
        both = async { tokio::join!(newcomers(&pool, &files, time), work(honest, time)) } => both,
        () = heights(&pool, pace) => unreachable!("the chain goes on"),
    };
    let kept = 100.0 * during.rate / before.rate;
    let is_good = kept >= KEPT_PERCENT_MIN && during.p99_ms <= P99_MS_MAX;
    println!(
        "{:<15} {addresses:>3} addresses, {:>4} connections: {kept:>5.1} % of the rate kept, p99 \
         {:>4.0} ms instead of {:.0}: {}; {} refused; new workers: {}; {} attempts, {:.0} workers \
         and {:.0} addresses banned",
        attack.map_or("templates".into(), |attack| format!("{attack:?}")),
        usize::from(addresses) * connections,
        during.p99_ms,
        before.p99_ms,
        if is_good { "good" } else { "BAD" },
        during.refused,
        new,
        attackers.as_ref().map_or(0, Attackers::attempts),
        pool.metric("bans_total", Some("worker")).abs(),
        pool.metric("bans_total", Some("ip")).abs(),
    );
    drop(attackers);
    pool.server.shutdown().await;
    is_good
}

/// The chain goes on, until it is not waited for any more.
async fn heights(pool: &Pool, pace: Duration) {
    let mut ticks = tokio::time::interval(pace);
    for height in 101.. {
        ticks.tick().await;
        pool.new_template(template(height));
    }
}

/// New workers come one after the other, every other one over TLS; what became of them, in words.
async fn newcomers(pool: &Pool, files: &Files, time: Duration) -> String {
    let (started, mut ticks) = (Instant::now(), tokio::time::interval(NEW_PACE));
    let (mut came, mut took) = (0_u8, Vec::new());
    while started.elapsed() < time {
        ticks.tick().await;
        let (asked, name) = (Instant::now(), format!("new-{came}"));
        let trusted = (came % 2 == 1).then_some(&files.trusted);
        came = came.wrapping_add(1);
        let coming = Honest::come(pool.address(), 100 + came % 100, &name, trusted);
        // Whoever is not answered comes again later, and is counted as not let in.
        if let Ok(Some(_)) = tokio::time::timeout(Duration::from_secs(5), coming).await {
            took.push(1e3 * asked.elapsed().as_secs_f64());
        }
    }
    took.sort_by(f64::total_cmp);
    let longest = took.last().copied().unwrap_or(f64::NAN);
    format!(
        "{} of {came} let in, in {longest:.0} ms at most",
        took.len()
    )
}

fn as_a_node(config: StratumConfig) -> StratumConfig {
    StratumConfig {
        verifier_threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        connections_max: 20_000,
        connections_per_ip_max: 1_000,
        connections_per_network_max: 4_000,
        ..config
    }
}

struct Figures {
    /// Accepted shares per second.
    rate: f64,
    p99_ms: f64,
    refused: usize,
}

/// Has the miners work for some time at their pace.
async fn work(honest: Vec<Honest>, time: Duration) -> (Vec<Honest>, Figures) {
    let started = Instant::now();
    let miners = honest.into_iter().map(|mut miner| {
        tokio::spawn(async move {
            let mut pace = tokio::time::interval(PACE);
            let (mut took, mut refused) = (Vec::new(), 0);
            while started.elapsed() < time {
                pace.tick().await;
                match miner.share().await {
                    Ok(latency) => took.push(1e3 * latency.as_secs_f64()),
                    Err(_) => refused += 1,
                }
            }
            (miner, took, refused)
        })
    });
    let miners: Vec<_> = miners.collect();
    let (mut honest, mut took, mut refused) = (Vec::new(), Vec::new(), 0);
    for miner in miners {
        let (miner, its, its_refused) = miner.await.unwrap();
        honest.push(miner);
        took.extend(its);
        refused += its_refused;
    }
    took.sort_by(f64::total_cmp);
    let figures = Figures {
        rate: took.len() as f64 / started.elapsed().as_secs_f64(),
        p99_ms: took.get(took.len() * 99 / 100).copied().unwrap_or(f64::NAN),
        refused,
    };
    (honest, figures)
}
