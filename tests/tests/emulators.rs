//! Every known miner across a fail-over: stratum, getwork and Xatum, over plain TCP and over TLS,
//! against three nodes of which the leader, to which all of them are connected, is killed. Those
//! that hash version 2 alone have a network of their own.
//!
//! Tries P1 and P2 (what was answered is booked, and nothing twice) and P7 (a worker goes on with
//! its difficulty, and coming back counts against nobody).

#[path = "../../node/stratum/tests/emulators/mod.rs"]
#[allow(dead_code)] // One server is asked more than a cluster.
mod emulators;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use emulators::{Answer, Emulator, GetworkEmulator, GetworkKind, Gone, Kind, Wire, XatumEmulator};
use futures_util::future::try_join_all;
use raftpool_pow::Algorithm;
use raftpool_tests::cluster::{ClusterOptions, ClusterPool, Member};
use raftpool_tests::processes::{DEADLINE, MINERS, PoolOptions};
use raftpool_tests::{tls, wait};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Difficulty of a worker nothing is known of.
const START: u64 = 1_000;
/// Shares in which a worker that sends them as fast as it can must have become harder.
const SHARES_MAX: u64 = 2_000;
/// Shares after the fail-over.
const SHARES_AFTER: u64 = 20;
/// New jobs, and with them new difficulties, come this often.
const BLOCK_EVERY_MS: u64 = 200;

/// A way to mine.
#[derive(Debug, Clone, Copy)]
enum Way {
    Plain(Kind),
    Tls(Kind),
    /// Over the API's listener.
    Http(GetworkKind),
    /// Over a listener of miners.
    Getwork(GetworkKind),
    GetworkTls(GetworkKind),
    Xatum,
    XatumTls,
}

impl Way {
    fn worker(self) -> String {
        match self {
            Self::Plain(kind) => format!("{kind:?}-plain"),
            Self::Tls(kind) => format!("{kind:?}-tls"),
            Self::Http(kind) => kind.worker(&format!("{kind:?}-http")),
            Self::Getwork(kind) => kind.worker(&format!("{kind:?}-plain")),
            Self::GetworkTls(kind) => kind.worker(&format!("{kind:?}-tls")),
            Self::Xatum => "xatum-plain".into(),
            Self::XatumTls => "xatum-tls".into(),
        }
    }

    /// It asks for a difficulty of its own, which the pool does not move.
    fn is_fixed(self) -> bool {
        matches!(
            self,
            Self::Plain(Kind::SrbMiner) | Self::Tls(Kind::SrbMiner)
        )
    }
}

/// A connected miner, whatever it speaks.
enum Miner {
    Stratum(Box<Emulator>),
    Getwork(Box<GetworkEmulator>),
    Xatum(Box<XatumEmulator>),
}

impl Miner {
    async fn connect(way: Way, node: &Member, root: &Path) -> Result<Self> {
        let gone = |_: Gone| anyhow::anyhow!("the node closed");
        let addresses = node.process.addresses().context("the node does not run")?;
        let door = |number: usize| addresses.stratum.get(number).copied();
        let (address, is_encrypted) = match way {
            Way::Plain(_) | Way::Xatum => (door(0), false),
            Way::Tls(_) | Way::XatumTls => (door(0), true),
            Way::Http(_) => (Some(addresses.api), false),
            Way::Getwork(_) => (door(1), false),
            Way::GetworkTls(_) => (door(1), true),
        };
        let address: SocketAddr = address.context("no miners are served")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let wire: Box<dyn Wire> = match is_encrypted {
            false => Box::new(stream),
            true => Box::new(tls::handshake(stream, root).await?),
        };
        let worker = way.worker();
        match way {
            Way::Plain(kind) | Way::Tls(kind) => {
                let login = Emulator::login(kind, wire, MINERS[0], &worker);
                Ok(Self::Stratum(Box::new(login.await.map_err(gone)?)))
            }
            Way::Http(kind) | Way::Getwork(kind) | Way::GetworkTls(kind) => {
                // The proxy puts its version behind the name.
                let worker = worker.trim_end_matches("v1.1.0");
                let login = GetworkEmulator::login(kind, wire, MINERS[0], worker);
                Ok(Self::Getwork(Box::new(login.await.map_err(gone)?)))
            }
            Way::Xatum | Way::XatumTls => {
                let login = XatumEmulator::login(wire, MINERS[0], &worker);
                Ok(Self::Xatum(Box::new(login.await.map_err(gone)?)))
            }
        }
    }

