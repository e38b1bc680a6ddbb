//! One round: a block is found, the leader dies while it is settled or paid, something else goes
//! wrong, another node brings it all to an end, and the dead one comes back.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use raftpool_tests::cluster::{ClusterPool, Member};
use raftpool_tests::processes::DEADLINE;
use raftpool_tests::wait;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::combination::{Combination, Death, Trouble, When};
use crate::judge::judge;
use crate::scene::{Look, Scene, is_done};
use crate::trouble::Struck;

/// What befell the node that led.
pub struct Victim {
    member: Arc<Member>,
    /// Whether it stands still and does not end.
    is_frozen: bool,
}

/// Carries out one combination; whether the leader met its death.
pub async fn run(pool: &ClusterPool, combination: Combination) -> Result<bool> {
    Round::new(pool, combination).await.carry_out().await
}

/// The nodes by the ids of their processes.
async fn processes(pool: &ClusterPool) -> HashMap<u32, Arc<Member>> {
    let mut processes = HashMap::new();
    for member in pool.members() {
        if let Some(id) = member.process.id().await {
            processes.insert(id, member);
        }
    }
    processes
}

pub struct Round<'a> {
    pub scene: Scene<'a>,
    combination: Combination,
    processes: HashMap<u32, Arc<Member>>,
}

impl<'a> Round<'a> {
    pub async fn new(pool: &'a ClusterPool, combination: Combination) -> Self {
        let scene = Scene {
            pool,
            struck: Mutex::new(Struck::new(combination.trouble)),
            frozen: Mutex::default(),
        };
        Self {
            scene,
            combination,
            processes: processes(pool).await,
        }
    }

    async fn carry_out(&self) -> Result<bool> {
        let (scene, when) = (&self.scene, self.combination.when);
        let before = scene.pool.network.state().await?;
        let mut blocks = scene.find().await.context("find a block")?;
        self.arm().await?;
        if when == When::FromTheBeginning {
            self.begin().await?;
        }
        let victim = self.death(blocks).await.context("until the death")?;
        if when == When::AfterTheDeath {
            self.begin().await?;
        }
        tokio::try_join!(self.come_back(victim.as_ref()), async {
            let driven = scene.settle_and_pay(blocks).await;
            driven.context("after the death")
        })?;
        if !scene.struck.lock().await.is_over() {
            // Too late for the first block: the next one suffers it.
            blocks = scene.find().await.context("find a second block")?;
            let driven = scene.settle_and_pay(blocks).await;
            driven.context("with a second block")?;
        }
        self.come_back_late(victim.as_ref()).await?;
        judge(scene, blocks, &before).await?;
        Ok(victim.is_some())
    }

    async fn begin(&self) -> Result<()> {
        let mut struck = self.scene.struck.lock().await;
        struck.begin(&self.scene.pool.network).await
    }

    /// Orders the death.
    pub async fn arm(&self) -> Result<()> {
        let pool = self.scene.pool;
        let (endpoint, method) = match self.combination.death {
            Death::At(point) if self.is_frozen() => {
                return pool.order_crash(&format!("pause:{point}"));
            }
            Death::At(point) => return pool.order_crash(point.as_str()),
            Death::InsideBuild => ("wallet", "build_transaction"),
            Death::InsideSend => ("daemon", "submit_transaction"),
        };
        // The index tells it from the trouble, which is ordered for all daemons and wallets.
        let held = json!({"endpoint": endpoint, "method": method, "index": 0,
            "kind": "time_out_after_doing", "count": 1});
        pool.network.control("fault", held).await.map(drop)
    }

    /// Takes the death back; whether it was still to come.
    async fn disarm(&self) -> Result<bool> {
        let pool = self.scene.pool;
        if let Death::At(_) = self.combination.death {
            return pool.withdraw_crash();
        }
        pool.network.control("clear_faults", json!({})).await?;
        Ok(true)
    }

