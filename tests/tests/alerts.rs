//! The most important alerts, provoked for real: Prometheus asks real nodes and evaluates the rules
//! of `ops/prometheus`, while what they warn of happens. None of them fires before.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use raftpool_tests::chaos::{Habit, Load, LoadOptions};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE};
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::node::NodeProcess;
use raftpool_tests::processes::{DEADLINE, MINERS, Pool, PoolOptions};
use raftpool_tests::prometheus::Prometheus;
use raftpool_tests::story::{atomic, find_block, hashing_options, mine_until, mine_until_quiet};
use raftpool_tests::wait;
use serde_json::{Value, json};

/// A threshold that nobody's balance reaches.
const OUT_OF_REACH: u64 = 1_000_000_000_000_000;

struct Scene {
    pool: Arc<ClusterPool>,
    prometheus: Prometheus,
    load: Load,
}

impl Scene {
    async fn begin() -> Result<Self> {
        let pool = ClusterPool::start(ClusterOptions {
            is_plain: true,
            ..ClusterOptions::default()
        })
        .await?;
        // Templates stay young only while the chain moves.
        let moving = json!({"every_ms": 500});
        pool.network.control("auto_mine", moving).await?;
        let options = LoadOptions {
            miners: 6,
            depth: 4,
            shares_per_second: 2,
            password: "d=1",
            habit: Habit::Wandering,
        };
        let load = Load::start(&pool, &options, 7);
        let mut scene = Self {
            pool,
            prometheus: Prometheus::start().await?,
            load,
        };
        scene.watch()?;
        scene.prometheus.has_seen_enough().await?;
        Ok(scene)
    }

    fn watch(&mut self) -> Result<()> {
        let members = self.pool.members();
        let nodes: Vec<&NodeProcess> = members.iter().map(|member| &member.process).collect();
        self.prometheus.watch(&nodes)
    }

