//! Taking nodes out of service while miners work: who is sent where, who leads, and that no share
//! that was answered "accepted" is lost.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use raftpool_tests::chaos::{Habit, Load, LoadOptions};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE, Member};
use raftpool_tests::command::holds;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{DEADLINE, MINERS, PoolOptions, executable};
use raftpool_tests::upgrade::{run_script, script, write_program};
use raftpool_tests::wait;
use serde_json::Value;

const READY: &str = "/readyz?for=stratum";

/// Three nodes, and miners on all of them that come back to any node after every break.
struct Scene {
    pool: Arc<ClusterPool>,
    load: Load,
}

impl Scene {
    async fn start() -> Result<Self> {
        let pool = ClusterPool::start(ClusterOptions {
            pool: PoolOptions::default(),
            is_plain: true,
            ..ClusterOptions::default()
        })
        .await?;
        let options = LoadOptions {
            miners: 12,
            depth: 4,
            shares_per_second: 5,
            password: "d=1",
            habit: Habit::Wandering,
        };
        let load = Load::start(&pool, &options, 7);
        let scene = Self { pool, load };
        for id in 1..=3 {
            scene.is_mined_at(id).await?;
        }
        Ok(scene)
    }

    fn member(&self, id: u64) -> Result<Arc<Member>> {
        self.pool.member(id)
    }

    async fn connections(&self, id: u64) -> Result<u64> {
        let status = self
            .member(id)?
            .process
            .tell_json(&["node", "status"], &[])?;
        Ok(status["connections"].as_u64().unwrap_or(0))
    }

    async fn is_mined_at(&self, id: u64) -> Result<()> {
        wait::until("miners come to the node", DEADLINE, || async {
            Ok((self.connections(id).await? > 0).then_some(()))
        })
        .await
    }

    async fn is_ready(&self, id: u64, wanted: u16) -> Result<()> {
        let process = &self.member(id)?.process;
        wait::until("readiness follows", DEADLINE, || async {
            Ok((process.probe(READY).await? == wanted).then_some(()))
        })
        .await
    }

    /// What everybody is told of how far a node is.
    async fn phase_of(&self, id: u64, asked: u64) -> Result<Value> {
        let nodes = self.member(asked)?.process.api("/api/v1/nodes").await?;
        let items = nodes["items"].as_array().into_iter().flatten();
        let mut found = items.filter(|node| node["id"] == id);
        Ok(found
            .next()
            .map_or(Value::Null, |node| node["drain_phase"].clone()))
    }

