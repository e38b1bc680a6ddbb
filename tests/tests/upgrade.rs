//! From the previous release to this one while miners work: nodes of both programs beside each other,
//! the way back, and what may be used only when no node is old any more.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use raftpool_ledger::COMMAND_VERSION;
use raftpool_tests::chaos::{Habit, Load, LoadOptions};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE, Member};
use raftpool_tests::command::holds;
use raftpool_tests::processes::{DEADLINE, executable};
use raftpool_tests::upgrade::{
    JobWatch, Longest, is_previous_out_of_reach, previous_program, run_script, script,
};
use raftpool_tests::wait;
use serde_json::{Value, json};

/// What the previous release knows; see `tests/previous-release`.
const PREVIOUS_COMMAND_VERSION: u32 = 1;
/// New jobs come this often.
const BLOCK_EVERY_MS: u64 = 200;
/// Longest time that a miner may be without a job: what it notices as no more than a hiccup.
const WITHOUT_JOB_MAX: Duration = Duration::from_secs(1);
/// Longest time between two jobs of a miner: no node may hand out old work for long. Longer than it has
/// to be, because all processes share few cores.
const BETWEEN_JOBS_MAX: Duration = Duration::from_secs(3);

/// Three nodes of the previous release, miners that send shares, and miners that only look at jobs.
struct Scene {
    pool: Arc<ClusterPool>,
    load: Load,
    watch: JobWatch,
}

impl Scene {
    async fn start() -> Result<Self> {
        let pool = ClusterPool::start(ClusterOptions {
            program: Some(previous_program()?),
            is_plain: true,
            ..ClusterOptions::default()
        })
        .await?;
        let moving = json!({"every_ms": BLOCK_EVERY_MS});
        pool.network.control("auto_mine", moving).await?;
        let options = LoadOptions {
            miners: 12,
            depth: 4,
            shares_per_second: 5,
            password: "d=1",
            habit: Habit::Wandering,
        };
        let load = Load::start(&pool, &options, 11);
        let watch = JobWatch::start(&pool, 6);
        let scene = Self { pool, load, watch };
        scene.is_mined().await?;
        Ok(scene)
    }

    async fn is_mined(&self) -> Result<()> {
        let is_mined = self.load.progresses(60, HEALING_DEADLINE).await;
        ensure!(is_mined, "no share is accepted any more");
        Ok(())
    }

    /// The newest version of commands that each node says it knows, and the one that may be used.
    async fn versions(&self, through: &Member) -> Result<(Vec<Option<u64>>, Option<u64>)> {
        let asked = ["status"];
        let output = self
            .pool
            .command_through(through, &asked, &["--output", "json"])
            .await?;
        let status: Value = serde_json::from_slice(&output.stdout)?;
        let nodes = status["nodes"].as_array().context("nodes")?;
        let known = nodes.iter().map(|node| node["command_version"].as_u64());
        Ok((known.collect(), status["finalized_version"].as_u64()))
    }

    /// Checks that a version cannot be finalized by the word of a node, which names the one that is old.
    fn is_not_to_be_finalized(&self, through: &Member, old: u64) -> Result<()> {
        let expected = format!(
            "node {old} knows commands up to version {PREVIOUS_COMMAND_VERSION} and not version \
             {COMMAND_VERSION}: upgrade node {old} first"
        );
        for options in [&["--check"][..], &[]] {
            let refusal = through.process.refusal(&["cluster", "finalize"], options)?;
            holds(&refusal, &expected)?;
        }
        Ok(())
    }

    /// Ends the miners and checks that nothing of theirs was lost, and that all nodes have the same
    /// books.
    async fn nothing_is_lost(self) -> Result<Vec<Longest>> {
        self.is_mined().await?;
        let Self { pool, load, watch } = self;
        let longest = watch.stop().await;
        let told = load.stop_and_compare(&pool.members()).await?;
        ensure!(told.accepted > 100, "{told:?}");
        pool.network
            .control("auto_mine", json!({"every_ms": 0}))
            .await?;
        wait::until("all nodes have the same books", DEADLINE, || async {
            let mut books = Vec::new();
            for member in pool.members() {
                books.push(member.process.tell(&["ledger", "verify"], &[])?);
            }
            ensure!(books.iter().all(|each| *each == books[0]), "{books:?}");
            holds(&books[0], "every invariant holds")?;
            Ok(Some(()))
        })
        .await?;
        for member in pool.members() {
            ensure!(
                member.process.stop().await,
                "node {} ended badly",
                member.id
            );
            member.process.verify_books()?;
        }
        Ok(longest)
    }
}