    async fn share(&mut self) -> Result<Answer, Gone> {
        match self {
            Self::Stratum(miner) => miner.share(false).await,
            Self::Getwork(miner) => miner.share().await,
            Self::Xatum(miner) => miner.share().await,
        }
    }

    fn difficulty(&self) -> u64 {
        match self {
            Self::Stratum(miner) => miner.difficulty,
            Self::Getwork(miner) => miner.difficulty,
            Self::Xatum(miner) => miner.difficulty,
        }
    }
}

/// What became of a worker's shares.
#[derive(Debug, Default)]
struct Count {
    accepted: u64,
    unanswered: u64,
}

/// The whole story of one miner.
async fn mine(
    way: Way,
    pool: Arc<ClusterPool>,
    leader: u64,
    mut is_killed: watch::Receiver<bool>,
    is_ready: tokio::sync::mpsc::Sender<Way>,
) -> Result<(Way, Count)> {
    let root = pool.root().to_owned();
    let mut count = Count::default();
    let mut miner = Miner::connect(way, &*pool.member(leader)?, &root).await?;
    let first = miner.difficulty();
    let share = |answer: Result<Answer, Gone>, count: &mut Count| match answer {
        Ok(Answer::Accepted) => {
            count.accepted += 1;
            Ok(true)
        }
        Ok(Answer::Refused(words)) => bail!("{}: {words}", way.worker()),
        Err(Gone) => {
            count.unanswered += 1;
            Ok(false)
        }
    };
    while miner.difficulty() < 2 * first && !way.is_fixed() {
        ensure!(
            count.accepted < SHARES_MAX,
            "{}: still {first}",
            way.worker()
        );
        ensure!(share(miner.share().await, &mut count)?, "the leader closed");
    }
    let reached = miner.difficulty();
    // A difficulty is reported behind a share, within seconds, and is then on all nodes.
    let survivor = pool
        .members()
        .into_iter()
        .find(|member| member.id != leader);
    let survivor = survivor.context("another node")?;
    wait::until("the difficulty is in the books", DEADLINE, || async {
        let known = stored_difficulty(&survivor, &way.worker()).await?;
        Ok((way.is_fixed() || known >= reached).then_some(()))
    })
    .await?;
    is_ready.send(way).await.context("the test is over")?;
    // Whoever waits for the others must see that nobody else will come.
    drop(is_ready);
    // It mines on until its connection breaks, with a share under way if it so happens.
    while share(miner.share().await, &mut count)? {}
    is_killed.wait_for(|is_killed| *is_killed).await?;
    drop(miner);

    let mut miner = reconnect(way, &pool, leader).await?;
    let after = miner.difficulty();
    ensure!(
        after >= reached && (way.is_fixed() || after >= 2 * first),
        "{} had reached {reached} and goes on with {after}",
        way.worker()
    );
    for _ in 0..SHARES_AFTER {
        ensure!(
            share(miner.share().await, &mut count)?,
            "a living node closed"
        );
    }
    Ok((way, count))
}

/// Tries the living nodes in turn, as a miner does with the names it was given.
async fn reconnect(way: Way, pool: &ClusterPool, dead: u64) -> Result<Miner> {
    let root = pool.root().to_owned();
    wait::until("a living node takes the miner", DEADLINE, || async {
        for member in pool.members() {
            if member.id == dead {
                continue;
            }
            if let Ok(miner) = Miner::connect(way, &member, &root).await {
                return Ok(Some(miner));
            }
        }
        Ok(None)
    })
    .await
}

