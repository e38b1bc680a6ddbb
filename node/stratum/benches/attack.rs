//! Measures what attacks cost the honest miners beside them: how much of their rate of accepted
//! shares they keep, and how long answers take. Prints numbers, asserts nothing.
//!
//! `cargo bench --workspace --bench attack`; server, miners and attackers are in one process and
//! share its cores, so that the attackers' own work counts against the server. Everything is as a
//! node has it by default.

// The harness is that of the tests, of which only a part is needed here.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../tests/stratum/harness/mod.rs"]
mod harness;

use std::time::{Duration, Instant};

use harness::attack::{Attack, Attackers, Honest};
use harness::tls::{Files, over_tls};
use harness::{Pool, config};
use raftpool_stratum::{Encryption, StratumConfig};

/// Honest miners, and the time between two shares of each.
const HONEST: u8 = 8;
const PACE: Duration = Duration::from_millis(200);
const BEFORE: Duration = Duration::from_secs(5);
const DURING: Duration = Duration::from_secs(10);

/// Attack, addresses, and connections of each.
const ATTACKS: [(Attack, u8, usize); 8] = [
    (Attack::InvalidShares, 1, 100),
    (Attack::InvalidShares, 200, 1),
    (Attack::InvalidShares, 200, 5),
    (Attack::SlowLoris, 200, 20),
    (Attack::LongLines, 100, 2),
    (Attack::DeepJson, 100, 2),
    (Attack::ConnectStorm, 100, 1),
    (Attack::TlsGarbage, 100, 2),
];

#[tokio::main]
async fn main() {
    let (rate, pace) = (1.0 / PACE.as_secs_f64(), PACE.as_millis());
    println!(
        "{HONEST} honest miners, a share every {pace} ms each ({:.0} per second)",
        f64::from(HONEST) * rate
    );
    for (attack, addresses, connections) in ATTACKS {
        let files = Files::new();
        let pool = match attack {
            Attack::TlsGarbage => Pool::with(over_tls(Encryption::Both, &files)).await,
            _ => Pool::with(as_a_node(config())).await,
        };
        let mut honest = Vec::new();
        for number in 0..HONEST {
            honest.push(Honest::connect(pool.address(), number).await);
        }
        let (honest, before) = work(honest, BEFORE).await;
        let attackers = Attackers::start(pool.address(), attack, addresses, connections);
        let (_, during) = work(honest, DURING).await;
        println!(
            "{:<14} {addresses:>3} addresses, {:>4} connections: {:>5.1} % of the rate kept, p99 \
             {:>4.0} ms instead of {:.0}; {} refused, {} attempts, {:.0} workers and {:.0} \
             addresses banned",
            format!("{attack:?}"),
            usize::from(addresses) * connections,
            100.0 * during.rate / before.rate,
            during.p99_ms,
            before.p99_ms,
            during.refused,
            attackers.attempts(),
            pool.metric("bans_total", Some("worker")).abs(),
            pool.metric("bans_total", Some("ip")).abs(),
        );
        drop(attackers);
        pool.server.shutdown().await;
    }
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