    /// Ends the load and compares what miners were told with the books of a node.
    async fn nothing_is_lost(self, asked: u64) -> Result<()> {
        let Self { pool, load } = self;
        ensure!(
            load.progresses(50, HEALING_DEADLINE).await,
            "no share is accepted any more"
        );
        load.stop_and_compare(&[pool.member(asked)?]).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_leader_loses_readiness_lead_and_miners_and_no_share_and_comes_back() -> Result<()>
{
    let scene = Scene::start().await?;
    let drained = scene.pool.leader().await?;
    let other = drained % 3 + 1;
    let process = &scene.member(drained)?.process;
    let address = process.stratum();
    ensure!(process.probe(READY).await? == 200);
    ensure!(process.probe("/readyz?for=leader").await? == 200);

    let draining = scene.member(drained)?;
    let told = tokio::task::spawn_blocking(move || {
        draining.process.tell(&["node", "drain"], &["--over", "3s"])
    });
    scene.is_ready(drained, 503).await?;
    let connections = scene.connections(drained).await?;
    println!("not ready, with {connections} connections");
    let refusal = scene.member(other)?;
    let refusal = refusal.process.refusal(&["node", "drain"], &[])?;
    holds(&refusal, &format!("node {drained} is being drained"))?;
    let told = told.await??;
    println!("{told}");
    holds(&told, "is not ready any more")?;
    holds(&told, "lets its miners go")?;
    holds(&told, "is drained")?;

    ensure!(scene.connections(drained).await? == 0);
    let leader = scene.pool.leader().await?;
    ensure!(leader != drained, "node {leader} leads still");
    ensure!(process.probe("/readyz?for=leader").await? == 503);
    ensure!(process.probe("/readyz?for=api").await? == 200);
    ensure!(process.metric("raftpool_node_draining").await? == 1.0);
    scene.is_mined_at(other).await?;
    wait::until("the others tell of it", DEADLINE, || async {
        let phase = scene.phase_of(drained, other).await?;
        Ok((phase == "drained").then_some(()))
    })
    .await?;
    let table = scene.pool.health().await?;
    holds(&table.status.to_string(), "\"drain_phase\":\"drained\"")?;
    let newcomer = ScriptedMiner::connect(address.expect("it serves"), MINERS[0], "late", "x");
    let newcomer = tokio::time::timeout(Duration::from_secs(20), newcomer).await?;
    let refused = newcomer.err().map(|error| format!("{error:#}"));
    ensure!(refused.is_some(), "a drained node takes miners");

    // The lead that is forced upon it does not stay.
    scene
        .pool
        .insist(&["transfer"], &[&drained.to_string()])
        .await?;
    wait::until("it hands over again", DEADLINE, || async {
        let leader = scene.pool.leader_now().await;
        Ok(leader.filter(|leader| *leader != drained))
    })
    .await?;

    process.tell(&["node", "undrain"], &[])?;
    scene.is_ready(drained, 200).await?;
    scene.is_mined_at(drained).await?;
    ensure!(process.metric("raftpool_node_draining").await? == 0.0);
    scene.nothing_is_lost(other).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_told_to_stop_lets_go_first_and_ends_with_success() -> Result<()> {
    let scene = Scene::start().await?;
    let stopped = scene.pool.leader().await?;
    let other = stopped % 3 + 1;
    let process = &scene.member(stopped)?.process;
    process.terminate().await?;
    scene.is_ready(stopped, 503).await?;
    let code = process.exit_code().await?;
    ensure!(code == Some(0), "exit code {code:?}: {}", process.log());
    for phase in ["waiting", "leaving", "drained"] {
        let line = format!("phase=\"{phase}\"");
        holds(&process.log(), &line)?;
    }
    ensure!(scene.pool.leader().await? != stopped);
    let obstacle = scene
        .member(other)?
        .process
        .refusal(&["node", "drain"], &[])?;
    holds(&obstacle, &format!("node {stopped} does not answer"))?;
    scene.nothing_is_lost(other).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_a_node_at_once() -> Result<()> {
    let scene = Scene::start().await?;
    let process = &scene.member(1)?.process;
    let file = std::fs::read_to_string(process.config_file())?;
    let patient = file.replace("stop_wait_ms = 500", "stop_wait_ms = 600000");
    ensure!(process.stop().await);
    std::fs::write(process.config_file(), patient)?;
    process.start(&[]).await?;
    scene.pool.wait_healthy(HEALING_DEADLINE).await?;
    scene.is_ready(1, 200).await?;
    process.terminate().await?;
    scene.is_ready(1, 503).await?;
    process.terminate().await?;
    let code = process.exit_code().await?;
    ensure!(code == Some(0), "exit code {code:?}: {}", process.log());
    scene.nothing_is_lost(2).await
}

/// The script, over all nodes of a pool. The old program is a wrapper of the new one, so that the
/// script has something to replace; the nodes themselves run the same program before and after.
fn upgrade(pool: &ClusterPool) -> Result<Command> {
    let program = executable()?;
    for member in pool.members() {
        let wrapper = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
        write_program(&member.program(), &wrapper)?;
    }
    script(pool, &program)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upgrade_script_takes_every_node_in_turn_and_no_share_is_lost() -> Result<()> {
    let scene = Scene::start().await?;
    let leader = scene.pool.leader().await?;
    let command = upgrade(&scene.pool)?;
    let output = run_script(&scene.pool, command, async |_| Ok(())).await?;
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{said}{complained}");
    ensure!(output.status.success(), "{said}{complained}");
    holds(&said, &format!("node {leader} leads and comes last"))?;
    let last = said.lines().rfind(|line| line.contains("restarting"));
    holds(last.unwrap_or_default(), &format!("node {leader}:"))?;
    let program = std::fs::read(executable()?)?;
    for member in scene.pool.members() {
        let installed = std::fs::read(member.program())?;
        ensure!(installed == program, "node {} has the old one", member.id);
        scene.is_ready(member.id, 200).await?;
        scene.is_mined_at(member.id).await?;
    }
    scene.nothing_is_lost(1).await
}