    fn is_frozen(&self) -> bool {
        self.combination.trouble == Trouble::TwoLeaders
    }

    /// Drives until the leader has met its death; `None` when everything was done before.
    pub async fn death(&self, blocks: u64) -> Result<Option<Victim>> {
        let met = wait::until("the death or the end", DEADLINE, || async {
            if let Some(victim) = self.taken().await? {
                return Ok(Some(Some(victim)));
            }
            let Some(look) = self.scene.turn().await? else {
                return Ok(None);
            };
            if let Some(victim) = self.held(&look).await? {
                return Ok(Some(Some(victim)));
            }
            // A node that has just taken the order is about to end.
            let is_led_around = is_done(&look, blocks) && self.disarm().await?;
            Ok(is_led_around.then_some(None))
        });
        let victim = self.scene.explained(met.await).await?;
        if let Some(victim) = victim.as_ref().filter(|victim| victim.is_frozen) {
            *self.scene.frozen.lock().await = Some(victim.member.id);
        }
        Ok(victim)
    }

    /// The node that has carried out the order of the crash file.
    async fn taken(&self) -> Result<Option<Victim>> {
        let Death::At(_) = self.combination.death else {
            return Ok(None);
        };
        let Some(id) = self.scene.pool.crash_taken_by()? else {
            return Ok(None);
        };
        let member = self.processes.get(&id).context("whose process is it?")?;
        let is_frozen = self.is_frozen();
        if !is_frozen {
            member.process.ends().await?;
        }
        Ok(Some(Victim {
            member: member.clone(),
            is_frozen,
        }))
    }

    /// Ends or stops the leader once the wallet or the daemon holds back the answer it waits for.
    async fn held(&self, look: &Look) -> Result<Option<Victim>> {
        let is_inside = !matches!(self.combination.death, Death::At(_));
        if !is_inside || has_held_call(&look.state) {
            return Ok(None);
        }
        let (member, is_frozen) = (look.leader.clone(), self.is_frozen());
        match is_frozen {
            true => member.process.freeze().await?,
            false => member.process.kill().await,
        }
        Ok(Some(Victim { member, is_frozen }))
    }

    /// The dead node starts again, and the one that stood still goes on, when another one leads.
    pub async fn come_back(&self, victim: Option<&Victim>) -> Result<()> {
        let Some(Victim { member, is_frozen }) = victim else {
            return Ok(());
        };
        self.scene.successor(member.id).await?;
        match (is_frozen, self.combination.when) {
            (false, _) => member.process.start(&[]).await.context("restart"),
            (true, When::FromTheBeginning) => self.thaw(member).await,
            (true, When::AfterTheDeath) => Ok(()),
        }
    }

    /// What stood still until everything was done goes on with what it had in hand, and has a block
    /// to do it in.
    async fn come_back_late(&self, victim: Option<&Victim>) -> Result<()> {
        let Some(Victim { member, .. }) = victim else {
            return Ok(());
        };
        if self.scene.frozen.lock().await.is_some() {
            self.thaw(member).await?;
        }
        if !self.is_frozen() {
            return Ok(());
        }
        wait::until("the old leader follows", DEADLINE, || async {
            let answer = member.process.api("/api/v1/pool").await?;
            let leading = self.scene.leading().await?;
            let leader = leading.map(|(leader, _)| json!(leader.id));
            Ok((leader.as_ref() == Some(&answer["node"]["leader_id"])).then_some(()))
        })
        .await?;
        self.scene.turn().await.map(drop)
    }

    async fn thaw(&self, member: &Member) -> Result<()> {
        member.process.thaw().await?;
        *self.scene.frozen.lock().await = None;
        Ok(())
    }
}

/// Whether the call whose answer is to be held is still to come.
fn has_held_call(state: &Value) -> bool {
    let faults = state["faults"].as_array().into_iter().flatten();
    faults.into_iter().any(|fault| fault["index"] == json!(0))
}