async fn stored_difficulty(node: &Member, worker: &str) -> Result<u64> {
    let found = worker_row(node, worker).await?;
    let difficulty = found["difficulty"].as_str();
    Ok(difficulty.and_then(|text| text.parse().ok()).unwrap_or(0))
}

async fn worker_row(node: &Member, worker: &str) -> Result<serde_json::Value> {
    let path = format!("/api/v1/miners/{}/workers?limit=100", MINERS[0]);
    let workers = node.process.api_if_found(&path).await?.unwrap_or_default();
    let rows = workers["items"].as_array().cloned().unwrap_or_default();
    let found = rows.into_iter().find(|row| row["name"] == json!(worker));
    Ok(found.unwrap_or_default())
}

/// Compares what the miners were told with what a living node has booked.
async fn audit(pool: &ClusterPool, counts: Vec<(Way, Count)>) -> Result<()> {
    let running = pool.running().await;
    let survivor = running.first().context("a living node")?;
    for (way, count) in counts {
        let row = worker_row(survivor, &way.worker()).await?;
        let booked = row["shares"].as_u64().context("shares")?;
        println!("{}: {count:?}, {booked} booked", way.worker());
        let most = count.accepted + count.unanswered;
        ensure!(
            (count.accepted..=most).contains(&booked),
            "{way:?}: {booked} booked, {count:?}"
        );
        let rejects = row["rejects"].as_object().context("rejects")?;
        ensure!(
            rejects.values().all(|count| count == &json!(0)),
            "{way:?}: {rejects:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_known_miner_survives_the_death_of_the_leader() -> Result<()> {
    let mut ways = vec![Way::Xatum, Way::XatumTls];
    ways.extend(Kind::of(Algorithm::V3).map(Way::Plain));
    ways.extend(Kind::of(Algorithm::V3).map(Way::Tls));
    ways.extend(GetworkKind::ALL.map(Way::Http));
    ways.extend(GetworkKind::ALL.map(Way::Getwork));
    ways.extend(GetworkKind::ALL.map(Way::GetworkTls));
    survive(Algorithm::V3, ways).await
}

#[tokio::test(flavor = "multi_thread")]
async fn miners_of_version_2_survive_the_death_of_the_leader() -> Result<()> {
    let mut ways: Vec<_> = Kind::of(Algorithm::V2).map(Way::Plain).collect();
    ways.extend(Kind::of(Algorithm::V2).map(Way::Tls));
    survive(Algorithm::V2, ways).await
}

async fn survive(algorithm: Algorithm, ways: Vec<Way>) -> Result<()> {
    let pool = ClusterPool::start(ClusterOptions {
        pool: PoolOptions {
            share_difficulty: START,
            algorithm,
            has_tls: true,
            ..PoolOptions::default()
        },
        is_plain: true,
        ..ClusterOptions::default()
    })
    .await?;
    let moving = json!({"every_ms": BLOCK_EVERY_MS});
    pool.network.control("auto_mine", moving).await?;
    let leader = pool.leader().await?;

    let (killed, is_killed) = watch::channel(false);
    let (is_ready, mut ready) = tokio::sync::mpsc::channel(ways.len());
    let tasks: Vec<_> = ways
        .iter()
        .map(|way| {
            let mining = mine(
                *way,
                pool.clone(),
                leader,
                is_killed.clone(),
                is_ready.clone(),
            );
            let name = way.worker();
            tokio::spawn(async move { mining.await.context(name) })
        })
        .collect();
    drop(is_ready);
    let mut all_ready = 0;
    // Ends early when one of them fails, whose error is told below.
    while all_ready < ways.len() && ready.recv().await.is_some() {
        all_ready += 1;
    }
    pool.member(leader)?.process.kill().await;
    killed.send_replace(true);
    let done = try_join_all(tasks)
        .await
        .context("a miner could not read the pool")?;

    let mut counts = Vec::new();
    for done in done {
        counts.push(done?);
    }
    audit(&pool, counts).await?;
    for member in pool.running().await {
        ensure!(
            member.process.stop().await,
            "node {} did not stop cleanly",
            member.id
        );
        member.process.verify_books()?;
    }
    Ok(())
}
