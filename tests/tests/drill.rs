//! A drill on hosts of their own: three nodes in three network namespaces, each with its own
//! address and its name server on port 53, and miners that know nothing but the pool's name. One
//! node after another is killed, cut off, drained, and given a new program; it is printed how long
//! the name goes on to point to it and how long its miners need to be back, and no share that was
//! answered "accepted" may be lost (promises P1, P2 and P6).
//!
//! The times are those of the detection: a resolver that keeps the answer for its 20 seconds adds
//! up to as much.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use hickory_proto::rr::RecordType;
use raftpool_tests::chaos::{Habit, Load, LoadOptions};
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, HEALING_DEADLINE};
use raftpool_tests::configuration::{DNS_PORT, STRATUM_PORT};
use raftpool_tests::hosts::{Hosts, among};
use raftpool_tests::names::{ask, texts};
use raftpool_tests::processes::{DEADLINE, PoolOptions};
use raftpool_tests::random::seeded;
use raftpool_tests::wait;
use rand::Rng;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const NODES: u8 = 3;
const MINERS_COUNT: u64 = 24;
const NAME: &str = "pool.example";

struct Drill {
    hosts: Hosts,
    pool: Arc<ClusterPool>,
    load: Load,
}

impl Drill {
    async fn begin(hosts: Hosts) -> Result<Self> {
        let seed = seeded().random();
        let pool = ClusterPool::start(ClusterOptions {
            pool: PoolOptions {
                has_dns: true,
                network_host: hosts.own_ip(),
                ..PoolOptions::default()
            },
            hosts: Some(hosts.clone()),
            is_plain: true,
            ..ClusterOptions::default()
        })
        .await?;
        let options = LoadOptions {
            miners: MINERS_COUNT,
            depth: 4,
            shares_per_second: 4,
            password: "d=1",
            habit: Habit::Settled {
                name_servers: (1..=u64::from(NODES))
                    .map(|id| (hosts.host(id).ip, DNS_PORT).into())
                    .collect(),
                name: NAME,
                port: STRATUM_PORT,
            },
        };
        let load = Load::start(&pool, &options, seed);
        let drill = Self { hosts, pool, load };
        drill.name_points_to(&[1, 2, 3], 1).await?;
        wait::until("every miner works", DEADLINE, || async {
            let working: usize = (1..=3).map(|id| drill.miners_at(id).len()).sum();
            Ok((working as u64 == MINERS_COUNT).then_some(()))
        })
        .await?;
        Ok(drill)
    }

    fn miners_at(&self, id: u64) -> BTreeSet<u64> {
        self.load.places.at(self.hosts.host(id).ip)
    }

    /// Waits until the server of node `asked` answers with these nodes and no other.
    async fn name_points_to(&self, wanted: &[u64], asked: u64) -> Result<()> {
        let wanted: BTreeSet<String> = wanted
            .iter()
            .map(|id| self.hosts.host(*id).ip.to_string())
            .collect();
        let server: SocketAddr = (self.hosts.host(asked).ip, DNS_PORT).into();
        wait::until("the name points to the right nodes", DEADLINE, || async {
            let answer = ask(server, "pool.example.", RecordType::A).await?;
            let seen = texts(&answer.context("no answer")?);
            Ok((seen == wanted).then_some(()))
        })
        .await
    }

    /// Waits until no other node's name server points to a node, and until the miners that it had
    /// work elsewhere; prints both.
    async fn is_left(&self, id: u64, miners: &BTreeSet<u64>, what: &str) -> Result<()> {
        let started = Instant::now();
        let others: Vec<u64> = (1..=3).filter(|other| *other != id).collect();
        for asked in &others {
            self.name_points_to(&others, *asked).await?;
        }
        let unnamed = started.elapsed();
        let (ip, places) = (self.hosts.host(id).ip, &self.load.places);
        let back = wait::until("its miners work elsewhere", DEADLINE, || async {
            Ok(places.moved(miners, ip, started))
        })
        .await?;
        println!(
            "{what}: the name left node {id} after {:.2} s, the last of its {} miners had a share \
             accepted elsewhere after {:.2} s",
            unnamed.as_secs_f64(),
            miners.len(),
            back.as_secs_f64()
        );
        Ok(())
    }