    async fn bad_shares(&self) -> Result<()> {
        let stratum = self.pool.member(1)?.process.stratum();
        let stratum = stratum.context("no listener")?;
        let mut miner = ScriptedMiner::connect(stratum, MINERS[0], "bad", "d=1").await?;
        // A job nobody knows is no reason for a ban, so that this can go on.
        let share = json!({"id": 9, "method": "mining.submit",
            "params": ["bad", "ffffffffffff", "00000000000000ff"]});
        let told = self.prometheus.fires(&["RejectRateHigh"]);
        tokio::pin!(told);
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            tokio::select! {
                told = &mut told => return told,
                _ = ticks.tick() => miner.send(&share).await?,
            }
        }
    }

    async fn drained(&self) -> Result<()> {
        let process = &self.pool.member(2)?.process;
        process.tell(&["node", "drain"], &["--over", "0s"])?;
        self.prometheus.fires(&["DrainedTooLong"]).await?;
        process.tell(&["node", "undrain"], &[])?;
        self.prometheus.is_over(&["DrainedTooLong"]).await
    }

    async fn daemon_down(&self) -> Result<()> {
        let alerts = ["DaemonUnhealthy", "TemplateStale"];
        let switch = |on| {
            self.pool
                .network
                .control("daemon", json!({"daemon": 0, "on": on}))
        };
        switch(false).await?;
        self.prometheus.fires(&alerts).await?;
        switch(true).await?;
        self.prometheus.is_over(&alerts).await
    }

    async fn paused(&self) -> Result<()> {
        let process = &self.pool.member(3)?.process;
        process.tell(&["payout", "pause"], &["--reason", "a rehearsal"])?;
        self.prometheus.fires(&["PayoutsPaused"]).await?;
        process.tell(&["payout", "resume"], &[])?;
        self.prometheus.is_over(&["PayoutsPaused"]).await
    }

    /// A follower dies, and then the leader: who leads goes on to call itself that when it is alone.
    async fn deaths(&mut self) -> Result<()> {
        let alerts = [
            "NodeDown",
            "NoLeader",
            "InsufficientMembers",
            "NoSharesAccepted",
        ];
        let leader = self.pool.leader().await?;
        let (first, second) = (self.pool.member(leader % 3 + 1)?, self.pool.member(leader)?);
        first.process.kill().await;
        self.prometheus.fires(&alerts[..1]).await?;
        let firing = self.prometheus.firing().await?;
        ensure!(!firing.contains("InsufficientMembers"), "{firing:?}");
        second.process.kill().await;
        self.prometheus.fires(&alerts).await?;
        for member in [first, second] {
            member.process.start(&[]).await?;
        }
        self.watch()?;
        self.pool.wait_healthy(HEALING_DEADLINE).await?;
        self.prometheus.is_over(&alerts).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_befalls_nodes_and_daemons_raises_the_alert_that_says_so() -> Result<()> {
    let mut scene = Scene::begin().await?;
    let firing = scene.prometheus.firing().await?;
    ensure!(firing.is_empty(), "{firing:?} fire in a pool that is well");
    scene.bad_shares().await?;
    scene.drained().await?;
    scene.daemon_down().await?;
    scene.paused().await?;
    scene.deaths().await?;
    scene.load.stop().await;
    Ok(())
}

async fn watched(options: PoolOptions) -> Result<(Pool, Prometheus)> {
    let pool = Pool::start(options).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let mut prometheus = Prometheus::start().await?;
    prometheus.watch(&[&pool.node])?;
    prometheus.has_seen_enough().await?;
    let firing = prometheus.firing().await?;
    // Nobody mines and no block comes, which is what TemplateStale is for.
    ensure!(
        firing.iter().all(|name| name == "TemplateStale"),
        "{firing:?} fire in a pool that is well"
    );
    Ok((pool, prometheus))
}

#[tokio::test(flavor = "multi_thread")]
async fn payouts_that_wait_for_a_person_and_coins_that_somebody_takes_raise_alerts() -> Result<()> {
    let (pool, prometheus) = watched(hashing_options()).await?;
    let node = &pool.node;
    node.apply("payout_approval_above_atomic = 0")?;
    find_block(&pool).await?;
    mine_until(&pool, "a payout waits", "/api/v1/pool", |answer| {
        (answer["payouts"]["open"]["awaits_approval"] == json!(true)).then_some(())
    })
    .await?;
    prometheus.fires(&["ApprovalWanted", "PayoutStuck"]).await?;
    node.tell(&["payout", "approve"], &[])?;
    mine_until_quiet(&pool).await?;
    prometheus
        .is_over(&["ApprovalWanted", "PayoutStuck"])
        .await?;

    pool.control("foreign_spend", json!({"amount_atomic": 1}))
        .await?;
    find_block(&pool).await?;
    mine_until(&pool, "payouts are paused", "/api/v1/pool", |answer| {
        answer["payouts"]["paused_reason"].as_str().map(drop)
    })
    .await?;
    prometheus.fires(&["ForeignSpend", "PayoutsPaused"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_covers_too_little_and_a_block_nobody_booked_raise_alerts() -> Result<()> {
    let options = PoolOptions {
        payout_threshold_atomic: OUT_OF_REACH,
        ..hashing_options()
    };
    let (pool, prometheus) = watched(options).await?;
    let node = &pool.node;
    find_block(&pool).await?;
    mine_until(&pool, "the block is settled", "/api/v1/pool", |answer| {
        (answer["totals"]["blocks_maturing"] == json!(0)).then_some(())
    })
    .await?;
    // Before the first payout nobody can know whose transactions these are.
    let state = pool.network_state().await?;
    let own = json!(pool.network.addresses.pool_address);
    let accounts = state["accounts"].as_array().context("accounts")?;
    let wallet = accounts.iter().find(|account| account["address"] == own);
    let has = wallet.context("the wallet")?["stable_balance_atomic"].as_u64();
    let taken = has.context("a balance")? - 10_000_000;
    pool.control("foreign_spend", json!({"amount_atomic": taken}))
        .await?;
    let file = std::fs::read_to_string(node.config_file())?;
    let low = file.replace(&OUT_OF_REACH.to_string(), "1000000");
    std::fs::write(node.config_file(), low)?;
    node.tell(&["pool", "apply"], &["--yes"])?;
    let firing = prometheus.fires(&["WalletBelowLiabilities"]);
    mined_while(&pool, firing).await?;

    let miner = json!({"count": 1, "miner": pool.network.addresses.pool_address});
    pool.control("produce_blocks", miner).await?;
    mined_while(&pool, prometheus.fires(&["StrayBlocks"])).await?;
    let owed = pool.api("/api/v1/pool").await?;
    let owed = atomic(&owed["accounts"]["balances_atomic"]).context("balances")?;
    ensure!(owed > 0, "nobody is owed anything");
    Ok(())
}

/// Lets the chain move on until something has come.
async fn mined_while(pool: &Pool, what: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::pin!(what);
    let mining = async {
        wait::until("never", 2 * DEADLINE, || async {
            let one = json!({"count": 1});
            pool.control("produce_blocks", one).await?;
            Ok(None::<Value>)
        })
        .await
        .map(drop)
    };
    tokio::select! {
        what = &mut what => what,
        mining = mining => mining,
    }
}