/// Puts a program in the place of a node's own while the node does not run.
async fn run_with(pool: &ClusterPool, member: &Member, program: &Path) -> Result<()> {
    ensure!(
        member.process.stop().await,
        "node {} ended badly",
        member.id
    );
    std::fs::copy(program, member.program())?;
    member.process.start(&[]).await?;
    pool.wait_healthy(HEALING_DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_from_the_previous_release_loses_no_share_and_leaves_nobody_without_a_job()
-> Result<()> {
    if is_previous_out_of_reach()? {
        return Ok(());
    }
    let scene = Scene::start().await?;
    let (pool, program) = (scene.pool.clone(), executable()?);
    let leader = pool.leader().await?;
    let mut is_old: Vec<u64> = (1..=3).collect();
    let output = run_script(&pool, script(&pool, &program)?, async |member| {
        is_old.retain(|id| *id != member.id);
        scene.is_mined().await?;
        match is_old.first() {
            Some(old) => scene.is_not_to_be_finalized(member, *old),
            None => Ok(()),
        }
    })
    .await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    println!("{said}{complained}");
    ensure!(output.status.success(), "{said}{complained}");
    let last = said.lines().rfind(|line| line.contains("restarting"));
    holds(last.unwrap_or_default(), &format!("node {leader}:"))?;
    ensure!(is_old.is_empty(), "nodes {is_old:?} were never restarted");

    let asked = pool.member(2)?;
    let known = Some(u64::from(COMMAND_VERSION));
    let before = Some(u64::from(PREVIOUS_COMMAND_VERSION));
    ensure!(scene.versions(&asked).await? == (vec![known; 3], before));
    let told = asked.process.tell(&["cluster", "finalize"], &["--check"])?;
    holds(&told, "can be finalized")?;
    let told = asked.process.tell(&["cluster", "finalize"], &[])?;
    holds(&told, &format!("version {COMMAND_VERSION} is finalized"))?;
    ensure!(scene.versions(&asked).await? == (vec![known; 3], known));
    let wanted = f64::from(COMMAND_VERSION);
    for member in pool.members() {
        wait::until("every node knows", DEADLINE, || async {
            let metric = "raftpool_raft_finalized_version";
            Ok((member.process.metric(metric).await? == wanted).then_some(()))
        })
        .await?;
    }

    let late = pool.start_newcomer().await?;
    let (id, address) = (late.id.to_string(), late.address().to_string());
    let newcomer = [id.as_str(), address.as_str()];
    let added = pool.command_through(&asked, &["add"], &newcomer).await?;
    let refusal = String::from_utf8(added.stderr)?;
    holds(&refusal, &format!("upgrade node {id} first"))?;
    late.process.kill().await;
    pool.forget(late.id);

    let longest = scene.nothing_is_lost().await?;
    println!("the miners that watch their jobs: {longest:#?}");
    ensure!(longest.len() == 6 && longest.iter().all(|each| each.breaks > 0));
    for each in longest {
        ensure!(
            each.without_job <= WITHOUT_JOB_MAX,
            "a miner had no job for {:?}, {WITHOUT_JOB_MAX:?} are allowed",
            each.without_job
        );
        ensure!(each.between_jobs <= BETWEEN_JOBS_MAX, "{each:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_both_releases_work_under_either_ones_lead_and_a_node_can_go_back() -> Result<()> {
    if is_previous_out_of_reach()? {
        return Ok(());
    }
    let scene = Scene::start().await?;
    let (pool, program) = (scene.pool.clone(), executable()?);
    let old_leader = pool.leader().await?;
    let early = pool.member(old_leader % 3 + 1)?;
    run_with(&pool, &early, &program).await?;
    scene.is_mined().await?;

    let (known, finalized) = scene.versions(&early).await?;
    let newer = known
        .iter()
        .filter(|known| **known == Some(COMMAND_VERSION.into()));
    ensure!(newer.count() == 1 && known.len() == 3, "{known:?}");
    ensure!(finalized == Some(PREVIOUS_COMMAND_VERSION.into()));
    let first_old = (1..=3).find(|id| *id != early.id).context("an old one")?;
    scene.is_not_to_be_finalized(&early, first_old)?;

    for leader in [early.id, old_leader] {
        pool.insist(&["transfer"], &[&leader.to_string()]).await?;
        ensure!(pool.leader().await? == leader);
        scene.is_mined().await?;
        println!("shares are accepted while node {leader} leads");
    }
    run_with(&pool, &early, &previous_program()?).await?;
    scene.is_mined().await?;
    scene.nothing_is_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_founded_uses_the_newest_version_at_once() -> Result<()> {
    let pool = ClusterPool::start(ClusterOptions {
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await?;
    let status = pool.wait_healthy(HEALING_DEADLINE).await?.status;
    ensure!(
        status["finalized_version"] == json!(COMMAND_VERSION),
        "{status}"
    );
    let told = pool
        .member(3)?
        .process
        .tell(&["cluster", "finalize"], &[])?;
    holds(&told, &format!("version {COMMAND_VERSION} is finalized"))
}