    /// A node that leads and has miners, or any that has.
    async fn busy_leader(&self) -> Result<(u64, BTreeSet<u64>)> {
        let leader = self.pool.leader().await?;
        let busiest = (1..=3).max_by_key(|id| self.miners_at(*id).len());
        let chosen = match self.miners_at(leader).is_empty() {
            true => busiest.context("a node")?,
            false => leader,
        };
        let miners = self.miners_at(chosen);
        ensure!(!miners.is_empty(), "nobody mines at node {chosen}");
        Ok((chosen, miners))
    }

    async fn is_whole_again(&self) -> Result<()> {
        self.pool.wait_healthy(HEALING_DEADLINE).await?;
        let started = Instant::now();
        for asked in 1..=3 {
            self.name_points_to(&[1, 2, 3], asked).await?;
        }
        println!("whole again, named after {:?}", started.elapsed());
        Ok(())
    }

    async fn killed(&self) -> Result<()> {
        let (id, miners) = self.busy_leader().await?;
        let process = &self.pool.member(id)?.process;
        process.kill().await;
        self.is_left(id, &miners, "killed").await?;
        process.start(&[]).await?;
        self.is_whole_again().await
    }

    async fn cut_off(&self) -> Result<()> {
        let (id, miners) = self.busy_leader().await?;
        self.hosts.cut_off(id)?;
        let left = self.is_left(id, &miners, "cut off").await;
        self.hosts.connect(id)?;
        left?;
        self.is_whole_again().await
    }

    async fn drained(&self) -> Result<()> {
        let (id, miners) = self.busy_leader().await?;
        let drain = self.drain(id)?;
        self.is_left(id, &miners, "drained").await?;
        drain.await??;
        let process = &self.pool.member(id)?.process;
        process.tell(&["node", "undrain"], &[])?;
        self.is_whole_again().await
    }

    /// What the script of a rolling upgrade does with each node.
    async fn upgraded(&self) -> Result<()> {
        let (id, miners) = self.busy_leader().await?;
        let drain = self.drain(id)?;
        self.is_left(id, &miners, "upgraded").await?;
        drain.await??;
        let process = &self.pool.member(id)?.process;
        ensure!(process.stop().await, "{} ended badly", process.name());
        process.start(&[]).await?;
        process.tell(&["node", "undrain"], &[])?;
        self.is_whole_again().await
    }

    /// Has a node drain; what comes back tells when it is drained.
    fn drain(&self, id: u64) -> Result<JoinHandle<Result<String>>> {
        let member = self.pool.member(id)?;
        let drain = move || member.process.tell(&["node", "drain"], &["--over", "2s"]);
        Ok(tokio::task::spawn_blocking(drain))
    }

    async fn nothing_is_lost(self) -> Result<()> {
        let Self { pool, load, .. } = self;
        ensure!(
            load.progresses(100, HEALING_DEADLINE).await,
            "no share is accepted any more"
        );
        load.stop_and_compare(&pool.members()).await?;
        Ok(())
    }
}

#[test]
fn miners_that_know_a_name_alone_find_a_living_node_whatever_happens_to_the_others() -> Result<()> {
    let own = "miners_that_know_a_name_alone_find_a_living_node_whatever_happens_to_the_others";
    among(own, NODES, |hosts| async {
        let drill = Drill::begin(hosts).await?;
        let at = |id| drill.miners_at(id).len();
        println!("miners at the nodes: {} {} {}", at(1), at(2), at(3));
        let pool = drill.pool.clone();
        let story = async {
            drill.killed().await?;
            drill.cut_off().await?;
            drill.drained().await?;
            drill.upgraded().await?;
            drill.nothing_is_lost().await
        };
        let ended = story.await;
        if ended.is_err() {
            pool.keep_files();
        }
        ended
    })
}
