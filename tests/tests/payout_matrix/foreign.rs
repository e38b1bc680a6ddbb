//! The one thing that may need a person: somebody spends from the pool's wallet while the leader is
//! dead, and uses up the nonce that a payout has or would have got.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use raftpool_tests::cluster::{ClusterPool, Member};
use raftpool_tests::processes::{DEADLINE, MINERS, executable};
use raftpool_tests::story::atomic;
use raftpool_tests::wait;
use serde_json::json;

use crate::combination::{Combination, Death, Trouble, When};
use crate::judge::{payments_to, quiet};
use crate::round::Round;
use crate::scene::{Look, Scene, is_done};

/// Carries out one death; whether the leader met it.
pub async fn run(pool: &ClusterPool, death: Death) -> Result<bool> {
    let combination = Combination {
        death,
        trouble: Trouble::None,
        when: When::FromTheBeginning,
    };
    let round = Round::new(pool, combination).await;
    let scene = &round.scene;
    let before = pool.network.state().await?;
    let blocks = scene.find().await.context("find a block")?;
    round.arm().await?;
    let victim = round.death(blocks).await.context("until the death")?;
    let amount = json!({"amount_atomic": 1});
    pool.network.control("foreign_spend", amount).await?;
    let (comes_back, asked) = (round.come_back(victim.as_ref()), AtomicU64::new(0));
    tokio::try_join!(comes_back, operate(scene, blocks, &asked))?;
    // What was spent after the payout is noticed by the next one.
    let blocks = scene.find().await.context("find a second block")?;
    operate(scene, blocks, &asked).await?;
    judge(scene, blocks).await?;
    // Before the first payout the books do not know how often the wallet has paid.
    let is_first = before["executed"] == json!([]);
    let is_noticed = asked.into_inner() > 0;
    ensure!(is_noticed || is_first, "nobody was told of the spend");
    Ok(victim.is_some())
}

/// Drives on until all is settled and paid, counts how often payouts have stopped, and does what the
/// documentation tells an operator to do then.
async fn operate(scene: &Scene<'_>, blocks: u64, asked: &AtomicU64) -> Result<()> {
    let what = "an operator has brought it to an end";
    let driven = wait::until(what, DEADLINE, || async {
        let Some(look) = scene.turn().await? else {
            return Ok(None);
        };
        let payouts = &look.answer["payouts"];
        if payouts["paused_reason"].is_null() {
            return Ok(is_done(&look, blocks).then_some(()));
        }
        let command = match payouts["open"]["status"].as_str() {
            Some("reserved") => "release",
            Some("signed") => "abandon",
            _ => "resume",
        };
        asked.fetch_add(1, Ordering::Relaxed);
        tell(&look.leader, command).await?;
        Ok(None)
    });
    scene.explained(driven.await).await
}

/// Runs `raftpool payout COMMAND`. It may be refused: a payout can be given up only when the leader
/// has seen often enough that its nonce is gone.
async fn tell(leader: &Member, command: &str) -> Result<()> {
    let mut raftpool = tokio::process::Command::new(executable()?);
    raftpool.args(["payout", command]);
    raftpool.arg(leader.process.config_file());
    raftpool.args(["--reason", "a foreign spend"]);
    raftpool.stdin(Stdio::null()).kill_on_drop(true);
    let output = raftpool.output().await.context("run raftpool payout")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        println!("payout {command} is refused: {}", words.trim());
    }
    Ok(())
}

/// Everybody has what the books say, and what the chain paid is in the books.
async fn judge(scene: &Scene<'_>, blocks: u64) -> Result<()> {
    let Look { leader, answer, .. } = quiet(scene, blocks).await?;
    let paused = &answer["payouts"]["paused_reason"];
    ensure!(paused.is_null(), "payouts are still stopped: {paused}");
    let state = scene.pool.network.state().await?;
    for address in MINERS {
        let path = format!("/api/v1/miners/{address}");
        let miner = leader.process.api(&path).await?;
        let paid = payments_to(&state, address).into_iter().map(u128::from);
        let (paid, booked) = (paid.sum::<u128>(), atomic(&miner["paid_atomic"]));
        ensure!(
            Some(paid) == booked && paid > 0,
            "the chain paid {paid} to {address}, the books say {miner}"
        );
    }
    Ok(())
}
