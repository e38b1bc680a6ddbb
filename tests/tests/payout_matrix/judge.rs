//! What must be true after each round.

use std::time::Duration;

use anyhow::{Result, ensure};
use raftpool_tests::cluster::ClusterPool;
use raftpool_tests::processes::{DEADLINE, MINERS};
use raftpool_tests::story::audit_payouts;
use raftpool_tests::wait;
use serde_json::{Value, json};

use crate::scene::{Look, Scene, is_done};

/// Longest wait for one node's word about its books.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Everybody is paid once, nobody was asked for help, and all nodes have the same books. `before`
/// is what the network knew when the round began, `blocks` how many the pool has found by now.
pub async fn judge(scene: &Scene<'_>, blocks: u64, before: &Value) -> Result<()> {
    let has_struck = scene.struck.lock().await.is_over();
    ensure!(
        has_struck,
        "the trouble did not strike as often as it should"
    );
    let Look { leader, answer, .. } = quiet(scene, blocks).await?;
    let paused = &answer["payouts"]["paused_reason"];
    ensure!(paused.is_null(), "payouts were stopped: {paused}");
    let settled = &answer["totals"]["blocks_settled"];
    ensure!(*settled == json!(blocks), "{settled} of {blocks} settled");
    audit_payouts(scene.through(&leader)).await?;
    let state = scene.pool.network.state().await?;
    for miner in MINERS {
        let (earlier, now) = (payments_to(before, miner), payments_to(&state, miner));
        ensure!(
            now.len() > earlier.len(),
            "{miner} was not paid in this round"
        );
    }
    for left in ["faults", "mempool"] {
        ensure!(state[left] == json!([]), "{left}: {}", state[left]);
    }
    Ok(())
}

/// Waits until all nodes have the same books, all is done, and no alarm is left.
pub async fn quiet(scene: &Scene<'_>, blocks: u64) -> Result<Look> {
    same_books(scene.pool).await?;
    let quiet = wait::until("no alarm is left", DEADLINE, || async {
        let look = scene.turn().await?;
        let look = look.filter(|look| is_done(look, blocks));
        Ok(look.filter(|look| look.answer["node"]["payout_alarms"] == json!([])))
    });
    scene.explained(quiet.await).await
}

/// What the chain has paid somebody, in atomic units.
pub fn payments_to(state: &Value, payee: &str) -> Vec<u64> {
    let executed = state["executed"].as_array().into_iter().flatten();
    let payments = executed.flat_map(|one| one["payments"].as_array().into_iter().flatten());
    let of_payee = payments.filter(|payment| payment[0] == json!(payee));
    of_payee.filter_map(|payment| payment[1].as_u64()).collect()
}

/// Waits until every node runs and has the same books as the others.
async fn same_books(pool: &ClusterPool) -> Result<()> {
    wait::until("all nodes have the same books", DEADLINE, || async {
        let mut books = Vec::new();
        for member in pool.members() {
            let asked = member.process.api("/api/v1/pool");
            let answer = tokio::time::timeout(LOOK_TIMEOUT, asked).await??;
            books.push((answer["index"].clone(), answer["digest"].clone()));
        }
        Ok(books.iter().all(|one| *one == books[0]).then_some(()))
    })
    .await
}
