//! What happens during a round, whatever is combined in it: who leads, blocks that are found, the
//! chain that grows, and the trouble that strikes meanwhile.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use raftpool_tests::cluster::{ClusterPool, Member};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{DEADLINE, MINERS};
use raftpool_tests::story::{Through, find_block, is_quiet};
use raftpool_tests::wait;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::trouble::Struck;

/// Longest wait for one node's word; one that stands still gives none.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);
/// Difficulty of the share of the one who does not find the block.
const SHARE_DIFFICULTY: u64 = 4;

/// One look at everything.
pub struct Look {
    /// Who leads.
    pub leader: Arc<Member>,
    /// What it says of the pool.
    pub answer: Value,
    /// What the network knows.
    pub state: Value,
}

pub struct Scene<'a> {
    pub pool: &'a ClusterPool,
    pub struck: Mutex<Struck>,
    /// The node that stands still, which must not be asked.
    pub frozen: Mutex<Option<u64>>,
}

impl Scene<'_> {
    /// Looks, and lets the trouble strike and the chain grow; nothing while nobody leads.
    pub async fn turn(&self) -> Result<Option<Look>> {
        let Some((look, may_grow)) = self.look().await? else {
            return Ok(None);
        };
        if may_grow {
            let one = json!({"count": 1});
            self.pool.network.control("produce_blocks", one).await?;
        }
        Ok(Some(look))
    }

    /// Looks, and lets the trouble strike; also whether the chain may grow now.
    async fn look(&self) -> Result<Option<(Look, bool)>> {
        let Some((leader, answer)) = self.leading().await? else {
            return Ok(None);
        };
        let network = &self.pool.network;
        let state = network.state().await?;
        let mut struck = self.struck.lock().await;
        let may_grow = struck.tend(network, &answer, &state).await?;
        let look = Look {
            leader,
            answer,
            state,
        };
        Ok(Some((look, may_grow)))
    }

    /// The node that leads by its own word, of several that of the newest term, and its word.
    pub async fn leading(&self) -> Result<Option<(Arc<Member>, Value)>> {
        let frozen = *self.frozen.lock().await;
        let mut running = self.pool.running().await;
        running.retain(|member| Some(member.id) != frozen);
        let answers = running.iter().map(|member| async move {
            let asked = member.process.api("/api/v1/pool");
            tokio::time::timeout(LOOK_TIMEOUT, asked).await
        });
        let mut leading: Option<(u64, _, _)> = None;
        for (member, answer) in running.iter().zip(join_all(answers).await) {
            // Who is about to end or to stop does not answer, which says nothing.
            let Ok(Ok(answer)) = answer else { continue };
            let term = answer["node"]["term"].as_u64().context("term")?;
            let is_newer = leading.as_ref().is_none_or(|(newest, ..)| term > *newest);
            if answer["node"]["leader_id"] == json!(member.id) && is_newer {
                leading = Some((term, member.clone(), answer));
            }
        }
        Ok(leading.map(|(_, member, answer)| (member, answer)))
    }

    /// Waits until a node leads that is not `before`.
    pub async fn successor(&self, before: u64) -> Result<Arc<Member>> {
        wait::until("another node leads", DEADLINE, || async {
            let leading = self.leading().await?;
            let others = leading.filter(|(member, _)| member.id != before);
            Ok(others.map(|(member, _)| member))
        })
        .await
    }

    /// Finds a block to which both miners have contributed; how many there are then.
    pub async fn find(&self) -> Result<u64> {
        let leader = self.leader_with_new_jobs().await?;
        let stratum = leader.process.stratum().context("no miners are served")?;
        let mut miner = ScriptedMiner::connect(stratum, MINERS[1], "helper", "x").await?;
        let nonce = miner.solve(SHARE_DIFFICULTY)?;
        miner.submit(nonce).await?;
        miner.read_answers().await?;
        ensure!(miner.accepted == 1, "refused: {:?}", miner.refused);
        let block = find_block(self.through(&leader)).await?;
        // It is sent to the daemons while it is recorded; a daemon that is cut off right now would
        // be the only one that has it, and the chain would go on without.
        let network = &self.pool.network;
        wait::until("the daemon has the block", DEADLINE, || async {
            Ok(network.has_block(&block).await?.then_some(()))
        })
        .await?;
        // The helper's share may have been a block as well.
        let answer = leader.process.api("/api/v1/pool").await?;
        answer["totals"]["blocks"].as_u64().context("totals.blocks")
    }

    /// Waits until whoever leads has jobs on top of the chain. After its daemon was behind, it has
    /// old ones for a moment, and the chain would go on without a block of them.
    async fn leader_with_new_jobs(&self) -> Result<Arc<Member>> {
        wait::until("the leader has new jobs", DEADLINE, || async {
            // A daemon that is behind is noticed also when nothing is left to do.
            let Some((look, _)) = self.look().await? else {
                return Ok(None);
            };
            let top = look.state["height"].as_u64();
            let height = look.answer["node"]["template"]["height"].as_u64();
            let is_new = height.is_some() && height == top.map(|top| top + 1);
            Ok(is_new.then_some(look.leader))
        })
        .await
    }

    /// Drives on until `blocks` are settled and all of them paid.
    pub async fn settle_and_pay(&self, blocks: u64) -> Result<Look> {
        let what = "everything settled and paid";
        let driven = wait::until(what, DEADLINE, || async {
            let look = self.turn().await?;
            Ok(look.filter(|look| is_done(look, blocks)))
        });
        self.explained(driven.await).await
    }

    /// Adds to an error what the leader waits for.
    pub async fn explained<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(error.context(self.last_words().await)),
        }
    }

    async fn last_words(&self) -> String {
        let Ok(Some((leader, answer))) = self.leading().await else {
            return "nobody leads".into();
        };
        let (node, payouts) = (&answer["node"], &answer["payouts"]);
        format!(
            "node {} leads: {}; alarms {}; payouts {payouts}; totals {}",
            leader.id, node["payout_status"], node["payout_alarms"], answer["totals"]
        )
    }

    pub fn through<'a>(&'a self, member: &'a Member) -> Through<'a> {
        Through {
            network: &self.pool.network,
            node: &member.process,
        }
    }
}

/// Whether the leader has so many blocks and nothing is left to do about them.
pub fn is_done(look: &Look, blocks: u64) -> bool {
    look.answer["totals"]["blocks"] == json!(blocks) && is_quiet(&look.answer) == Some(true)
}
