//! Kills the node at random moments under load, and counts (promises P1 and P2).
//!
//! Method: several scripted miners send shares as fast as they are answered; the node is killed
//! with SIGKILL at a random moment and started again; at the end every worker's credited shares
//! lie between those that were answered "accepted" and those plus the ones that got no answer.
//! Each connection is a worker of its own, so that a lost share of one cannot be hidden by a
//! doubled one of another.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, Pool, PoolOptions};
use raftpool_tests::random;
use raftpool_tests::story::credited_by_worker;
use rand::Rng;

/// What became of one connection's shares.
struct Tally {
    worker: String,
    accepted: u64,
    unanswered: u64,
}

/// Sends shares until the connection breaks.
async fn mine(pool: std::net::SocketAddr, worker: String, depth: u64) -> Tally {
    let mut tally = Tally {
        worker,
        accepted: 0,
        unanswered: 0,
    };
    let Ok(mut miner) = ScriptedMiner::connect(pool, MINERS[0], &tally.worker, "x").await else {
        return tally;
    };
    loop {
        let missing = depth.saturating_sub(miner.unanswered());
        let sent = miner.submit_fresh(missing).await;
        if sent.is_err() || miner.read_one(Duration::from_secs(10)).await.is_err() {
            break;
        }
    }
    // What was answered before the crash may still lie in the socket's buffer.
    while miner.read_one(Duration::from_secs(1)).await.is_ok() {}
    tally.accepted = miner.accepted;
    tally.unanswered = miner.unanswered();
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_shares_survive_kills_at_random_moments() -> Result<()> {
    let mut random = random::seeded();
    let rounds = random::rounds(8);
    let mut pool = Pool::start(PoolOptions::default()).await?;
    pool.control("produce_blocks", serde_json::json!({"count": 1}))
        .await?;
    let mut tallies = Vec::new();
    for round in 0..rounds {
        let depth = random.random_range(1..64);
        let tasks: Vec<_> = (0..3)
            .map(|n| tokio::spawn(mine(pool.stratum(), format!("r{round}c{n}"), depth)))
            .collect();
        // The moment of the crash is the point of the test, so this one wait is by the clock.
        tokio::time::sleep(Duration::from_millis(random.random_range(1..400))).await;
        pool.kill_node().await;
        for task in tasks {
            tallies.push(task.await.context("a miner's task")?);
        }
        pool.start_node(&[])
            .await
            .with_context(|| format!("restart after round {round}"))?;
    }
    let accepted: u64 = tallies.iter().map(|tally| tally.accepted).sum();
    let unanswered: u64 = tallies.iter().map(|tally| tally.unanswered).sum();
    println!("{rounds} kills: {accepted} shares answered accepted, {unanswered} without an answer");
    ensure!(
        accepted > 0,
        "no share was accepted: the test shows nothing"
    );

    let credited = credited_by_worker(&pool.node, MINERS[0]).await?;
    for Tally {
        worker,
        accepted,
        unanswered,
    } in &tallies
    {
        let credited = credited.get(worker).copied().unwrap_or(0);
        ensure!(
            *accepted <= credited,
            "{worker}: {accepted} accepted, only {credited} credited"
        );
        ensure!(
            credited <= accepted + unanswered,
            "{worker}: {credited} credited, but only {accepted} accepted and {unanswered} unknown"
        );
    }
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    pool.verify_books()
}
